"""The guestbook as its visitors and its keeper use it."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from webtest import Upload

from container.testing import Client, Deploy

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def sign(browser: Client, name: str, message: str, picture: tuple[str, bytes] | None = None, **expected):
    """Fill in the form of the first page and send it; return the answer."""
    form = browser.get("/entries").form
    form["name"] = name
    form["message"] = message
    if picture:
        form["picture"] = Upload(*picture)
    return form.submit(**expected)


def names(page) -> list[str]:
    return [strong.text for strong in page.html.select(".entries .byline strong")]


def files(client: Client) -> set[Path]:
    """All that the web app could write, but for Python's own bytecode."""
    folders = client.context.folder, client.context.work
    return {each for folder in folders for each in folder.rglob("*") if "__pycache__" not in each.parts}


# Reading


def test_the_folder_shows_the_entries_through_the_welcome_file(client: Client):
    assert client.get("", status=302).location.endswith("/guestbook/")
    page = client.get("/")
    assert page.content_type == "text/html"
    assert page.charset == "UTF-8"
    assert "Nobody has written anything yet" in page


def test_newest_entry_comes_first_and_older_ones_are_on_the_next_page(client: Client):
    for number in range(1, 8):
        sign(client, f"visitor {number}", "hello", status=303)
    first = client.get("/")
    assert names(first) == [f"visitor {number}" for number in (7, 6, 5, 4, 3)]
    assert "7 entries" in first
    second = first.click("Older")
    assert names(second) == ["visitor 2", "visitor 1"]
    assert names(second.click("Newer")) == names(first)


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "", "1e3", "9" * 400, "%00", "%C2%B2"])
def test_any_page_number_shows_a_page(client: Client, page: str):
    sign(client, "Zoë", "hello")
    assert names(client.get(f"/entries?page={page}")) == ["Zoë"]


def test_an_entry_has_an_address(client: Client):
    sign(client, "Zoë", "one\ntwo")
    page = client.get("/").click(r"UTC")
    assert page.request.path == "/guestbook/entries/1"
    assert page.html.h1.text == "Zoë wrote"


def test_head_answers_like_get_without_the_page(client: Client):
    answer = client.head("/entries")
    assert answer.content_type == "text/html"
    assert not answer.body


# Writing


def test_a_new_entry_is_posted_redirected_and_thanked_for_once(client: Client):
    answer = sign(client, "Zoë", "grüß Gott, 你好", status=303)
    assert answer.location.endswith("/guestbook/entries")
    page = answer.follow()
    assert page.html.select_one(".flash").text == "Thank you, Zoë! Your entry is in the book."
    assert page.html.select_one(".entry .message").text == "grüß Gott, 你好"
    assert client.get("/entries").html.select_one(".flash") is None


def test_what_visitors_write_is_text_not_markup(client: Client):
    page = sign(client, "<b>Eve</b>", "<script>alert('&amp;')</script>").follow()
    assert page.html.script is None
    assert page.html.select_one(".entry .message").text == "<script>alert('&amp;')</script>"


@pytest.mark.parametrize(
    ("name", "message", "field", "complaint"),
    [
        ("", "hello", "name", "tell us your name"),
        (" \t\u3000", "hello", "name", "tell us your name"),
        ("n" * 61, "hello", "name", "60 characters"),
        ("Zoë", "\n \n", "message", "a few words"),
        ("Zoë", "m" * 1001, "message", "it has 1001"),
    ],
)
def test_a_mistake_is_named_beside_its_field_and_what_was_typed_stays(
    client: Client, name: str, message: str, field: str, complaint: str
):
    page = sign(client, name, message, status=422)
    assert complaint in page.html.select_one(f"#{field}-complaint").text
    assert page.html.select_one(f"#{field}")["aria-describedby"] == f"{field}-complaint"
    assert page.form["name"].value == " ".join(name.split())
    assert page.form["message"].value.strip() == message.strip()
    assert names(page) == []


def test_the_longest_name_and_message_are_accepted(client: Client):
    sign(client, "n" * 60, "m" * 1000, status=303)


def test_a_corrected_form_is_accepted(client: Client):
    page = sign(client, "", "hello", status=422)
    page.form["name"] = "Zoë"
    assert names(page.form.submit(status=303).follow()) == ["Zoë"]


def test_a_form_without_its_token_changes_nothing(client: Client):
    page = client.get("/entries")
    page.form["name"], page.form["message"], page.form["form_token"] = "Eve", "hello", "guessed"
    answer = page.form.submit(status=422)
    assert "too old" in answer.html.select_one("#form-complaint").text
    assert answer.form["name"].value == "Eve"
    answer.form.submit(status=303)  # the form came back with the right token


def test_a_form_of_another_session_changes_nothing(client: Client):
    eve, zoe = client, client.new_browser()
    token = eve.get("/entries").form["form_token"].value
    zoe.get("/entries")
    fields = {"name": "Eve", "message": "hello", "form_token": token}
    zoe.post("/entries", fields, status=422)
    assert names(zoe.get("/entries")) == []


def test_a_form_without_a_picture_may_also_be_url_encoded(client: Client):
    token = client.get("/entries").form["form_token"].value
    fields = {"name": "Zoë", "message": "hello", "form_token": token}
    assert names(client.post("/entries", fields, status=303).follow()) == ["Zoë"]


def test_sessions_do_not_share_messages(client: Client):
    zoe, mei = client, client.new_browser()
    sign(zoe, "Zoë", "hello")
    assert mei.get("/entries").html.select_one(".flash") is None
    assert zoe.get("/entries").html.select_one(".flash") is not None


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(client: Client):
    cookie = client.get("/").headers["Set-Cookie"]
    assert "; Path=/guestbook" in cookie
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie


# Pictures


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 and so on", "image/jpeg"),
        (b"GIF89a and so on", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_served_as_what_its_bytes_say(client: Client, data: bytes, media_type: str):
    page = sign(client, "Mei", "look", ("evil.html", data), status=303).follow()
    picture = page.goto(page.html.select_one(".picture img")["src"])
    assert picture.body == data
    assert picture.content_type == media_type
    assert picture.content_length == len(data)
    assert picture.headers["X-Content-Type-Options"] == "nosniff"


def test_a_large_picture_passes_through_a_temporary_file_that_does_not_stay(client: Client):
    data = PNG + bytes(2 * 1024**2 - len(PNG))  # exactly the limit
    before = files(client)
    sign(client, "Mei", "look", ("big.png", data), status=303)
    assert client.get("/pictures/1").body == data
    assert files(client) == before


@pytest.mark.parametrize("data", [b"<svg/>", b"<html>", b"GIF88a", b"\x89PN", b"RIFF____WAVE"])
def test_other_files_are_refused_whatever_they_are_called(client: Client, data: bytes):
    page = sign(client, "Eve", "look", ("picture.png", data), status=422)
    assert "not a PNG" in page.html.select_one("#picture-complaint").text
    assert page.form["message"].value.strip() == "look"


@pytest.mark.parametrize("size", [2 * 1024**2 + 1, 3 * 1024**2])  # over max-file-size, over max-request-size
def test_a_picture_over_the_limit_is_refused_in_the_form(client: Client, size: int):
    page = sign(client, "Mei", "look", ("big.png", PNG + bytes(size - len(PNG))), status=422)
    assert "larger than 2 MB?" in page.html.select_one("#picture-complaint").text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"garbage"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nEv'),
    ],
)
def test_a_damaged_form_is_refused(client: Client, content_type: str, body: bytes):
    page = client.post("/entries", body, {"Content-Type": content_type}, status=422)
    assert "could not read your form" in page


def test_the_page_of_an_entry_shows_its_picture(client: Client):
    sign(client, "Mei", "look", ("a.png", PNG))
    picture = client.get("/entries/1").html.select_one("article img")
    assert picture["src"] == "/guestbook/pictures/1"


# Errors


@pytest.mark.parametrize("path", ["nowhere", "css/", "error", "WEB-INF/web.xml", "WEB-INF/pages/error.jinja"])
def test_a_missing_page_has_a_page(client: Client, path: str):
    page = client.get(f"/{path}", status=404)
    assert page.html.h1.text == "Nothing here"
    assert "Content-Security-Policy" in page.headers


@pytest.mark.parametrize(
    "path", ["entries/1", "entries/x", "entries/", "entries/1/2", "pictures/1", f"entries/{'9' * 99}"]
)
def test_a_missing_entry_is_an_exception_with_a_page_of_its_own(client: Client, path: str):
    assert client.get(f"/{path}", status=404).html.h1.text == "Nothing here"


def test_an_entry_without_a_picture_has_no_picture(client: Client):
    sign(client, "Zoë", "hello")
    client.get("/pictures/1", status=404)


def test_a_failure_has_a_page_that_names_the_request_and_nothing_else(deploy: Deploy):
    client = deploy("webapps/guestbook", {"WEB-INF/pages/entry.jinja": "{{ 1 // 0 }}"})
    sign(client, "Zoë", "hello")
    page = client.get("/entries/1", status=500)
    assert page.html.h1.text == "Something broke"
    assert page.html.select_one("code").text
    assert "ZeroDivisionError" not in page
    assert str(client.context.folder) not in page


def test_a_method_that_nobody_takes_has_a_page(client: Client):
    answer = client.put("/entries", b"", status=405)
    assert answer.html.h1.text == "Not like this"


# Filters and files


def test_every_answer_carries_the_security_headers(client: Client):
    for path, status in [
        ("", 200),
        ("css/guestbook.css", 200),
        ("nowhere", 404),
        ("entries/9", 404),
        ("admin/", 401),
    ]:
        headers = client.get(f"/{path}", status=status).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'"), path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path


def test_pages_show_how_long_they_took(client: Client):
    assert re.search(r"made in [0-9.]+ ms", client.get("/").text)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("css/guestbook.css", "text/css"),
        ("favicon.svg", "image/svg+xml"),
        ("house-rules.txt", "text/plain;charset=UTF-8"),
    ],
)
def test_files_have_their_type(client: Client, path: str, content_type: str):
    assert client.get(f"/{path}").headers["Content-Type"].replace("; ", ";") == content_type


def test_all_a_page_asks_for_exists_and_is_our_own(client: Client):
    page = sign(client, "Mei", "look", ("a.png", PNG)).follow()
    wanted = [tag["href"] for tag in page.html("link")] + [tag["src"] for tag in page.html("img")]
    assert len(wanted) >= 4
    for address in wanted:
        assert address.startswith("/guestbook/")
        page.goto(address, status=200)


def test_many_visitors_may_write_at_once(client: Client):
    def visit(number: int) -> None:
        browser = client.new_browser()
        for _ in range(5):
            page = sign(browser, f"visitor {number}", "hello", status=303).follow()
            assert f"Thank you, visitor {number}!" in page.html.select_one(".flash").text

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(visit, range(8)))
    assert "40 entries" in client.get("/")


# Administration


def test_administration_asks_who_is_there(client: Client):
    answer = client.get("/admin/", status=401)
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="Guestbook administration"')
    assert answer.html.h1.text == "Please sign in"


def test_the_keeper_signs_in_with_a_password(client: Client, deploy: Deploy):
    deploy.add_user("ann", "keeper", roles=["manager"])
    client.authorization = ("Basic", ("ann", "keeper"))
    assert "Signed in as ann" in client.get("/admin/").html.get_text()


def test_a_user_without_the_role_may_not_come_in(client: Client):
    client.login("bob", roles=["reader"])
    assert client.get("/admin/", status=403).html.h1.text == "Not for you"


@pytest.mark.parametrize("path", ["admin", "admin/", "admin/x", "admin;x=1/", "%61dmin/"])
def test_no_spelling_of_the_path_avoids_the_constraint(client: Client, path: str):
    client.get(f"/{path}", status=401)
    client.post(f"/{path}", {"id": "1"}, status=401)


def test_the_keeper_deletes_an_entry(client: Client):
    sign(client, "Zoë", "hello")
    sign(client, "Eve", "buy this", ("a.png", PNG))
    client.login("ann", roles=["manager"])
    page = client.get("/admin/")
    form = page.forms[0]  # the newest entry
    page = form.submit("id", status=303).follow()
    assert page.html.select_one(".flash").text == "Entry 2 has been deleted."
    assert names(client.get("/entries")) == ["Zoë"]
    client.get("/pictures/2", status=404)
    form.submit("id", status=404)  # somebody else was faster


@pytest.mark.parametrize("fields", [{"id": "1"}, {"id": "1", "form_token": "guessed"}, {}])
def test_nothing_is_deleted_without_the_token(client: Client, fields: dict[str, str]):
    sign(client, "Zoë", "hello")
    client.login("ann", roles=["manager"])
    client.post("/admin/", fields, status=400)
    assert names(client.get("/entries")) == ["Zoë"]
