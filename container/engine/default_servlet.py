"""The default servlet: the files of a web app, for every path that no other servlet has (RT-DEF).

    path ──> open_file in the web app's folder, then in META-INF/resources of its libraries
         ──> container.files decides: 200, 206, 304, 400, 412, 416 ──> sendfile, stream or writer

It answers as Tomcat's does: POST like GET, weak ETags, a Content-Type only where the type is known. What the
front serves by itself is decided by the same functions, so both give the same headers. Welcome files are the
engine's: a directory that arrives here has none, and is listed where the init parameter listings says so. A
web app that declares it, as org.apache.catalina.servlets.DefaultServlet, may set Tomcat's init parameters.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO, NamedTuple, cast

from container.engine.charsets import codec
from container.engine.directory_listing import Entry, page, read_order
from container.engine.resource_writes import Refused, delete, put, read_content_range
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
from container.filters.parameters import InitParameters
from container.servlet import (
    DispatcherType,
    HttpServlet,
    HttpServletRequest,
    HttpServletResponse,
    IllegalStateException,
    RequestDispatcher,
    ServletOutputStream,
)

__all__ = ["DefaultServlet", "NothingServlet"]

SENDFILE_KIB = 64  # from here on a file is sent without reading it

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, with whose mark it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ERROR_PAGE_HEADERS = frozenset({"Content-Type", "Content-Length", "Content-Encoding", "Vary"})


class Place(NamedTuple):
    """Where a path led to: path is the file's below root."""

    root: str
    path: str
    opened: OpenFile


class DefaultServlet(HttpServlet):
    """Serves the files below a web app's folder. One instance for a web app; nothing changes after init.

    Init parameters: docs/tomcat-names.md.
    """

    def init(self) -> None:
        parameters = InitParameters(self)
        self._root = os.path.realpath(self.getServletContext().getRealPath("/") or os.devnull)
        self._variants = _read_variants(parameters)
        encoding = parameters.charset("fileEncoding", parameters.text("fileEncoding", "utf-8"))
        self._encoding = codecs.lookup(encoding).name
        self._use_bom = parameters.flag("useBomIfPresent", True)
        self._lists = parameters.flag("listings", False)
        self._sorts = parameters.flag("sortListings", False)
        self._directories_first = parameters.flag("sortDirectoriesFirst", False)
        self._shows_server = parameters.flag("showServerInfo", True)
        self._readme = parameters.text("readmeFile")
        self._read_only = parameters.flag("readonly", True)
        self._partial_put = parameters.flag("allowPartialPut", True)
        self._post_is_get = parameters.flag("allowPostAsGet", True)
        self._accepts_ranges = parameters.flag("useAcceptRanges", True)
        kib = parameters.number("sendfileSize", SENDFILE_KIB)
        self._sendfile_bytes = kib * 1024 if kib >= 0 else sys.maxsize
        parameters.without_effect("files are sent in pieces of 64 KiB", input="2048", output="2048")
        parameters.without_effect("see --log-level", debug="0")
        parameters.without_effect("ETags are weak", useStrongETags="false")
        parameters.without_effect(
            "listings are not made with XSLT", localXsltFile="", contextXsltFile="", globalXsltFile=""
        )
        parameters.finish(strict=False)
        self._allow = ", ".join(
            ["GET", "HEAD", *(["POST"] if self._post_is_get else []), "OPTIONS"]
            + ([] if self._read_only else ["PUT", "DELETE"])
        )

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
        elif not path.endswith("/"):
            return resp.sendRedirect(resp.encodeRedirectURL(_with_slash(req)))
        elif self._lists and kind is not DispatcherType.ERROR:
            return self._list(req, resp, path)
        elif kind is DispatcherType.INCLUDE:
            return None  # it exists (RT-DEF-04) and has nothing to show
        return _missing(req, resp, path)

    def doHead(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self.doGet(req, resp)

    def doPost(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        if self._post_is_get:
            self.doGet(req, resp)
        else:
            self._refuse(req, resp)

    def doPut(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self._change(req, resp, self._put)

    def doDelete(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self._change(req, resp, self._delete)

    def doOptions(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        resp.setHeader("Allow", self._allow)

    def doTrace(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        self._refuse(req, resp)

    def _refuse(self, req: HttpServletRequest, resp: HttpServletResponse) -> None:
        """Answer what is not allowed, and PATCH and TRACE."""
        resp.setHeader("Allow", self._allow)
        resp.sendError(405, f"HTTP method {req.getMethod()} is not supported for files")

    # --- changing files (readonly=false) ------------------------------------------------------------------

    def _change(
        self,
        req: HttpServletRequest,
        resp: HttpServletResponse,
        change: Callable[[HttpServletRequest, str], int],
    ) -> None:
        """Let change answer, if the client's conditions hold (RFC 9110 §13)."""
        path = _path(req)
        if self._read_only:
            return self._refuse(req, resp)
        if is_protected(path):
            return _missing(req, resp, path)
        try:
            status = self._unmet_condition(req, path) or change(req, path)
        except Refused as error:
            if error.status == 405:
                resp.setHeader("Allow", self._allow)
            return resp.sendError(error.status, str(error))
        except PermissionError:
            return resp.sendError(403, req.getRequestURI())
        return resp.setStatus(status) if status < 400 else resp.sendError(status)

    def _unmet_condition(self, req: HttpServletRequest, path: str) -> int:
        conditions = replace(Conditions.read(req.getHeaders), range=None)
        opened = open_file(self._root, path)
        if opened is None or opened.file is None:
            return 0 if conditions.if_match is None else 412
        with opened.file:
            status = decide(req.getMethod(), describe(opened.status, None), conditions).status
        return status if status >= 400 else 0

    def _put(self, req: HttpServletRequest, path: str) -> int:
        part = None
        if (content_range := req.getHeader("Content-Range")) is not None:
            if not self._partial_put:
                raise Refused(400, "Content-Range: parts of files are not taken (allowPartialPut)")
            part = read_content_range(content_range)
        body = cast("BinaryIO", req.getInputStream())
        return 201 if put(self._root, path, body, part) else 204

    def _delete(self, req: HttpServletRequest, path: str) -> int:
        delete(self._root, path)
        return 204

    # --- listings -----------------------------------------------------------------------------------------

    def _list(self, req: HttpServletRequest, resp: HttpServletResponse, path: str) -> None:
        order = read_order(req.getParameter("C"), req.getParameter("O")) if self._sorts else None
        readme = self._find(path + self._readme, protected=True) if self._readme else None
        words = ""
        if readme and readme.opened.file:
            with readme.opened.file as file:
                words = self._text(file.read())
        text = page(
            path,
            self._entries(path),
            order=order,
            directories_first=self._directories_first,
            readme=words,
            server=self.getServletContext().getServerInfo() if self._shows_server else "",
        )
        data = text.encode("utf-8")
        resp.setContentType("text/html;charset=UTF-8")
        resp.setContentLengthLong(len(data))
        if req.getMethod() != "HEAD":
            resp.getOutputStream().write(data)

    def _entries(self, path: str) -> Iterator[Entry]:
        """What a client could ask for in a directory: nothing hidden, protected or outside."""
        for child in self.getServletContext().getResourcePaths(path) or ():
            name = child[len(path) :]
            if name.startswith(".") or is_protected(child):
                continue
            try:
                found = self._find(child, protected=True)
            except PermissionError:
                continue
            if found is not None:
                if found.opened.file is not None:
                    found.opened.file.close()
                status = found.opened.status
                yield Entry(name, 0 if name.endswith("/") else status.st_size, status.st_mtime)

    # --- one file -----------------------------------------------------------------------------------------

    def _find(self, path: str, protected: bool) -> Place | None:
        """Look in the web app's folder, then where the context knows it: in a library (RT-DEF-02)."""
        if opened := open_file(self._root, path, protected=protected):
            return Place(self._root, path, opened)
        real = self.getServletContext().getRealPath(path)
        if not real or (real.startswith(self._root + os.sep) and not self._is_in_library(real, path)):
            return None
        folder, name = os.path.split(os.path.realpath(real))
        opened = open_file(folder, f"/{name}", protected=protected)
        return Place(folder, f"/{name}", opened) if opened else None

    def _is_in_library(self, real: str, path: str) -> bool:
        """Whether a file below the root is a resource of an unpacked library, or of WEB-INF/classes."""
        inside = real.startswith(os.path.join(self._root, "WEB-INF", ""))
        return inside and real.endswith(f"/META-INF/resources{path.rstrip('/')}")

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
        if not self._accepts_ranges:
            headers = tuple(header for header in answer.headers if header[0] != "Accept-Ranges")
            answer = replace(answer, headers=headers)
        _send_head(resp, answer, with_length=untouched)
        if kind is not DispatcherType.ERROR and answer.status >= 400:
            resp.sendError(answer.status)
        elif answer.pieces and info.size:  # an empty file leaves writer and stream to whoever comes next
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
            resp.getWriter().write(self._text(data))
            return
        charset = _chosen_codec(resp)
        if text and charset and charset.name != self._encoding and answer.status != 206:
            whole = b"".join(read_pieces(found.file, answer.pieces))
            data = charset.encode(self._text(whole), "replace")[0]
            if resp.containsHeader("Content-Length"):
                resp.setContentLengthLong(len(data))
            stream.write(data)
            return
        span = answer.pieces[0]
        # The container's own response can send a file; an answer without its length is a part of another one.
        send_file = getattr(resp, "send_file", None) if resp.containsHeader("Content-Length") else None
        if (
            send_file
            and len(answer.pieces) == 1
            and isinstance(span, Span)
            and span.count >= self._sendfile_bytes
        ):
            send_file(os.fdopen(os.dup(found.file.fileno()), "rb", buffering=0), span.offset, span.count)
            return
        for data in read_pieces(found.file, answer.pieces):
            stream.write(data)

    def _text(self, data: bytes) -> str:
        """Decode a file's text; a byte order mark knows better than fileEncoding, and is not text."""
        if self._use_bom:
            for mark, encoding in _MARKS:
                if data.startswith(mark):
                    return data[len(mark) :].decode(encoding, "replace")
        return data.decode(self._encoding, "replace")


def _read_variants(parameters: InitParameters) -> tuple[tuple[str, str], ...]:
    """Read precompressed: true, false, or content codings with the ends of their names: "br=.br,gzip=.gz"."""
    value = parameters.text("precompressed", "true").lower()
    if value in ("true", "false"):
        return VARIANTS if value == "true" else ()
    pairs = [item.partition("=") for item in parameters.items("precompressed")]
    if not all(coding and suffix.startswith(".") for coding, _, suffix in pairs):
        parameters.refuse("precompressed", "no list of codings", "Write true, false or br=.br,gzip=.gz.")
    return tuple((coding.strip(), suffix.strip()) for coding, _, suffix in pairs)


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
        return decide("GET", info, Conditions(range=req.getHeader("Range") if untouched else None))
    asked = Conditions.read(req.getHeaders)
    return decide(req.getMethod(), info, asked if untouched else replace(asked, range=None))


def _send_head(resp: HttpServletResponse, answer: Answer, with_length: bool) -> None:
    if 200 < answer.status < 400:  # the whole file leaves a status that somebody has set
        resp.setStatus(answer.status)
    for name, value in answer.headers:
        if name == "Content-Type":
            resp.setContentType(value)
        elif name != "Content-Length":
            resp.setHeader(name, value)
        elif with_length:
            resp.setContentLengthLong(int(value))


def _chosen_codec(resp: HttpServletResponse) -> codecs.CodecInfo | None:
    """Return the encoding that somebody chose for this response; its Content-Type shows it (RT-CT-07)."""
    if "charset=" not in (resp.getContentType() or "").lower():
        return None
    try:
        return codec(resp.getCharacterEncoding())
    except LookupError:
        return None


def _is_text(content_type: str | None) -> bool:
    kind = (content_type or "text/plain").partition(";")[0].strip()
    return kind.startswith("text/") or kind.endswith(("xml", "json", "javascript"))
