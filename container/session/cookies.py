"""CookieConfig: what the session cookie looks like, from <cookie-config> or from code (Servlet 6.1 §7.1.1).

    CookieConfig ── session_cookie(id, context path, secure?) ──> Cookie

Code may change it until the web app has started; ``freeze`` ends that. From then on any thread may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from container.descriptor import model
from container.servlet import Cookie, IllegalStateException, SessionCookieConfig
from container.servlet.cookie import CookieAttributes

__all__ = ["DEFAULT_COOKIE_NAME", "DEFAULT_PARAMETER_NAME", "CookieConfig"]

DEFAULT_COOKIE_NAME = "JSESSIONID"
DEFAULT_PARAMETER_NAME = "jsessionid"
_TYPED = frozenset({"domain", "httponly", "max-age", "path", "secure"})


class CookieConfig(SessionCookieConfig):
    """The session cookie's name and attributes.

    http_only is the container's default: True puts HttpOnly on every session cookie, whatever the web app
    says, since no script needs the id. The flags are kept as "true" and "false", as getAttribute shows them.
    """

    __slots__ = ("_attributes", "_frozen", "_http_only", "_name")

    def __init__(self, *, http_only: bool = True) -> None:
        self._http_only = http_only
        self._name: str | None = None
        self._attributes = CookieAttributes()
        self._frozen = False

    def __repr__(self) -> str:
        return f"<CookieConfig {self.cookie_name} {dict(self._attributes)}>"

    def configure(self, declared: model.CookieConfig) -> None:
        """Take over what the descriptor says."""
        if declared.name is not None:
            self.setName(declared.name)
        if declared.domain is not None:
            self.setDomain(declared.domain)
        if declared.path is not None:
            self.setPath(declared.path)
        if declared.http_only is not None:
            self.setHttpOnly(declared.http_only)
        if declared.secure is not None:
            self.setSecure(declared.secure)
        if declared.max_age is not None:
            self.setMaxAge(declared.max_age)
        for attribute in declared.attributes:
            self.setAttribute(attribute.name, attribute.value)

    def freeze(self) -> None:
        """Let setters raise IllegalStateException from now on: the web app has started."""
        self._frozen = True

    @property
    def cookie_name(self) -> str:
        return self._name or DEFAULT_COOKIE_NAME

    @property
    def parameter_name(self) -> str:
        """Return the name of the path parameter; a name of its own is used for both (RT-SES-04)."""
        return self._name or DEFAULT_PARAMETER_NAME

    def session_cookie(self, session_id: str, context_path: str, secure: bool) -> Cookie:
        """Make the cookie to send. secure: the request came over a secure connection (RT-SES-05)."""
        cookie = Cookie(self.cookie_name, session_id)
        for name, value in self._attributes.items():
            if name.lower() not in _TYPED:
                cookie.setAttribute(name, value)
        if (domain := self.getDomain()) is not None:
            cookie.setDomain(domain)
        cookie.setPath(self.getPath() or context_path or "/")
        cookie.setMaxAge(self.getMaxAge())
        cookie.setSecure(secure or self.isSecure())
        cookie.setHttpOnly(self._http_only or self.isHttpOnly())
        return cookie

    def getName(self) -> str | None:
        return self._name

    def setName(self, name: str) -> None:
        self._check_open("setName")
        Cookie(name, None)  # raises IllegalArgumentException for a name that no cookie can have
        self._name = name

    def getDomain(self) -> str | None:
        return self._attributes.get("Domain")

    def setDomain(self, domain: str) -> None:
        self.setAttribute("Domain", domain)

    def getPath(self) -> str | None:
        return self._attributes.get("Path")

    def setPath(self, path: str) -> None:
        self.setAttribute("Path", path)

    def setComment(self, comment: str) -> None:
        self._check_open("setComment")

    def isHttpOnly(self) -> bool:
        return self._flag("HttpOnly")

    def setHttpOnly(self, flag: bool) -> None:
        self.setAttribute("HttpOnly", _text(flag))

    def isSecure(self) -> bool:
        return self._flag("Secure")

    def setSecure(self, flag: bool) -> None:
        self.setAttribute("Secure", _text(flag))

    def getMaxAge(self) -> int:
        return self._attributes.max_age_s

    def setMaxAge(self, seconds: int) -> None:
        self.setAttribute("Max-Age", str(seconds))

    def getAttribute(self, name: str) -> str | None:
        return self._attributes.get(name)

    def setAttribute(self, name: str, value: str | None) -> None:
        self._check_open("setAttribute")
        self._attributes.put(name, value)

    def getAttributes(self) -> Mapping[str, str]:
        return MappingProxyType(self._attributes)

    def _flag(self, name: str) -> bool:
        value = self._attributes.get(name)
        return value is not None and value.lower() in ("", "true")  # "" is the bare attribute

    def _check_open(self, setter: str) -> None:
        if self._frozen:
            raise IllegalStateException(
                f"{setter} is too late: the web app has started. Call it in contextInitialized, "
                "or use <cookie-config>"
            )


def _text(flag: bool) -> str:
    return "true" if flag else "false"
