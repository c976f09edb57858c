"""The welcome page."""

import pytest

from container.testing import Client, Deploy


@pytest.fixture
def client(deploy: Deploy) -> Client:
    deploy("webapps/guestbook")
    return deploy("webapps/ROOT")


def rows(page) -> dict[str, list[str]]:
    """The table of web apps: path -> the other cells."""
    return {row.th.a.text: [cell.text for cell in row("td")] for row in page.html.select("tbody tr")}


def test_the_page_shows_what_runs(client: Client):
    page = client.get("/")
    apps = rows(page)
    assert set(apps) == {"/", "/guestbook"}
    name, state, servlets, filters, started = apps["/guestbook"]
    assert (name, servlets, filters) == ("Guestbook", "5", "2")
    assert state == "running"
    assert started.endswith(" ms")


def test_every_link_of_the_table_works(client: Client):
    page = client.get("/")
    for link in page.html.select("tbody a"):
        client.get(link["href"], status=200)


def test_the_page_names_no_folder_of_this_machine(client: Client):
    assert str(client.context.folder.parent) not in client.get("/").text


def test_the_page_asks_nobody_else_for_anything(client: Client):
    page = client.get("/")
    wanted = [tag["href"] for tag in page.html("link")] + [tag["src"] for tag in page.html("img")]
    assert page.html.script is None
    for address in wanted:
        assert address.startswith("/")
        client.get(address, status=200)


@pytest.mark.parametrize("path", ["/nowhere", "/a/b%3Cc%3E", "/WEB-INF/web.xml", "/css/"])
def test_a_missing_page_has_a_page(client: Client, path: str):
    page = client.get(path, status=404)
    assert page.html.h1.text == "Nothing answers here"
    assert page.html.main.code.text == path  # as it was sent, and as text
    assert "/css/welcome.css" in page.html.link.find_next("link")["href"]


def test_only_the_root_itself_is_the_welcome_page(client: Client):
    assert client.get("/").html.h1.text == "It runs."
    client.get("/index.html", status=404)
    assert client.head("/").content_type == "text/html"
