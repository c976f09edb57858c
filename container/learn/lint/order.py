"""Checks 707, 708, 713 and 716: calls on a response that come too late.

a method ──_walk──> pairs (earlier call, later call), whichever way the method takes ──_ORDERS──> Problems
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from container.errors import Problem
from container.learn.lint.python import ANSWERING, Function, PythonClass

__all__ = ["check"]


def check(found: PythonClass) -> Iterator[Problem]:
    """The methods of a servlet or filter that answer requests."""
    for function in found.functions():
        if function.name not in ANSWERING or len(function.args.posonlyargs) + len(function.args.args) < 3:
            continue
        calls = _Calls(function)
        for order in _ORDERS:
            pairs = _follows(function.body, partial(order.earlier, calls), partial(order.later, calls))
            for earlier, later in pairs:
                first, second = ast.unparse(earlier.func), ast.unparse(later.func)
                yield Problem(
                    found.module.place(later),
                    order.message.format(earlier=first, later=second, line=earlier.lineno),
                    order.cure,
                    "warning",
                    code=order.code,
                )
                break


class _Calls:
    """What a call does to the request and response of one method, by the names they have there."""

    def __init__(self, function: Function) -> None:
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        _, self.request, self.response, self.chain, *_ = (*names, *[""] * 4)
        self.outputs: set[str] = set()
        self.outputs |= {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and self.is_output(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def of(self, node: ast.Call, owner: str, *methods: str) -> bool:
        return (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in methods
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == owner
        )

    def ends(self, node: ast.Call) -> bool:
        return self.of(node, self.response, "sendError", "sendRedirect") or self.dispatches(node, "forward")

    def dispatches(self, node: ast.Call, *methods: str) -> bool:
        return (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in methods
            and len(node.args) == 2
            and isinstance(node.args[1], ast.Name)
            and node.args[1].id == self.response
        )

    def answers(self, node: ast.Call) -> bool:
        return (
            self.ends(node)
            or self.dispatches(node, "include")
            or self.of(
                node,
                self.response,
                "getWriter",
                "getOutputStream",
                "setStatus",
                "setHeader",
                "addHeader",
                "addCookie",
                "setContentType",
            )
            or bool(self.chain and self.of(node, self.chain, "doFilter"))
        )

    def commits(self, node: ast.Call) -> bool:
        if self.of(node, self.response, "flushBuffer", "sendError", "sendRedirect"):
            return True
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("flush", "close"):
            return self.is_output(node.func.value)
        return False

    def is_output(self, node: ast.expr) -> bool:
        """Whether it is response.getWriter(), or a name that was given to it."""
        if isinstance(node, ast.Call):
            return self.gets_writer(node) or self.gets_stream(node)
        return isinstance(node, ast.Name) and node.id in self.outputs

    def gets_session(self, node: ast.Call) -> bool:
        creates = not node.args or (isinstance(node.args[0], ast.Constant) and node.args[0].value is True)
        return creates and self.of(node, self.request, "getSession")

    def gets_writer(self, node: ast.Call) -> bool:
        return self.of(node, self.response, "getWriter")

    def gets_stream(self, node: ast.Call) -> bool:
        return self.of(node, self.response, "getOutputStream")

    def sets_charset(self, node: ast.Call) -> bool:
        if self.of(node, self.response, "setCharacterEncoding"):
            return True
        return self.of(node, self.response, "setContentType") and "charset" in ast.unparse(node)


class _Order(NamedTuple):
    """Two kinds of calls, the second of which must not come after the first."""

    earlier: Callable[[_Calls, ast.Call], bool]
    later: Callable[[_Calls, ast.Call], bool]
    code: str
    message: str
    cure: str


_ONE_OF_TWO = (
    "WAS713",
    "{later} is called after {earlier} (line {line}): IllegalStateException, as a response has one of the "
    "two",
    "Write everything to the writer, or everything to the stream.",
)
_ORDERS = (
    _Order(
        _Calls.ends,
        _Calls.answers,
        "WAS707",
        "{later} is called after {earlier} (line {line}), which has ended the answer: it is ignored, or "
        "raises "
        "IllegalStateException",
        "Return after the first of the two.",
    ),
    _Order(
        _Calls.commits,
        _Calls.gets_session,
        "WAS708",
        "{later} may begin a session after {earlier} (line {line}) has sent the head: IllegalStateException, "
        "as no cookie can be set any more",
        "Call getSession() before anything is sent.",
    ),
    _Order(_Calls.gets_writer, _Calls.gets_stream, *_ONE_OF_TWO),
    _Order(_Calls.gets_stream, _Calls.gets_writer, *_ONE_OF_TWO),
    _Order(
        _Calls.gets_writer,
        _Calls.sets_charset,
        "WAS716",
        "{later} sets an encoding after {earlier} (line {line}), which has fixed it: it is ignored",
        "Set the type and its charset before getWriter() (§5.6).",
    ),
)

_Test = Callable[[ast.Call], bool]
_Leaving = ast.Return | ast.Raise | ast.Continue | ast.Break


def _follows(statements: list[ast.stmt], earlier: _Test, later: _Test) -> Iterator[tuple[ast.Call, ast.Call]]:
    """Pairs of calls of which the second comes after the first, whichever way the method takes."""
    yield from _walk(statements, None, earlier, later)[1]


def _walk(
    statements: list[ast.stmt], before: ast.Call | None, earlier: _Test, later: _Test
) -> tuple[ast.Call | None, list[tuple[ast.Call, ast.Call]]]:
    """The earlier call that has been made when the statements are over, and the pairs in them."""
    pairs: list[tuple[ast.Call, ast.Call]] = []
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for call in _calls_of(statement):
            if before is not None and later(call):
                pairs.append((before, call))
            if earlier(call):
                before = before or call
        made = [before]
        for block in _ways(statement):
            after, inner = _walk(block, before, earlier, later)
            pairs += inner
            made.append(after)
        if _is_left(statement):
            return None, pairs
        before = next((call for call in made if call is not None), None)
    return before, pairs


def _ways(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a statement, of which one or none is taken."""
    match statement:
        case ast.Try():
            done = statement.finalbody
            handlers = [[*handler.body, *done] for handler in statement.handlers]
            return [[*statement.body, *statement.orelse, *done], *handlers]
        case ast.Match():
            return [case.body for case in statement.cases]
    return [getattr(statement, name, []) for name in ("body", "orelse")]


def _is_left(statement: ast.stmt) -> bool:
    """Whether nothing after the statement is reached: both ways of an if leave."""
    if isinstance(statement, ast.If):
        return bool(statement.orelse) and _block_leaves(statement.body) and _block_leaves(statement.orelse)
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return _block_leaves(statement.body)
    return isinstance(statement, _Leaving)


def _block_leaves(block: list[ast.stmt]) -> bool:
    return bool(block) and _is_left(block[-1])


def _calls_of(statement: ast.stmt) -> list[ast.Call]:
    """The calls of the statement itself, not of the blocks in it, in the order of the text."""
    found: list[ast.Call] = []
    waiting: list[ast.AST] = [
        child
        for child in ast.iter_child_nodes(statement)
        if not isinstance(child, (ast.stmt, ast.ExceptHandler))
    ]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Lambda, ast.match_case)):
            continue
        if isinstance(node, ast.Call):
            found.append(node)
        waiting += ast.iter_child_nodes(node)
    return sorted(found, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))
