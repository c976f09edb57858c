"""AJP13 on an event loop: web servers connect, and each of their requests is an Exchange like any other.

    web server ── packets ──> AjpConnection ── AjpRequests ──> AjpExchange ──> handler

What a request is, and how its body and its answer wait for a thread or a slow reader, is as with HTTP: this
module has what differs. A body comes in packets that have to be asked for, an answer is cut into packets
and has an explicit end, and the facts of the connection (who the client is, whether it uses TLS) are what the
web server says they are. So whoever can connect is believed everything: Trust says what is asked of it.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import logging
import math
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from container.config import Settings
from container.connectors.file_sender import FileSender
from container.connectors.http import HttpConnector
from container.connectors.http_connection import HttpConnection, Requests
from container.connectors.http_exchange import Carrier, FilePart, HttpExchange, Phase, log_refusal
from container.connectors.request_body import RequestBody
from container.errors import ConfigError, ProtocolError
from container.mpm.event import EventServer, open_listener
from container.mpm.executor import Executor
from container.protocols.ajp13 import (
    FLUSH,
    ForwardRequest,
    NotAjpError,
    body_chunks,
    encode_header,
    end_response,
    send_headers,
)
from container.protocols.ajp13_ends import ContainerSide
from container.protocols.exchange import FrontFacts, Handler, Headers, RawHeaders
from container.protocols.http1 import Framing, RequestHead, frame_answer, own_length
from container.trace import AnsweredListener

__all__ = ["AjpConnector", "Trust", "make_server", "open_ajp_listener"]

_log = logging.getLogger("container.ajp")

# Request attributes that every web server may set: facts of the connection, and what IIS tells of TLS.
_LOCAL_ADDR, _REMOTE_PORT, _SSL_PROTOCOL = "AJP_LOCAL_ADDR", "AJP_REMOTE_PORT", "AJP_SSL_PROTOCOL"
_FACTS = frozenset((_LOCAL_ADDR, _REMOTE_PORT, _SSL_PROTOCOL))
_BUILT_IN = frozenset(
    (
        *_FACTS,
        "JK_LB_ACTIVATION",
        "CERT_ISSUER", "CERT_SUBJECT", "CERT_COOKIE", "CERT_FLAGS", "CERT_SERIALNUMBER",
        "HTTPS_SERVER_SUBJECT", "HTTPS_SERVER_ISSUER", "HTTPS_SECRETKEYSIZE", "HTTPS_KEYSIZE",
        *(
            f"{package}.servlet.request.{name}"
            for package in ("javax", "jakarta")
            for name in ("cipher_suite", "key_size", "ssl_session", "X509Certificate")
        ),
    )
)  # fmt: skip
_OWN_FIELDS = frozenset(("connection", "date", "keep-alive", "transfer-encoding"))  # the web server's affair
_JOINED_COOKIES = re.compile(rb",[ \t]*(?=[!#$%&'*+.^_`|~0-9A-Za-z-]+=)")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


class Trust:
    """Which requests are served, and what is believed of what they say."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError if a setting makes no sense."""
        self._secret = (settings.ajp_secret or "").encode("utf-8")
        self._believes_user = settings.ajp_remote_user
        pattern = settings.ajp_allowed_request_attributes
        try:
            self._allowed = None if pattern is None else re.compile(pattern)
        except re.error as error:
            raise ConfigError(
                f"--ajp-allowed-request-attributes {pattern}: {error}. Write a regular expression."
            ) from None
        self._is_secret_required = settings.ajp_secret_required

    def check_listener(self, listener: socket.socket) -> None:
        """Refuse to listen where strangers could connect, if nothing tells them from a web server."""
        if self._secret or not self._is_secret_required or listener.family == socket.AF_UNIX:
            return
        address = listener.getsockname()[0]
        if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            raise ConfigError(
                f"--ajp-host {address}: whoever reaches this port is believed to be a web server. Set "
                "--ajp-secret, and the same secret in the web server; or --ajp-secret-required off, if "
                "nobody else can reach it."
            )

    def check(self, request: ForwardRequest) -> None:
        """Raise ProtocolError if the request is not to be served."""
        if self._secret and not hmac.compare_digest(self._secret, request.secret or b""):
            said = "the wrong secret" if request.secret else "no secret"
            raise ProtocolError(403, f"{said} from the web server; compare its secret with --ajp-secret")
        for name, _ in request.attributes:
            if name not in _BUILT_IN and not (self._allowed and self._allowed.fullmatch(name)):
                raise ProtocolError(403, f"request attribute {name}", "ajp_allowed_request_attributes")

    def facts(self, request: ForwardRequest) -> FrontFacts | None:
        attributes = {name: value for name, value in request.attributes if name not in _FACTS}
        user = auth_type = None
        if self._believes_user and request.remote_user:
            user = request.remote_user.decode("utf-8", "replace")
            auth_type = (request.auth_type or b"").decode("latin-1") or None
        return FrontFacts(user, auth_type, attributes) if attributes or user else None


class AjpHead(RequestHead):
    """A forwarded request as what the HTTP connector's parts take."""

    __slots__ = ("forwarded",)

    def __init__(self, request: ForwardRequest, length: int | None) -> None:
        self.forwarded = request
        self.method = request.method
        self.target = request.target
        self.version = request.version
        self.headers = list(request.headers)
        self.request_line = b"%b %b %b" % (
            request.method.encode("latin-1"),
            self.target,
            request.version.encode("latin-1"),
        )
        self.content_length = length
        self.chunked = False
        if length is None:
            # Only a hint that there is a body: the web server has taken the chunks apart.
            self.chunked = any(name.lower() == b"transfer-encoding" for name, _ in self.headers)
        self.has_body = length != 0
        self.keep_alive = True
        self.expects_continue = False  # the web server answers it when it first reads the body


_UNREADABLE = ForwardRequest(method="", uri=b"")


class AjpRequests(ContainerSide):
    """A connection's bytes as heads and bodies (http_connection.Requests)."""

    __slots__ = ("_keeps_underscores", "_trust", "trailers")

    def __init__(self, settings: Settings, trust: Trust) -> None:
        super().__init__(
            settings.ajp_packet_bytes,
            max_headers=settings.max_header_count,
            max_body_bytes=settings.max_body_bytes,
        )
        self._trust = trust
        self._keeps_underscores = settings.underscore_headers
        self.trailers: RawHeaders | None = []

    def next_head(self) -> AjpHead | None:
        request = self.next_request()
        if request is None:
            return None
        self._trust.check(request)
        head = AjpHead(request, self.declared)
        head.headers = [
            (
                name,
                _JOINED_COOKIES.sub(b"; ", value) if b"," in value and name.lower() == b"cookie" else value,
            )
            for name, value in head.headers
        ]  # Apache joins the fields of a name by commas, as is right for all others
        if not self._keeps_underscores:
            head.headers = [header for header in head.headers if b"_" not in header[0]]
        if request.server_name and not any(name.lower() == b"host" for name, _ in head.headers):
            host = request.server_name.encode("latin-1")  # as the web server understands the request
            port = b"" if request.server_port == 80 else b":%d" % request.server_port
            head.headers.append((b"host", host + port))
        return head

    def refused_head(self) -> AjpHead:
        """The head of the request that next_head has raised for."""
        head = AjpHead(self.request or _UNREADABLE, 0)
        if self.request is None:
            head.request_line = b""
        head.keep_alive = False
        return head


class AjpFacts:
    """What a web server says of its client's connection (protocols.exchange.Connection).

    One for each request, as the next one may be another client's. Everything else that an exchange needs of
    its connection is that of the connection with the web server.
    """

    __slots__ = ("_connection", "_request", "connector")

    protocol = "ajp"

    def __init__(self, connection: AjpConnection, request: ForwardRequest) -> None:
        self._connection = connection
        self._request = request
        self.connector = connection.connector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _fact(self, name: str) -> str:
        return next((value for key, value in self._request.attributes if key == name), "")

    @property
    def peer(self) -> tuple[str, int]:
        port = self._fact(_REMOTE_PORT)
        return (self._request.remote_addr, int(port) if port.isdecimal() else 0)

    @property
    def local(self) -> tuple[str, int]:
        return (self._fact(_LOCAL_ADDR) or self._request.server_name, self._request.server_port)

    @property
    def secure(self) -> bool:
        return self._request.is_ssl

    @property
    def tls(self) -> dict[str, object] | None:
        request = self._request
        if not request.is_ssl:
            return None
        return {
            "secure_protocol": self._fact(_SSL_PROTOCOL) or None,
            "cipher_suite": _text(request.ssl_cipher),
            "key_size": request.ssl_key_size,
            "ssl_session_id": _text(request.ssl_session),
            "certificates": _certificates(request.ssl_cert or b""),
        }


def _text(raw: bytes | None) -> str | None:
    return raw.decode("latin-1") if raw else None


def _certificates(pem: bytes) -> list[bytes]:
    return [base64.b64decode(b"".join(found[1].split())) for found in _CERTIFICATE.finditer(pem)]


class AjpExchange(HttpExchange):
    """An exchange whose answer leaves in AJP packets."""

    __slots__ = ("_pairs", "front")

    def __init__(self, connection: AjpConnection, head: AjpHead, number: int, started_s: float) -> None:
        super().__init__(cast(Carrier, AjpFacts(connection, head.forwarded)), head, number, started_s)
        self._pairs: list[bytes] = []
        self.front = connection.connector.trust.facts(head.forwarded) if head.keep_alive else None
        self.user = self.front.user if self.front else None

    @property
    def can_send_trailers(self) -> bool:
        return False

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        if self.framing is not None:
            raise RuntimeError("the head of this answer has been sent already")
        pairs = []
        declared = None
        for name, value in headers:
            field = name.lower()
            if field == "content-length":
                declared = int(value)
            elif field not in _OWN_FIELDS:
                pairs.append(encode_header(name, value))
        self._pairs = pairs
        self._declared = declared
        self._reason = reason
        self.status = status

    def _make_head(self, body_bytes: int | None) -> bytes:
        status = self.status
        if not status:
            raise RuntimeError("start has not been called")
        if status == 205:
            self._declared = 0
        elif self._declared is None and body_bytes is not None:
            self._declared = own_length(self.method, status, body_bytes)
        # CLOSE: of unknown length, and sent as it is. It has an end of its own here.
        self.framing = frame_answer(self.method, "HTTP/1.0", status, self._declared)
        self.keep_alive = self.head.keep_alive and self.connection.may_stay_open
        pairs = self._pairs
        if self._declared is not None and status != 204:
            pairs.append(encode_header("Content-Length", str(self._declared)))
        packet_bytes = self.connection.connector.settings.ajp_packet_bytes
        try:
            return send_headers(status, self._reason, pairs, packet_bytes)
        except ProtocolError as error:
            _log.error(
                "%s: answered 500: %s; raise --ajp-packet-bytes, here and in the web server",
                self.id,
                error.reason,
            )
            self.status = 500
            self._declared = 0
            self.framing = Framing.LENGTH
            return send_headers(500, "", [encode_header("Content-Length", "0")])

    def _framed(self, data: bytes) -> bytes:
        return body_chunks(data, self.connection.connector.settings.ajp_packet_bytes)

    def _write(self, data: bytes) -> None:
        head = b"" if self.framing else self._make_head(None)
        if self.finished:
            raise RuntimeError("this answer has been finished already")
        self._deliver(head + self._framed(self._cut(data)))

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        if self.finished:
            return
        head = b"" if self.framing else self._make_head(len(data))
        rest = head + self._framed(self._cut(data))
        self.finished = True
        deliver = self.connection.connector.deliver
        if self.framing is Framing.LENGTH and self.body_bytes < (self._declared or 0):
            _log.warning(
                "%s: the answer has %d of the %s bytes of its Content-Length; the connection is closed",
                self.id,
                self.body_bytes,
                self._declared,
            )
            deliver(self, rest, False)
            deliver(self, None, True)
        else:
            deliver(self, rest, True)

    def inform(self, status: int, headers: Headers) -> None:
        """AJP has no interim answers."""

    def upgrade(self, headers: Headers) -> None:
        raise ProtocolError(501, "over AJP no connection is handed over")


class AjpConnection(HttpConnection):
    """A web server's connection, one request at a time."""

    __slots__ = ("_flush_is_due", "_is_ending", "_reads_ahead", "requests")

    connector: AjpConnector
    requests: AjpRequests

    def __init__(self, connector: AjpConnector, number: int) -> None:
        super().__init__(connector, number)
        self._is_ending = False  # the answer is out, but a packet of the body has to come before its end
        self._reads_ahead = False  # the body is wanted, and asked for before a reader has to wait
        self._flush_is_due = False

    def _new_parser(self) -> Requests:
        self.requests = AjpRequests(self.connector.settings, self.connector.trust)
        return self.requests

    @staticmethod
    def new_exchange(connection: AjpConnection, head: AjpHead, number: int, started_s: float) -> AjpExchange:
        connection._reads_ahead = head.chunked or bool(head.content_length)
        return AjpExchange(connection, head, number, started_s)

    @property
    def id(self) -> str:
        return f"a{super().id}"  # never the same as that of an HTTP connection

    @property
    def protocol(self) -> str:
        return "ajp"

    # Packets come in ------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._is_ending and self.exchange is not None:
            self.requests.receive(data)
            self._answered(self.exchange)
        else:
            super().data_received(data)

    def _next_requests(self) -> None:
        super()._next_requests()
        self._send_output()

    def _send_output(self) -> None:
        if output := self.requests.take_output():
            self._write(output)

    def _refuse_head(self, error: ProtocolError, text: str = "") -> None:
        log_refusal(self, error)
        if isinstance(error, NotAjpError) or error.status == 408:  # there is nobody to answer
            self.close()
            return
        head = self.requests.refused_head()
        self.exchange = exchange = self.new_exchange(self, head, self._served + 1, time.monotonic())
        self.phase = Phase.BODY  # a packet of it may be on its way
        self.deadline_s = math.inf
        exchange.answer_error(error.status)

    def eof_received(self) -> bool:
        """A web server does not close one side only."""
        super().eof_received()
        return False

    # The body -------------------------------------------------------------------------------------

    def _collect(self, exchange: HttpExchange) -> None:
        if exchange.head.content_length is None and not exchange.head.chunked:
            # Probably there is none. Whoever reads finds out; to ask each time would cost a round trip.
            exchange.body = self.new_streamed_body()
            self.connector.dispatch(exchange)
        else:
            super()._collect(exchange)

    def _pump_body(self, exchange: HttpExchange, body: RequestBody) -> None:
        super()._pump_body(exchange, body)
        if self._reads_ahead and not self._reading_paused:
            self._ask()

    def _feed_reader(self) -> None:
        super()._feed_reader()
        self._reads_ahead = True
        self._ask()

    def _ask(self) -> None:
        if self.phase is Phase.BODY and not self._is_ending:
            self.requests.ask()
            self._send_output()

    def _fail_body(self, exchange: HttpExchange, body: RequestBody, error: ProtocolError) -> None:
        self.may_stay_open = False  # what is on its way cannot be told
        super()._fail_body(exchange, body, error)

    def _check_body(self, now_s: float) -> None:
        if self._is_ending and now_s - self._last_piece_s >= (
            self.connector.settings.body_timeout_s or math.inf
        ):
            self.abort()
        elif self.requests.is_owed:
            super()._check_body(now_s)
        else:
            self._begun_s = self._last_piece_s = now_s  # the web server waits for us
            self._body_bytes = 0

    # The answer -----------------------------------------------------------------------------------

    def transmit(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        super().transmit(exchange, data, is_last)
        if not is_last:
            self._flush_soon()

    def _file_sent(self, exchange: HttpExchange, count: int, error: OSError | None) -> None:
        super()._file_sent(exchange, count, error)
        self._flush_soon()

    def _flush_soon(self) -> None:
        """Have the web server pass on what has been written: once for all that came in a turn of the loop."""
        if not self._flush_is_due:
            self._flush_is_due = True
            self.connector.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        exchange = self.exchange
        if (
            exchange is not None
            and exchange.framing is not None
            and not exchange.finished
            and self._file is None
        ):
            self._write(FLUSH)

    def _answered(self, exchange: HttpExchange) -> None:
        is_ready = self.requests.finish()
        reuse = exchange.keep_alive and not self.connector.is_stopping
        if not is_ready and reuse and not self.has_ended:
            self._is_ending = True
            self._last_piece_s = self.connector.now_s
            self.deadline_s = self._last_piece_s + (self.connector.settings.body_timeout_s or math.inf)
            self._resume_reading()
            return
        self._is_ending = False
        if is_ready and self.phase is Phase.BODY:
            self.phase = Phase.ANSWER
        exchange.keep_alive = reuse
        self._write(end_response(reuse))
        super()._answered(exchange)

    def _break_off(self, exchange: HttpExchange) -> None:
        """Without its end the answer is not complete, however the connection ends."""
        if exchange.framing is not None:
            exchange.framing = Framing.LENGTH
        super()._break_off(exchange)

    def _send_file(self, exchange: HttpExchange, part: FilePart) -> None:
        def on_done(error: OSError | None) -> None:
            self._file_sent(exchange, part.size, error)

        frame = partial(body_chunks, packet_bytes=self.connector.settings.ajp_packet_bytes)
        self._file = FileSender(self.connector.loop, self._transport, *part, on_done, frame)
        self._watch_sending()
        self._file.start(is_plain=False)


class AjpConnector(HttpConnector):
    """What the AJP connections of one loop share; used as an HttpConnector."""

    __slots__ = ("trust",)

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        executor: Executor,
        listeners: Sequence[AnsweredListener] = (),
        prefix: str = "",
    ) -> None:
        super().__init__(
            handler,
            replace(settings, idle_timeout_s=settings.ajp_idle_timeout_s),
            executor,
            listeners,
            prefix,
        )
        self.trust = Trust(settings)

    def _make_connection(self) -> AjpConnection:
        return AjpConnection(self, next(self.numbers))


def open_ajp_listener(settings: Settings) -> socket.socket:
    """Raises ConfigError if it may or can not listen."""
    trust = Trust(settings)
    listener = open_listener(settings.ajp_host, settings.ajp_port, settings.backlog, "--ajp-")
    try:
        trust.check_listener(listener)
    except ConfigError:
        listener.close()
        raise
    return listener


def make_server(
    handler: Handler,
    settings: Settings,
    executor: Executor,
    listeners: Sequence[AnsweredListener] = (),
    listener: socket.socket | None = None,
    prefix: str = "",
) -> EventServer:
    """Serve AJP with a loop of its own, on a listener of its own unless one is given."""
    accepting = listener or open_ajp_listener(settings)
    return EventServer(
        [accepting], lambda: AjpConnector(handler, settings, executor, listeners, prefix), settings
    )
