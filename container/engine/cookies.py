"""Cookie and Set-Cookie, as RFC 6265 and Tomcat's processor of that name read and write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from container.descriptor.checks import is_cookie_domain
from container.engine.client_errors import bad_request
from container.servlet import Cookie, IllegalArgumentException

__all__ = ["cookie_pairs", "format_cookie", "parse_cookies"]

_SEPARATORS = frozenset('()<>@,;:\\"/[]?={} \t')
_VALUE_REFUSED = frozenset('",;\\ \t')
_NOT_IN_VALUE = re.compile(r'[",;\\\x00-\x20\x7f]')


def parse_cookies(values: Iterable[str], limit: int) -> list[Cookie]:
    """Read the cookies of the Cookie header's lines; IllegalStateException for more than limit (0 = any)."""
    cookies: list[Cookie] = []
    for name, value in cookie_pairs(values):
        cookies.append(Cookie(name, value))
        if limit and len(cookies) > limit:
            raise bad_request(f"more than {limit} cookies", 400, "max_cookie_count")
    return cookies


def cookie_pairs(values: Iterable[str], only: str | None = None) -> Iterator[tuple[str, str]]:
    """Find names and values in the Cookie header's lines, in order; what is no pair is skipped (RT-CKI-03).

    With only, a token, those of that name.
    """
    for value in values:
        for pair in value.split(";"):
            name, _, content = pair.partition("=")
            name = name.strip(" \t")
            is_wanted = name == only if only else _is_token(name)
            if is_wanted and (text := _cookie_value(content.strip(" \t"))) is not None:
                yield name, text


def _is_token(name: str) -> bool:
    return bool(name) and name.isascii() and name.isprintable() and not _SEPARATORS.intersection(name)


def _cookie_value(content: str) -> str | None:
    """Return the value without its quotes, None if it holds what none may.

    As Tomcat does, a quote that begins it need not be closed.
    """
    inner = content[1:].removesuffix('"') if content[:1] == '"' else content
    if _NOT_IN_VALUE.search(inner):
        return None
    # Bytes beyond ASCII are UTF-8 (RFC 6265 leaves them open, browsers send that).
    return inner if inner.isascii() else inner.encode("latin-1").decode("utf-8", "replace")


def format_cookie(cookie: Cookie) -> str:
    """Return the value of a Set-Cookie header (RT-RHD-10).

    IllegalArgumentException for what cannot stand in one.
    """
    value = cookie.getValue() or ""
    inner = value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value
    for character in inner:
        if character in _VALUE_REFUSED or character < "!" or character == "\x7f":
            raise IllegalArgumentException(
                f"the value of cookie {cookie.getName()} cannot hold {character!r}: percent-encode it"
            )
    # Beyond ASCII a value is UTF-8, which a header carries as ISO-8859-1 characters.
    pieces = [f"{cookie.getName()}={value.encode().decode('latin-1')}"]
    attributes = dict(cookie.getAttributes())
    by_key = {name.lower(): (name, text) for name, text in attributes.items()}
    max_age = cookie.getMaxAge()
    if max_age >= 0:
        pieces.append(f"Max-Age={max_age}")
        # Old clients know Expires only; the epoch plus a little deletes (Tomcat does the same).
        if max_age == 0:
            pieces.append("Expires=Thu, 01 Jan 1970 00:00:10 GMT")
    by_key.pop("max-age", None)
    domain = cookie.getDomain()
    if domain and not is_cookie_domain(domain):
        raise IllegalArgumentException(
            f'"{domain}" is no host name that a cookie could have: write it without a dot before it'
        )
    for key, text in (("domain", domain), ("path", cookie.getPath())):
        by_key.pop(key, None)
        if text:
            pieces.append(f"{key.capitalize()}={_attribute(text)}")
    for key, name in (("secure", "Secure"), ("httponly", "HttpOnly")):
        found = by_key.pop(key, None)
        if found is not None:
            pieces.append(name if not found[1] else f"{name}={_attribute(found[1])}")
    for name, text in by_key.values():
        pieces.append(f"{name}={_attribute(text)}" if text else name)
    return "; ".join(pieces)


def _attribute(text: str) -> str:
    if any(not " " <= c < "\x7f" or c == ";" for c in text):
        raise IllegalArgumentException(f"a cookie's attribute cannot hold {text!r}")
    return text
