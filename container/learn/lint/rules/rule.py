"""One rule of `was check`, and the web app that each of its examples stands for."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from container.errors import Severity

__all__ = ["Example", "Rule", "files_of", "fragment", "front", "py", "with_cart", "xml"]

Example = dict[str, str]
"""File -> text. "web.xml" is what stands in <web-app>, x.py is one of WEB-INF/classes, others say where."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one code means. why and cure are whole sentences; bad gives exactly this code, good gives none."""

    code: str
    severity: Severity  # that of the bad example; a file of an old version may get less
    title: str
    why: str
    cure: str
    bad: Example
    good: Example
    at_start: bool = False  # only the start of the web app shows it, not `was check`


CART = """\
<servlet>
  <servlet-name>cart</servlet-name>
  <servlet-class>cart.Cart</servlet-class>
</servlet>
"""
CART_MAPPING = """\
<servlet-mapping>
  <servlet-name>cart</servlet-name>
  <url-pattern>/cart</url-pattern>
</servlet-mapping>
"""
CART_PY = """\
from container.servlet import HttpServlet


class Cart(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write("empty")
"""
_LOG_PY = """\
from container.servlet import HttpFilter


class Log(HttpFilter):
    def doFilter(self, request, response, chain):
        chain.doFilter(request, response)
"""
_FRONTS = ("nginx.conf", "httpd.conf", "workers.properties")


def xml(*parts: str) -> Example:
    """What stands in <web-app>."""
    return {"web.xml": "".join(dedent(part).strip() + "\n" for part in parts)}


def with_cart(text: str) -> Example:
    """The same, behind the servlet "cart", which answers /cart."""
    return xml(CART, CART_MAPPING, text)


def fragment(name: str, text: str) -> Example:
    """The web-fragment.xml of a library in WEB-INF/lib."""
    head = (
        f'<web-fragment xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">\n  <name>{name}</name>\n'
    )
    body = "".join(f"  {line}\n" for line in dedent(text).strip().splitlines())
    return {f"WEB-INF/lib/{name}/META-INF/web-fragment.xml": f"{head}{body}</web-fragment>\n"}


def py(text: str, file: str = "cart.py") -> Example:
    return {file: dedent(text).strip() + "\n"}


def front(file: str, text: str) -> Example:
    return {file: dedent(text).strip() + "\n"}


def files_of(example: Example) -> dict[str, str]:
    """All files of the web app, or the one of a front, that an example stands for, by their paths."""
    if any(name in _FRONTS for name in example):
        return dict(example)
    files = {"WEB-INF/classes/cart.py": CART_PY, "WEB-INF/classes/log.py": _LOG_PY}
    if "web.xml" not in example and "WEB-INF/web.xml" not in example:
        example = {"web.xml": CART + CART_MAPPING, **example}
    for name, text in example.items():
        if name == "web.xml":
            inside = "".join(f"  {line}\n" for line in text.splitlines())
            files["WEB-INF/web.xml"] = (
                f'<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">\n{inside}</web-app>\n'
            )
        elif name.endswith(".py") and "/" not in name:
            files[f"WEB-INF/classes/{name}"] = text
        else:
            files[name] = text
    return files
