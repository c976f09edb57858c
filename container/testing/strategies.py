"""Strategies for Hypothesis: web apps that are right, web apps that are wrong, requests that may reach them.

    web_apps()           a descriptor and the files that it needs: deploy(app.files)
    wrong_web_apps()     the same with one mistake, and the code of its problem
    urls_near(app)       paths, most of them at the edges of a mapping
    requests_near(app)   methods, users and bodies for such paths

The names and paths are few and short, so that patterns overlap, hide each other, and are hit by paths. The
servlets and filters of these web apps note that they were called, see Step. Have a Deploy for each example,
as the fixture would keep them all: ``with Deploy() as deploy: ...``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from xml.sax.saxutils import escape

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(f"{error}: pip install 'servlet-container[test]'") from error

if TYPE_CHECKING:
    from container.testing.client import Client

__all__ = [
    "Constraint",
    "ErrorPage",
    "FilterMapping",
    "Request",
    "Servlet",
    "Step",
    "WebApp",
    "WrongWebApp",
    "requests_near",
    "urls_near",
    "web_apps",
    "wrong_web_apps",
]

_NAMESPACES = {
    "6.1": "https://jakarta.ee/xml/ns/jakartaee",
    "5.0": "https://jakarta.ee/xml/ns/jakartaee",
    "4.0": "http://xmlns.jcp.org/xml/ns/javaee",
    "3.0": "http://java.sun.com/xml/ns/javaee",
}
_PATTERNS = (
    "/a", "/a/*", "/a/b", "/a/b/*", "/*", "/", "", "*.do", "*.html", "*.txt", "/dir/*", "/dir/index.do",
    "/err", "/a/x.html", "/\u00fc/*", "/WEB-INF/*",
)  # fmt: skip
_FILES = (
    "x.html", "a/x.html", "dir/index.html", "dir/page.do", "dir/sub/x.txt", "plain.txt", "err.html",
    ".hidden.txt", "p.jinja", "login.html", "a/b/c.do", "WEB-INF/secret.txt", "\u00fcmlaut.txt",
)  # fmt: skip
_WELCOME_FILES = ("index.html", "index.do", "page.do", "b", "nothing")
_LOCATIONS = ("/err", "/err.html", "/missing", "/a/b", "/x.do?y=1", "/dir/")
_ERRORS = ("401", "403", "404", "405", "500", "LookupError", "probes.AppError", "java.lang.Exception", "")
_ROLES = ("user", "admin")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FOO")
_DISPATCHERS = ("REQUEST", "FORWARD", "INCLUDE", "ERROR")

_CODE = """
from container.servlet import Filter, HttpServlet, ServletRequestListener


def note(request, kind, name, *more):
    steps = request.getServletContext().getAttribute("steps")
    if steps is not None:
        steps.append((request.getDispatcherType().name, kind, name, *more))


class AppError(LookupError):
    pass


ERRORS = {"lookup": KeyError, "value": ValueError, "app": AppError}


class Probe(HttpServlet):
    \"\"\"Takes every method. ?do=404 sends that error, ?do=lookup raises an exception.\"\"\"

    def service(self, request, response):
        paths = request.getServletPath(), request.getPathInfo()
        note(request, "servlet", self.getServletName(), *paths)
        if request.getDispatcherType().name == "REQUEST" and (what := request.getParameter("do")):
            if what in ERRORS:
                raise ERRORS[what]("as asked")
            response.sendError(int(what))
        response.setHeader("X-User", request.getRemoteUser() or "")


class GetProbe(HttpServlet):
    def doGet(self, request, response):
        note(request, "servlet", self.getServletName(), request.getServletPath(), request.getPathInfo())


class Through(Filter):
    def init(self, config):
        self.name = config.getFilterName()

    def doFilter(self, request, response, chain):
        note(request, "filter", self.name)
        chain.doFilter(request, response)


class Ears(ServletRequestListener):
    pass
"""


class Step(NamedTuple):
    """A filter or servlet of a generated web app has been called."""

    dispatcher: str
    kind: Literal["filter", "servlet"]
    name: str
    servlet_path: str | None = None
    path_info: str | None = None


@dataclass(frozen=True, slots=True)
class Servlet:
    """A <servlet> and its <servlet-mapping>. A GetProbe has no other method than doGet."""

    name: str
    url_patterns: tuple[str, ...]
    class_name: Literal["Probe", "GetProbe"] = "Probe"


@dataclass(frozen=True, slots=True)
class FilterMapping:
    """One <filter-mapping>."""

    filter_name: str
    url_patterns: tuple[str, ...]
    servlet_names: tuple[str, ...] = ()
    dispatchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraint:
    """One <security-constraint>. roles None: no <auth-constraint>."""

    url_patterns: tuple[str, ...]
    methods: tuple[str, ...] = ()
    omissions: tuple[str, ...] = ()
    roles: tuple[str, ...] | None = None
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """One <error-page>, for a status, an exception, or "" for all others."""

    key: str
    location: str


@dataclass(frozen=True, slots=True)
class WebApp:
    """What a descriptor says, and how it is written."""

    version: str = "6.1"
    servlets: tuple[Servlet, ...] = ()
    filters: tuple[str, ...] = ()
    filter_mappings: tuple[FilterMapping, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    login: Literal["", "BASIC", "FORM"] = ""
    deny_uncovered: bool = False
    welcome_files: tuple[str, ...] | None = None
    error_pages: tuple[ErrorPage, ...] = ()
    request_listener: bool = False
    static_files: tuple[str, ...] = ()
    more_xml: str = field(default="", repr=False)
    """At the end of the descriptor."""

    @property
    def xml(self) -> str:
        """Its web.xml, a line for each element."""
        parts = (
            *map(_filter, self.filters),
            *map(_filter_mapping, self.filter_mappings),
            *([_listener()] if self.request_listener else ()),
            *(part for servlet in self.servlets for part in _servlet(servlet)),
            *([] if self.welcome_files is None else [_welcome(self.welcome_files)]),
            *map(_error_page, self.error_pages),
            *map(_constraint, self.constraints),
            *([_login(self.login)] if self.login else ()),
            *(_element("security-role", _text("role-name", role)) for role in _ROLES),
            *(["<deny-uncovered-http-methods/>"] if self.deny_uncovered else ()),
            *([self.more_xml] if self.more_xml else ()),
        )
        begin = f'<web-app xmlns="{_NAMESPACES[self.version]}" version="{self.version}">'
        return "\n".join([begin, *parts, "</web-app>"])

    @property
    def files(self) -> dict[str, str | bytes]:
        """All its files, for deploy. Static ones hold "this is" and their name."""
        static: dict[str, str | bytes] = {name: f"this is {name}" for name in self.static_files}
        return {"web.xml": self.xml, "classes/probes.py": _CODE, **static}

    @property
    def patterns(self) -> tuple[str, ...]:
        """Every url-pattern, of whatever it is."""
        mappings: tuple[Servlet | FilterMapping | Constraint, ...] = (
            *self.servlets, *self.filter_mappings, *self.constraints,
        )  # fmt: skip
        return tuple(dict.fromkeys(pattern for each in mappings for pattern in each.url_patterns))


@dataclass(frozen=True, slots=True)
class WrongWebApp:
    """A web app with a mistake that keeps it from starting."""

    mistake: str
    """Its name here."""
    code: str
    """That of the problem that is found: `was check --explain WAS201`."""
    files: dict[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a client sends it. path is below the context path and encoded; roles None: nobody."""

    method: str
    path: str
    body: bytes = b""
    roles: tuple[str, ...] | None = None
    secure: bool = False

    def url(self, context_path: str) -> str:
        """The whole URL."""
        return f"{'https' if self.secure else 'http'}://localhost{context_path}{self.path}"

    def send(self, client: Client) -> tuple[Any, list[Step]]:
        """Return webtest's answer, whatever its status is, and what has been called for it."""
        steps: list[tuple[Any, ...]] = []
        client.context.facade.setAttribute("steps", steps)
        browser = client.new_browser() if self.roles is None else client.as_user("ann", self.roles)
        answer = browser.request(
            self.url(client.context.encoded_path),
            method=self.method,
            body=self.body,
            expect_errors=True,
        )
        return answer, [Step(*step) for step in steps]


# --- web apps that are right ------------------------------------------------------------------------------


def _some(pool: Sequence[str], most: int, least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(pool), min_size=least, max_size=most, unique=True).map(tuple)


def _rarely() -> st.SearchStrategy[bool]:
    return st.integers(0, 5).map(lambda number: number == 5)


@st.composite
def _servlets(draw: st.DrawFn) -> tuple[Servlet, ...]:
    count = draw(st.integers(1, 5))
    free = draw(st.permutations(_PATTERNS))  # a pattern belongs to one servlet only (§12.2)
    return tuple(
        Servlet(
            f"s{number}",
            tuple(free[3 * number : 3 * number + draw(st.integers(1, 3))]),
            draw(st.sampled_from(("Probe", "Probe", "GetProbe"))),
        )
        for number in range(count)
    )


def _filter_mappings(filters: Sequence[str], servlets: Sequence[str]) -> st.SearchStrategy[FilterMapping]:
    return st.builds(
        lambda name, targets, kinds: FilterMapping(name, targets[0], targets[1], kinds),
        st.sampled_from(filters),
        st.tuples(_some(_PATTERNS, 2), _some((*servlets, "*", "default"), 2)).filter(any),
        _some(_DISPATCHERS, 2),
    )


def _constraints() -> st.SearchStrategy[Constraint]:
    methods = _some(("GET", "POST", "PUT", "FOO"), 2)
    nothing: st.SearchStrategy[tuple[str, ...]] = st.just(())
    return st.builds(
        lambda patterns, methods, roles, confidential: Constraint(
            patterns, methods[0], methods[1], roles, confidential
        ),
        _some(_PATTERNS, 2, 1),
        st.one_of(st.tuples(methods, nothing), st.tuples(nothing, methods)),  # never both (§13.8.1)
        st.one_of(st.none(), _some((*_ROLES, "*", "**", "undeclared"), 2)),
        _rarely(),
    )


@st.composite
def web_apps(draw: st.DrawFn) -> WebApp:
    """Web apps whose descriptors have no error. They may have warnings, as a role that nobody declares."""
    servlets = draw(_servlets())
    filters = draw(_some(("f0", "f1", "f2"), 3))
    mappings: list[FilterMapping] = []
    if filters:
        mapping = _filter_mappings(filters, [servlet.name for servlet in servlets])
        mappings = draw(st.lists(mapping, max_size=5))
    return WebApp(
        version=draw(st.sampled_from(tuple(_NAMESPACES))),
        servlets=servlets,
        filters=filters,
        filter_mappings=tuple(mappings),
        constraints=tuple(draw(st.lists(_constraints(), max_size=3))),
        login=draw(st.sampled_from(("", "BASIC", "FORM"))),
        deny_uncovered=draw(_rarely()),
        welcome_files=draw(st.one_of(st.none(), _some(_WELCOME_FILES, 3, 1))),
        error_pages=tuple(
            ErrorPage(key, draw(st.sampled_from(_LOCATIONS))) for key in draw(_some(_ERRORS, 4))
        ),
        request_listener=draw(_rarely()),
        static_files=draw(_some(_FILES, len(_FILES))),
    )


# --- web apps that are wrong ------------------------------------------------------------------------------

_ONE = "<servlet-name>one</servlet-name>"
_PAGE = "<error-page><error-code>404</error-code><location>/a</location></error-page>"
# Each is put at the end of a right descriptor, which declares the servlet "one" and maps "/mapped" to it.
_MISTAKES: dict[str, tuple[str, str]] = {
    "pattern without a slash": (
        f"<servlet-mapping>{_ONE}<url-pattern>cart</url-pattern></servlet-mapping>",
        "WAS201",
    ),
    "path and extension in one pattern": (
        f"<servlet-mapping>{_ONE}<url-pattern>/a/*.do</url-pattern></servlet-mapping>",
        "WAS202",
    ),
    "pattern out of the web app": (
        f"<servlet-mapping>{_ONE}<url-pattern>/../a</url-pattern></servlet-mapping>",
        "WAS205",
    ),
    "pattern of two servlets": (
        "<servlet><servlet-name>other</servlet-name><servlet-class>probes.Probe</servlet-class></servlet>"
        "<servlet-mapping><servlet-name>other</servlet-name><url-pattern>/mapped</url-pattern>"
        "</servlet-mapping>",
        "WAS207",
    ),
    "servlet declared twice": (
        f"<servlet>{_ONE}<servlet-class>probes.Probe</servlet-class></servlet>",
        "WAS124",
    ),
    "mapping of an unknown servlet": (
        "<servlet-mapping><servlet-name>nobody</servlet-name><url-pattern>/nobody</url-pattern>"
        "</servlet-mapping>",
        "WAS208",
    ),
    "mapping of an unknown filter": (
        "<filter-mapping><filter-name>nobody</filter-name><url-pattern>/*</url-pattern></filter-mapping>",
        "WAS401",
    ),
    "error page declared twice": (_PAGE.replace("404", "410") * 2, "WAS602"),
    "error page by code and by type": (
        "<error-page><error-code>410</error-code><exception-type>E</exception-type>"
        "<location>/a</location></error-page>",
        "WAS127",
    ),
    "methods and omissions": (
        "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "<url-pattern>/w</url-pattern><http-method>GET</http-method>"
        "<http-method-omission>PUT</http-method-omission></web-resource-collection></security-constraint>",
        "WAS510",
    ),
    "class and page": (
        "<servlet><servlet-name>both</servlet-name><servlet-class>probes.Probe</servlet-class>"
        "<jsp-file>/a.jsp</jsp-file></servlet>",
        "WAS127",
    ),
    "not well-formed": ("<servlet>", "WAS101"),
}


def wrong_web_apps() -> st.SearchStrategy[WrongWebApp]:
    """Web apps with exactly one mistake in their descriptors."""

    def wrong(app: WebApp, mistake: str) -> WrongWebApp:
        more, code = _MISTAKES[mistake]
        mapped = (Servlet("one", ("/mapped",)),)
        app = replace(app, servlets=mapped, filter_mappings=(), error_pages=(), more_xml=more)
        return WrongWebApp(mistake, code, app.files)

    return st.builds(wrong, web_apps(), st.sampled_from(tuple(_MISTAKES)))


# --- requests ---------------------------------------------------------------------------------------------

_PATHS = (
    "", "/", "/a", "/a/", "/a/b", "/a/b/", "/a/bc", "/a/b/c", "/a/x.html", "/x.do", "/dir", "/dir/",
    "/dir/sub/", "/dir/index.do", "/plain.TXT", "/none", "/WEB-INF/secret.txt", "/web-inf/secret.txt",
    "/a/j_security_check",
)  # fmt: skip
_TWISTS: tuple[Callable[[str], str], ...] = (
    lambda path: f"{path}/",
    lambda path: f"{path}/more",
    lambda path: f"{path}x",
    lambda path: f"{path}.do",
    lambda path: path.replace("/a", "/%61", 1),
    lambda path: f"{path};v=1",
    lambda path: path.replace("/", "//", 1),
    lambda path: f"/.{path}",
    lambda path: f"/zzz/..{path}",
    lambda path: f"{path}/..",
    lambda path: f"{path}%2F",
    lambda path: f"{path}%zz",
    lambda path: path.upper(),
    lambda path: f"{path}?do=404",
    lambda path: f"{path}?do=app",
    lambda path: f"{path}?x=/a/b",
)


def urls_near(app: WebApp) -> st.SearchStrategy[str]:
    """Paths, some with a query: what a pattern covers, and what it hardly does or does not cover."""
    covered = [path for pattern in app.patterns for path in _covered(pattern)]
    files = [f"/{name}" for name in app.static_files]
    paths = st.one_of(*(st.sampled_from(pool) for pool in (covered, files, _PATHS) if pool)).map(_encoded)
    return st.one_of(paths, st.builds(lambda path, twist: twist(path), paths, st.sampled_from(_TWISTS)))


def requests_near(app: WebApp) -> st.SearchStrategy[Request]:
    """Requests for urls_near, by everybody and nobody."""
    return st.builds(
        lambda method, path, body, roles, secure: Request(
            method, path, body if method in ("POST", "PUT", "PATCH") else b"", roles, secure
        ),
        st.sampled_from(("GET", "GET", *_METHODS)),
        urls_near(app),
        st.sampled_from((b"", b"a=1&b=2")),
        st.one_of(st.none(), _some(_ROLES, 2)),
        _rarely(),
    )


def _covered(pattern: str) -> list[str]:
    if pattern.startswith("*."):
        return [f"/x{pattern[1:]}", f"/a/x{pattern[1:]}"]
    if pattern.endswith("/*"):
        return [pattern[:-2], f"{pattern[:-2]}/", f"{pattern[:-2]}/x.do"]
    return [pattern]


def _encoded(path: str) -> str:
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in path)


# --- XML --------------------------------------------------------------------------------------------------


def _element(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name}>"


def _text(name: str, content: str) -> str:
    return _element(name, escape(content))


def _texts(name: str, contents: Sequence[str]) -> list[str]:
    return [_text(name, content) for content in contents]


def _filter(name: str) -> str:
    return _element("filter", _text("filter-name", name), _text("filter-class", "probes.Through"))


def _filter_mapping(mapping: FilterMapping) -> str:
    return _element(
        "filter-mapping",
        _text("filter-name", mapping.filter_name),
        *_texts("url-pattern", mapping.url_patterns),
        *_texts("servlet-name", mapping.servlet_names),
        *_texts("dispatcher", mapping.dispatchers),
    )


def _listener() -> str:
    return _element("listener", _text("listener-class", "probes.Ears"))


def _servlet(servlet: Servlet) -> tuple[str, str]:
    name = _text("servlet-name", servlet.name)
    declared = _element("servlet", name, _text("servlet-class", f"probes.{servlet.class_name}"))
    return declared, _element("servlet-mapping", name, *_texts("url-pattern", servlet.url_patterns))


def _welcome(names: Sequence[str]) -> str:
    return _element("welcome-file-list", *_texts("welcome-file", names))


def _error_page(page: ErrorPage) -> str:
    kind = "error-code" if page.key.isdigit() else "exception-type"
    return _element("error-page", _text(kind, page.key) if page.key else "", _text("location", page.location))


def _login(method: str) -> str:
    pages = _text("form-login-page", "/login.html") + _text("form-error-page", "/err")
    form = [_element("form-login-config", pages)] if method == "FORM" else []
    return _element("login-config", _text("auth-method", method), *form)


def _constraint(constraint: Constraint) -> str:
    collection = _element(
        "web-resource-collection",
        _text("web-resource-name", "some"),
        *_texts("url-pattern", constraint.url_patterns),
        *_texts("http-method", constraint.methods),
        *_texts("http-method-omission", constraint.omissions),
    )
    parts = [collection]
    if constraint.roles is not None:
        parts.append(_element("auth-constraint", *_texts("role-name", constraint.roles)))
    if constraint.confidential:
        parts.append(_element("user-data-constraint", _text("transport-guarantee", "CONFIDENTIAL")))
    return _element("security-constraint", *parts)
