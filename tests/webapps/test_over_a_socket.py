"""The web apps behind a real socket, asked over TCP as a browser would."""

import re
import urllib.request
from http.cookiejar import CookieJar
from urllib.error import HTTPError

import pytest

from container.testing import Deploy, LiveServer

pytestmark = pytest.mark.socket

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000  # more than fits into one packet


def multipart(fields: dict[str, str], picture: bytes) -> tuple[bytes, str]:
    boundary = "----a boundary that no picture contains"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    body = "".join([*parts, head]).encode() + picture + f"\r\n--{boundary}--\r\n".encode()
    return body, f'multipart/form-data; boundary="{boundary}"'


def test_a_visit(deploy: Deploy, live_server: LiveServer):
    for folder in ("ROOT", "guestbook"):
        deploy(f"webapps/{folder}")
    address = live_server.origin
    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(path: str) -> str:
        with visitor.open(address + path, timeout=120) as answer:
            return answer.read().decode()

    assert "/guestbook" in get("/")
    token = re.search('name="form_token" value="([^"]+)"', get("/guestbook/")).group(1)
    body, content_type = multipart({"name": "Zoë", "message": "Grüße", "form_token": token}, PNG)
    form = urllib.request.Request(f"{address}/guestbook/entries", body, {"Content-Type": content_type})
    with visitor.open(form, timeout=120) as answer:
        assert answer.url == f"{address}/guestbook/entries"  # after the redirect
        page = answer.read().decode()
    assert "Thank you, Zoë!" in page
    assert "Grüße" in page
    with visitor.open(f"{address}/guestbook/pictures/1", timeout=120) as answer:
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.read() == PNG
    with pytest.raises(HTTPError, match="404") as missing:
        get("/guestbook/nowhere")
    with missing.value as answer:
        assert "Nothing here" in answer.read().decode()
