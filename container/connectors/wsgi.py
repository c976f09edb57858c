"""WsgiExchange: one call of a WSGI server (PEP 3333) as an Exchange.

What the server cannot carry is missing, and says so: trailers, interim answers, the raw request target unless
the server adds RAW_URI or REQUEST_URI (then the path is rebuilt, and encoded slashes and the like cannot be
told apart).

The answer is returned as an iterable where that is enough. Bytes that have to leave before the application
is done, after flushBuffer or a full buffer, go through the ``write`` callable. A suspended exchange keeps the
server's thread (RT-ASY-54): it runs the tasks of ``resume``, and writes what other threads have for it, until
the exchange is released.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from container.errors import ProtocolError
from container.mpm.calls import ThreadCalls, ignoring_disconnect
from container.protocols.exchange import Begin, ClientDisconnected, FrontFacts, Handler, Headers, RawHeaders

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["WsgiExchange"]

_BODILESS = frozenset({204, 304})
_DOUBLES = frozenset({"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"})  # some servers add them
_BODY_MEMORY_BYTES = 65536  # of a suspended request


class WsgiConnection:
    """The facts a WSGI server tells of its connection."""

    def __init__(self, environ: WSGIEnvironment, number: int) -> None:
        self.id = f"w{number:x}"
        self.protocol = str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")).lower()
        self.peer = (str(environ.get("REMOTE_ADDR", "")), _number(environ.get("REMOTE_PORT")))
        self.local = (str(environ.get("SERVER_NAME", "")), _number(environ.get("SERVER_PORT")))
        self.secure = environ.get("wsgi.url_scheme") == "https"
        self.tls: dict[str, object] | None = {} if self.secure else None


def _number(value: object) -> int:
    text = str(value or "")
    return int(text) if text.isdigit() else 0


class WsgiExchange:
    """See the module. Whatever touches the server's own objects runs in the server's thread."""

    can_send_trailers = False
    front: FrontFacts | None = None  # REMOTE_USER may be anybody's word

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse, number: int) -> None:
        self._environ = environ
        self._start_response = start_response
        self._number = number
        self.method = str(environ["REQUEST_METHOD"])
        self.target = _target(environ)
        self.version = str(environ.get("SERVER_PROTOCOL", "HTTP/1.1"))
        self.started_s = time.monotonic()
        self.user: str | None = None
        self._headers: RawHeaders | None = None
        self._connection: WsgiConnection | None = None
        length = str(environ.get("CONTENT_LENGTH") or "")
        self._length = int(length) if length.isdigit() else None
        self._left = self._length
        self._ended = False
        self._status = ""
        self._answer: list[tuple[str, str]] | None = None
        self._write: Callable[[bytes], object] | None = None
        self._pieces: list[bytes] = []
        self._finished = False
        self._aborted = False
        self._calls: ThreadCalls | None = None  # for the server's thread, once the exchange is suspended
        self._body: IO[bytes] | None = None  # once it has been collected
        self._gone_callbacks: list[Callable[[], None]] = []

    @property
    def id(self) -> str:
        return f"w{self._number:x}"

    @property
    def headers(self) -> RawHeaders:
        headers = self._headers
        if headers is None:
            headers = self._headers = []
            for name, value in self._environ.items():
                if name.startswith("HTTP_") and name not in _DOUBLES:
                    headers.append((_header_name(name[5:]), str(value).encode("latin-1")))
            for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                if value := self._environ.get(name):
                    headers.append((_header_name(name), str(value).encode("latin-1")))
        return headers

    @property
    def connection(self) -> WsgiConnection:
        if self._connection is None:
            self._connection = WsgiConnection(self._environ, self._number)
        return self._connection

    # --- the request's body--------------------------------------------------------------------------------

    @property
    def content_length(self) -> int | None:
        if self._length is None and not self._environ.get("wsgi.input_terminated"):
            return 0
        return self._length

    @property
    def trailers(self) -> RawHeaders | None:
        return [] if self._ended or self.content_length == 0 else None

    def read(self, size: int = -1) -> bytes:
        if self._body is not None:
            return self._body.read(size)
        if self._ended or self.content_length == 0:
            self._ended = True
            return b""
        calls = self._elsewhere()
        return self._read(size) if calls is None else calls.do(partial(self._read, size))

    def read_soon(self, size: int = 65536) -> bytes | None:
        """Blocks: a WSGI server has nothing else."""
        return self.read(size)

    def when_readable(self, callback: Callable[[], object]) -> None:
        callback()

    def collect_body(self) -> None:
        if self._body is not None or self._ended or self.content_length == 0:
            return
        body = tempfile.SpooledTemporaryFile(_BODY_MEMORY_BYTES)  # noqa: SIM115  closed when it is forgotten
        while piece := self._read(65536):
            body.write(piece)
        body.seek(0)
        self._body = body

    def _read(self, size: int) -> bytes:
        if self._ended or self.content_length == 0:
            self._ended = True
            return b""
        if size < 0:
            pieces = []
            while piece := self._read(65536):
                pieces.append(piece)
            return b"".join(pieces)
        if self._left is not None:
            size = min(size, self._left)
        try:
            data: bytes = self._environ["wsgi.input"].read(size) if size else b""
        except OSError as error:
            raise ClientDisconnected(f"the client left inside its body: {error}") from error
        if self._left is not None:
            self._left -= len(data)
            self._ended = self._left == 0
            if size and not data:
                raise ClientDisconnected("the client left inside its body")
        else:
            self._ended = bool(size) and not data
        return data

    # --- the answer----------------------------------------------------------------------------------------

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        self._status = f"{status} {reason or _phrase(status)}"
        self._bodiless = status in _BODILESS or self.method == "HEAD"
        # Connection is hop-by-hop: the server's own affair. A type without content offends its checkers.
        left_out = ("connection", "content-type") if status in _BODILESS else ("connection",)
        self._answer = [pair for pair in headers if pair[0].lower() not in left_out]

    def write(self, data: bytes) -> None:
        if calls := self._elsewhere():
            calls.do(partial(self.write, data))
            return
        if self._aborted or self._finished:
            raise ClientDisconnected("the answer is over")
        if self._write is None:
            assert self._answer is not None, "start comes before write"
            write: Any = self._start_response(self._status, self._answer)
            # A server without the write callable gets everything at the end.
            self._write = write if callable(write) else self._pieces.append
        if data and not self._bodiless:
            try:
                self._write(data)
            except OSError as error:
                self._aborted = True
                self._tell_gone()
                raise ClientDisconnected(f"the client has gone: {error}") from error

    def write_soon(self, data: bytes) -> bool:
        if self._aborted:
            raise ClientDisconnected("the answer is over")
        if self._elsewhere() is None:  # in the server's thread, where nothing else can wait its turn
            self.write(data)
            return True
        assert self._calls is not None
        self._calls.put(partial(ignoring_disconnect, partial(self.write, data)))
        return False  # whether the client is slow shows only when the server's thread has written

    def when_writable(self, callback: Callable[[], object]) -> None:
        assert self._calls is not None, "suspend comes first"
        self._calls.put(callback)

    def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        with file:
            file.seek(offset)
            while count > 0 and (data := file.read(min(count, 65536))):
                count -= len(data)
                self.write(data)

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        if self._finished:
            return
        if calls := self._elsewhere():
            calls.put(partial(self.finish, data))
            return
        self._finished = True
        assert self._answer is not None, "start comes before finish"
        if self._write is None:
            if not self._has("content-length") and self._status[:3] not in ("204", "304"):
                self._answer.append(("Content-Length", str(len(data))))
            self._start_response(self._status, self._answer)
        if data and not self._bodiless:
            if self._write is None:
                self._pieces.append(data)
            else:
                try:
                    self._write(data)
                except OSError:
                    self._aborted = True

    def _has(self, name: str) -> bool:
        return any(key.lower() == name for key, _ in self._answer or ())

    def abort(self) -> None:
        self._aborted = True
        self._finished = True

    def inform(self, status: int, headers: Headers) -> None:
        """WSGI has no interim answers."""

    # --- suspending----------------------------------------------------------------------------------------

    def upgrade(self, headers: Headers) -> None:
        raise ProtocolError(501, "a WSGI server does not hand its connections over")

    def suspend(self) -> None:
        if self._calls is None:
            self._calls = ThreadCalls()

    def _elsewhere(self) -> ThreadCalls | None:
        """How another thread has its calls done: None in the server's thread, or before ``suspend``."""
        calls = self._calls
        return calls if calls is not None and calls.is_elsewhere() else None

    def resume(self, task: Callable[[], None]) -> None:
        assert self._calls is not None, "suspend comes before resume"
        self._calls.put(task)

    def release(self) -> None:
        self._gone_callbacks.clear()
        if self._calls is not None:
            self._calls.end()

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """A WSGI server does not tell: callback is called when something cannot be written."""
        self._gone_callbacks.append(callback)

    def _tell_gone(self) -> None:
        callbacks, self._gone_callbacks = self._gone_callbacks, []
        for callback in callbacks:
            callback()

    def run(self, handler: Handler) -> Iterable[bytes]:
        """Let handler answer, and return what is left of the answer for the server."""
        if handler.begin(self) is not Begin.DONE:
            handler.handle(self)
        if self._calls is not None:
            self._calls.work()
        if self._aborted:
            raise ClientDisconnected("the answer was broken off")  # makes the server close the connection
        if not self._finished:
            raise RuntimeError("the handler returned without an answer")
        return self._pieces


def _target(environ: WSGIEnvironment) -> bytes:
    for name in ("RAW_URI", "REQUEST_URI"):
        if raw := environ.get(name):
            return str(raw).encode("latin-1", "replace")
    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    target = quote(path.encode("latin-1"), safe="/!$&'()*+,=:@~-._;").encode("ascii") or b"/"
    query = str(environ.get("QUERY_STRING") or "")
    return target + b"?" + query.encode("latin-1") if query else target


def _header_name(name: str) -> bytes:
    return name.replace("_", "-").title().encode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
