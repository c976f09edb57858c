"""Sessions in the work folder: they survive the process, however it ends."""

from __future__ import annotations

import signal
import stat

import pytest

pytestmark = pytest.mark.socket

CART = """
from container.servlet import HttpServlet

class Item:
    def __init__(self, name):
        self.name = name

class Main(HttpServlet):
    def doGet(self, request, response):
        session = request.getSession()
        name = request.getParameter("add")
        if name:
            session.setAttribute("cart", [*(session.getAttribute("cart") or ()), Item(name)])
            session.setAttribute("last", name)
        cart = [item.name for item in session.getAttribute("cart") or ()]
        response.getWriter().write(f"{session.getId()} {cart} {session.getAttribute('last')}")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_session_is_there_again(web_app, was_run, tmp_path, number):
    web_app(code=CART)
    work = tmp_path / "work"
    flags = ("--session-store", "sqlite", "--work", str(work))
    first = was_run(*flags)
    first.get("/main?add=tea")
    said = first.get("/main?add=salt")
    assert said[1].endswith("['tea', 'salt'] salt")
    assert first.stop(number) == (0 if number == signal.SIGTERM else -number)
    second = was_run(*flags)
    second._visitor = first._visitor
    assert second.get("/main") == said
    second.stop()
    folder = work / ".sessions"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {".sessions": 0o700, "ROOT.sqlite": 0o600}


def test_a_store_without_a_work_folder_of_its_own_is_refused(web_app, start):
    web_app()
    running = start("container", "run", "--port", "0", "--session-store", "sqlite")
    running.wait_for(r"Name one of your own, for example with --work")
    assert running.wait() == 2
