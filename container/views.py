"""Jinja2 pages of a web app: ``*.jinja`` is what ``*.jsp`` is in Java.

    a client, forward, include, error page, <jsp-file> ──> JinjaServlet ──> Views ──> Jinja2 ──> the response
    /cart.jsp ──> JspServlet ──> /cart.jinja beside it, or words on how to get there

A page finds its names where a JSP does, nearest first:

    what it sets itself     {% set %}, loops, blocks
    request, response, application, session (made when first needed)
    param.x, paramValues.x, header.x, headerValues.x, cookie.x, initParam.x, exception (in an error page)
    url("/cart", item=3)    with the context path, and the session's id where it must be in the URL
    attributes              of the request, the session and the web app, by their plain names
    what Jinja2 brings      range, namespace, filters, tests

Output is escaped (``.txt.jinja`` is not). A name that nothing knows shows as nothing, as in a JSP; to ask it
for more ({{ user.name }}) is an error. "/WEB-INF/layout.jinja" is a path in the web app, "layout.jinja" lies
beside the page that says so. Pages are UTF-8, are read anew when they have changed, and are sent when they
are complete, so that a failing one still becomes an error page. The <jsp-property-group>s of the descriptor
apply (DD-JSP-05) to the path that was asked for, be it /cart.jinja or /cart.jsp.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from container.servlet import (
    DispatcherType,
    HttpServlet,
    HttpServletRequest,
    HttpServletResponse,
    HttpSession,
    JspPropertyGroupDescriptor,
    RequestDispatcher,
    ServletContext,
    ServletException,
)

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = ["JinjaServlet", "JspServlet", "Views"]

JAVA_PAGES = (".jsp", ".jspx", ".jspf")
IMPLICIT = frozenset(
    {
        *("request", "response", "session", "application", "url"),
        *("param", "paramValues", "header", "headerValues", "cookie", "initParam"),
    }
)
"""The names that every page has, but for "exception"."""


class JinjaServlet(HttpServlet):
    """Shows the page that the path names, or always the same one, as for a <jsp-file>."""

    def __init__(self, page: str | None = None, views: Views | None = None) -> None:
        """Servlets of one web app may share views; without them each compiles its pages for itself."""
        self._page = page
        self._views = views

    def init(self) -> None:
        if self._views is None:
            self._views = Views(self.getServletContext())

    def getServletInfo(self) -> str:
        return f"Jinja2 page {self._page}" if self._page else "Jinja2 pages"

    def service(self, req: HttpServletRequest, res: HttpServletResponse) -> None:
        if req.getDispatcherType() is DispatcherType.REQUEST:
            super().service(req, res)
        else:
            # Whatever the method was: a servlet has answered it and leaves the words to the page.
            self.show(req, res)

    def doGet(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self.show(req, resp)

    def doPost(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self.show(req, resp)

    def show(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        """Write the page; 404 if there is none, FileNotFoundError where it was to be included."""
        assert self._views is not None, "init comes first"
        page = self._page or _requested_path(request)
        if self._views.show(page, request, response):
            return
        if request.getDispatcherType() is DispatcherType.INCLUDE:
            raise FileNotFoundError(f"there is no page {page} to include")  # as with files (RT-INC-08)
        self._not_found(page, response)

    def _not_found(self, page: str, response: HttpServletResponse) -> None:
        context = self.getServletContext()
        file = context.getRealPath(page)
        if not page.endswith(JAVA_PAGES) or file is None or not Path(file).is_file():
            response.sendError(HttpServletResponse.SC_NOT_FOUND, page)
            return
        context.log(
            f"{file} is a JSP page, which is Java. Write {_counterpart(file)} beside it, as a Jinja2 page: "
            f"it is shown under {page}, too. Until then the path answers 500."
        )
        response.sendError(HttpServletResponse.SC_INTERNAL_SERVER_ERROR, f"{page} is a JSP page")


class JspServlet(JinjaServlet):
    """JinjaServlet under the name that goes with ``*.jsp``, which means the .jinja page in its place."""


class Views:
    """The pages of one web app, compiled. Any thread may use it."""

    def __init__(self, application: ServletContext) -> None:
        self._application = application
        self._files: set[str] = set()  # of the compiled pages, to find them in a traceback
        self._rules_for = lru_cache(maxsize=1000)(self._find_rules)

    def show(self, page: str, request: HttpServletRequest, response: HttpServletResponse) -> bool:
        """Write a page of the web app to the response; False if there is none."""
        name = _counterpart(page)
        if self._find(name) is None:
            return False
        rules = self._rules_for(page)
        names = Names(request, response, self._application)
        templates = (*rules.preludes, name, *rules.codas)
        text: Iterable[str] = (piece for template in templates for piece in self._render(template, names))
        if rules.buffer_bytes is None:
            text = ["".join(text)]
        elif request.getDispatcherType() is not DispatcherType.INCLUDE:
            response.setBufferSize(rules.buffer_bytes)
        self._set_type(name, rules, response)
        writer = response.getWriter()
        for piece in text:
            writer.write(piece)
            if rules.buffer_bytes == 0:
                writer.flush()
        return True

    def _find(self, name: str) -> Template | None:
        from jinja2 import TemplateNotFound

        with self._located():
            try:
                return self._environment.get_template(name)
            except TemplateNotFound:
                return None

    def _render(self, name: str, names: Names) -> Iterator[str]:
        with self._located():
            template = self._environment.get_template(name)
            # render() would copy all names into a dict. This is the interface below it, which looks them up.
            names = names.over(template.globals)
            context = template.new_context(cast("dict[str, Any]", names), shared=True)
            try:
                yield from template.root_render_func(context)
            except Exception:  # noqa: BLE001  a page's own code may raise anything
                self._environment.handle_exception()  # raises it again, the page's lines in its traceback

    def _set_type(self, name: str, rules: PageRules, response: HttpServletResponse) -> None:
        content_type = response.getContentType()
        encoding = response.getCharacterEncoding()
        if encoding.upper() == "ISO-8859-1":  # nobody has chosen one
            encoding = "UTF-8"
        if content_type is None:
            by_suffix = self._application.getMimeType(name.removesuffix(".jinja"))
            content_type = rules.content_type or by_suffix or "text/html"
        if "charset=" not in content_type.lower():
            content_type = f"{content_type};charset={encoding}"
        response.setContentType(content_type)

    # What Jinja2 asks for

    @cached_property
    def _environment(self) -> Environment:
        import jinja2  # takes a while, and many web apps have no page

        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(self._source_of),
            autoescape=lambda name: name is None or not name.endswith(".txt.jinja"),
            auto_reload=True,
        )
        environment.join_path = _join  # type: ignore[method-assign, assignment]
        return environment

    def _source_of(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        """Read a page: its text, its file, and whether it is still the same."""
        path = self._application.getRealPath(name)
        if path is None or not (file := Path(path)).is_file():
            return None
        read_ns = file.stat().st_mtime_ns
        encoding = self._encoding_of(name)
        try:
            text = file.read_text(encoding).removeprefix("\ufeff")  # a byte order mark is no text
        except LookupError as error:
            raise ServletException(f'<page-encoding> "{encoding}" is unknown. Write UTF-8', error) from error
        except UnicodeDecodeError as error:
            line = file.read_bytes()[: error.start].count(b"\n") + 1
            cure = f"Save it as {encoding}, or name its encoding in <jsp-config> (<page-encoding>)."
            raise ServletException(f"{path}:{line}: this is not {encoding}. {cure}", error) from error
        self._files.add(path)
        return text, path, lambda: _changed_ns(file) == read_ns

    def _encoding_of(self, name: str) -> str:
        """Return what <jsp-config> says of the page, or of the JSP in whose place it is."""
        names = (name, *(name.removesuffix(".jinja") + suffix for suffix in JAVA_PAGES))
        return next((found for each in names if (found := self._rules_for(each).page_encoding)), "UTF-8")

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Say in the message of an error in which line of which page it happened."""
        from jinja2 import TemplateError, TemplateSyntaxError

        try:
            yield
        except TemplateSyntaxError as error:
            raise ServletException(f"{error.filename}:{error.lineno}: {error.message}", error) from error
        except Exception as error:  # the web app's own, from what the page calls
            frames = reversed(traceback.extract_tb(error.__traceback__))
            frame = next((frame for frame in frames if frame.filename in self._files), None)
            where = f"{frame.filename}:{frame.lineno}: " if frame else ""
            if isinstance(error, TemplateError):
                raise ServletException(f"{where}{_words(error)}", error) from error
            if where:
                error.add_note(f"{where}the page was here.")
            raise

    # <jsp-config>

    def _find_rules(self, page: str) -> PageRules:
        """Return what the descriptor says of a page.

        Of each property the most specific pattern's, of includes all.
        """
        config = self._application.getJspConfigDescriptor()
        matching = [
            (rank, group)
            for group in (config.getJspPropertyGroups() if config else ())
            if (rank := max((_rank(pattern, page) for pattern in group.getUrlPatterns()), default=0))
        ]
        by_rank = [group for _, group in sorted(matching, key=lambda pair: -pair[0])]

        def nearest(get: Callable[[JspPropertyGroupDescriptor], str | None]) -> str | None:
            return next((value for group in by_rank if (value := get(group)) is not None), None)

        return PageRules(
            nearest(lambda group: group.getPageEncoding()),
            nearest(lambda group: group.getDefaultContentType()),
            _buffer_bytes(nearest(lambda group: group.getBuffer())),
            tuple(_counterpart(path) for _, group in matching for path in group.getIncludePreludes()),
            tuple(_counterpart(path) for _, group in matching for path in group.getIncludeCodas()),
        )


@dataclass(frozen=True, slots=True)
class PageRules:
    """What <jsp-config> says of one page. buffer_bytes: None = send it whole, 0 = send each piece at once."""

    page_encoding: str | None = None
    content_type: str | None = None
    buffer_bytes: int | None = None
    preludes: tuple[str, ...] = ()
    codas: tuple[str, ...] = ()


class Names(Mapping[str, Any]):
    """The names of a page, but for those it sets itself. Attributes are looked up when the page uses them."""

    __slots__ = ("_application", "_implicit", "_more", "_request")

    def __init__(
        self, request: HttpServletRequest, response: HttpServletResponse, application: ServletContext
    ) -> None:
        self._request = request
        self._application = application
        self._more: Mapping[str, Any] = {}
        self._implicit: dict[str, Any] = {
            "request": request,
            "response": response,
            "session": PageSession(request),
            "application": application,
            "param": Lookup(request.getParameter, request.getParameterNames),
            "paramValues": Lookup(request.getParameterValues, request.getParameterNames),
            "header": Lookup(request.getHeader, request.getHeaderNames),
            "headerValues": Lookup(
                lambda name: list(request.getHeaders(name)) or None, request.getHeaderNames
            ),
            "cookie": Lookup(lambda name: _cookies(request).get(name), lambda: _cookies(request)),
            "initParam": Lookup(application.getInitParameter, application.getInitParameterNames),
            "url": partial(_url, request, response),
        }
        if (error := request.getAttribute(RequestDispatcher.ERROR_EXCEPTION)) is not None:
            self._implicit["exception"] = error

    def over(self, more: Mapping[str, Any]) -> Names:
        """Return these names, and more behind them."""
        names: Names = object.__new__(Names)
        names._request, names._application = self._request, self._application
        names._implicit, names._more = self._implicit, more
        return names

    def __getitem__(self, name: str) -> Any:
        if name in self._implicit:
            return self._implicit[name]
        for scope in self._scopes():
            value = scope.getAttribute(name)
            if value is not None:
                return value
        return self._more[name]

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys([*self._implicit, *self._more])
        for scope in self._scopes():
            names.update(dict.fromkeys(scope.getAttributeNames()))
        return iter(names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True

    def copy(self) -> dict[str, Any]:
        """Return a dict, which Jinja2 wants for its tracebacks."""
        return dict(self)

    def _scopes(self) -> Iterator[HttpServletRequest | HttpSession | ServletContext]:
        yield self._request
        session = self._request.getSession(False)
        if session is not None:
            yield session
        yield self._application


class Lookup:
    """``param.x`` and its like: nothing but names, so that ``param.items`` is the parameter of that name."""

    __slots__ = ("_get", "_names")

    def __init__(self, get: Callable[[str], object], names: Callable[[], Iterable[str]]) -> None:
        self._get = get
        self._names = names

    def __getitem__(self, name: str) -> object:
        value = self._get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: str) -> bool:
        return self._get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())


class PageSession:
    """``session`` in a page: its attributes by name, and its methods, which make one if there is none yet.

    ``{% if session %}`` asks whether there is one, and reading attributes makes none.
    """

    __slots__ = ("_request",)

    def __init__(self, request: HttpServletRequest) -> None:
        self._request = request

    def __bool__(self) -> bool:
        return self._request.getSession(False) is not None

    def __getattr__(self, name: str) -> Any:
        if not hasattr(HttpSession, name):
            raise AttributeError(name)  # so that Jinja2 goes on with __getitem__
        return getattr(self._request.getSession(), name)

    def __getitem__(self, name: str) -> Any:
        value = self.getAttribute(name)
        if value is None:
            raise KeyError(name)
        return value

    def getAttribute(self, name: str) -> Any:
        session = self._request.getSession(False)
        return None if session is None else session.getAttribute(name)


def _requested_path(request: HttpServletRequest) -> str:
    """Return the path of the page, also of an included one (RT-INC-02)."""
    path = request.getAttribute(RequestDispatcher.INCLUDE_SERVLET_PATH)
    if path is not None and request.getDispatcherType() is DispatcherType.INCLUDE:
        return f"{path}{request.getAttribute(RequestDispatcher.INCLUDE_PATH_INFO) or ''}"
    return f"{request.getServletPath()}{request.getPathInfo() or ''}"


def _counterpart(path: str) -> str:
    """Return the Jinja2 page in the place of a JSP; path itself if it is none."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}.jinja" if f"{dot}{suffix}" in JAVA_PAGES else path


def _join(name: str, parent: str) -> str:
    """Return the path of the page that parent calls name."""
    return normpath(join(dirname(parent), _counterpart(name)))


def _url(
    request: HttpServletRequest, response: HttpServletResponse, path: str, /, **parameters: object
) -> str:
    if path.startswith("/"):
        path = request.getContextPath() + path
    if parameters:
        path += ("&" if "?" in path else "?") + urlencode(parameters, doseq=True)
    return response.encodeURL(path)


def _cookies(request: HttpServletRequest) -> dict[str, str | None]:
    return {cookie.getName(): cookie.getValue() for cookie in reversed(request.getCookies() or ())}


def _changed_ns(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _words(error: Exception) -> str:
    from jinja2 import TemplateNotFound, UndefinedError

    if isinstance(error, TemplateNotFound):
        where = '"/b.jinja" is in the folder of the web app, "b.jinja" beside this page'
        return f"there is no page {error}. {where}"
    undefined = re.match(r"'(\w+)' is undefined", str(error))
    if isinstance(error, UndefinedError) and undefined and undefined[1] in IMPLICIT:
        return f"{error}. Macros that use it need {{% import ... with context %}}"
    return str(error)


def _rank(pattern: str, path: str) -> int:
    """Return how well a url-pattern matches: 0 = not, more = more specific (§12.2)."""
    if pattern == path:
        return 10_000
    if pattern.endswith("/*") and f"{path}/".startswith(pattern[:-1]):
        return 2 + len(pattern)
    if pattern.startswith("*.") and path.endswith(pattern[1:]):
        return 2
    return 1 if pattern == "/" else 0


def _buffer_bytes(text: str | None) -> int | None:
    if text == "none":
        return 0
    size = re.fullmatch(r"([0-9]+)kb", (text or "").strip().lower())
    return int(size[1]) * 1024 if size else None
