"""The examples of docs/async.md."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "async.md"
EXAMPLES = {
    f"WEB-INF/{name}": text
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for name in re.findall(r"\A# (classes/\w+\.py)$", text, re.MULTILINE)
}


@pytest.fixture
def app(deploy: Any, web_xml: Any) -> Any:
    pages = {"WEB-INF/pages/weather.jinja": "wind: {{ weather.wind }}, rain: {{ weather.rain }}"}
    return deploy(web_xml(""), files=EXAMPLES | pages)


def test_there_are_four_examples() -> None:
    names = "news", "ticker", "upload", "weather"
    assert sorted(EXAMPLES) == [f"WEB-INF/classes/{name}.py" for name in names]


def test_the_ticker_sends_events_until_the_client_leaves(app) -> None:
    client = app.connect()
    client.send(b"GET /app/ticker?every=0.001 HTTP/1.1\r\nHost: a\r\n\r\n")
    received = b""
    while b"data: 3\n\n" not in received:
        received += client.socket.recv(4096)
    assert b"text/event-stream" in received
    client.close()


def test_the_weather_is_shown_by_a_page(app) -> None:
    assert app.get("/weather").text == "wind: no wind, rain: no rain"


def test_an_upload_is_counted(app) -> None:
    assert app.post("/upload", b"x" * 100_000, "Content-Type: text/plain").text == "100000 bytes"


def test_news_reach_whoever_waits(app, clock) -> None:
    app.post("/news", "text=unheard")  # loads the servlet
    waiting = app.connect()
    waiting.send(b"GET /app/news HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answers: list[str] = []
    reader = threading.Thread(target=lambda: answers.append(waiting.answer().text))
    reader.start()
    while reader.is_alive():  # it may not wait yet
        app.post("/news", "text=heard")
        reader.join(0.01)
    assert answers == ["heard"]


def test_news_that_do_not_come_are_204(deploy, web_xml, clock) -> None:
    app = deploy(web_xml(""), files=EXAMPLES)
    threading.Thread(target=clock.pass_).start()
    assert app.get("/news").status == 204
