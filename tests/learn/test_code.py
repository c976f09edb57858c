"""Checks of code: what they say, and above all what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from container.errors import Problem
from container.learn.lint import lint

WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet>
    <servlet-name>cart</servlet-name><servlet-class>cart.Cart</servlet-class>{more}
  </servlet>
  <servlet-mapping><servlet-name>cart</servlet-name><url-pattern>/cart</url-pattern></servlet-mapping>
</web-app>
"""
ASYNC = "<async-supported>true</async-supported>"

Check = Callable[..., list[str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Return what is found in cart.py of the web app shop, as "code line"."""
    monkeypatch.chdir(tmp_path)

    def found(text: str, more: str = "", **modules: str) -> list[str]:
        for name, content in {"web.xml": WEB_XML.format(more=more)}.items():
            Path("shop/WEB-INF/classes").mkdir(parents=True, exist_ok=True)
            Path("shop/WEB-INF", name).write_text(content)
        for name, content in {"cart": text, **modules}.items():
            Path(f"shop/WEB-INF/classes/{name}.py").write_text(dedent(content).lstrip("\n"))
        return [shown(problem) for problem in lint(Path("shop")).problems]

    return found


def shown(problem: Problem) -> str:
    return f"{problem.code} {problem.source.line if problem.source else 0}"


def cart(body: str, base: str = "HttpServlet", head: str = "") -> str:
    """Class Cart from line 3 on."""
    members = indent(dedent(body).strip(), "    ")
    return f"from container.servlet import HttpServlet\n{head}\nclass Cart({base}):\n{members}\n"


def do_get(body: str) -> str:
    """Class Cart with a doGet whose first line is line 5."""
    return cart("def doGet(self, request, response):\n" + indent(dedent(body).strip(), "    "))


# Pages that are returned


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 'page'", ["WAS719 5"]),
        ("return f'{request}'", ["WAS719 5"]),
        ("return '<p>%s' % request", ["WAS719 5"]),
        ("return {'items': []}", ["WAS719 5"]),
        ("page = 'x' + str(request)\nreturn page", ["WAS719 6"]),
        ("if request:\n    return json.dumps([])\nreturn 'x'", ["WAS719 6"]),
        ("return template.render(cart=1)", ["WAS719 5"]),
        ("return 'a' if request else None", ["WAS719 5"]),
        ("return", []),
        ("return None", []),
        ("return self.doPost(request, response)", []),
        ("return response.sendError(404)", []),
        ("return self.render(request, response)", []),
        ("page = self.page(request)\nreturn page", []),
        ("return True", []),
        ("def text():\n    return 'x'\nresponse.getWriter().write(text())", []),
        ("key = lambda: 'x'\nresponse.getWriter().write(key())", []),
    ],
)
def test_pages_that_are_returned(check: Check, body: str, expected: list[str]) -> None:
    assert check(do_get(body)) == expected


def test_a_service_of_its_own_may_send_what_is_returned(check: Check) -> None:
    service = (
        "def service(self, request, response):\n    response.getWriter().write(self.doGet(request, response))"
    )
    assert check(cart(f"{service}\n\ndef doGet(self, request, response):\n    return 'page'")) == []
    assert check(cart("def text(self, request, response):\n    return 'x'\n\ndoGet = None")) == []


# Names of modules


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("json", "import json", ["WAS316 1"]),
        ("email", "from email import message", ["WAS316 1"]),
        ("json", "import os", []),  # nobody can mean the other one
        ("prices", "import prices", []),
        ("time", "import os", ["WAS316 1"]),  # is never imported
        ("container", "import os", ["WAS316 1"]),
    ],
)
def test_modules_that_are_called_like_others(check: Check, name: str, line: str, expected: list[str]) -> None:
    text = do_get("response.getWriter().write('x')").replace("\n", f"\n{line}", 1)
    assert check(text, **{name: "message = 1\n"}) == expected


# One instance, many threads


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("self.x = 1", ["WAS701 5"]),
        ("self.x: int = 1", ["WAS701 5"]),
        ("self.x += 1", ["WAS701 5"]),
        ("self.x, y = 1, 2", ["WAS701 5"]),
        ("del self.x", ["WAS701 5"]),
        ("if request:\n    for self.y in (): pass\n    self.x = 1", ["WAS701 7"]),
        ("with self._lock:\n    self.x = 1", []),
        ("with self.cache_lock, open('x'):\n    self.x += 1", []),
        ("with open('x'):\n    self.x = 1", ["WAS701 6"]),
        ("x = self.x\nother = object()\nother.x = 1", []),
        ("self.x.append(1)", []),  # what init() made may be made for it
        ("request.x = 1", []),
    ],
)
def test_attributes_set_by_a_request(check: Check, body: str, expected: list[str]) -> None:
    assert check(do_get(body)) == expected


def test_what_doget_calls_on_self_runs_for_a_request_and_init_does_not(check: Check) -> None:
    text = """
        def init(self):
            self.ready = True
            self.load()

        def load(self):
            self.items = {}

        def doGet(self, request, response):
            self.show(request)

        def show(self, request):
            self.last = request
    """
    assert check(cart(text)) == ["WAS701 15"]


def test_shared_lists_and_globals(check: Check) -> None:
    text = """
        seen = set()
        NAMES = ("a", "b")
        names: list = []

        def doGet(self, request, response):
            global COUNT
            COUNT = COUNT + 1
            self.seen.add(1)
            Cart.names.append(1)
            self.names[0] = 1
            self.seen = 1
            local = []
            local.append(1)
            with self.lock:
                self.seen.add(2)
    """
    found = check(cart(text, head="COUNT = 0"))
    assert found == ["WAS702 10", "WAS702 11", "WAS702 12", "WAS702 13", "WAS701 14"]


# The order of calls


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("response.sendError(404)\nresponse.getWriter()", ["WAS707 6"]),
        ("response.sendError(404)\nreturn\nresponse.getWriter()", []),
        ("if request:\n    response.sendRedirect('x')\nresponse.setStatus(200)", ["WAS707 7"]),
        ("if request:\n    response.sendRedirect('x')\n    return\nresponse.setStatus(200)", []),
        ("if request:\n    response.sendRedirect('x')\nelse:\n    response.getWriter()", []),
        ("if request:\n    response.sendError(1)\n    raise ValueError\nresponse.getWriter()", []),
        (
            "if request:\n    response.sendError(1)\nelif response:\n    return\nresponse.getWriter()",
            ["WAS707 9"],
        ),
        ("try:\n    response.sendError(1)\nfinally:\n    response.setHeader('a', 'b')", ["WAS707 8"]),
        ("for x in ():\n    response.sendError(1)\n    break\nprint(1)", []),
        (
            "request.getRequestDispatcher('/cart').forward(request, response)\nresponse.getWriter()",
            ["WAS707 6"],
        ),
        ("request.getRequestDispatcher('/cart').include(request, response)\nresponse.getWriter()", []),
        ("response.sendError(404)\ndef later():\n    response.getWriter()", []),
        (
            "match a:\n    case 1:\n        response.sendError(1)\n    case 2:\n        response.getWriter()",
            [],
        ),
        ("try:\n    response.sendError(1)\nexcept OSError:\n    response.getWriter()", []),
        ("try:\n    pass\nexcept OSError:\n    response.sendError(1)\nresponse.getWriter()", ["WAS707 9"]),
        ("response.flushBuffer()\nrequest.getSession()", ["WAS708 6"]),
        ("response.flushBuffer()\nrequest.getSession(False)", []),
        ("out = response.getWriter()\nout.flush()\nrequest.getSession(True)", ["WAS708 7"]),
        ("response.getWriter().close()\nrequest.getSession()", ["WAS708 6"]),
        ("request.getSession()\nresponse.flushBuffer()", []),
        ("out = open('x')\nout.close()\nrequest.getSession()", []),
        ("response.getOutputStream()\nresponse.getWriter()", ["WAS713 6"]),
        ("if request:\n    response.getOutputStream()\n    return\nresponse.getWriter()", []),
        ("if request:\n    response.getOutputStream()\nelse:\n    response.getWriter()", []),
        ("response.getWriter()\nresponse.setContentType('text/html')", []),
        ("response.getWriter()\nresponse.setCharacterEncoding('UTF-8')", ["WAS716 6"]),
    ],
)
def test_calls_in_the_wrong_order(check: Check, body: str, expected: list[str]) -> None:
    assert check(do_get(body)) == expected


def test_the_names_of_parameters_are_free(check: Check) -> None:
    assert check(cart("def doGet(self, req, resp):\n    resp.sendError(1)\n    resp.getWriter()")) == [
        "WAS707 6"
    ]


# Names and parameters


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("def doget(self, request, response): pass", ["WAS704 4"]),
        ("def DoGet(self, request, response): pass", ["WAS704 4"]),
        (
            "def do_post(self, request, response): pass\ndef doGet(self, request, response): pass",
            ["WAS704 4"],
        ),
        ("def get(self, request, response): pass", ["WAS704 4"]),
        ("def _do_get(self, a, b): pass\ndef doGet(self, request, response): pass", []),
        ("def do_get(self): pass\ndef doGet(self, request, response): self.do_get()", []),
        ("def get(self, name): pass\ndef doGet(self, request, response): pass", []),
        ("def get(self, request, response): pass\ndef doGet(self, request, response): pass", []),
        ("def __init__(self): pass\ndef doGet(self, request, response): pass", []),
        ("def doGet(self, request): pass", ["WAS705 4"]),
        ("def doGet(self, request, response, chain): pass", ["WAS705 4"]),
        ("def doGet(self, request, response, page=1): pass", []),
        ("def doGet(self, *arguments): pass", []),
        ("def doGet(request, response): pass", ["WAS705 4"]),
        ("@staticmethod\ndef doGet(request, response): pass", []),
        ("def service(self, request): pass", ["WAS705 4"]),
        ("page = 'x'", ["WAS703 3"]),
        ("doGet = None", []),
        ("def init(self, config): self.x = 1\ndef doGet(self, request, response): pass", ["WAS714 4"]),
        ("def init(self, config): super().init(config)\ndef doGet(self, request, response): pass", []),
        ("def __init__(self, a): pass\ndef doGet(self, request, response): pass", ["WAS715 4"]),
        ("def __init__(self, *, a): pass\ndef doGet(self, request, response): pass", ["WAS715 4"]),
        ("def __init__(self, a=1, *b, **c): pass\ndef doGet(self, request, response): pass", []),
    ],
)
def test_methods(check: Check, members: str, expected: list[str]) -> None:
    assert check(cart(members)) == expected


def test_a_base_class_in_another_module_counts(check: Check) -> None:
    base = """
        from container.servlet import HttpServlet as Http

        class Page(Http):
            def doGet(self, request, response):
                pass
    """
    assert check("from pages import Page\nclass Cart(Page): pass", pages=base) == []
    assert check("import pages\nclass Cart(pages.Page): pass", pages=base) == []
    assert check("from pages import *\nclass Cart(Page): pass", pages=base) == []


def test_a_base_class_of_a_library_may_have_anything(check: Check) -> None:
    assert check("from click import Command\nclass Cart(Command): pass") == []
    assert check("def base(): pass\nclass Cart(base()): pass") == []


def test_a_decorator_or_metaclass_may_add_anything(check: Check) -> None:
    head = "from click import command\nfrom container.servlet import HttpServlet\n"
    assert check(f"{head}@command\nclass Cart(HttpServlet): pass") == []
    assert check(f"{head}class Cart(HttpServlet, metaclass=type): pass") == []
    assert check(f"{head}from typing import final\n@final\nclass Cart(HttpServlet): pass") == ["WAS703 5"]


def test_a_class_that_inherits_from_itself_or_is_made_by_code(check: Check) -> None:
    assert check("class Cart(Cart): pass") == []
    assert check("Cart = type('Cart', (), {})") == []
    assert check("def __getattr__(name): return object") == []


# Coroutines and multipart


def test_blocking_calls(check: Check) -> None:
    body = """
        async def doGet(self, request, response):
            time.sleep(1)
            pause(1)
            await asyncio.to_thread(time.sleep, 1)
            await asyncio.sleep(1)
            def other():
                time.sleep(1)

        def doPost(self, request, response):
            time.sleep(1)
    """
    text = cart(body, head="import asyncio, time; from time import sleep as pause")
    assert check(text, ASYNC) == ["WAS706 5", "WAS706 6"]


def test_asynchronous_servlets_say_so(check: Check) -> None:
    text = cart("async def doGet(self, request, response): pass")
    assert check(text) == ["WAS407 4"]
    assert check(text, ASYNC) == []
    assert check(do_get("request.startAsync()")) == ["WAS407 5"]


def test_multipart(check: Check) -> None:
    assert check(do_get("request.getParts()")) == ["WAS709 5"]
    assert check(do_get("request.getParts()"), "<multipart-config/>") == []
    decorated = do_get("request.getParts()").replace("class", "@MultipartConfig()\nclass")
    head = "from container.servlet import MultipartConfig\n"
    assert check(head + decorated) == []


# Links


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("response.sendRedirect('/cart')", ["WAS711 5"]),
        ("response.sendRedirect('/cart?page=2')", ["WAS711 5"]),
        ("response.sendRedirect('/shop/cart')", []),
        ("response.sendRedirect('cart')", []),
        ("response.sendRedirect(f'{x}/WEB-INF/a.jinja')", ["WAS718 5"]),
        ("response.sendRedirect('/other-app/')", []),
        ("response.sendRedirect('//host/cart')", []),
        ("request.getRequestDispatcher('/cart?x=1')", []),
        ("request.getRequestDispatcher('/nowhere')", ["WAS712 5"]),
        ("request.getRequestDispatcher('nowhere')", []),
        ("request.getRequestDispatcher(request.getParameter('to'))", []),
    ],
)
def test_paths_in_code(check: Check, body: str, expected: list[str]) -> None:
    assert check(do_get(body)) == expected


def test_texts_that_latin_1_cannot_write(check: Check) -> None:
    write = do_get("response.getWriter().write('%s')")
    assert check(write % "naïve") == []
    assert check(write % "20 €") == ["WAS717 5"]
    assert check(write % "20 €", pages="charset = 1") == []  # somebody thinks of it
    assert check(do_get('"""20 €"""\nresponse.getWriter()')) == []
    assert check(do_get("request.setAttribute('x', '20 €')")) == []  # a page writes it


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("<form method=post action=cart>", ["WAS710 1"]),
        ("<form action=cart>", []),
        ("<FORM METHOD='Post' ACTION='/shop/cart?x'>", ["WAS710 1"]),
        ("<form method=post action=/cart>", ["WAS711 1"]),
        ("<form method=post action='{{ url }}'>", []),
        ("<form method=post action=j_security_check>", []),
        ("<form method=post action=https://host/cart>", []),
        ("<form method=post action=elsewhere>", []),
        ("<form method=dialog action=cart>", []),
    ],
)
def test_forms(check: Check, form: str, expected: list[str]) -> None:
    Path("shop").mkdir()
    Path("shop/page.html").write_text(form)
    assert check(do_get("pass")) == expected
