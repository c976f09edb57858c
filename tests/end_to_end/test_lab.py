"""`was lab` as people start and end it; its page in a real browser."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ENVIRON
from contrast import CONTRAST
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.socket
LIMIT_S = 180.0
COMMAND = [sys.executable, "-m", "container", "lab"]


class Lab:
    """`was lab`, with the place of its temporary files."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*COMMAND, *flags],
            env={**ENVIRON, "TMPDIR": str(folder)},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def page(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/lab$", line.strip())
        assert found, line + self.process.stdout.read()
        assert "Ctrl-C" in self.process.stdout.readline()
        return found[0]

    def pids(self) -> list[int]:
        """Of all processes that were started from here, by their folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"TMPDIR={self.folder}\0".encode() in path.read_bytes() + b"\0":
                    found.append(int(path.parent.name))
        return found

    def wait_until_nothing_is_left(self) -> None:
        deadline_s = time.monotonic() + LIMIT_S
        while self.pids() or any(self.folder.iterdir()):
            assert time.monotonic() < deadline_s, (self.pids(), list(self.folder.iterdir()))
            time.sleep(0.05)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    started = []

    def start(*flags: str) -> Lab:
        started.append(Lab(tmp_path, *flags))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGTERM)
        each.process.communicate(timeout=LIMIT_S)
        each.wait_until_nothing_is_left()


def test_all_scenarios_one_after_the_other(lab):
    process = lab("--once", "--json", "--duration", "10", "--rate", "20").process
    said, _ = process.communicate(timeout=4 * LIMIT_S)
    assert process.returncode == 0, said
    results = {result["scenario"]: result for result in json.loads(said)}
    assert list(results) == ["calm", "idle", "slow", "stuck", "killed"]
    idle = {each["model"]: each for each in results["idle"]["models"]}
    assert idle["worker"]["busy"] == idle["worker"]["units"] == 24
    assert idle["event"]["busy"] < 24
    assert idle["event"]["idle"] > 24
    text = {seen["model"]: seen["en"] for seen in results["idle"]["seen"]}["worker"]
    held = re.search(r"200 idle connections: (\d+) of worker's 24 threads", text)
    assert held, text
    assert int(held[1]) >= 20  # and one may just answer, or have been given up
    assert all(seen["ko"] for result in results.values() for seen in result["seen"])
    assert all(each["kill"]["pid"] for each in results["killed"]["models"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(lab, number):
    running = lab("--duration", "120")
    url = running.page()
    [folder] = running.folder.iterdir()
    assert len(running.pids()) >= 13  # it, its load, three supervisors, 10 children
    with socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(url).port)):  # as a browser has one
        running.process.send_signal(number)
        said, _ = running.process.communicate(timeout=LIMIT_S)
    assert running.process.returncode == (-number if number == signal.SIGKILL else 0)
    assert said == ""
    running.wait_until_nothing_is_left()
    assert not folder.exists()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=LIMIT_S)


def test_it_ends_by_itself(lab):
    running = lab("--duration", "5")
    running.page()
    running.process.communicate(timeout=LIMIT_S)
    assert running.process.returncode == 0


@pytest.mark.parametrize("flags", ["--duration 9999", "--connections 1000", "--rate 0", "--json"])
def test_it_is_bounded(flags, tmp_path):
    done = subprocess.run(
        [*COMMAND, *flags.split()], env=ENVIRON, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert flags.split()[0] in done.stderr


# The page ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    running = Lab(tmp_path_factory.mktemp("lab"), "--duration", "600", "--rate", "20")
    try:
        yield running.page()
    finally:
        running.process.send_signal(signal.SIGINT)
        running.process.communicate(timeout=LIMIT_S)
    running.wait_until_nothing_is_left()


@pytest.fixture
def open_page(browser: Browser, page_url: str) -> Iterator[Callable[..., Page]]:
    """A function that opens the page; nothing may stand in its console at the end."""
    contexts, said = [], []

    def open_page(width: int = 1400, scheme: str = "light", locale: str = "en-US") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale=locale
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT_S * 1000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(page_url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def switch_on(button: Locator) -> None:
    expect(button).to_have_attribute("aria-pressed", "false")  # also what was measured last
    button.click()


def switch_off(button: Locator) -> None:
    """Return when the server has heard of it, or the next test would find it on."""
    with button.page.expect_response(lambda answer: "/switch?" in answer.url):
        button.click()


@pytest.mark.program("chromium")
def test_a_switch_is_seen_and_can_be_undone(open_page):
    page = open_page()
    idle = page.get_by_role("button", name="Idle connections", exact=True)
    expect(idle).to_have_attribute("aria-pressed", "false")
    page.get_by_role("spinbutton", name="How many: Idle connections").fill("50")
    idle.click()
    expect(idle).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#model-worker .cell.cK")).to_have_count(24)
    expect(page.locator("#model-prefork .fact.taken dd")).to_have_text("6 of 6")
    expect(page.locator("#seen li.bad", has_text="24 of worker's 24 threads")).to_contain_text("None is free")
    # Not li.good: on a busy machine its answers may be late.
    expect(page.locator("#seen li", has_text="event keeps 50 in its loops")).to_be_visible()
    other = open_page()  # whoever looks sees the same
    expect(other.get_by_role("button", name="Idle connections", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    switch_off(idle)
    expect(page.locator(".cell.cK")).to_have_count(0)
    expect(page.locator("#seen")).to_contain_text("All three answer")


@pytest.mark.program("chromium")
def test_a_killed_child_and_the_one_in_its_place(open_page):
    page = open_page()
    first = page.locator("#model-event .process").first
    expect(first).to_be_visible()
    before = page.locator("#model-event .pid").all_inner_texts()
    page.get_by_role("button", name="Kill a child of event").click()
    expect(page.locator("#model-event .process.new .tag")).to_have_text("new")
    gone = page.locator("#model-event .process.gone .pid")
    assert gone.inner_text() in before
    expect(page.locator("#seen")).to_contain_text("The supervisor put process")


@pytest.mark.program("chromium")
def test_korean(open_page):
    page = open_page(locale="ko-KR")
    expect(page.locator("h2").first).to_have_text("방금 일어난 일")
    switch_on(page.get_by_role("button", name="멈춘 서블릿", exact=True))
    expect(page.locator("#seen")).to_contain_text("자는 서블릿을 요청합니다")
    page.get_by_role("link", name="English").click()
    expect(page.locator("#seen")).to_contain_text("ask for a servlet that sleeps")
    switch_off(page.get_by_role("button", name="Stuck servlet", exact=True))


@pytest.mark.program("chromium")
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read(open_page, width, scheme):
    page = open_page(width, scheme)
    slow = page.get_by_role("button", name="Slow clients", exact=True)
    switch_on(slow)
    expect(page.locator("#model-worker .cell.cR").first).to_be_visible()
    expect(page.locator("#seen li").first).to_contain_text("40 slow clients")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    switch_off(slow)


def test_another_web_page_can_do_nothing(page_url):
    for path in ("/kill", "/switch?kind=idle&count=5"):
        for headers in ({}, {"Origin": "http://evil.example"}):
            request = urllib.request.Request(page_url + path, method="POST", headers=headers)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=LIMIT_S)
            assert refused.value.code == 403
            refused.value.close()
