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
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

from container.errors import ProtocolError
from container.front.backends import AttemptFailed, BackendConnection, Backends
from container.front.balancer import Attempts, Exhausted, Failure, Member, Pause, Sent
from container.front.client import PIECE_BYTES, Client, Collected, collect
from container.front.compression import compressed
from container.front.edits import edit_headers
from container.front.origin import origin_of
from container.front.record import Attempt, Record
from container.front.site import NO_EDITS, Action, FrontRequest, ProxyAction
from container.protocols.backend import AnswerEnd, AnswerHead, BackendRequest, Event, Interim
from container.protocols.exchange import ClientDisconnected, Headers

__all__ = ["Job", "Passage", "Workshop"]

_log = logging.getLogger("container.front")


class Job(Record):
    """The request as a whole: what is remembered of it, and what a passage leads to instead of an answer."""

    def __init__(self, request: FrontRequest) -> None:
        super().__init__()
        self.request = request

    def instead(self, status: int, headers: Headers, must: bool) -> Action | None:
        """The action in place of an answer with this status; None only if it need not be (must)."""
        raise NotImplementedError

    def redirect(self, target: str) -> Action:
        """The action for another path (X-Accel-Redirect)."""
        raise NotImplementedError

    def go_on(self, passage: Passage) -> None:
        """Have the passage run, and carry out what it returns."""
        raise NotImplementedError


_TIMEOUTS = frozenset((Failure.CONNECT_TIMEOUT, Failure.READ_TIMEOUT))
_UNANSWERED = frozenset((Failure.READ, Failure.SEND))
_HIDDEN = frozenset(("date", "server", "x-pad"))
_KEPT_IN_REDIRECT = frozenset(
    ("content-type", "set-cookie", "content-disposition", "cache-control", "expires", "accept-ranges")
)
_NOTHING, _SOME, _ALL = Sent  # an attribute of an enum costs as much as a call
_UPGRADES = frozenset(("websocket",))
_USUAL_REASONS = {status.value: status.phrase for status in HTTPStatus}
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


class Heading(NamedTuple):
    """What the client gets of an answer before its body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    reason: str
    buffering: str
    """As the backend has said: "yes", "no" or "", see X-Accel-Buffering."""


class Passage:
    """One request on its way to a backend and back. Runs once.

    Most requests have no body, there is an idle connection, and the whole answer comes at once: that is all
    begin is for, and it needs no task. Whatever else happens, run goes on from there.
    """

    # What most requests leave as it is
    _asked: Attempts | None = None  # the balancer's, once it has been asked
    _attempts: Attempts | None = None  # the same, while one of them is under way
    _choice: Member | Pause | Exhausted | None = None  # its word, if begin has had it
    _attempt: Attempt | None = None  # under way
    _connection: BackendConnection | None = None  # if begin has taken it
    _has_asked = False  # over that connection
    _is_waiting = False  # for its answer, without a task
    _answer: tuple[AnswerHead, bytes] | None = None  # if begin has waited for it
    _body: Collected | None = None  # at hand; None: there is none, or it is streamed
    _is_streamed = False
    _pending: Event | None = None  # of the answer, taken and not yet passed on
    _is_passing = False  # the answer's head may have reached the client
    _sent = _NOTHING
    _sender: asyncio.Task[None] | None = None
    _client: Client  # of run

    def __init__(self, workshop: Workshop, job: Job, action: ProxyAction) -> None:
        self._workshop = workshop
        self._job = job
        self._request = request = job.request
        self._exchange = request.exchange
        self._action = action
        self._limits = action.limits
        self._pool = action.limits.pool or action.group.name

    # Without a task -------------------------------------------------------------------------------

    def begin(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Ask, if nothing has to be waited for before; False: run is to do it."""
        if self._action.send_body and has_body(self._request):
            return False
        choice = self._choice = self._choose()
        if isinstance(choice, (Pause, Exhausted)):
            return False
        attempt = self._start(choice)
        connection = self._workshop.backends.take_at_once(self._pool, choice.address, self._limits)
        if connection is None:
            return False
        self._connection = connection
        attempt.connect_s = 0.0
        try:
            self._send(connection)
        except ProtocolError:
            return False  # run tries once more, and says why it cannot be done
        self._has_asked = self._is_waiting = True
        self._loop = loop
        connection.when_news(self._heard, self._limits.read_timeout_s)
        self._exchange.on_disconnect(self._client_left)
        return True

    def _heard(self) -> None:
        """Called by the connection: an answer, a part of one, or the end."""
        self._is_waiting = False
        connection, attempt = self._connection, self._attempt
        assert connection is not None
        assert attempt is not None
        answer = connection.wire.take_answer()
        if answer is not None:
            head, body = answer
            headers, control = _split(head.headers)
            if head.status < 300 and not control:
                try:
                    self._note(attempt, head)
                    self._pass_whole(connection, attempt, self._heading(head, headers, control), body)
                except Exception:  # noqa: BLE001  a site's edits, most likely; the loop has other requests
                    _log.exception("%s: the answer could not be passed on", self._exchange.id)
                    self._give_up(connection)
                return
            self._answer = answer
        self._job.go_on(self)

    def _client_left(self) -> None:
        """Called in any thread."""

        def leave() -> None:
            if self._is_waiting and self._connection is not None:
                self._is_waiting = False
                self._give_up(self._connection)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(leave)

    def _give_up(self, connection: BackendConnection) -> None:
        if self._attempts is not None:
            connection.close()
            self._fail_for_client(self._attempts)
        self._exchange.abort()

    def _fail_for_client(self, attempts: Attempts) -> None:
        self._attempts = None
        with self._workshop.lock:
            attempts.failed(Failure.CLIENT, time.monotonic(), sent=self._sent)

    # With one -------------------------------------------------------------------------------------

    async def run(self, client: Client) -> Action | None:
        """Return what to do instead of passing an answer on; None: it is done, one way or the other."""
        self._client = client
        try:
            if self._action.send_body and has_body(self._request) and not await self._take_body():
                return self._job.instead(413, (), True)
            return await self._try_all()
        except ProtocolError as error:  # of the client's body
            exchange = self._exchange
            _log.info("%s: %d: %s", exchange.id, error.status, error.reason)
            if not self._is_passing:
                return self._job.instead(error.status, (), True)
            exchange.abort()
            return None
        finally:
            if self._attempts is not None:
                self._fail_for_client(self._attempts)

    async def _take_body(self) -> bool:
        """Collect the client's body, or see to it that it is streamed. False: it is too long."""
        exchange, limits = self._exchange, self._limits
        if limits.max_body_bytes and (exchange.content_length or 0) > limits.max_body_bytes:
            return False
        if self._client.body is not None:  # another backend was asked before, see error pages
            self._body = self._client.body
        elif limits.request_buffering or (exchange.content_length is None and self._needs_length()):
            self._body = self._client.body = await collect(
                self._client, limits.max_body_bytes, self._workshop.memory_bytes, self._workshop.folder
            )
        else:
            self._is_streamed = True
        return True

    def _needs_length(self) -> bool:
        """Whether a body of unknown length could not be sent: over HTTP/1.0."""
        return self._limits.http_version == "1.0"

    # Attempts -------------------------------------------------------------------------------------

    def _choose(self) -> Member | Pause | Exhausted:
        with self._workshop.lock:
            now_s = time.monotonic()
            if self._asked is None:
                ask = self._action.ask
                self._asked = self._action.group.ask(
                    replace(ask, replayable=False) if self._is_streamed else ask, now_s
                )
            return self._asked.next(now_s)

    def _start(self, member: Member) -> Attempt:
        """Begin an attempt at a member."""
        self._attempts = self._asked
        self._attempt = attempt = Attempt(member.address, time.monotonic())
        self._job.attempts.append(attempt)
        if self._action.for_member is not None:
            self._action = self._action.for_member(member)
            self._limits = self._action.limits
            self._pool = self._limits.pool or self._action.group.name
        return attempt

    async def _try_all(self) -> Action | None:
        while True:
            choice = self._choice or self._choose()
            self._choice = None
            if isinstance(choice, Pause):
                await asyncio.sleep(choice.seconds)
                continue
            if isinstance(choice, Exhausted):
                return self._exhausted(choice)
            try:
                return await self._try_one(choice, self._attempt or self._start(choice))
            except AttemptFailed as failed:
                self._fail(failed)
                if failed.failure is Failure.BROKEN:
                    self._exchange.abort()
                    return None

    def _exhausted(self, choice: Exhausted) -> Action | None:
        request = self._exchange.target.decode("latin-1")
        _log.error("%s: %d for %s: %s", self._exchange.id, choice.status, request, choice.reason)
        if not self._job.attempts:
            self._job.attempts.append(Attempt(self._action.group.name, time.monotonic(), choice.status))
        headers = [("Retry-After", str(_RETRY_AFTER_S))] if choice.status == 503 else []
        return self._job.instead(choice.status, headers, True)

    def _fail(self, failed: AttemptFailed) -> None:
        """Tell log, record and balancer. STATUS has been told already."""
        attempt, attempts = self._attempt, self._asked
        self._attempts = self._attempt = self._connection = None
        self._has_asked = False
        assert attempt is not None
        assert attempts is not None
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
        with self._workshop.lock:
            attempts.failed(failed.failure, time.monotonic(), sent=self._sent)

    def _succeed(self, attempt: Attempt, connection: BackendConnection) -> None:
        """The backend has done its part, though its answer may still be on the way to the client."""
        if self._attempts is None:
            return
        now_s = time.monotonic()
        attempt.response_s = now_s - attempt.began_s
        attempt.sent_bytes = sent = connection.sent_bytes
        attempt.received_bytes = received = connection.received_bytes
        attempts, self._attempts = self._attempts, None
        with self._workshop.lock:
            attempts.succeeded(now_s, sent_bytes=sent, received_bytes=received)
        is_sending = self._sender is not None and not self._sender.done()
        if is_sending and connection.wire.room:
            connection.close()  # it has answered without taking the rest of the request
        else:
            if self._sender is not None:
                self._sender.cancel()  # waits to be asked for more of the body, which nobody will
            self._workshop.backends.give_back(self._pool, connection, self._limits)

    async def _try_one(self, member: Member, attempt: Attempt) -> Action | None:
        connection = self._connection
        if connection is None:
            self._sent = _NOTHING
            self._sender = None
            if self._workshop.sleeps:
                await asyncio.sleep(0)  # what has died since the last request is learnt now
            connection = await self._workshop.backends.take(self._pool, member.address, self._limits)
            attempt.connect_s = time.monotonic() - attempt.began_s
        try:
            if not self._has_asked:
                self._send(connection)
            answer = self._answer
            if answer is None and self._sender is None:
                await connection.news(self._limits.read_timeout_s)
                answer = connection.wire.take_answer()
            self._answer = None
            head, body = answer or (await self._head(connection), None)
            heading = self._consider(connection, head, attempt)
            if not isinstance(heading, Heading):
                return heading
            self._client.exchange = self._exchange  # which may compress from now on
            self._is_passing = True
            if body is not None:
                self._pass_whole(connection, attempt, heading, body)
            else:
                await self._pass_pieces(connection, attempt, heading, head.upgrade)
            return None
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
        action, limits, body, wire = self._action, self._limits, self._body, connection.wire
        request = self._request
        size: int | None = 0
        if body is not None:
            size = body.size
        elif self._is_streamed:
            size = self._exchange.content_length
        try:
            data = wire.begin(
                BackendRequest(
                    action.ask.method,
                    action.target,
                    action.headers,
                    size,
                    limits.keepalive > 0,
                    wanted_upgrade(request) if limits.upgrade and "upgrade" in request.headers else "",
                    (action.origin or origin_of(request)) if connection.address.protocol == "ajp" else None,
                    action.attributes,
                )
            )
        except ValueError as error:
            raise ProtocolError(400, str(error)) from None
        self._sent = _ALL
        if not size and not self._is_streamed:
            self._workshop.backends.send_soon(connection, data)
            return
        if body is None or body.size > wire.room:
            self._sent = Sent.SOME
            self._sender = asyncio.get_running_loop().create_task(self._send_body(connection))
        else:
            data += wire.send(body.read(0, body.size)) + wire.end()
        connection.write(data)

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
            self._sent = _ALL
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

    def _consider(
        self, connection: BackendConnection, head: AnswerHead, attempt: Attempt
    ) -> Heading | Action:
        """What the client gets before the body, or what is to be done instead.

        Raises AttemptFailed if its status says that the answer does not count.
        """
        status, attempts = head.status, self._attempts
        self._note(attempt, head)
        if status >= 400 and attempts is not None:
            with self._workshop.lock:
                goes_on = attempts.failed(Failure.STATUS, time.monotonic(), sent=self._sent, status=status)
            if goes_on:
                self._attempts = None
                connection.close()
                raise AttemptFailed(Failure.STATUS, f"status {status}")
        headers, control = _split(head.headers)
        if path := control.get("x-accel-redirect"):
            redirected = self._job.redirect(path)
            self._succeed(attempt, connection)
            return _with_kept(redirected, headers)
        if status >= 300 and self._limits.intercept_errors:
            kept = [header for header in headers if header[0].lower() == "www-authenticate"]
            if (instead := self._job.instead(status, kept if status == 401 else (), False)) is not None:
                self._succeed(attempt, connection)
                return instead
        return self._heading(head, headers, control)

    def _note(self, attempt: Attempt, head: AnswerHead) -> None:
        attempt.status = head.status
        attempt.headers = head.headers
        attempt.header_s = time.monotonic() - attempt.began_s

    def _heading(
        self, head: AnswerHead, headers: tuple[tuple[str, str], ...], control: Mapping[str, str]
    ) -> Heading:
        action = self._action
        status = action.status or head.status
        if action.edits is not NO_EDITS:
            headers = tuple(edit_headers(status, [*headers], action.edits, self._job))
            if action.edits.compression is not None and not head.upgrade:
                self._exchange = compressed(self._exchange, self._request.headers, action.edits.compression)
        if status >= 400:  # a backend's trouble is no reason to part with the client
            headers = (_KEEP_ALIVE, *headers)
        reason = "" if head.reason == _USUAL_REASONS.get(status) else head.reason
        buffering = control.get("x-accel-buffering", "").lower() if control else ""
        return Heading(status, headers, reason, buffering)

    def _pass_whole(
        self,
        connection: BackendConnection,
        attempt: Attempt,
        heading: Heading,
        body: bytes,
        end: Event | None = None,
    ) -> None:
        """The usual way: all of the answer has come."""
        headers = heading.headers
        if body and headers and headers[-1] == ("Content-Length", str(len(body))):
            headers = headers[
                :-1
            ]  # an answer of which nothing but its length is to be said is framed quickest
        attempt.body_bytes += len(body)
        self._exchange.start(heading.status, headers, heading.reason)
        self._succeed(attempt, connection)
        self._exchange.finish(body, _trailers(end))

    async def _pass_pieces(
        self, connection: BackendConnection, attempt: Attempt, heading: Heading, upgrade: str
    ) -> None:
        try:
            if upgrade:
                await self._tunnel(connection, [("Upgrade", upgrade), *heading.headers])
                self._succeed(attempt, connection)
            elif not self._pass_beginning(connection, attempt, heading):
                await self._relay(connection, heading.buffering, attempt)
        except AttemptFailed as failed:
            raise AttemptFailed(Failure.BROKEN, str(failed)) from None

    def _pass_beginning(self, connection: BackendConnection, attempt: Attempt, heading: Heading) -> bool:
        """Begin the answer with what has come. True: that was all of it."""
        exchange, status, headers, reason = self._exchange, heading.status, heading.headers, heading.reason
        event = connection.next_event()
        if not isinstance(event, bytes):
            exchange.start(status, headers, reason)
            if event is None:
                exchange.write_soon(b"")  # the head: the body may take its time
            else:
                self._finish(connection, attempt, b"", event)
            return event is not None
        try:
            following = connection.next_event()
        except AttemptFailed:
            exchange.start(status, headers, reason)
            attempt.body_bytes += len(event)
            exchange.write_soon(event)
            raise
        if isinstance(following, AnswerEnd):
            self._pass_whole(connection, attempt, heading, event, following)
            return True
        exchange.start(status, headers, reason)
        attempt.body_bytes += len(event)
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


@lru_cache(256)  # answers often repeat it
def _split(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[tuple[str, str], ...], Mapping[str, str]]:
    """Part what the client gets from what the backend says to the front."""
    passed = []
    control = {}
    for header in headers:
        field = header[0].lower()
        if field.startswith("x-accel-"):
            control[field] = header[1]
        elif field not in _HIDDEN:
            passed.append(header)
    return tuple(passed), MappingProxyType(control)


def _with_kept(action: Action, headers: Headers) -> Action:
    """The action of X-Accel-Redirect with what it takes over of the backend's header."""
    kept = tuple(header for header in headers if header[0].lower() in _KEPT_IN_REDIRECT)
    return replace(action, edits=replace(action.edits, replace=action.edits.replace + kept))


def _trailers(end: Event | None) -> Headers | None:
    if not isinstance(end, AnswerEnd):
        return None
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in end.trailers] or None
