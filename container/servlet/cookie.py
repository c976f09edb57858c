"""Cookie, and CookieAttributes: the rules of a cookie's attributes, which SessionCookieConfig shares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from types import MappingProxyType

from container.servlet.exceptions import IllegalArgumentException, NumberFormatException

__all__ = ["Cookie", "CookieAttributes"]

_NAME = re.compile(r"[!-~]+")  # visible ASCII, without:
_NOT_IN_NAMES = re.compile(r'[/()<>@,;:\\"\[\]?={}]')


def _check_name(name: str | None, what: str) -> str:
    if not name:
        raise IllegalArgumentException(f"a cookie's {what} needs at least one character")
    if not _NAME.fullmatch(name) or _NOT_IN_NAMES.search(name):
        raise IllegalArgumentException(
            f"{name!r} cannot be a cookie's {what}: use ASCII letters, digits and any of !#$%&'*+-.^_`|~"
        )
    return name


class CookieAttributes(MutableMapping[str, str]):
    """What stands after ``name=value`` in a Set-Cookie: names in any case, in alphabetical order.

    The typed attributes (Domain, Path, Max-Age, Secure, HttpOnly) are ordinary entries. An entry whose value
    is "" is written as the bare name.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, str]] = {}  # lower-case name -> name as first given, value

    def __getitem__(self, name: str) -> str:
        return self._entries[name.lower()][1]

    def __setitem__(self, name: str, value: str) -> None:
        self.put(name, value)

    def __delitem__(self, name: str) -> None:
        del self._entries[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter([self._entries[key][0] for key in sorted(self._entries)])

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(dict(self))

    def put(self, name: str, value: str | None) -> None:
        """Set an attribute; None removes it.

        Raises IllegalArgumentException for a name that is no token, NumberFormatException for a Max-Age that
        is no number. A negative Max-Age is no Max-Age (RT-RHD-10).
        """
        key = _check_name(name, "attribute name").lower()
        if value is not None and key == "max-age":
            value = _max_age(value)
        if value is None:
            self._entries.pop(key, None)
        else:
            self._entries[key] = (self._entries.get(key, (name,))[0], value)

    def put_flag(self, name: str, flag: bool) -> None:
        self.put(name, "" if flag else None)

    def flag(self, name: str) -> bool:
        """Tell whether the attribute is there as a bare name.

        ``Secure=false`` is not, nor is ``Secure=true``.
        """
        return self.get(name) == ""

    @property
    def max_age_s(self) -> int:
        return int(self.get("Max-Age", -1))

    def copy(self) -> CookieAttributes:
        copy = CookieAttributes()
        copy._entries = dict(self._entries)
        return copy


def _max_age(value: str) -> str | None:
    try:
        seconds = int(value)
    except ValueError:
        raise NumberFormatException(f"Max-Age {value!r} is not a whole number of seconds") from None
    return str(seconds) if seconds >= 0 else None


class Cookie:
    """A cookie of a request (only name and value) or of a response (§3.10, RFC 6265).

    Cookies are equal when name, value and attributes are. The hash is that of the name, the only part that is
    fixed.
    """

    __slots__ = ("_attributes", "_name", "_value")

    def __init__(self, name: str, value: str | None) -> None:
        self._name = _check_name(name, "name")
        self._value = value
        self._attributes: CookieAttributes | None = None  # most cookies come from requests and never have any

    def getName(self) -> str:
        return self._name

    def getValue(self) -> str | None:
        return self._value

    def setValue(self, newValue: str | None) -> None:
        self._value = newValue

    def getDomain(self) -> str | None:
        return self.getAttribute("Domain")

    def setDomain(self, domain: str | None) -> None:
        self.setAttribute("Domain", domain.lower() if domain is not None else None)

    def getPath(self) -> str | None:
        return self.getAttribute("Path")

    def setPath(self, uri: str | None) -> None:
        self.setAttribute("Path", uri)

    def getMaxAge(self) -> int:
        """Return the seconds that the client keeps the cookie; -1: until it is closed."""
        return self._attributes.max_age_s if self._attributes else -1

    def setMaxAge(self, expiry: int) -> None:
        self.setAttribute("Max-Age", str(expiry))

    def getSecure(self) -> bool:
        return self.getAttribute("Secure") == ""

    def setSecure(self, flag: bool) -> None:
        self.setAttribute("Secure", "" if flag else None)

    def isHttpOnly(self) -> bool:
        return self.getAttribute("HttpOnly") == ""

    def setHttpOnly(self, httpOnly: bool) -> None:
        self.setAttribute("HttpOnly", "" if httpOnly else None)

    def getAttribute(self, name: str) -> str | None:
        return self._attributes.get(name) if self._attributes else None

    def setAttribute(self, name: str, value: str | None) -> None:
        """Set any attribute, also the typed ones; "" is a bare name, None removes (CookieAttributes.put)."""
        if self._attributes is None:
            self._attributes = CookieAttributes()
        self._attributes.put(name, value)

    def getAttributes(self) -> Mapping[str, str]:
        return MappingProxyType(self._attributes if self._attributes is not None else CookieAttributes())

    def clone(self) -> Cookie:
        clone = type(self).__new__(type(self))
        clone._name, clone._value = self._name, self._value
        clone._attributes = self._attributes.copy() if self._attributes is not None else None
        return clone

    __copy__ = clone

    def getComment(self) -> str | None:
        """Return None. Deprecated, as the other three: RFC 6265 has neither comments nor versions."""
        return None

    def setComment(self, purpose: str) -> None:
        """Do nothing."""

    def getVersion(self) -> int:
        return 0

    def setVersion(self, v: int) -> None:
        """Do nothing."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cookie):
            return NotImplemented
        mine, theirs = (
            {name.lower(): value for name, value in cookie.getAttributes().items()}
            for cookie in (self, other)
        )
        return (self._name, self._value, mine) == (other._name, other._value, theirs)

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        attributes = "".join(f"; {n}={v}" if v else f"; {n}" for n, v in self.getAttributes().items())
        return f"<Cookie {self._name}={self._value}{attributes}>"
