"""Non-blocking I/O, upgrade and push (rulebook 12 to 14): mostly what happens instead."""

from __future__ import annotations

from typing import Any

import pytest

from container.servlet import (
    HttpUpgradeHandler,
    IllegalStateException,
    NullPointerException,
    ReadListener,
    ServletException,
    UnsupportedOperationException,
    WriteListener,
)

LATER = {
    "RT-NIO-03": "setReadListener and setWriteListener raise UnsupportedOperationException",
    "RT-NIO-04": "setReadListener raises UnsupportedOperationException: isReady() is always True",
    "RT-NIO-05": "setReadListener raises UnsupportedOperationException: streams stay blocking",
    "RT-NIO-06": "setReadListener raises UnsupportedOperationException: isFinished tells the end",
    "RT-NIO-08": "setWriteListener raises UnsupportedOperationException: close() blocks as always",
    "RT-NIO-09": "setReadListener and setWriteListener raise UnsupportedOperationException",
    "RT-NIO-11": "setReadListener and setWriteListener raise UnsupportedOperationException",
    "RT-UPG-01": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-02": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-03": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-04": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
    "RT-UPG-05": "HttpServletRequest.upgrade raises ServletException (RT-UPG-06)",
}


def both(request: Any, response: Any, read: Any, write: Any) -> list[BaseException]:
    """What the two setters raise."""
    errors = IllegalStateException, NullPointerException, UnsupportedOperationException
    with pytest.raises(errors) as reading:
        request.getInputStream().setReadListener(read)
    with pytest.raises(errors) as writing:
        response.getOutputStream().setWriteListener(write)
    return [reading.value, writing.value]


@pytest.mark.rules("RT-NIO-01", "RT-NIO-02")
def test_listeners_need_an_async_request_and_are_not_supported_in_one(serve) -> None:
    seen: list[BaseException] = []

    def service(request: Any, response: Any) -> None:
        seen.extend(both(request, response, ReadListener(), WriteListener()))
        seen.extend(both(request, response, None, None))
        context = request.startAsync()
        seen.extend(both(request, response, ReadListener(), WriteListener()))
        seen.extend(both(request, response, None, None))
        context.complete()

    serve(service).get()
    assert [type(error) for error in seen] == [
        *[IllegalStateException] * 2, *[NullPointerException] * 2,
        *[UnsupportedOperationException] * 2, *[NullPointerException] * 2,
    ]  # fmt: skip
    assert all("AsyncContext.start" in str(error) for error in seen[4:6])


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
