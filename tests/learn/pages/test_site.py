"""Pages on the admin address: who gets them, in which language, and with which protection."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

from container.learn.pages import Data, Pages, Tab
from container.learn.pages.site import LANGUAGES, choose_language
from container.learn.xray import Recorder
from container.learn.xray.page import xray_tab
from container.protocols.exchange import Begin
from container.trace import CONTAINER, FRONT

STATIC = [files(f"container.learn.{part}") / "static" for part in ("pages", "xray", "lab")]


class Connection:
    def __init__(self, peer, local):
        self.peer = (peer, 40000)
        self.local = (local, 8081)


class Exchange:
    def __init__(
        self, target, method="GET", peer="127.0.0.1", host="127.0.0.1:8081", local="127.0.0.1", **headers
    ):
        self.target = target.encode()
        self.method = method
        self.connection = Connection(peer, local)
        given = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.headers = [(name.encode(), value.encode()) for name, value in given.items()]

    def start(self, status, headers):
        self.status, self.head = status, dict(headers)

    def finish(self, data=b""):
        assert self.head["Content-Length"] == str(len(data))
        self.text = data.decode()


@pytest.fixture
def recorder() -> Recorder:
    recorder = Recorder(process="p")
    for number in range(3):
        trace = recorder.trace(f"{number}-1")
        trace.tell(method="GET", target=f"/<b>{number}", status=200)
        trace.mark(FRONT, "accepted", began_ns=number)
        trace.mark(CONTAINER, "map", "x", began_ns=number + 1000)
    return recorder


@pytest.fixture
def ask(recorder):
    pages = Pages([xray_tab(recorder)])

    def ask(target, **how):
        exchange = Exchange(target, **how)
        assert pages.begin(exchange) is Begin.DONE
        return exchange

    return ask


def test_the_page_has_nothing_inline_and_nothing_foreign(ask):
    page = ask("/xray")
    assert page.status == 200
    policy = page.head["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.head["X-Content-Type-Options"] == "nosniff"
    assert page.head["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not re.search(r"https?://", page.text)
    assert not re.search(r"\sstyle=|\son\w+=", page.text)
    assert re.findall(r"<script(?![^>]* src=)([^>]*)>", page.text) == [
        ' type="application/json" id="strings"'
    ]


@pytest.mark.parametrize("path", ["/pages/shell.css", "/pages/shell.js", "/pages/icon.svg", "/xray/xray.js"])
def test_its_files(ask, path):
    answer = ask(path)
    assert answer.status == 200
    assert answer.head["Content-Type"].partition(";")[0] in ("text/css", "text/javascript", "image/svg+xml")


@pytest.mark.parametrize(
    "path",
    [
        "/xray/strings.json",
        "/xray/../site.py",
        "/xray/%2e%2e/site.py",
        "/pages",
        "/pages/shell.html",
        "/xray/x",
    ],
)
def test_nothing_else_is_given(ask, path):
    assert ask(path).status == 404


@pytest.mark.parametrize(
    ("peer", "host", "status"),
    [
        ("127.0.0.1", "127.0.0.1:8081", 200),
        ("127.0.0.1", "localhost", 200),
        ("::1", "[::1]:8081", 200),
        ("::ffff:127.0.0.1", "localhost:1", 200),
        ("10.0.0.7", "127.0.0.1", 403),  # another machine
        ("127.0.0.1", "evil.example", 403),  # a page of another host that has this machine's address
        ("127.0.0.1", "localhost.evil.example", 403),
        ("127.0.0.1", "", 403),
        ("", "localhost", 403),
    ],
)
def test_only_this_machine(ask, peer, host, status):
    assert ask("/xray/requests.json", peer=peer, host=host).status == status


@pytest.mark.parametrize(
    ("peer", "host", "status"),
    [
        ("10.0.0.5", "10.0.0.5:8081", 200),
        ("10.0.0.7", "10.0.0.5:8081", 403),
        ("10.0.0.5", "evil.example", 403),
        ("", "", 403),
    ],
)
def test_only_this_machine_by_another_address(ask, peer, host, status):
    assert ask("/xray/requests.json", peer=peer, host=host, local="10.0.0.5").status == status


def test_only_questions(ask):
    for target in ("/xray", "/xray/requests.json", "/pages/shell.js", "/nothing"):
        refused = ask(target, method="POST", origin="http://127.0.0.1:8081")
        assert (refused.status, refused.head["Allow"]) == (405, "GET, HEAD")


@pytest.fixture
def changes(recorder):
    """What was done, and a function that asks a page where something can be done."""
    done = []

    def change(path, query):
        if path != "switch":
            return None
        done.append(dict(query))
        return Data({"done": len(done)})

    xray = xray_tab(recorder)
    pages = Pages([Tab(xray.path, xray.name, xray.folder, xray.answer, change)])

    def ask(target, **how):
        exchange = Exchange(target, method="POST", **how)
        assert pages.begin(exchange) is Begin.DONE
        return exchange

    return done, ask


def test_a_page_of_ours_can_change_something(changes):
    done, ask = changes
    answer = ask("/xray/switch?kind=idle", origin="http://127.0.0.1:8081", Sec_Fetch_Site="same-origin")
    assert (answer.status, json.loads(answer.text)) == (200, {"done": 1})
    assert ask("/xray/switch", host="localhost:8081", origin="http://localhost:8081").status == 200
    assert ask("/xray/other", origin="http://127.0.0.1:8081").status == 404
    assert ask("/xray", origin="http://127.0.0.1:8081").status == 405
    assert done == [{"kind": "idle"}, {}]


@pytest.mark.parametrize(
    "headers",
    [
        {},  # browsers say it with each POST
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},  # another server of this machine
        {"origin": "https://127.0.0.1:8081"},
        {"origin": "http://127.0.0.1:8081", "Sec_Fetch_Site": "cross-site"},
        {"origin": "http://evil.example", "host": "evil.example"},
        {"origin": "http://127.0.0.1:8081", "peer": "10.0.0.7"},
    ],
)
def test_no_other_page_can(changes, headers):
    done, ask = changes
    assert ask("/xray/switch?kind=idle", **headers).status == 403
    assert done == []


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr, ko;q=0.3", "ko"),
        ("fr", "en"),
        ("en;q=0.1, ko;q=x", "en"),
    ],
)
def test_the_language_that_the_browser_wants(ask, accepted, language):
    assert choose_language(accepted) == language
    page = ask("/xray", Accept_Language=accepted)
    assert (page.head["Content-Language"], f'<html lang="{language}">' in page.text) == (language, True)


def test_the_language_that_was_chosen_goes_first(ask):
    assert '<html lang="ko">' in ask("/xray?lang=ko", Accept_Language="en").text
    assert '<html lang="en">' in ask("/xray?lang=xx", Accept_Language="de").text


def test_each_word_is_there_in_each_language():
    for folder in STATIC:
        strings = json.loads((folder / "strings.json").read_text(encoding="utf-8"))
        assert strings.keys() == LANGUAGES.keys()
        places = [set(re.findall(r"\{\w+\}", text)) for text in strings["en"].values()]
        assert [strings["ko"].keys(), places] == [
            strings["en"].keys(),
            [set(re.findall(r"\{\w+\}", text)) for text in strings["ko"].values()],
        ]


def test_each_word_that_is_asked_for_is_there():
    words = {
        key
        for folder in STATIC
        for key in json.loads((folder / "strings.json").read_text(encoding="utf-8"))["en"]
    }
    asked = set()
    for folder in STATIC:
        for file in folder.iterdir():
            text = file.read_text(encoding="utf-8")
            if file.name.endswith(".html"):
                asked.update(re.findall(r'data-i18n(?:-label)?="([\w-]+)"', text))
            elif file.name.endswith(".js"):
                asked.update(re.findall(r'say\("([\w-]+)"', text))
    assert asked
    assert asked <= words


def test_each_step_that_is_recorded_has_its_word():
    words = json.loads((STATIC[1] / "strings.json").read_text(encoding="utf-8"))["en"]
    sources = [
        (files("container") / part / "traced.py").read_text(encoding="utf-8")
        for part in ("connectors", "engine", "front")
    ]
    marked = {
        what
        for source in sources
        for what in re.findall(r"\.(?:begin|mark)\(\s*(?:\w+|self\._lane),\s*\"([\w-]+)\"", source)
    }
    assert {"queue", "map", "filter", "backend", "answered"} <= marked
    assert {f"what-{what}" for what in (*marked, "forward", "include", "error", "async")} <= words.keys()


def test_requests_as_json(ask, recorder):
    found = json.loads(ask("/xray/requests.json").text)["requests"]
    assert [each["id"] for each in found] == ["2-1", "1-1", "0-1"]
    assert [each["id"] for each in json.loads(ask("/xray/requests.json?most=1").text)["requests"]] == ["2-1"]
    one = json.loads(ask("/xray/requests/1-1.json").text)
    assert one == recorder.find("1-1").to_json()
    assert ask("/xray/requests/1-1.txt").text == recorder.find("1-1").to_text() + "\n"
    assert ask("/xray/requests/9-9.json").status == 404


def test_all_of_them_to_be_saved(ask):
    export = ask("/xray/export.json")
    assert export.head["Content-Disposition"] == 'attachment; filename="xray.json"'
    assert [each["id"] for each in json.loads(export.text)["requests"]] == ["0-1", "1-1", "2-1"]


def test_a_process_and_an_id_with_unusual_characters(ask, recorder):
    recorder.trace("r1~2.1-1").mark(FRONT, "accepted")
    assert ask("/xray/requests/r1%7E2.1-1.json").status == 200
