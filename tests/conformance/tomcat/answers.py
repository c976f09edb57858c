"""Send the cases to a server and keep of its answers what can be compared.

Dates, entity tags, session ids and the text of a server's own error pages differ from one server to the next
and are masked; a Location is compared without the scheme and host of the request's own server.
"""

from __future__ import annotations

import re
import socket
from http.client import HTTPResponse, IncompleteRead
from typing import Any

from cases import Case

HEADERS = (
    "Content-Type", "Content-Length", "Location", "Allow", "WWW-Authenticate", "Set-Cookie", "Content-Range",
    "Content-Language", "Accept-Ranges", "Retry-After", "X-A", "X-B", "X-Filter",
)  # fmt: skip
PATIENCE_S = 20.0
HOST = "test.example"


def ask(port: int, case: Case) -> dict[str, Any]:
    """Send one request on a connection of its own."""
    method, target, lines, body = case
    head = [f"{method} {target} HTTP/1.1", *lines, "Connection: close"]
    if not any(line.startswith("Host:") for line in lines):
        head.append(f"Host: {HOST}")
    if body:
        head.append(f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        response = HTTPResponse(connection, method=method)
        response.begin()
        try:
            content = response.read()
        except IncompleteRead as error:
            content = error.partial + b" (broken off)"
        return normalized(response, content)


def normalized(response: HTTPResponse, content: bytes) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name in HEADERS:
        if values := response.headers.get_all(name):
            headers[name] = [masked(name, value) for value in values]
    text = content.decode("latin-1")
    if re.match(r"<!doctype html", text, re.IGNORECASE):
        text = "(the server's own page)"
        for name in ("Content-Length", "Content-Type", "Content-Language"):
            headers.pop(name, None)
    return {"status": response.status, "headers": headers, "body": text}


def masked(name: str, value: str) -> str:
    if name == "Set-Cookie":
        return re.sub(r"JSESSIONID=[^;]*", "JSESSIONID=*", value)
    if name == "Location":
        return re.sub(rf"^http://{HOST}(?=/)", "", value)
    if name == "Content-Type":
        return value.replace(" ", "").lower()
    return ", ".join(sorted(value.split(", "))) if name == "Allow" else value


def name_of(case: Case) -> str:
    """The case in one line; the key of its recorded answer."""
    method, target, lines, body = case
    return " | ".join([f"{method} {target}", *lines, *([body.decode("latin-1")] if body else [])])
