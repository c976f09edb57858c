"""Non-blocking I/O; upgrade and push, or what happens instead (rulebook 12 to 14)."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from container.engine.async_context import RequestAsync
from container.servlet import (
    AsyncEvent,
    AsyncListener,
    HttpUpgradeHandler,
    IllegalStateException,
    NullPointerException,
    ReadListener,
    ServletException,
    WriteListener,
)

LATER = {
    "RT-UPG-01": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-02": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-03": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-04": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-05": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
}
PATIENCE_S = 10.0  # only ever used up by a failure
HEAD = b"POST /app/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
MANY = 5_000_000


class Reads(ReadListener):
    """Reads while it can, and notes what it is told; the answer is what it has read."""

    def __init__(self, request: Any, response: Any) -> None:
        self.context = request.getAsyncContext()
        self.stream, self.response = request.getInputStream(), response
        self.events: list[Any] = []
        self.told = threading.Semaphore(0)
        self.waited = 0

    def note(self, event: Any) -> None:
        self.events.append(event)
        self.told.release()

    def onDataAvailable(self) -> None:
        data = b""
        while self.stream.isReady() and not self.stream.isFinished():
            data += self.stream.read(8192)
        self.note(data)

    def onAllDataRead(self) -> None:
        self.note("all")
        data = b"".join(event for event in self.events if isinstance(event, bytes))
        self.response.getWriter().write(f"{len(data)} {data[:8].decode()}")
        self.context.complete()

    def onError(self, t: BaseException) -> None:
        self.note(t)

    def wait(self) -> Any:
        """Wait for the next event and return it."""
        assert self.told.acquire(timeout=PATIENCE_S)
        self.waited += 1
        return self.events[self.waited - 1]


class Writes(WriteListener):
    """Writes many bytes while it can."""

    def __init__(self, request: Any, response: Any) -> None:
        self.context, self.stream = request.getAsyncContext(), response.getOutputStream()
        self.left = MANY
        self.events: list[Any] = []
        self.told = threading.Semaphore(0)

    def onWritePossible(self) -> None:
        while self.left and self.stream.isReady():
            self.left -= self.stream.write(b"x" * 50_000)
        self.events.append(self.left)
        self.told.release()
        if not self.left:
            self.context.complete()

    def onError(self, t: BaseException) -> None:
        self.events.append(t)
        self.told.release()


@pytest.fixture
def reads(serve: Any) -> Callable[..., tuple[Any, Callable[[], Reads]]]:
    """A web app that reads by a listener, and the listener of its last request: app, listener = reads()."""

    def deploy_one(kind: type[Reads] = Reads) -> tuple[Any, Callable[[], Reads]]:
        made: queue.Queue[Reads] = queue.Queue()

        def service(request: Any, response: Any) -> None:
            request.startAsync()
            made.put(listener := kind(request, response))
            listener.stream.setReadListener(listener)

        return serve(service), lambda: made.get(timeout=PATIENCE_S)

    return deploy_one


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except IllegalStateException:
        return True
    return False


@pytest.mark.rules("RT-NIO-01", "RT-NIO-02")
def test_listeners_need_an_async_request_and_are_set_once(serve: Any) -> None:
    seen: list[Any] = []

    def service(request: Any, response: Any) -> None:
        setters = request.getInputStream().setReadListener, response.getOutputStream().setWriteListener

        def both(read: Any, write: Any) -> None:
            for setter, listener in zip(setters, (read, write), strict=True):
                try:
                    seen.append(setter(listener))
                except (IllegalStateException, NullPointerException) as error:
                    seen.append(type(error))

        both(ReadListener(), WriteListener())
        both(None, None)
        context = request.startAsync()
        both(None, None)
        both(ReadListener(), WriteListener())
        both(ReadListener(), WriteListener())
        both(None, None)
        context.complete()

    serve(service).get()
    state, none = [IllegalStateException] * 2, [NullPointerException] * 2
    assert seen == [*state, *none, *none, None, None, *state, *none]


@pytest.mark.rules("RT-NIO-03", "RT-NIO-04", "RT-NIO-06", "RT-NIO-09")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_read_listener_is_told_of_each_piece_and_of_the_end(reads: Any, chunked: bool) -> None:
    app, listener_of = reads()
    client = app.connect()
    client.send(HEAD + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: 9\r\n\r\n"))
    listener = listener_of()
    for piece in (b"abc", b"def", b"ghi"):
        client.send(b"3\r\n" + piece + b"\r\n" if chunked else piece)
        assert listener.wait() == piece
    if chunked:
        client.send(b"0\r\n\r\n")
    assert client.answer("POST").text == "9 abcdefgh"
    assert listener.events == [b"abc", b"def", b"ghi", "all"]


@pytest.mark.rules("RT-NIO-06")
@pytest.mark.parametrize(("body", "events"), [(b"", ["all"]), (b"abc", [b"abc", "all"])])
def test_a_body_that_is_there_already(reads: Any, body: bytes, events: list[Any]) -> None:
    app, listener_of = reads()
    answer = app.post("/", body, "Content-Type: text/plain")
    assert (answer.text, listener_of().events) == (f"{len(body)} {body.decode()}", events)


@pytest.mark.rules("RT-NIO-03")
def test_nothing_is_told_that_was_not_asked_for(reads: Any) -> None:
    class Lazy(Reads):
        def onDataAvailable(self) -> None:
            assert self.stream.isReady()
            self.note(self.stream.read(1))

    app, listener_of = reads(Lazy)
    client = app.connect()
    client.send(HEAD + b"Content-Length: 2\r\n\r\na")
    listener = listener_of()
    listener.wait()
    client.send(b"b")
    listener.context.complete()
    client.answer("POST")
    assert listener.events == [b"a"]


@pytest.mark.rules("RT-NIO-04", "RT-NIO-05")
def test_reading_what_is_not_there_and_waiting_for_it_are_refused(reads: Any) -> None:
    class Asks(Reads):
        def onDataAvailable(self) -> None:
            stream = self.stream
            blocking = [
                stream.read, stream.readline, stream.readAllBytes, lambda: stream.readNBytes(1),
                lambda: list(stream), lambda: stream.readLine(bytearray(4), 0, 4),
            ]  # fmt: skip
            refusals = [refused(call) for call in blocking]
            self.note((refusals, stream.read(2), stream.isReady(), refused(lambda: stream.read(1))))

    app, listener_of = reads(Asks)
    client = app.connect()
    client.send(HEAD + b"Content-Length: 4\r\n\r\nab")
    listener = listener_of()
    assert listener.wait() == ([True] * 6, b"ab", False, True)
    client.send(b"cd")
    assert listener.wait() == ([True] * 6, b"cd", False, False)  # there is an end, which can be read
    client.answer("POST")


@pytest.mark.rules("RT-NIO-05")
def test_a_read_listener_excludes_the_reader(serve: Any) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        request.getInputStream().setReadListener(ReadListener())
        response.getWriter().write(str(refused(request.getReader)))
        context.complete()

    assert serve(service).get().text == "True"


@pytest.mark.rules("RT-NIO-06")
@pytest.mark.parametrize("how", ["leaves", "malformed", "raises"])
def test_on_error_is_told_once_then_the_request_fails(reads: Any, how: str) -> None:
    class Fails(Reads):
        def onDataAvailable(self) -> None:
            super().onDataAvailable()
            if how == "raises":
                raise LookupError("a mistake")

    app, listener_of = reads(Fails)
    client = app.connect()
    client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    listener = listener_of()
    assert listener.wait() == b"abc"
    if how == "malformed":
        client.send(b"what?\r\n")
    elif how == "leaves":
        client.close()
    assert isinstance(listener.wait(), LookupError if how == "raises" else OSError)
    if how != "leaves":
        assert client.answer("POST").status == (400 if how == "malformed" else 500)
    app.wait_idle()
    assert len(listener.events) == 2


@pytest.mark.rules("RT-NIO-03", "RT-NIO-04", "RT-NIO-08", "RT-NIO-09")
def test_a_write_listener_is_told_when_there_is_room_again(serve: Any) -> None:
    made: list[Writes] = []

    class Asks(Writes):
        def onWritePossible(self) -> None:
            super().onWritePossible()
            if self.left:
                self.events.append(
                    [refused(call) for call in (lambda: self.stream.write(b"y"), self.stream.flush)]
                )

    def service(request: Any, response: Any) -> None:
        request.startAsync()
        made.append(Asks(request, response))
        made[0].stream.setWriteListener(made[0])

    client = (app := serve(service)).connect()
    client.send(b"GET /app/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answer = client.answer()
    assert len(answer.body) == MANY
    app.wait_idle()
    *waits, last = made[0].events
    assert last == 0
    assert waits[1::2] == [[True, True]] * (len(waits) // 2)


@pytest.mark.rules("RT-NIO-08")
def test_a_client_that_leaves_is_told_to_the_write_listener(serve: Any) -> None:
    made: list[Writes] = []

    def service(request: Any, response: Any) -> None:
        request.startAsync()
        listener = Writes(request, response)
        listener.left = 200_000_000
        listener.stream.setWriteListener(listener)
        made.append(listener)

    client = (app := serve(service)).connect()
    client.send(b"GET /app/ HTTP/1.1\r\nHost: a\r\n\r\n")
    client.socket.recv(1)
    client.close()
    assert made[0].told.acquire(timeout=PATIENCE_S)
    app.wait_idle()
    assert isinstance(made[0].events[-1], OSError)


@pytest.mark.rules("RT-NIO-03", "RT-NIO-09")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_listener_is_told_while_another_thread_still_sets_it(
    serve: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    told = threading.Event()
    call_back = RequestAsync.call_back

    def call_back_and_wait(*arguments: Any) -> None:
        call_back(*arguments)
        told.wait(PATIENCE_S)

    class Both(Reads, WriteListener):
        def onDataAvailable(self) -> None:
            told.set()
            super().onDataAvailable()

        def onWritePossible(self) -> None:
            told.set()
            assert self.response.getOutputStream().isReady()
            self.response.getOutputStream().write(b"4 body")
            self.context.complete()

        def onError(self, t: BaseException) -> None:
            told.set()

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        listener = Both(request, response)

        def set_one() -> None:
            while not refused(lambda: context.setTimeout(0)):  # until the dispatch is over
                pass
            if method == "POST":
                listener.stream.setReadListener(listener)
            else:
                response.getOutputStream().setWriteListener(listener)

        context.start(set_one)

    app = serve(service)
    monkeypatch.setattr(RequestAsync, "call_back", call_back_and_wait)
    assert app.request(method, "/", body=b"body" if method == "POST" else b"").text == "4 body"


@pytest.mark.rules("RT-NIO-06", "RT-NIO-08", "RT-ASY-44")
@pytest.mark.parametrize("reads", [True, False])
def test_what_fails_in_a_thread_of_the_application_is_told_too(serve: Any, reads: bool) -> None:
    told: queue.Queue[Any] = queue.Queue()
    leave = threading.Event()

    class Notes(ReadListener, WriteListener, AsyncListener):
        def onError(self, t: Any) -> None:
            told.put(t.getThrowable() if isinstance(t, AsyncEvent) else t)

        def ignore(self, event: Any = None) -> None:
            """What comes before and afterwards."""

        onDataAvailable = onWritePossible = onComplete = ignore  # noqa: N815

    def service(request: Any, response: Any) -> None:
        context, listener = request.startAsync(), Notes()
        context.setTimeout(0)
        context.addListener(listener)
        body, answer = request.getInputStream(), response.getOutputStream()
        if reads:
            body.setReadListener(listener)
        else:
            answer.setWriteListener(listener)

        def work() -> None:
            leave.wait(PATIENCE_S)
            while True:
                try:
                    body.read(9) if reads else (answer.isReady() and answer.write(b"x" * 50_000))
                except IllegalStateException:
                    continue
                except OSError as error:
                    return told.put(error)

        context.start(work)

    client = (app := serve(service)).connect()
    client.send(HEAD + b"Content-Length: 9\r\n\r\nbody")
    leave.set()
    if not reads:
        client.socket.recv(1)
    client.close()
    assert len({told.get(timeout=PATIENCE_S) for _ in range(3)}) == 1
    app.wait_idle()
    assert told.empty()


@pytest.mark.rules("RT-NIO-11")
def test_another_wsgi_server_gets_everything_in_order(serve: Any) -> None:
    class Echoes(Reads, WriteListener):
        def onAllDataRead(self) -> None:
            self.out = self.response.getOutputStream()
            self.pieces = [b"%d " % number * 999 for number in range(99)]
            self.out.setWriteListener(self)

        def onWritePossible(self) -> None:
            while self.pieces and self.out.isReady():
                self.out.write(self.pieces.pop(0))
            if not self.pieces:
                self.out.write(b"".join(self.events))
                self.context.complete()

    def service(request: Any, response: Any) -> None:
        request.startAsync()
        listener = Echoes(request, response)
        listener.stream.setReadListener(listener)

    written: list[bytes] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/app/", "CONTENT_LENGTH": "4"}
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO(b"body")  # type: ignore[assignment]
    written += serve(service).container(environ, lambda *_: written.append)
    assert b"".join(written) == b"".join(b"%d " % number * 999 for number in range(99)) + b"body"


@pytest.mark.rules("RT-NIO-03", "RT-ASY-10", "RT-ASY-11")
def test_complete_in_a_listener_takes_effect_when_it_has_returned(serve: Any) -> None:
    seen: list[Any] = []

    class Echoes(Reads, WriteListener):
        def onAllDataRead(self) -> None:
            self.out = self.response.getOutputStream()
            self.out.setWriteListener(self)
            seen.append("all")

        def onWritePossible(self) -> None:
            self.context.complete()
            seen.append(self.request.isAsyncStarted())
            assert self.out.isReady()
            self.out.write(b"".join(self.events))

    def service(request: Any, response: Any) -> None:
        request.startAsync()
        listener = Echoes(request, response)
        listener.request = request
        listener.stream.setReadListener(listener)

    assert serve(service).post("/", b"body", "Content-Type: text/plain").body == b"body"
    assert seen == ["all", True]


@pytest.mark.rules("RT-ASY-11", "RT-ASY-30")
def test_a_listener_may_dispatch_and_the_timeout_counts_from_its_last_call(routes: Any) -> None:
    class Dispatches(Reads):
        def onAllDataRead(self) -> None:
            self.context.setTimeout(0)  # may be set: this is a dispatch of the container
            self.context.dispatch("/t")

    def service(request: Any, response: Any) -> None:
        request.startAsync().setTimeout(50)
        listener = Dispatches(request, response)
        listener.stream.setReadListener(listener)

    def target(request: Any, response: Any) -> None:
        response.getWriter().write(f"{request.getDispatcherType().name} {request.isAsyncStarted()}")

    app = routes({"/a": service, "/t": target})
    assert app.post("/a", b"body", "Content-Type: text/plain").text == "ASYNC False"


@pytest.mark.rules("RT-NIO-07")
def test_a_blocking_stream_is_always_ready(serve) -> None:
    def service(request: Any, response: Any) -> None:
        stream, out = request.getInputStream(), response.getOutputStream()
        ready = [stream.isReady(), stream.isFinished(), out.isReady()]
        stream.read()
        out.print(str([*ready, stream.isReady(), stream.isFinished(), out.isReady()]))

    answer = serve(service).post("/", b"abc", "Content-Type: text/plain")
    assert answer.text == "[True, False, True, True, True, True]"


@pytest.mark.rules("RT-NIO-10")
def test_read_and_write_take_buffers(serve) -> None:
    def service(request: Any, response: Any) -> None:
        stream, out = request.getInputStream(), response.getOutputStream()
        buffer = bytearray(8)
        counts = [stream.read(bytearray()), stream.read(memoryview(buffer)[:3]), stream.read(buffer)]
        out.write(memoryview(bytes(buffer[: counts[2]])))
        out.write(bytearray())
        out.print(f" {counts} {stream.read(buffer)}")
        with pytest.raises(NullPointerException):
            stream.read(None)
        with pytest.raises(NullPointerException):
            out.write(None)

    answer = serve(service).post("/", b"abcdef", "Content-Type: text/plain")
    assert (answer.status, answer.text) == (200, "def [0, 3, 3] -1")


@pytest.mark.rules("RT-UPG-06")
def test_upgrade_raises_a_servlet_exception(serve) -> None:
    def service(request: Any, response: Any) -> None:
        with pytest.raises(ServletException, match="upgrade is not supported"):
            request.upgrade(HttpUpgradeHandler)
        response.setStatus(204)

    assert serve(service).get("/", "Connection: Upgrade", "Upgrade: echo").status == 204


@pytest.mark.rules("RT-PUSH-01", "RT-PUSH-02")
def test_there_is_no_server_push(serve) -> None:
    def service(request: Any, response: Any) -> None:
        response.getWriter().write(str(request.newPushBuilder()))

    assert serve(service).get().text == "None"


@pytest.mark.rules("RT-PUSH-03")
def test_early_hints_are_103_with_the_headers_so_far_until_the_commit(serve) -> None:
    def service(request: Any, response: Any) -> None:
        response.setHeader("Link", "</a.css>; rel=preload")
        response.sendEarlyHints()
        response.addHeader("Link", "</b.css>; rel=preload")
        response.sendEarlyHints()
        response.setStatus(203)
        response.getWriter().write(f"{response.isCommitted()}")
        response.flushBuffer()
        response.sendEarlyHints()

    app = serve(service)
    client = app.connect()
    client.send(b"GET /app/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    received = b"".join(iter(lambda: client.socket.recv(65536), b""))
    heads = [part.split(b"\r\n") for part in received.split(b"\r\n\r\n")]
    assert [head[0] for head in heads[:3]] == [
        b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 103 Early Hints",
        b"HTTP/1.1 203 Non-Authoritative Information",
    ]  # fmt: skip
    assert [len(head) - 1 for head in heads[:2]] == [1, 2]
    assert received.count(b" 103 ") == 2
    assert b"False" in received
    assert app.request("GET", "/", version="HTTP/1.0").status == 203  # no interim answers there
