"""Servlets (§2): what answers requests. Web apps subclass HttpServlet and override its doXxx methods.

    class Hello(HttpServlet):
        def doGet(self, request, response):
            response.setContentType("text/plain;charset=UTF-8")
            response.getWriter().print("Hello, World!")

One instance serves many requests at the same time, in different threads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from container.servlet.configuration import Configured, in_either_form
from container.servlet.exceptions import IllegalArgumentException, ServletException
from container.servlet.request import HttpServletRequest
from container.servlet.response import HttpServletResponse, HttpServletResponseWrapper
from container.servlet.stream import PrintWriter, ServletOutputStream

if TYPE_CHECKING:
    from container.servlet.context import ServletContext
    from container.servlet.enumeration import Enumeration

__all__ = ["METHODS", "GenericServlet", "HttpServlet", "Servlet", "ServletConfig"]

# ServletRequest, ServletResponse. Any, so that a subclass may ask for the HTTP ones, as Java's overloads do.
AnyRequest: TypeAlias = Any
AnyResponse: TypeAlias = Any

# What ``async def doGet`` returns, to be awaited by the container, and what ``def doGet`` returns.
Answer: TypeAlias = Awaitable[None] | None

METHODS = {
    "GET": "doGet",
    "HEAD": "doHead",
    "PATCH": "doPatch",
    "POST": "doPost",
    "PUT": "doPut",
    "DELETE": "doDelete",
    "TRACE": "doTrace",
    "QUERY": "doQuery",
    "OPTIONS": "doOptions",
}
"""HTTP method -> the HttpServlet method that answers it, in the order of Allow (RT-HTTP-01, 06)."""

_CONDITIONAL = METHODS | {"GET": "_get_if_modified", "HEAD": "_head_with_date"}

_SENSITIVE = ("authorization", "cookie", "x-forwarded", "forwarded", "proxy-authorization")


class ServletConfig:
    """A servlet's declaration: its name, its init parameters and the web app it belongs to."""

    __slots__ = ()

    def getServletName(self) -> str:
        raise NotImplementedError

    def getServletContext(self) -> ServletContext:
        raise NotImplementedError

    def getInitParameter(self, name: str) -> str | None:
        raise NotImplementedError

    def getInitParameterNames(self) -> Enumeration[str]:
        raise NotImplementedError


class Servlet:
    """Anything that answers requests."""

    __slots__ = ()

    @in_either_form
    def init(self, config: ServletConfig) -> None:
        """Prepare; called once, before any ``service``. An exception keeps the servlet out of service."""
        raise NotImplementedError

    def getServletConfig(self) -> ServletConfig | None:
        raise NotImplementedError

    def service(self, req: AnyRequest, res: AnyResponse) -> Answer:
        """Answer a request. Several threads may be in here at the same time."""
        raise NotImplementedError

    def getServletInfo(self) -> str:
        """Return a line about the servlet: author, version."""
        raise NotImplementedError

    def destroy(self) -> None:
        """Clean up; called once, when no ``service`` is running any more or a time limit has passed."""
        raise NotImplementedError


class GenericServlet(Configured[ServletConfig], Servlet, ServletConfig):
    """A servlet of any protocol, which is also its own config. A subclass implements ``service``."""

    def destroy(self) -> None:
        """Do nothing."""

    def getServletConfig(self) -> ServletConfig | None:
        """Return what ``init`` got; None before."""
        return self._config

    def getServletName(self) -> str:
        return self._configured().getServletName()

    def getServletInfo(self) -> str:
        return ""

    def log(self, msg: str, throwable: BaseException | None = None) -> None:
        """Write to the web app's log: the servlet's name, the message, the throwable's traceback."""
        self.getServletContext().log(f"{self.getServletName()}: {msg}", throwable)


class HttpServlet(GenericServlet):
    """A servlet for HTTP. A subclass overrides at least one doXxx method; the others answer 405."""

    LEGACY_DO_HEAD = "jakarta.servlet.http.legacyDoHead"
    """Deprecated init parameter: if "true", doHead counts the bytes of doGet itself (RT-HTTP-05)."""

    _legacy_do_head = False
    _handlers = METHODS

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._handlers = _CONDITIONAL if _overrides(cls, "getLastModified") else METHODS

    @in_either_form
    def init(self, config: ServletConfig | None = None) -> None:
        if config is not None:
            self._legacy_do_head = (config.getInitParameter(self.LEGACY_DO_HEAD) or "").lower() == "true"
        super().init(config)

    def service(self, req: AnyRequest, res: AnyResponse) -> Answer:
        """Call the doXxx method that answers the request's HTTP method (§2.1.1); 501 if there is none."""
        if not (isinstance(req, HttpServletRequest) and isinstance(res, HttpServletResponse)):
            raise ServletException(
                f"{type(self).__name__} answers HTTP requests only, not {req!r} with {res!r}"
            )
        method = req.getMethod()
        if name := self._handlers.get(method):
            answer: Answer = getattr(self, name)(req, res)
            return answer
        res.sendError(501, f"HTTP method {method} is not implemented")
        return None

    def doGet(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        return self._refuse(req, resp)

    def doHead(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        """Do as doGet; the container drops the body."""
        if not self._legacy_do_head:
            return self.doGet(req, resp)
        counting = _BodyCounter(resp)
        answer = self.doGet(req, counting)
        if answer is not None:
            return _then(answer, counting.set_content_length)
        counting.set_content_length()
        return None

    def doPatch(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        return self._refuse(req, resp)

    def doPost(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        return self._refuse(req, resp)

    def doPut(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        return self._refuse(req, resp)

    def doDelete(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        return self._refuse(req, resp)

    def doQuery(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        """Answer QUERY, a GET with a body (Servlet 6.2)."""
        return self._refuse(req, resp)

    def doTrace(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        """Send the request's head back, without sensitive headers (RT-HTTP-07)."""
        lines = [f"TRACE {req.getRequestURI()} {req.getProtocol()}"]
        for name in req.getHeaderNames():
            if not self.isSensitiveHeader(name):
                lines += [f"{name}: {value}" for value in req.getHeaders(name)]
        body = "".join(f"{line}\r\n" for line in lines).encode("iso-8859-1", "replace")
        resp.setContentType("message/http")
        resp.setContentLength(len(body))
        resp.getOutputStream().write(body)
        return None

    def doOptions(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        """Name the methods that the class answers, in Allow (RT-HTTP-06)."""
        resp.setHeader("Allow", ", ".join(method for method in METHODS if answers(type(self), method)))
        return None

    def getLastModified(self, req: HttpServletRequest) -> int:
        """Return when the resource changed, in epoch ms; -1 if that is not known.

        A class that overrides this answers a conditional GET with 304 by itself (RT-HTTP-09 to 14).
        """
        return -1

    def isSensitiveHeader(self, headerName: str) -> bool:
        """Tell whether doTrace must not send a header back (RT-HTTP-08)."""
        return headerName.lower().startswith(_SENSITIVE)

    def _refuse(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        # 405 came with HTTP/1.1 (RT-HTTP-03)
        status = 400 if req.getProtocol() in ("HTTP/0.9", "HTTP/1.0") else 405
        resp.sendError(status, f"HTTP method {req.getMethod()} is not supported here")
        return None

    def _get_if_modified(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        modified = self._modified(req)
        if 0 <= modified <= _if_modified_since(req):
            resp.setStatus(HttpServletResponse.SC_NOT_MODIFIED)
            return None
        _set_last_modified(resp, modified)
        return self.doGet(req, resp)

    def _head_with_date(self, req: HttpServletRequest, resp: HttpServletResponse) -> Answer:
        _set_last_modified(resp, self._modified(req))
        return self.doHead(req, resp)

    def _modified(self, req: HttpServletRequest) -> int:
        return self.getLastModified(req) // 1000 * 1000  # a header has no fractions of a second (RT-HTTP-11)


async def _then(answer: Awaitable[None], what: Callable[[], None]) -> None:
    await answer
    what()


def _overrides(servlet: type[HttpServlet], name: str) -> bool:
    return getattr(servlet, name) is not getattr(HttpServlet, name)


def answers(servlet: type[HttpServlet], method: str) -> bool:
    """Whether a class answers a method of METHODS, and not HttpServlet, with 405."""
    return method in ("TRACE", "OPTIONS") or _overrides(
        servlet, METHODS["GET" if method == "HEAD" else method]
    )


def _if_modified_since(req: HttpServletRequest) -> int:
    try:
        return req.getDateHeader("If-Modified-Since")
    except IllegalArgumentException:
        return -1  # RT-HTTP-12: what cannot be read is ignored


def _set_last_modified(resp: HttpServletResponse, modified: int) -> None:
    if modified >= 0 and not resp.containsHeader("Last-Modified"):
        resp.setDateHeader("Last-Modified", modified)


class _BodyCounter(HttpServletResponseWrapper):
    """Drops the body and counts its bytes, for legacyDoHead."""

    def __init__(self, response: HttpServletResponse) -> None:
        super().__init__(response)
        self._stream = _CountingStream()

    def getOutputStream(self) -> ServletOutputStream:
        super().getOutputStream()  # for its IllegalStateException
        return self._stream

    def getWriter(self) -> PrintWriter:
        super().getWriter()  # the encoding is fixed from now on
        return _CountingWriter(self._stream, self.getCharacterEncoding())

    def resetBuffer(self) -> None:
        super().resetBuffer()
        self._stream.count = 0

    def reset(self) -> None:
        super().reset()
        self._stream.count = 0

    def set_content_length(self) -> None:
        if not self.containsHeader("Content-Length"):
            self.setContentLengthLong(self._stream.count)


class _CountingStream(ServletOutputStream):
    def __init__(self) -> None:
        self.count = 0

    def write(self, data: bytes | bytearray | memoryview | int) -> int:
        size = 1 if isinstance(data, int) else len(data)
        self.count += size
        return size


class _CountingWriter(PrintWriter):
    def __init__(self, stream: _CountingStream, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding

    def write(self, text: str) -> int:
        self._stream.write(text.encode(self._encoding, "replace"))
        return len(text)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def checkError(self) -> bool:
        return False
