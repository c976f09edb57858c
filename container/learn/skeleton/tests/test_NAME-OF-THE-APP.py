"""The web app from its web.xml to its page, without a server or a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from webtest import TestApp

from container import make_application

WEBAPPS = Path(__file__).parents[1] / "webapps"


@pytest.fixture
def client() -> Iterator[TestApp]:
    application = make_application(webapps=WEBAPPS)
    yield TestApp(application)
    application.stop()


def test_a_stranger_is_greeted(client: TestApp) -> None:
    assert "<h1>Hello, World!</h1>" in client.get("/NAME-OF-THE-APP/hello").text


def test_a_visitor_is_remembered_and_not_trusted(client: TestApp) -> None:
    page = client.get("/NAME-OF-THE-APP/hello")
    page.form["visitor"] = "<Ada>"
    page = page.form.submit(status=302).follow()
    assert "Hello, &lt;Ada&gt;!" in page.text
