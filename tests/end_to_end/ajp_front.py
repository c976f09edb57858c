"""A web server's end of one AJP connection, over a socket. For tests of whatever answers AJP."""

from __future__ import annotations

import socket

from container.protocols.ajp13 import ForwardRequest
from container.protocols.ajp13_ends import AnswerEnd, AnswerHead, BodyWanted, Flush, WebServerSide

PATIENCE_S = 60.0  # only ever used up by a failure


class AjpFront:
    """A web server with one connection, one request at a time."""

    def __init__(self, port: int, packet_bytes: int = 8192) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.end = WebServerSide(packet_bytes)

    def send(self, request: ForwardRequest, body: bytes = b"") -> None:
        self.left = body
        self.socket.sendall(self.end.send_request(request))
        self.send_wanted()

    def send_wanted(self) -> None:
        if self.end.wanted is not None:
            piece, self.left = self.left[: self.end.wanted], self.left[self.end.wanted :]
            self.socket.sendall(self.end.send_body(piece) if piece else self.end.end_body())

    def next(self):
        """What the container says next; None if it has closed."""
        while (event := self.end.next_event()) is None:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.end.receive(data)
        return event

    def answer(self) -> tuple[AnswerHead, bytes, AnswerEnd | None]:
        head, body = None, []
        while True:
            event = self.next()
            if isinstance(event, BodyWanted):
                self.send_wanted()
            elif isinstance(event, AnswerHead):
                head = event
            elif isinstance(event, bytes):
                body.append(event)
            elif not isinstance(event, Flush):
                return head, b"".join(body), event

    def ask(self, request: ForwardRequest, body: bytes = b"") -> tuple[AnswerHead, bytes, AnswerEnd | None]:
        self.send(request, body)
        return self.answer()

    def rest(self) -> bytes:
        """What is left until the container closes."""
        return b"".join(iter(lambda: self.socket.recv(65536), b""))

    def close(self) -> None:
        self.socket.close()
