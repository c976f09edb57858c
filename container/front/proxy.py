"""Pass a request on to one of a group, and the answer back: the attempts, and the bytes of each.

    ProxyAction ──> Passage.run ── Attempts.next ──> Backends.take ──> request out, answer in ──> Exchange
                        ↑                └── failed? ──┘
                        └──> Action: what to do instead, when no answer could be passed on

The balancer decides who is asked and whether again; this module only tells it what has happened. Bodies pass
in pieces: what is held of one is bounded by buffers and, for whoever is slower than the other, by a temporary
file. A broken answer is broken off, never made to look complete.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from threading import Lock

from container.errors import ProtocolError
from container.front.backends import AttemptFailed, BackendConnection, Backends
from container.front.balancer import Attempts, Exhausted, Failure, Member, Pause, Sent
from container.front.client import PIECE_BYTES, Client, Collected, collect
from container.front.compression import compressed
from container.front.edits import edit_headers
from container.front.origin import origin_of
from container.front.pages import phrase
from container.front.record import Attempt, Record
from container.front.site import Action, FrontRequest, ProxyAction
from container.protocols.backend import AnswerEnd, AnswerHead, BackendRequest, Event, Interim
from container.protocols.exchange import ClientDisconnected, Headers

__all__ = ["Instead", "Passage", "Workshop"]

_log = logging.getLogger("container.front")

Instead = Callable[[int, Headers, bool], Action | None]
"""(status, headers, must): the action in place of an answer with this status; None only if it need not be."""
Redirect = Callable[[str], Action]
"""The action for another path (X-Accel-Redirect)."""

_TIMEOUTS = frozenset((Failure.CONNECT_TIMEOUT, Failure.READ_TIMEOUT))
_UNANSWERED = frozenset((Failure.READ, Failure.SEND))
_HIDDEN = frozenset(("date", "server", "x-pad"))
_KEPT_IN_REDIRECT = frozenset(
    ("content-type", "set-cookie", "content-disposition", "cache-control", "expires", "accept-ranges")
)
_UPGRADES = frozenset(("websocket",))
_KEEP_ALIVE = ("Connection", "keep-alive")
_MOST_SPILLED_BYTES = 1024**3  # of one answer, waiting in a file for a slow client
_RETRY_AFTER_S = 1


class Workshop:
    """What the passages of one loop share."""

    def __init__(self, lock: Lock, memory_bytes: int, folder: str | None) -> None:
        """lock: guards the balancers, if several loops share them."""
        self.backends = Backends()
        self.lock = lock
        self.memory_bytes = memory_bytes
        self.folder = folder
        self.sleeps = False  # whether the loop runs only while a request is passed on

    async def close(self) -> None:
        self.backends.begin_stop()
        await asyncio.sleep(0)  # a transport is closed by its loop, in the next turn


class Passage:
    """One request on its way to a backend and back. Runs once."""

    __slots__ = (
        "_action",
        "_attempts",
        "_body",
        "_client",
        "_exchange",
        "_instead",
        "_is_passing",
        "_is_streamed",
        "_limits",
        "_pending",
        "_record",
        "_redirect",
        "_request",
        "_sender",
        "_sent",
        "_workshop",
    )

    def __init__(
        self,
        workshop: Workshop,
        request: FrontRequest,
        action: ProxyAction,
        client: Client,
        record: Record,
        instead: Instead,
        redirect: Redirect,
    ) -> None:
        self._workshop = workshop
        self._request = request
        self._action = action
        self._limits = action.limits
        self._client = client
        self._exchange = client.exchange
        self._record = record
        self._instead = instead
        self._redirect = redirect
        self._body: Collected | None = None  # at hand; None: there is none, or it is streamed
        self._is_streamed = False
        self._pending: Event | None = None  # of the answer, taken and not yet passed on
        self._is_passing = False  # the answer's head may have reached the client
        self._sent = Sent.NOTHING
        self._attempts: Attempts | None = None  # while one of them is under way
        self._sender: asyncio.Task[None] | None = None

    async def run(self) -> Action | None:
        """Return what to do instead of passing an answer on; None: it is done, one way or the other."""
        exchange, limits = self._exchange, self._limits
        try:
            if self._action.send_body and has_body(self._request):
                if limits.max_body_bytes and (exchange.content_length or 0) > limits.max_body_bytes:
                    return self._instead(413, (), True)
                if self._client.body is not None:  # another backend was asked before, see error pages
                    self._body = self._client.body
                elif limits.request_buffering or (exchange.content_length is None and self._needs_length()):
                    self._body = self._client.body = await collect(
                        self._client,
                        limits.max_body_bytes,
                        self._workshop.memory_bytes,
                        self._workshop.folder,
                    )
                else:
                    self._is_streamed = True
            return await self._try_all()
        except ProtocolError as error:  # of the client's body
            _log.info("%s: %d: %s", exchange.id, error.status, error.reason)
            if not self._is_passing:
                return self._instead(error.status, (), True)
            exchange.abort()
            return None
        finally:
            if self._attempts is not None:
                with self._workshop.lock:
                    self._attempts.failed(Failure.CLIENT, time.monotonic(), sent=self._sent)

    @property
    def _pool(self) -> str:
        return self._limits.pool or self._action.group.name

    def _needs_length(self) -> bool:
        """Whether a body of unknown length could not be sent: over HTTP/1.0."""
        return self._limits.http_version == "1.0"

    # Attempts -------------------------------------------------------------------------------------

    async def _try_all(self) -> Action | None:
        action = self._action
        lock = self._workshop.lock
        ask = replace(action.ask, replayable=False) if self._is_streamed else action.ask
        with lock:
            attempts = action.group.ask(ask, time.monotonic())
        while True:
            with lock:
                choice = attempts.next(time.monotonic())
            if isinstance(choice, Pause):
                await asyncio.sleep(choice.seconds)
                continue
            if isinstance(choice, Exhausted):
                return self._exhausted(choice)
            self._attempts = attempts
            attempt = Attempt(str(choice.address), time.monotonic())
            self._record.attempts.append(attempt)
            try:
                return await self._try_one(choice, attempt)
            except AttemptFailed as failed:
                self._fail(attempts, attempt, failed)
                if failed.failure is Failure.BROKEN:
                    self._exchange.abort()
                    return None

    def _exhausted(self, choice: Exhausted) -> Action | None:
        request = self._exchange.target.decode("latin-1")
        _log.error("%s: %d for %s: %s", self._exchange.id, choice.status, request, choice.reason)
        if not self._record.attempts:
            self._record.attempts.append(Attempt(self._action.group.name, time.monotonic(), choice.status))
        headers = [("Retry-After", str(_RETRY_AFTER_S))] if choice.status == 503 else []
        return self._instead(choice.status, headers, True)

    def _fail(self, attempts: Attempts, attempt: Attempt, failed: AttemptFailed) -> None:
        """Tell log, record and balancer. STATUS has been told already."""
        attempt.response_s = time.monotonic() - attempt.began_s
        if failed.failure is Failure.STATUS:
            return
        _log.warning(
            "%s: %s of %s for %s %s: %s",
            self._exchange.id,
            failed.failure.name,
            attempt.address,
            self._exchange.method,
            self._exchange.target.decode("latin-1"),
            failed,
        )
        attempt.status = attempt.status or (504 if failed.failure in _TIMEOUTS else 502)
        self._attempts = None
        with self._workshop.lock:
            attempts.failed(failed.failure, time.monotonic(), sent=self._sent)

    def _succeed(self, attempt: Attempt, connection: BackendConnection) -> None:
        """The backend has done its part, though its answer may still be on the way to the client."""
        if self._attempts is None:
            return
        attempt.response_s = time.monotonic() - attempt.began_s
        attempt.sent_bytes, attempt.received_bytes = connection.sent_bytes, connection.received_bytes
        attempts, self._attempts = self._attempts, None
        with self._workshop.lock:
            attempts.succeeded(
                time.monotonic(), sent_bytes=connection.sent_bytes, received_bytes=connection.received_bytes
            )
        is_sending = self._sender is not None and not self._sender.done()
        if is_sending and connection.wire.room:
            connection.close()  # it has answered without taking the rest of the request
        else:
            if self._sender is not None:
                self._sender.cancel()  # waits to be asked for more of the body, which nobody will
            self._workshop.backends.give_back(self._pool, connection, self._limits)

    async def _try_one(self, member: Member, attempt: Attempt) -> Action | None:
        self._sent = Sent.NOTHING
        self._sender = None
        if self._action.for_member is not None:
            self._action = self._action.for_member(member)
            self._limits = self._action.limits
        if self._workshop.sleeps:
            await asyncio.sleep(0)  # what has died since the last request is learnt now
        connection = await self._workshop.backends.take(self._pool, member.address, self._limits)
        attempt.connect_s = time.monotonic() - attempt.began_s
        try:
            self._send(connection)
            head = await self._head(connection)
            attempt.status = head.status
            attempt.headers = head.headers
            attempt.header_s = time.monotonic() - attempt.began_s
            return await self._answer(connection, head, attempt)
        except AttemptFailed as failed:
            attempt.sent_bytes, attempt.received_bytes = connection.sent_bytes, connection.received_bytes
            self._raise_for_sender()
            if failed.failure in _UNANSWERED and connection.is_reused and not connection.received_bytes:
                raise AttemptFailed(Failure.STALE, str(failed)) from None
            raise
        finally:
            if self._sender is not None and not self._sender.cancel() and not self._sender.cancelled():
                self._sender.exception()  # known by now
            if self._attempts is not None:
                connection.close()

    def _raise_for_sender(self) -> None:
        """What kept the request from being sent is the cause of what followed."""
        sender = self._sender
        if sender is not None and sender.done() and not sender.cancelled() and (error := sender.exception()):
            raise error

    # The request goes out -------------------------------------------------------------------------

    def _send(self, connection: BackendConnection) -> None:
        """Send the head and, if it is small, the body; else have it sent beside."""
        exchange, action, body, wire = self._exchange, self._action, self._body, connection.wire
        size = body.size if body is not None else exchange.content_length if self._is_streamed else 0
        try:
            data = wire.begin(
                BackendRequest(
                    action.ask.method,
                    action.target,
                    action.headers,
                    size,
                    self._limits.keepalive > 0,
                    wanted_upgrade(self._request) if self._limits.upgrade else "",
                    (action.origin or origin_of(self._request))
                    if connection.address.protocol == "ajp"
                    else None,
                    action.attributes,
                )
            )
        except ValueError as error:
            raise ProtocolError(400, str(error)) from None
        if self._is_streamed or (body is not None and body.size > wire.room):
            connection.write(data)
            self._sent = Sent.SOME
            self._sender = asyncio.get_running_loop().create_task(self._send_body(connection))
            return
        if body is not None and body.size:
            data += wire.send(body.read(0, body.size)) + wire.end()
        connection.write(data)
        self._sent = Sent.ALL

    async def _send_body(self, connection: BackendConnection) -> None:
        wire, offset, limit = connection.wire, 0, self._limits.max_body_bytes
        size = self._exchange.content_length if self._body is None else self._body.size
        try:
            while size is None or offset < size:
                room = min(await connection.room(), PIECE_BYTES)
                if self._body is not None:
                    piece = self._body.read(offset, room)
                else:
                    piece = await self._client.read(room)
                offset += len(piece)
                if limit and offset > limit:
                    raise ProtocolError(413, f"a body of more than {limit} bytes")
                if not piece:
                    break
                connection.write(wire.send(piece))
                await connection.drain(self._limits.send_timeout_s)
            if end := wire.end():
                connection.write(end)
            self._sent = Sent.ALL
        except AttemptFailed as failed:
            if failed.failure is not Failure.SEND:  # a backend that has closed may have answered before
                connection.close()
                raise
        except (ProtocolError, ClientDisconnected):
            connection.close()  # which ends the waiting for its answer
            raise

    # The answer comes in --------------------------------------------------------------------------

    async def _event(self, connection: BackendConnection) -> Event:
        while True:
            try:
                return await connection.event(self._limits.read_timeout_s)
            except AttemptFailed as failed:
                is_sending = self._sender is not None and not self._sender.done()
                if failed.failure is not Failure.READ_TIMEOUT or not is_sending:
                    raise

    async def _head(self, connection: BackendConnection) -> AnswerHead:
        while True:
            event = await self._event(connection)
            if isinstance(event, AnswerHead):
                if event.upgrade and not (self._limits.upgrade and wanted_upgrade(self._request)):
                    raise AttemptFailed(Failure.INVALID_HEADER, "a 101 that nobody has asked for")
                return event
            if isinstance(event, Interim) and event.status == 103:
                self._exchange.inform(103, event.headers)

    async def _answer(
        self, connection: BackendConnection, head: AnswerHead, attempt: Attempt
    ) -> Action | None:
        """Pass the answer on, unless its status says otherwise."""
        status = head.status
        attempts = self._attempts
        if status >= 400 and attempts is not None:
            with self._workshop.lock:
                goes_on = attempts.failed(Failure.STATUS, time.monotonic(), sent=self._sent, status=status)
            if goes_on:
                self._attempts = None
                connection.close()
                raise AttemptFailed(Failure.STATUS, f"status {status}")
        headers, control = _split(head.headers)
        if path := control.get("x-accel-redirect"):
            redirected = self._redirect(path)
            self._succeed(attempt, connection)
            return _with_kept(redirected, headers)
        if self._limits.intercept_errors and status >= 300:
            kept = [header for header in headers if header[0].lower() == "www-authenticate"]
            if (instead := self._instead(status, kept if status == 401 else (), False)) is not None:
                self._succeed(attempt, connection)
                return instead
        status = self._action.status or status
        headers = edit_headers(status, headers, self._action.edits, self._record)
        if self._action.edits.compression is not None and not head.upgrade:
            self._exchange = self._client.exchange = compressed(
                self._exchange, self._request.headers, self._action.edits.compression
            )
        if status >= 400:  # a backend's trouble is no reason to part with the client
            headers.insert(0, _KEEP_ALIVE)
        self._is_passing = True
        try:
            if head.upgrade:
                await self._tunnel(connection, [("Upgrade", head.upgrade), *headers])
                self._succeed(attempt, connection)
            else:
                reason = "" if head.reason == _usual_reason(status) else head.reason
                if not self._pass_whole(connection, attempt, status, headers, reason):
                    await self._relay(connection, control.get("x-accel-buffering", "").lower(), attempt)
        except AttemptFailed as failed:
            raise AttemptFailed(Failure.BROKEN, str(failed)) from None
        return None

    def _pass_whole(
        self,
        connection: BackendConnection,
        attempt: Attempt,
        status: int,
        headers: list[tuple[str, str]],
        reason: str,
    ) -> bool:
        """Begin the answer. True: it has come as a whole, as most do, and that was it."""
        exchange = self._exchange
        event = connection.next_event()
        if not isinstance(event, bytes):
            exchange.start(status, headers, reason)
            if event is None:
                exchange.write_soon(b"")  # the head: the body may take its time
            else:
                self._finish(connection, attempt, b"", event)
            return event is not None
        attempt.body_bytes += len(event)
        try:
            following = connection.next_event()
        except AttemptFailed:
            exchange.start(status, headers, reason)
            exchange.write_soon(event)
            raise
        if isinstance(following, AnswerEnd):
            if headers and headers[-1] == ("Content-Length", str(len(event))):
                headers.pop()  # an answer of which nothing but its length is to be said is framed quickest
            exchange.start(status, headers, reason)
            self._finish(connection, attempt, event, following)
            return True
        exchange.start(status, headers, reason)
        exchange.write_soon(event)
        self._pending = following
        return False

    async def _relay(self, connection: BackendConnection, buffering: str, attempt: Attempt) -> None:
        exchange = self._exchange
        is_buffered = buffering != "no" and (self._limits.response_buffering or buffering == "yes")
        event, self._pending = self._pending, None
        while True:
            event = event or await self._event(connection)
            if not isinstance(event, bytes):
                self._finish(connection, attempt, b"", event)
                return
            attempt.body_bytes += len(event)
            try:
                following = connection.next_event()
            except AttemptFailed:
                exchange.write_soon(event)
                raise
            if isinstance(following, AnswerEnd):
                self._finish(connection, attempt, event, following)
                return
            if not exchange.write_soon(event):
                if not is_buffered:
                    await self._client.room()
                elif following is None:
                    following = await self._spill(connection, attempt)
                    if self._attempts is None:
                        return
            event = following

    def _finish(self, connection: BackendConnection, attempt: Attempt, data: bytes, end: Event) -> None:
        self._succeed(attempt, connection)
        self._exchange.finish(data, _trailers(end))

    async def _spill(self, connection: BackendConnection, attempt: Attempt) -> Event | None:
        """Take the backend's answer for a client that is slower, until the client has caught up.

        Returns what came then. None if that was all of the answer.
        """
        spill = Spill(Collected(self._workshop.memory_bytes, self._workshop.folder), self._client)
        writer = asyncio.get_running_loop().create_task(spill.drain())
        try:
            while True:
                event = await self._event(connection)
                if writer.done():
                    await writer
                    return event
                if not isinstance(event, bytes):
                    self._succeed(attempt, connection)  # the backend is free, whatever the client does
                    await writer
                    self._exchange.finish(b"", _trailers(event))
                    return None
                attempt.body_bytes += len(event)
                await spill.add(event)
        finally:
            writer.cancel()
            spill.close()

    # Not HTTP any more ----------------------------------------------------------------------------

    async def _tunnel(self, connection: BackendConnection, headers: Headers) -> None:
        """Pass bytes both ways until either side has closed, or none has said anything for too long."""
        exchange, client, limits = self._exchange, self._client, self._limits
        exchange.upgrade(headers)
        heard_s = time.monotonic()

        async def up() -> None:
            nonlocal heard_s
            while piece := await client.read():
                heard_s = time.monotonic()
                connection.write(piece)
                await connection.drain(limits.send_timeout_s)

        async def down() -> None:
            nonlocal heard_s
            while True:
                try:
                    event = await connection.event(limits.read_timeout_s)
                except AttemptFailed as failed:
                    if (
                        failed.failure is Failure.READ_TIMEOUT
                        and time.monotonic() - heard_s < limits.read_timeout_s
                    ):
                        continue
                    raise
                if not isinstance(event, bytes):
                    return
                heard_s = time.monotonic()
                await client.write(event)

        loop = asyncio.get_running_loop()
        ways = [loop.create_task(up()), loop.create_task(down())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)  # how a tunnel ends is nobody's failure
            connection.close()
        exchange.finish()


class Spill:
    """An answer's bytes on their way through a temporary file: added by one coroutine, drained by another."""

    def __init__(self, held: Collected, client: Client) -> None:
        self._held = held
        self._client = client
        self._taken = 0
        self._less = asyncio.Event()

    async def add(self, piece: bytes) -> None:
        self._held.add(piece)
        while self._held.size - self._taken > _MOST_SPILLED_BYTES:
            self._less.clear()
            await self._less.wait()

    async def drain(self) -> None:
        """Return when the client has caught up."""
        await self._client.room()
        while self._taken < self._held.size:
            piece = self._held.read(self._taken, PIECE_BYTES)
            self._taken += len(piece)
            self._less.set()
            await self._client.write(piece)

    def close(self) -> None:
        self._held.close()


@lru_cache(64)
def _usual_reason(status: int) -> str:
    return phrase(status)


def has_body(request: FrontRequest) -> bool:
    length = request.exchange.content_length
    return bool(length) or (length is None and "transfer-encoding" in request.headers)


def wanted_upgrade(request: FrontRequest) -> str:
    """The protocol the client asks to change to, if it is one that may pass (RFC 9110 §7.8); else ""."""
    headers = request.headers
    options = [option.strip().lower() for option in headers.get("connection", "").split(",")]
    wanted = headers.get("upgrade", "")
    is_allowed = wanted.lower() in _UPGRADES and "upgrade" in options
    return wanted if is_allowed and request.exchange.version == "HTTP/1.1" else ""


def _split(headers: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Part what the client gets from what the backend says to the front."""
    passed, control = [], {}
    for header in headers:
        field = header[0].lower()
        if field.startswith("x-accel-"):
            control[field] = header[1]
        elif field not in _HIDDEN:
            passed.append(header)
    return passed, control


def _with_kept(action: Action, headers: list[tuple[str, str]]) -> Action:
    """The action of X-Accel-Redirect with what it takes over of the backend's header."""
    kept = tuple(header for header in headers if header[0].lower() in _KEPT_IN_REDIRECT)
    return replace(action, edits=replace(action.edits, replace=action.edits.replace + kept))


def _trailers(end: Event) -> Headers | None:
    if not isinstance(end, AnswerEnd):
        return None
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in end.trailers] or None
