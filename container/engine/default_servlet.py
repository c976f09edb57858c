"""The default servlet: the files of a web app, for every path that no other servlet has (RT-DEF).

    path ──> open_file in the web app's folder, then in META-INF/resources of its libraries
         ──> container.files decides: 200, 206, 304, 400, 412, 416 ──> sendfile, stream or writer

It answers as Tomcat's does: POST like GET, weak ETags, a Content-Type only where the type is known. What the
front serves by itself is decided by the same functions, so both give the same headers. Welcome files are the
engine's: a directory that arrives here has none.
"""

from __future__ import annotations

import codecs
import errno
import os
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

from container.files import (
    VARIANTS,
    Answer,
    Conditions,
    FileInfo,
    OpenFile,
    Span,
    choose_encoding,
    decide,
    describe,
    is_protected,
    open_file,
    read_pieces,
)
from container.servlet import (
    DispatcherType,
    HttpServlet,
    HttpServletRequest,
    HttpServletResponse,
    IllegalStateException,
    RequestDispatcher,
    ServletConfig,
    ServletOutputStream,
)

__all__ = ["DefaultServlet", "NothingServlet"]

ALLOW = "GET, HEAD, POST, OPTIONS"
SENDFILE_BYTES = 64 * 1024  # from here on a file is sent without reading it

# Tomcat's init parameters, by the value that asks for what there is not.
_NOT_OFFERED = {
    ("listings", "true"): "directories are not listed",
    ("readonly", "false"): "files cannot be changed with PUT and DELETE",
}
_USED = frozenset({"fileEncoding", "precompressed", "listings", "readonly"})

_ERROR_PAGE_HEADERS = frozenset({"Content-Type", "Content-Length", "Content-Encoding", "Vary"})


class Place(NamedTuple):
    """Where a path led to: path is the file's below root."""

    root: str
    path: str
    opened: OpenFile


class DefaultServlet(HttpServlet):
    """Serves the files below a web app's folder. One instance for a web app; nothing changes after init.

    Init parameters: precompressed (true: x.br or x.gz beside x goes to clients that accept it), fileEncoding
    (UTF-8: of text files, for when their text is to become part of a page in another encoding).
    """

    def init(self, config: ServletConfig | None = None) -> None:
        super().init(config)
        self._root = os.path.realpath(self.getServletContext().getRealPath("/") or os.devnull)
        self._variants = () if self._parameter("precompressed", "true") == "false" else VARIANTS
        self._encoding = codecs.lookup(self._parameter("fileEncoding", "utf-8")).name
        for name in self.getInitParameterNames():
            if reason := _NOT_OFFERED.get((name, self._parameter(name, ""))):
                self.log(f"init parameter {name} has no effect: {reason}")
            elif name not in _USED:
                self.log(f"init parameter {name} has no meaning here")

    def _parameter(self, name: str, default: str) -> str:
        return (self.getInitParameter(name) or default).strip().lower()

    # --- methods (RT-DEF-06) ------------------------------------------------------------------------------

    def doGet(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        path = _path(req)
        kind = req.getDispatcherType()
        protected = kind is DispatcherType.REQUEST  # dispatchers reach WEB-INF, clients do not (RT-DEF-01)
        if protected and is_protected(path):
            return _missing(req, resp, path)
        try:
            found = self._find(path, protected)
        except PermissionError:
            if kind is DispatcherType.INCLUDE:
                raise
            return resp.sendError(403, req.getRequestURI())
        if found is None:
            return _missing(req, resp, path)
        if found.opened.file is not None:
            with ExitStack() as files:
                files.enter_context(found.opened.file)
                if not path.endswith("/"):
                    return self._serve(req, resp, found, files)
        elif not path.endswith("/") and kind is not DispatcherType.INCLUDE:
            return resp.sendRedirect(resp.encodeRedirectURL(_with_slash(req)))
        return _missing(req, resp, path)

    def doHead(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self.doGet(req, resp)

    def doPost(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self.doGet(req, resp)

    def doOptions(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        resp.setHeader("Allow", ALLOW)

    def doTrace(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self._refuse(req, resp)

    def _refuse(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        """Answer PUT, DELETE, PATCH and TRACE."""
        resp.setHeader("Allow", ALLOW)
        resp.sendError(405, f"HTTP method {req.getMethod()} is not supported for files")

    # --- one file -----------------------------------------------------------------------------------------

    def _find(self, path: str, protected: bool) -> Place | None:
        """Look in the web app's folder, then where the context knows it: in a library (RT-DEF-02)."""
        if opened := open_file(self._root, path, protected=protected):
            return Place(self._root, path, opened)
        real = self.getServletContext().getRealPath(path)
        if not real or real.startswith(self._root + os.sep):
            return None
        folder, name = os.path.split(os.path.realpath(real))
        opened = open_file(folder, f"/{name}", protected=protected)
        return Place(folder, f"/{name}", opened) if opened else None

    def _serve(
        self, req: HttpServletRequest, resp: HttpServletResponse, place: Place, files: ExitStack
    ) -> None:
        """Answer with the file, or that it has not changed, or what is wrong with the conditions."""
        kind = req.getDispatcherType()
        found = place.opened
        encoding: str | None = None
        variants = {} if kind is DispatcherType.INCLUDE else self._find_variants(place, files)
        if variants and (encoding := choose_encoding(", ".join(req.getHeaders("Accept-Encoding")), variants)):
            found = variants[encoding]
        content_type = self.getServletContext().getMimeType(place.path)
        info = describe(found.status, content_type, encoding=encoding, varies=bool(variants))
        untouched = _is_untouched(resp)
        answer = _decide(req, info, untouched)
        if kind is DispatcherType.ERROR:  # an error page keeps the error's status (RT-EP-30)
            headers = tuple(header for header in answer.headers if header[0] in _ERROR_PAGE_HEADERS)
            answer = Answer(resp.getStatus(), headers, answer.pieces)
        _send_head(resp, answer, with_length=untouched)
        if kind is not DispatcherType.ERROR and answer.status >= 400:
            resp.sendError(answer.status)
        elif answer.pieces:
            self._send_body(resp, info, found, answer)

    def _find_variants(self, place: Place, files: ExitStack) -> dict[str, OpenFile]:
        """Open the precompressed forms of a file, by their content coding."""
        variants = {}
        for coding, suffix in self._variants:
            found = open_file(place.root, place.path + suffix)
            if found and found.file:
                files.enter_context(found.file)
                variants[coding] = found
        return variants

    def _send_body(self, resp: HttpServletResponse, info: FileInfo, found: OpenFile, answer: Answer) -> None:
        """Send the pieces: as they are, unless it is text and the response has a writer or other encoding."""
        assert found.file is not None
        text = info.encoding is None and _is_text(info.content_type)
        try:
            stream: ServletOutputStream = resp.getOutputStream()
        except IllegalStateException:  # the writer has been taken: text can still be written (RT-INC-09)
            if not text:
                raise
            resp.setHeader("Content-Length", None)
            data = b"".join(read_pieces(found.file, answer.pieces))
            resp.getWriter().write(data.decode(self._encoding, "replace"))
            return
        charset = _chosen_codec(resp)
        if text and charset and charset != self._encoding and answer.status != 206:
            whole = b"".join(read_pieces(found.file, answer.pieces))
            data = whole.decode(self._encoding, "replace").encode(charset, "replace")
            if resp.containsHeader("Content-Length"):
                resp.setContentLengthLong(len(data))
            stream.write(data)
            return
        span = answer.pieces[0]
        # The container's own response can send a file; an answer without its length is a part of another one.
        send_file = getattr(resp, "send_file", None) if resp.containsHeader("Content-Length") else None
        if send_file and len(answer.pieces) == 1 and isinstance(span, Span) and span.count >= SENDFILE_BYTES:
            send_file(os.fdopen(os.dup(found.file.fileno()), "rb", buffering=0), span.offset, span.count)
            return
        for data in read_pieces(found.file, answer.pieces):
            stream.write(data)


class NothingServlet(HttpServlet):
    """Answers the paths that not even a default servlet has."""

    def service(self, req: HttpServletRequest, res: HttpServletResponse) -> None:
        _missing(req, res, _path(req))


def _path(req: HttpServletRequest) -> str:
    """Return the path of the file. In an include by path the attributes tell it (RT-INC-02, 06)."""
    if req.getAttribute(RequestDispatcher.INCLUDE_REQUEST_URI) is not None:
        servlet_path = req.getAttribute(RequestDispatcher.INCLUDE_SERVLET_PATH)
        path_info = req.getAttribute(RequestDispatcher.INCLUDE_PATH_INFO)
    else:
        servlet_path, path_info = req.getServletPath(), req.getPathInfo()
    return f"{servlet_path or ''}{path_info or ''}" or "/"


def _with_slash(req: HttpServletRequest) -> str:
    """Return the URI of a directory (RT-WEL-01). It must not look like that of another host: "//host/"."""
    query = req.getQueryString()
    return "/" + req.getRequestURI().lstrip("/") + "/" + ("" if query is None else f"?{query}")


def _missing(req: HttpServletRequest, resp: HttpServletResponse, path: str) -> None:
    kind = req.getDispatcherType()
    if req.getAttribute(RequestDispatcher.INCLUDE_REQUEST_URI) is not None:  # RT-DEF-04
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    status = req.getAttribute(RequestDispatcher.ERROR_STATUS_CODE) if kind is DispatcherType.ERROR else 404
    resp.sendError(status, f"The requested resource [{req.getRequestURI()}] is not available")


def _is_untouched(resp: HttpServletResponse) -> bool:
    """Whether nothing has been written yet; otherwise neither a length nor a range of ours would be right."""
    try:
        resp.setBufferSize(0)  # changes nothing, but is refused once there is content (RT-BUF-02)
    except IllegalStateException:
        return False
    return True


def _decide(req: HttpServletRequest, info: FileInfo, untouched: bool) -> Answer:
    """Ask container.files, with the conditions that count in this kind of dispatch."""
    kind = req.getDispatcherType()
    if kind is DispatcherType.ERROR:
        return decide("GET" if req.getMethod() != "HEAD" else "HEAD", info, Conditions())
    if kind is DispatcherType.INCLUDE:  # a range counts even here, as in Tomcat
        answer = decide("GET", info, Conditions(range=req.getHeader("Range") if untouched else None))
        return answer if answer.status < 400 else decide("GET", info, Conditions())
    asked = Conditions.read(req.getHeaders)
    return decide(req.getMethod(), info, asked if untouched else replace(asked, range=None))


def _send_head(resp: HttpServletResponse, answer: Answer, with_length: bool) -> None:
    if answer.status < 400:
        resp.setStatus(answer.status)
    for name, value in answer.headers:
        if name == "Content-Type":
            resp.setContentType(value)
        elif name != "Content-Length":
            resp.setHeader(name, value)
        elif with_length:
            resp.setContentLengthLong(int(value))


def _chosen_codec(resp: HttpServletResponse) -> str | None:
    """Return the encoding that somebody chose for this response; its Content-Type shows it (RT-CT-07)."""
    if "charset=" not in (resp.getContentType() or "").lower():
        return None
    try:
        return codecs.lookup(resp.getCharacterEncoding()).name
    except LookupError:
        return None


def _is_text(content_type: str | None) -> bool:
    kind = (content_type or "text/plain").partition(";")[0].strip()
    return kind.startswith("text/") or kind.endswith(("xml", "json", "javascript"))
