"""Checks 7xx (and 407 to 409): what the methods of servlets, filters and listeners do, seen in their text.

Only what one method, or what it calls on self, shows. A check that is not sure says nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from container.errors import Problem
from container.learn.lint import order
from container.learn.lint.app import App
from container.learn.lint.python import ANSWERING, Function, PythonClass, calls, dotted
from container.servlet import Filter, HttpServlet, Servlet
from container.servlet.servlet import METHODS

__all__ = ["check"]

_DO = tuple(METHODS.values())
_PARAMETERS = dict.fromkeys(_DO, 2) | {"service": 2, "doFilter": 3}
_CHANGING = frozenset(
    {
        "append",
        "appendleft",
        "add",
        "update",
        "extend",
        "insert",
        "pop",
        "popleft",
        "popitem",
        "remove",
        "clear",
        "setdefault",
        "discard",
    }
)
_MUTABLE = frozenset({"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"})
_MAKE_TEXT = frozenset({"str", "format", "join", "dumps", "jsonify", "render", "render_template"})
_BLOCKING = {
    "time.sleep": "await asyncio.sleep(...)",
    "os.system": "asyncio.create_subprocess_shell",
    "input": "nothing: there is no console",
    "urllib.request.urlopen": "await asyncio.to_thread(urllib.request.urlopen, ...)",
    "socket.create_connection": "asyncio.open_connection",
    **{
        f"subprocess.{name}": "asyncio.create_subprocess_exec"
        for name in ("run", "call", "check_call", "check_output", "getoutput")
    },
    **{
        f"requests.{name}": f"await asyncio.to_thread(requests.{name}, ...)"
        for name in ("get", "post", "put", "delete", "head", "patch", "request")
    },
}


def check(app: App) -> Iterator[Problem]:
    for found in app.sources.own_classes():
        if found.is_a(Servlet) or found.is_a(Filter):
            yield from _spelling(found)
            yield from _parameters(found)
            yield from _shared_state(found)
            yield from _initialisation(found)
            yield from _returned(found)
            yield from order.check(found)
        if found.is_a(Filter):
            yield from _ends_chain(found)
        yield from _blocking(found)
    yield from _unwritable(app)
    yield from _servlets(app)


# Names and parameters


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


_MEANT = {_plain(name): name for name in (*ANSWERING, "init", "destroy")}
_VERBS = {method.lower(): name for method, name in METHODS.items()}


def _spelling(found: PythonClass) -> Iterator[Problem]:
    answers = any(map(found.overrides, ANSWERING))
    for function in found.functions():
        name = function.name
        if name.startswith("_") or any(calls(found.node, name)):  # a helper
            continue
        meant = _MEANT.get(_plain(name))
        if meant is None and not answers and found.is_a(HttpServlet) and len(function.args.args) == 3:
            meant = _VERBS.get(name.lower())
        if meant and name != meant and not (meant == "doFilter" and not found.is_a(Filter)):
            yield Problem(
                found.module.place(function),
                f"{found.name}.{name} is never called: the container calls {meant}",
                f"Rename it to {meant}.",
                "warning",
                code="WAS704",
            )


def _parameters(found: PythonClass) -> Iterator[Problem]:
    for function in found.functions():
        wanted = _PARAMETERS.get(function.name)
        if wanted is None or (function.name == "doFilter" and not found.is_a(Filter)):
            continue
        arguments = function.args
        most = len(arguments.posonlyargs) + len(arguments.args)
        is_static = any(dotted(each) == "staticmethod" for each in function.decorator_list)
        given = wanted + (not is_static)
        if not most - len(arguments.defaults) <= given or (most < given and arguments.vararg is None):
            names = "(self, request, response)" if wanted == 2 else "(self, request, response, chain)"
            yield Problem(
                found.module.place(function),
                f"{found.name}.{function.name} takes {most} parameters, but is called with {given}, self "
                "included",
                f"Write def {function.name}{names}.",
                code="WAS705",
            )


def _servlets(app: App) -> Iterator[Problem]:
    """What depends on how a class is declared."""
    told: set[tuple[str, PythonClass]] = set()
    for name, servlet in app.servlets.items():
        found = app.class_of(servlet.servlet_class)
        if found is None or found.is_opaque or not found.module.is_own or not found.is_a(HttpServlet):
            continue
        answering = [n for n in (*_DO, "service") if found.overrides(n)]
        problems = []
        if not answering and app.patterns_of(name) and not _misspelled(found):
            problems.append(
                Problem(
                    found.place(),
                    f"{found.name} has no doGet, doPost or the like, so every request gets 405",
                    "Add def doGet(self, request, response).",
                    "warning",
                    code="WAS703",
                )
            )
        problems += _parts(app, name, found)
        if not servlet.async_supported:
            problems += _asynchronous(found, name)
        for problem in problems:
            if (problem.code, found) not in told:
                told.add((problem.code, found))
                yield problem


def _misspelled(found: PythonClass) -> bool:
    return any(
        problem.code == "WAS704"
        for each in found.lineage()
        if isinstance(each, PythonClass)
        for problem in _spelling(each)
    )


def _parts(app: App, servlet_name: str, found: PythonClass) -> Iterator[Problem]:
    servlet = app.servlets[servlet_name]
    decorated = any(
        "MultipartConfig" in (dotted(d.func if isinstance(d, ast.Call) else d) or "")
        for each in found.lineage()
        if isinstance(each, PythonClass)
        for d in each.node.decorator_list
    )
    if servlet.multipart_config is not None or decorated:
        return
    for call in calls(found.node, "getPart", "getParts"):
        yield Problem(
            found.module.place(call),
            f'{ast.unparse(call.func)} is called, but servlet "{servlet_name}" has no multipart '
            "configuration: "
            "IllegalStateException",
            "Add <multipart-config/> to the <servlet>, or @MultipartConfig to the class (§8.1.5).",
            code="WAS709",
        )
        return


def _asynchronous(found: PythonClass, servlet_name: str) -> Iterator[Problem]:
    for function in found.functions():
        if function.name not in (*_DO, "service"):
            continue
        if isinstance(function, ast.AsyncFunctionDef):
            yield Problem(
                found.module.place(function),
                f'{found.name}.{function.name} is async, but servlet "{servlet_name}" is not '
                "async-supported: "
                "a thread waits for it all the time",
                "Write @WebServlet(..., asyncSupported=True) or <async-supported>true</async-supported>.",
                "warning",
                code="WAS407",
            )
            return
        for call in calls(function, "startAsync"):
            yield Problem(
                found.module.place(call),
                f'startAsync is called, but servlet "{servlet_name}" is not async-supported: '
                "IllegalStateException",
                "Write @WebServlet(..., asyncSupported=True) or <async-supported>true</async-supported>.",
                code="WAS407",
            )
            return


def _initialisation(found: PythonClass) -> Iterator[Problem]:
    for function in found.functions():
        takes_config = len(function.args.posonlyargs) + len(function.args.args) == 2
        if function.name == "init" and takes_config and not any(calls(function, "init")):
            yield Problem(
                found.module.place(function),
                f"{found.name}.init(config) does not call super().init(config): getServletContext() and "
                "getInitParameter() will raise",
                "Write def init(self), which needs no call, or call super().init(config) first.",
                "warning",
                code="WAS714",
            )


# One instance, many threads


def _answering(found: PythonClass) -> list[Function]:
    """The methods of this class that run for a request: doXxx and what they call on self."""
    by_name = {function.name: function for function in found.functions()}
    reached = {name: by_name[name] for name in ANSWERING if name in by_name}
    waiting = list(reached.values())
    while waiting:
        for node in ast.walk(waiting.pop()):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and _is_self(node.func.value)
            ):
                name = node.func.attr
                if name in by_name and name not in reached:
                    reached[name] = by_name[name]
                    waiting.append(by_name[name])
    return list(reached.values())


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _unlocked(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below, but for those inside ``with self.something:``, which is how one takes turns."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.With, ast.AsyncWith)) and any(
            "lock" in ast.unparse(item.context_expr).lower() for item in child.items
        ):
            continue
        yield child
        yield from _unlocked(child)


def _shared_state(found: PythonClass) -> Iterator[Problem]:
    mutable = _mutable_attributes(found)
    for function in _answering(found):
        globals_ = {n for node in ast.walk(function) if isinstance(node, ast.Global) for n in node.names}
        for node in _unlocked(function):
            for target in _targets(node):
                if isinstance(target, ast.Attribute) and _is_self(target.value):
                    yield Problem(
                        found.module.place(target),
                        f"self.{target.attr} is set in {function.name}, but one instance answers all "
                        "requests, "
                        "several at once: another request reads or overwrites it",
                        "Use a local name, request.setAttribute() or the session; in init() it is all right.",
                        "warning",
                        code="WAS701",
                    )
                elif isinstance(target, ast.Name) and target.id in globals_:
                    yield _changed(found, target, f"the global name {target.id}", function)
                elif (
                    isinstance(target, ast.Subscript) and (name := _attribute(target.value, found)) in mutable
                ):
                    yield _changed(found, target, f"the class attribute {name}", function)
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _CHANGING
                and (name := _attribute(node.func.value, found)) in mutable
            ):
                yield _changed(found, node, f"the class attribute {name}", function)


def _changed(found: PythonClass, node: ast.AST, what: str, function: Function) -> Problem:
    return Problem(
        found.module.place(node),
        f"{what} is changed in {function.name}: all requests share it, in several threads at once, and it is "
        "lost at a reload",
        "Change it under a lock (with self._lock: ...), or keep it in the session or a database.",
        "warning",
        code="WAS702",
    )


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from target.elts if isinstance(target, (ast.Tuple, ast.List)) else (target,)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        if getattr(node, "value", None) is not None:
            yield node.target
    elif isinstance(node, ast.Delete):
        yield from node.targets


def _attribute(node: ast.expr, found: PythonClass) -> str | None:
    """Name the x of self.x or Class.x."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr if node.value.id in ("self", "cls", found.name) else None
    return None


def _mutable_attributes(found: PythonClass) -> set[str]:
    names: set[str] = set()
    for each in found.lineage():
        for node in each.node.body if isinstance(each, PythonClass) else ():
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_mutable(node.value):
                names |= {t.id for t in _targets(node) if isinstance(t, ast.Name)}
    return names


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return (dotted(value.func) or "").rpartition(".")[2] in _MUTABLE
    return isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


# Pages


def _returned(found: PythonClass) -> Iterator[Problem]:
    """A page that is returned, as by a view of Flask, unless a service of the class's own may send it."""
    if found.is_opaque or not found.is_a(HttpServlet) or found.overrides("service"):
        return
    for function in found.functions():
        arguments = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if function.name not in _DO or len(arguments) < 3:
            continue
        nodes = list(_own_nodes(function.body))
        pages = {
            target.id
            for node in nodes
            if isinstance(node, ast.Assign) and _is_page(node.value, arguments[2], frozenset())
            for target in _targets(node)
            if isinstance(target, ast.Name)
        }
        for node in nodes:
            if isinstance(node, ast.Return) and _is_page(node.value, arguments[2], pages):
                yield Problem(
                    found.module.place(node),
                    f"what {found.name}.{function.name} returns is not sent: the answer is empty",
                    f"Write it: {arguments[2]}.getWriter().write(...).",
                    "warning",
                    code="WAS719",
                )
                break


def _is_page(value: ast.expr | None, response: str, names: Collection[str]) -> bool:
    """Whether that is a text or a collection for sure, and no call that has written an answer itself."""
    match value:
        case ast.Constant():
            return isinstance(value.value, (str, bytes))
        case ast.JoinedStr() | ast.Dict() | ast.List() | ast.Tuple() | ast.DictComp() | ast.ListComp():
            return True
        case ast.BinOp(left=left, right=right):
            return _is_page(left, response, names) or _is_page(right, response, names)
        case ast.IfExp(body=body, orelse=orelse):
            return _is_page(body, response, names) or _is_page(orelse, response, names)
        case ast.Name(id=name):
            return name in names
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            given = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
            return name in _MAKE_TEXT and response not in given
    return False


# Filters


def _ends_chain(found: PythonClass) -> Iterator[Problem]:
    for function in found.functions():
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if function.name != "doFilter" or len(names) < 4:
            continue
        if isinstance(function, ast.AsyncFunctionDef):
            yield Problem(
                found.module.place(function),
                f"{found.name}.doFilter is async, which a filter cannot be: the web app does not start",
                "Write def doFilter, and let the servlet behind it be async.",
                code="WAS409",
            )
        elif not any(isinstance(node, ast.Name) and node.id == names[3] for node in ast.walk(function)):
            yield Problem(
                found.module.place(function),
                f"{found.name}.doFilter never calls {names[3]}.doFilter: no filter after it and no servlet "
                "is reached",
                f"Call {names[3]}.doFilter({names[1]}, {names[2]}) for requests that may pass.",
                "warning",
                code="WAS408",
            )


# Encodings


def _unwritable(app: App) -> Iterator[Problem]:
    """Texts that ISO-8859-1 has no bytes for, where nothing in the web app chooses another encoding."""
    says_otherwise = ("charset", "setCharacterEncoding", "setLocale", "/json")
    filters = app.web_app.filters
    if (
        app.web_app.response_character_encoding is not None
        or any((filter_.filter_class or "").endswith(".AddDefaultCharsetFilter") for filter_ in filters)
        or any(map(app.sources.mentions, says_otherwise))
    ):
        return
    for found in app.sources.own_classes():
        for function in found.functions() if found.is_a(Servlet) else ():
            if function.name not in ANSWERING or not any(calls(function, "getWriter")):
                continue
            documentation = ast.get_docstring(function, clean=False)
            for node in ast.walk(function):
                if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                    continue
                odd = next((char for char in node.value if char > "\xff"), "")
                if odd and node.value != documentation:
                    yield Problem(
                        found.module.place(node),
                        f'the text has "{odd}", but the answer is written in ISO-8859-1, which has not: "?" '
                        "is sent",
                        'Call response.setContentType("text/html;charset=UTF-8") first, or write '
                        "<response-character-encoding>UTF-8</response-character-encoding> in web.xml.",
                        "warning",
                        code="WAS717",
                    )
                    break


# Coroutines


def _blocking(found: PythonClass) -> Iterator[Problem]:
    for function in found.functions():
        if isinstance(function, ast.AsyncFunctionDef):
            for call in _own_nodes(function.body):
                name = dotted(call.func) if isinstance(call, ast.Call) else None
                if name is None:
                    continue
                first, _, rest = name.partition(".")
                full = ".".join(filter(None, [found.module.imports.get(first, first), rest]))
                if instead := _BLOCKING.get(full):
                    yield Problem(
                        found.module.place(call),
                        f"{full} blocks the event loop in the async method {function.name}: all other "
                        "coroutines wait meanwhile",
                        f"Instead: {instead}.",
                        "warning",
                        code="WAS706",
                    )


def _own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What is in a function, without what is in functions and lambdas inside it."""
    for node in nodes:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield node
            yield from _own_nodes(ast.iter_child_nodes(node))
