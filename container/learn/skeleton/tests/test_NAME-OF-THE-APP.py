"""The web app from its web.xml to its page, without a server or a socket.

The fixture client comes with servlet-container[test]; pytest.ini says which web app it is for.
"""

from container.testing import Client


def test_a_stranger_is_greeted(client: Client) -> None:
    assert "<h1>Hello, World!</h1>" in client.get("/hello").text


def test_a_visitor_is_remembered_and_not_trusted(client: Client) -> None:
    page = client.get("/hello")
    page.form["visitor"] = "<Ada>"
    page = page.form.submit(status=302).follow()
    assert "Hello, &lt;Ada&gt;!" in page.text
    assert client.session.getAttribute("visitor") == "<Ada>"


def test_a_visitor_is_forgotten_with_the_session(client: Client) -> None:
    client.post("/hello", {"visitor": "Ada"})
    client.clock.advance(minutes=31)
    assert "Hello, World!" in client.get("/hello").text


def test_the_address_leads_to_the_servlet(client: Client) -> None:
    client.assert_mapped("/hello", servlet="hello")
