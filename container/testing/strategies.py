"""Strategies for Hypothesis: web apps that are right, web apps that are wrong, requests that may reach them.

    web_apps()           a descriptor and the files that it needs: deploy(app.files)
    wrong_web_apps()     the same with one mistake, and what its message has to say
    urls_near(app)       paths, most of them at the edges of a mapping
    requests_near(app)   methods, headers, users and bodies for such paths

The names and paths are few and short, so that patterns overlap, hide each other, and are hit by paths. The
servlets and filters of these web apps tell what has run, as JSON; see Ran. Have a Deploy for each example, as
the fixture would keep them all: ``with Deploy() as deploy: ...``
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(f"{error}: pip install 'servlet-container[test]'") from error

if TYPE_CHECKING:
    from container.testing.client import Client

__all__ = [
    "Constraint",
    "FilterMapping",
    "Ran",
    "Request",
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
_SEGMENTS = ("a", "b", "a.do", "b.html", "ab", "ö")
_EXTENSIONS = ("do", "html", "txt")
_ROLES = ("admin", "reader")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_DISPATCHERS = ("REQUEST", "FORWARD", "INCLUDE", "ERROR")
_FILES = ("index.html", "a/index.html", "a/b.html", "b.txt", "a.do")

_CODE = '''
"""Servlets and filters that tell what has run."""

import json

from container.servlet import Filter, HttpServlet


class Tell(HttpServlet):
    def service(self, request, response):
        ran = {
            "servlet": self.getServletName(),
            "filters": request.getAttribute("filters") or [],
            "servlet_path": request.getServletPath(),
            "path_info": request.getPathInfo(),
            "method": request.getMethod(),
            "user": request.getRemoteUser(),
        }
        response.setContentType("application/json;charset=UTF-8")
        response.getWriter().write(json.dumps(ran))


class Pass(Filter):
    def init(self, config):
        self.name = config.getFilterName()

    def doFilter(self, request, response, chain):
        request.setAttribute("filters", [*(request.getAttribute("filters") or []), self.name])
        response.setHeader("X-Filters", " ".join(request.getAttribute("filters")))
        chain.doFilter(request, response)
'''


@dataclass(frozen=True, slots=True)
class FilterMapping:
    """One <filter-mapping>; url_pattern or servlet_name is set."""

    filter_name: str
    url_pattern: str | None
    servlet_name: str | None
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
class WebApp:
    """What a descriptor says, and how it is written."""

    version: str = "6.1"
    servlets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names, and the patterns that are mapped to each."""
    filters: tuple[str, ...] = ()
    filter_mappings: tuple[FilterMapping, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    login: bool = True
    deny_uncovered: bool = False
    welcome_files: tuple[str, ...] | None = None
    error_pages: tuple[tuple[int, str], ...] = ()
    session_timeout_minutes: int | None = None
    static_files: tuple[str, ...] = ()
    more_xml: str = field(default="", repr=False)
    """At the end of the descriptor."""

    @property
    def xml(self) -> str:
        """Its web.xml."""
        return "\n".join(
            [
                f'<web-app xmlns="{_NAMESPACES[self.version]}" version="{self.version}">',
                *self._filters(),
                *self._servlets(),
                *self._session(),
                *self._welcome(),
                *(
                    _element("error-page", _element("error-code", str(code)), _element("location", location))
                    for code, location in self.error_pages
                ),
                *self._security(),
                *([self.more_xml] if self.more_xml else ()),
                "</web-app>",
            ]
        )

    @property
    def files(self) -> dict[str, str | bytes]:
        """All its files, for the fixture deploy."""
        static: dict[str, str | bytes] = {name: f"file {name}" for name in self.static_files}
        return {"web.xml": self.xml, "classes/tell.py": _CODE, **static}

    @property
    def patterns(self) -> tuple[str, ...]:
        """Every url-pattern, of whatever it is."""
        return tuple(
            dict.fromkeys(
                [
                    *(pattern for _, patterns in self.servlets for pattern in patterns),
                    *(m.url_pattern for m in self.filter_mappings if m.url_pattern is not None),
                    *(pattern for constraint in self.constraints for pattern in constraint.url_patterns),
                ]
            )
        )

    def _filters(self) -> list[str]:
        declared = [
            _element("filter", _element("filter-name", name), _element("filter-class", "tell.Pass"))
            for name in self.filters
        ]
        mapped = [
            _element(
                "filter-mapping",
                _element("filter-name", mapping.filter_name),
                _element("servlet-name", mapping.servlet_name)
                if mapping.url_pattern is None
                else _element("url-pattern", mapping.url_pattern),
                *(_element("dispatcher", kind) for kind in mapping.dispatchers),
            )
            for mapping in self.filter_mappings
        ]
        return declared + mapped

    def _servlets(self) -> list[str]:
        declared = [
            _element("servlet", _element("servlet-name", name), _element("servlet-class", "tell.Tell"))
            for name, _ in self.servlets
        ]
        mapped = [
            _element("servlet-mapping", _element("servlet-name", name), _element("url-pattern", pattern))
            for name, patterns in self.servlets
            for pattern in patterns
        ]
        return declared + mapped

    def _session(self) -> list[str]:
        if self.session_timeout_minutes is None:
            return []
        return [_element("session-config", _element("session-timeout", str(self.session_timeout_minutes)))]

    def _welcome(self) -> list[str]:
        if self.welcome_files is None:
            return []
        return [_element("welcome-file-list", *(_element("welcome-file", f) for f in self.welcome_files))]

    def _security(self) -> list[str]:
        login = [_element("login-config", _element("auth-method", "BASIC"))] if self.login else []
        deny = ["<deny-uncovered-http-methods/>"] if self.deny_uncovered else []
        return [
            *(_constraint(each) for each in self.constraints),
            *login,
            *(_element("security-role", _element("role-name", role)) for role in _ROLES),
            *deny,
        ]


@dataclass(frozen=True, slots=True)
class WrongWebApp:
    """A web app with a mistake that keeps it from starting."""

    mistake: str
    """Its name here."""
    says: str
    """What the message of one of its problems contains."""
    xml: str

    @property
    def files(self) -> dict[str, str | bytes]:
        """All its files, for the fixture deploy."""
        return {"web.xml": self.xml, "classes/tell.py": _CODE}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a client sends it. path is below the context path and encoded; roles None: nobody."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    roles: tuple[str, ...] | None = None
    secure: bool = False

    def send(self, client: Client) -> Any:
        """Send it and return webtest's answer, whatever its status is."""
        browser = client.new_browser() if self.roles is None else client.as_user("ann", self.roles)
        scheme = "https" if self.secure else "http"
        return browser.request(
            f"{scheme}://localhost{client.context.encoded_path}{self.path}",
            method=self.method,
            headers=dict(self.headers),
            body=self.body,
            expect_errors=True,
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """What a servlet of a generated web app has told."""

    servlet: str
    filters: tuple[str, ...]
    servlet_path: str
    path_info: str | None
    method: str
    user: str | None

    @classmethod
    def of(cls, answer: Any) -> Ran | None:
        """Read an answer; None if it is not from such a servlet."""
        if answer.content_type != "application/json" or not answer.body:
            return None
        told = json.loads(answer.body)
        return cls(**{**told, "filters": tuple(told["filters"])})


# --- web apps that are right ------------------------------------------------------------------------------


def _patterns() -> st.SearchStrategy[str]:
    paths = st.lists(st.sampled_from(_SEGMENTS), min_size=1, max_size=3).map(lambda s: "/" + "/".join(s))
    return st.one_of(
        paths,
        paths.map(lambda path: f"{path}/*"),
        st.sampled_from(_EXTENSIONS).map(lambda extension: f"*.{extension}"),
        st.sampled_from(("/", "/*", "", "/a", "/b", "/a/b.html")),
    )


def _some_of(values: Sequence[str], most: int | None = None) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


def _constraints() -> st.SearchStrategy[Constraint]:
    roles = st.one_of(st.none(), _some_of(_ROLES), st.sampled_from((("*",), ("**",))))
    some, no = _some_of(_METHODS, 2), st.just(())
    return st.builds(
        lambda patterns, methods, roles, confidential: Constraint(
            patterns, methods[0], methods[1], roles, confidential
        ),
        st.lists(_patterns(), min_size=1, max_size=2, unique=True).map(tuple),
        st.one_of(st.tuples(some, no), st.tuples(no, some)),  # never both (§13.8.1)
        roles,
        st.booleans(),
    )


@st.composite
def web_apps(draw: st.DrawFn) -> WebApp:
    """Web apps whose descriptors have no error. They may have warnings, as a filter that matches nothing."""
    names = draw(st.lists(st.sampled_from(("one", "two", "three", "four")), min_size=1, unique=True))
    patterns = draw(st.lists(_patterns(), min_size=1, max_size=8, unique=True))
    owners = [draw(st.sampled_from(names)) for _ in patterns]
    servlets = tuple(
        (name, tuple(p for p, owner in zip(patterns, owners, strict=True) if owner == name)) for name in names
    )
    filters = draw(_some_of(("first", "second", "third")))
    mappings = []
    for name in filters:
        for _ in range(draw(st.integers(0, 2))):
            by_name = draw(st.booleans())
            mappings.append(
                FilterMapping(
                    name,
                    None if by_name else draw(_patterns()),
                    draw(st.sampled_from([*names, "*"])) if by_name else None,
                    draw(_some_of(_DISPATCHERS, 2)),
                )
            )
    mappings = draw(st.permutations(mappings))
    return WebApp(
        version=draw(st.sampled_from(tuple(_NAMESPACES))),
        servlets=servlets,
        filters=filters,
        filter_mappings=tuple(mappings),
        constraints=tuple(draw(st.lists(_constraints(), max_size=2))),
        login=draw(st.booleans()),
        deny_uncovered=False,
        welcome_files=draw(st.one_of(st.none(), _some_of(("index.html", "b.html", "a.do")))),
        error_pages=tuple(
            (code, draw(st.sampled_from(("/index.html", "/a", "/nowhere"))))
            for code in draw(st.lists(st.sampled_from((404, 403, 405)), unique=True))
        ),
        session_timeout_minutes=draw(st.one_of(st.none(), st.integers(-1, 600))),
        static_files=draw(_some_of(_FILES)),
    )


# --- web apps that are wrong ------------------------------------------------------------------------------

_ONE = "<servlet-name>one</servlet-name>"
_PAGE = "<error-page><error-code>404</error-code><location>/a</location></error-page>"
# Each is put at the end of a right descriptor, which declares the servlet "one" and maps "/mapped" to it.
_MISTAKES: dict[str, tuple[str, str]] = {
    "pattern without a slash": (
        f"<servlet-mapping>{_ONE}<url-pattern>cart</url-pattern></servlet-mapping>",
        "can never match",
    ),
    "path and extension in one pattern": (
        f"<servlet-mapping>{_ONE}<url-pattern>/a/*.do</url-pattern></servlet-mapping>",
        "mixes a path and an extension",
    ),
    "pattern out of the web app": (
        f"<servlet-mapping>{_ONE}<url-pattern>/../a</url-pattern></servlet-mapping>",
        "leads out of the web app",
    ),
    "pattern of two servlets": (
        "<servlet><servlet-name>other</servlet-name><servlet-class>tell.Tell</servlet-class></servlet>"
        "<servlet-mapping><servlet-name>other</servlet-name><url-pattern>/mapped</url-pattern>"
        "</servlet-mapping>",
        'is mapped to "other" here and to "one"',
    ),
    "servlet declared twice": (
        f"<servlet>{_ONE}<servlet-class>tell.Tell</servlet-class></servlet>",
        "is declared twice",
    ),
    "mapping of an unknown servlet": (
        "<servlet-mapping><servlet-name>nobody</servlet-name><url-pattern>/nobody</url-pattern>"
        "</servlet-mapping>",
        "names the unknown servlet",
    ),
    "mapping of an unknown filter": (
        "<filter-mapping><filter-name>nobody</filter-name><url-pattern>/*</url-pattern></filter-mapping>",
        "names the unknown filter",
    ),
    "error page declared twice": (_PAGE.replace("404", "410") * 2, "is declared twice"),
    "error page by code and by type": (
        "<error-page><error-code>410</error-code><exception-type>E</exception-type>"
        "<location>/a</location></error-page>",
        "has both <error-code> and <exception-type>",
    ),
    "methods and omissions": (
        "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "<url-pattern>/w</url-pattern><http-method>GET</http-method>"
        "<http-method-omission>PUT</http-method-omission></web-resource-collection></security-constraint>",
        "has both <http-method> and <http-method-omission>",
    ),
    "class and page": (
        "<servlet><servlet-name>both</servlet-name><servlet-class>tell.Tell</servlet-class>"
        "<jsp-file>/a.jsp</jsp-file></servlet>",
        "has both <servlet-class> and <jsp-file>",
    ),
    "not well-formed": ("<servlet>", "is still open here"),
}


def wrong_web_apps() -> st.SearchStrategy[WrongWebApp]:
    """Web apps with exactly one mistake in their descriptors; says is in the message of a problem."""

    def wrong(app: WebApp, mistake: str) -> WrongWebApp:
        more, says = _MISTAKES[mistake]
        mapped = (("one", ("/mapped",)),)
        right = replace(app, servlets=mapped, filters=(), filter_mappings=(), error_pages=(), more_xml=more)
        return WrongWebApp(mistake, says, right.xml)

    return st.builds(wrong, web_apps(), st.sampled_from(tuple(_MISTAKES)))


# --- requests ---------------------------------------------------------------------------------------------

_CHANGES: tuple[Callable[[str], str], ...] = (
    lambda path: path,
    lambda path: f"{path}/",
    lambda path: f"{path}/more",
    lambda path: path.rpartition("/")[0] or "/",
    lambda path: f"{path}x",
    lambda path: f"{path}.do",
    lambda path: f"{path};p=1",
    lambda path: path.upper(),
    lambda path: f"/{path}",
    lambda path: f"/x/..{path}",
    lambda path: f"/.{path}",
    lambda path: path.replace("a", "%61"),
    lambda path: path.replace("/", "//", 1),
    lambda path: f"{path}?q=1&b",
)


def urls_near(app: WebApp) -> st.SearchStrategy[str]:
    """Encoded paths, some with a query: what a pattern covers, and what it hardly does or does not cover."""
    exact = [_encoded(path) for pattern in app.patterns for path in _covered(pattern)]
    others = ["/", "/nowhere", "/WEB-INF/web.xml", *(f"/{name}" for name in app.static_files)]
    paths = st.one_of(st.sampled_from(exact or others), st.sampled_from(others))
    return st.builds(lambda path, change: change(path), paths, st.sampled_from(_CHANGES))


def requests_near(app: WebApp) -> st.SearchStrategy[Request]:
    """Requests for urls_near, by everybody and nobody."""

    def request(method: str, path: str, roles: tuple[str, ...] | None, secure: bool, field: str) -> Request:
        has_body = method in ("POST", "PUT", "PATCH")
        body = b"a=1&b=2" if has_body else b""
        form = (("Content-Type", "application/x-www-form-urlencoded"),) if has_body else ()
        return Request(method, path, (("Accept", field), *form), body, roles, secure)

    return st.builds(
        request,
        st.sampled_from(("GET", *_METHODS)),
        urls_near(app),
        st.one_of(st.none(), _some_of(_ROLES)),
        st.booleans(),
        st.sampled_from(("*/*", "text/html", "application/json")),
    )


def _covered(pattern: str) -> list[str]:
    if pattern.startswith("*."):
        return [f"/a{pattern[1:]}", f"/a/b{pattern[1:]}"]
    if pattern.endswith("/*"):
        return [pattern[:-2] or "/", f"{pattern[:-2]}/", f"{pattern[:-2]}/a.do"]
    return [pattern or "/"]


def _encoded(path: str) -> str:
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in path)


# --- XML --------------------------------------------------------------------------------------------------


def _element(name: str, *content: str | None) -> str:
    inside = "".join(part if part.startswith("<") else escape(part) for part in content if part is not None)
    return f"<{name}>{inside}</{name}>"


def _constraint(constraint: Constraint) -> str:
    collection = _element(
        "web-resource-collection",
        _element("web-resource-name", "some"),
        *(_element("url-pattern", pattern) for pattern in constraint.url_patterns),
        *(_element("http-method", method) for method in constraint.methods),
        *(_element("http-method-omission", method) for method in constraint.omissions),
    )
    auth = (
        None
        if constraint.roles is None
        else _element("auth-constraint", *(_element("role-name", role) for role in constraint.roles))
    )
    transport = (
        _element("user-data-constraint", _element("transport-guarantee", "CONFIDENTIAL"))
        if constraint.confidential
        else None
    )
    return _element("security-constraint", collection, auth, transport)
