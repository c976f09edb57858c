"""`was run --ajp-port`, in a process of its own."""

from __future__ import annotations

import programs
import pytest
from ajp_front import AjpFront

from container.protocols.ajp13 import ForwardRequest

pytestmark = pytest.mark.socket
REQUEST = ForwardRequest(method="GET", uri=b"/main/", server_name="shop", secret=b"s3")
WITH_SESSION = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write(request.getSession().getId())
"""


def test_ajp_beside_http(was_run, web_app) -> None:
    web_app(code=WITH_SESSION)
    (port,) = programs.free_ports(1)
    running = was_run("--ajp-port", str(port), "--route", "n1", WAS_AJP_SECRET="s3")
    assert any(f"AJP for web servers on 127.0.0.1:{port}" in line for line in running.said)
    front = AjpFront(port)
    head, body, end = front.ask(REQUEST)
    assert (head.status, end.reuse) == (200, True)
    assert body.endswith(b".n1")
    assert b".n1;" in dict(head.headers)[b"Set-Cookie"]
    status, text = running.get("/main/")
    assert (status, text[-3:]) == (200, ".n1")
    assert running.stop() == 0
    assert front.next() is None  # an idle connection does not hold the process up
    front.close()


@pytest.mark.parametrize(
    ("flags", "cure"),
    [
        (["--ajp-host", "0.0.0.0"], "--ajp-secret"),
        (["--ajp-host", "nowhere.invalid"], "--ajp-host nowhere.invalid"),
        (["--ajp-allowed-request-attributes", "("], "--ajp-allowed-request-attributes"),
    ],
)
def test_what_does_not_start(start, web_app, flags: list[str], cure: str) -> None:
    web_app()
    (port,) = programs.free_ports(1)
    running = start("container", "run", "--port", "0", "--ajp-port", str(port), *flags)
    assert running.wait() == 2
    assert cure in "".join(running.said)
