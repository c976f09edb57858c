"""Waiting for connections: none of them can take the waiting thread with it."""

from __future__ import annotations

import select
import socket
import ssl
import struct
from collections.abc import Callable

import pytest

from container.mpm.acceptor import Acceptor
from container.mpm.event import open_listener
from container.mpm.waker import Waker

pytestmark = pytest.mark.socket
_RESET = struct.pack("ii", 1, 0)


class Tls:
    """As mpm.tls.ServerTls, without certificates: nobody shakes hands here."""

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


@pytest.mark.parametrize("sent", [b"", b"what a client says first"])
@pytest.mark.parametrize("take", [Acceptor.accept, Acceptor.accept_last])
def test_who_resets_a_connection_in_the_backlog_is_passed_over(
    take: Callable[[Acceptor], socket.socket | None], sent: bytes
) -> None:
    listener = open_listener("127.0.0.1", 0, 10)
    stop = Waker()
    acceptor = Acceptor([], stop, [(listener, Tls())])
    with socket.create_connection(listener.getsockname()) as hasty:  # closing sends RST
        hasty.sendall(sent)
        hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with socket.create_connection(listener.getsockname()) as patient:
        ready, _, _ = select.select([listener], [], [], 10)
        assert ready
        accepted = take(acceptor)
        assert accepted is not None
        assert accepted.getpeername() == patient.getsockname()
        accepted.close()
    stop.wake()
    assert take(acceptor) is None
    acceptor.close()
    stop.close()
    listener.close()
