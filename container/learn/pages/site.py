"""Answer for pages: whoever is on this machine, and only they, get them.

    exchange ──> Pages.begin ──> Tab.answer (JSON), a file of the package, or the page in the shell

What is asked from another machine, or by a page of another host that has given itself a name of this one (DNS
rebinding), is refused: the pages show requests of others. What changes something is a POST by a page of ours.
"""

from __future__ import annotations

import html
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Any
from urllib.parse import parse_qs, unquote

from container.protocols.exchange import Begin, Exchange

__all__ = ["LANGUAGES", "Data", "Pages", "Tab", "Values", "choose_language", "is_local", "is_same_origin"]

LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "한국어"}
_SHELL = "/pages"
_KINDS = {
    ".css": "text/css;charset=utf-8",
    ".js": "text/javascript;charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Data:
    """What a page's script gets: JSON, or text. filename: for saving it."""

    content: Any
    is_text: bool = False
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """One page."""

    path: str
    """One segment: "/xray"."""
    name: str
    """Of its files NAME.html, NAME.js, NAME.css; its title in strings.json is "title"."""
    folder: Traversable
    answer: Callable[[str, Values], Data | None]
    """What is at a path below its own ("requests.json") with a query; None: nothing. Must not block."""
    change: Callable[[str, Values], Data | None] | None = None
    """What a POST to a path below its own does, by its query; None: there is none. Must not block."""


class Pages:
    """An exchange.Handler of all pages of one server."""

    def __init__(self, tabs: Sequence[Tab]) -> None:
        self._tabs = {tab.path: tab for tab in tabs}
        self._shell = files("container.learn.pages") / "static"
        self._strings = {tab.path: _strings(tab.folder) for tab in tabs}
        self._shared = _strings(self._shell)

    def __repr__(self) -> str:
        return f"<Pages {', '.join(self._tabs)}>"

    @property
    def paths(self) -> list[str]:
        """The first segments of the paths that are theirs."""
        return [*self._tabs, _SHELL]

    def begin(self, exchange: Exchange) -> Begin:
        path, _, query = exchange.target.partition(b"?")
        headers = dict(_HEADERS)
        if not is_local(exchange):
            _answer(exchange, 403, headers, "text/plain", "These pages are for this machine only.\n")
            return Begin.DONE
        first, _, rest = path.decode("latin-1")[1:].partition("/")
        asked = {name: values[-1] for name, values in parse_qs(query.decode("latin-1")).items()}
        tab = self._tabs.get("/" + first)
        if exchange.method == "POST" and rest and tab is not None and tab.change is not None:
            if not is_same_origin(exchange):
                _answer(exchange, 403, headers, "text/plain", "Only a page of this server may do that.\n")
                return Begin.DONE
            _answer_data(exchange, headers, tab.change(unquote(rest), asked))
            return Begin.DONE
        if exchange.method not in ("GET", "HEAD"):
            headers["Allow"] = "GET, HEAD"
            _answer(exchange, 405, headers, "text/plain", "Use GET.\n")
            return Begin.DONE
        if tab is not None and not rest:
            language = asked.get("lang", "")
            if language not in LANGUAGES:
                language = choose_language(_header(exchange, b"accept-language"))
            headers["Content-Language"] = language
            _answer(exchange, 200, headers, "text/html;charset=utf-8", self._page(tab, language))
            return Begin.DONE
        if (file := self._file(tab, rest)) is not None:
            kind = _KINDS[file.name[file.name.rfind(".") :]]
            _answer(exchange, 200, headers, kind, file.read_text(encoding="utf-8"))
            return Begin.DONE
        _answer_data(exchange, headers, None if tab is None else tab.answer(unquote(rest), asked))
        return Begin.DONE

    def handle(self, exchange: Exchange) -> None:
        """Never needed, as begin has answered."""

    def _file(self, tab: Tab | None, name: str) -> Traversable | None:
        """A file of the shell or of a tab; names are those that exist, no path is put together."""
        folder = self._shell if tab is None else tab.folder
        return next(
            (file for file in folder.iterdir() if file.name == name and name.endswith(tuple(_KINDS))), None
        )

    def _page(self, tab: Tab, language: str) -> str:
        words = {**self._shared[language], **self._strings[tab.path][language]}
        links = []
        for other in self._tabs.values():
            here = ' aria-current="page"' if other is tab else ""
            title = self._strings[other.path][language]["title"]
            links.append(f'<a href="{other.path}?lang={language}"{here}>{html.escape(title)}</a>')
        switch = []
        for code, name in LANGUAGES.items():
            here = ' aria-current="true"' if code == language else ""
            switch.append(f'<a href="?lang={code}" lang="{code}" hreflang="{code}"{here}>{name}</a>')
        shell = Template((self._shell / "shell.html").read_text(encoding="utf-8"))
        return shell.substitute(
            language=language,
            title=html.escape(words["title"]),
            path=tab.path,
            name=tab.name,
            tabs="".join(links),
            switch="".join(switch),
            switch_label=html.escape(words["language"]),
            strings=json.dumps(words, ensure_ascii=False).replace("<", "\\u003c"),
            body=(tab.folder / f"{tab.name}.html").read_text(encoding="utf-8"),
        )


def _strings(folder: Traversable) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((folder / "strings.json").read_text(encoding="utf-8"))
    return found


def _answer(exchange: Exchange, status: int, headers: Mapping[str, str], kind: str, text: str) -> None:
    content = text.encode()
    exchange.start(status, [*headers.items(), ("Content-Type", kind), ("Content-Length", str(len(content)))])
    exchange.finish(content)


def _answer_data(exchange: Exchange, headers: dict[str, str], data: Data | None) -> None:
    if data is None:
        _answer(exchange, 404, headers, "text/plain", "There is nothing here.\n")
        return
    if data.filename:
        headers["Content-Disposition"] = f'attachment; filename="{data.filename}"'
    if data.is_text:
        _answer(exchange, 200, headers, "text/plain;charset=utf-8", str(data.content))
    else:
        _answer(exchange, 200, headers, "application/json", json.dumps(data.content) + "\n")


def _header(exchange: Exchange, wanted: bytes) -> str:
    return next((v.decode("latin-1") for name, v in exchange.headers if name.lower() == wanted), "")


def is_local(exchange: Exchange) -> bool:
    """Whether somebody of this machine asks, by an address or name that can only be this machine's."""
    host = _header(exchange, b"host").strip().lower()
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    peer, own = exchange.connection.peer[0], exchange.connection.local[0]
    if _is_loopback(peer):
        return name == "localhost" or _is_loopback(name)
    return bool(own) and peer == own == name  # --admin-host is not the loopback: we ask ourselves


def is_same_origin(exchange: Exchange) -> bool:
    """Whether a page of ours has sent it: browsers say where a POST is from, and no script can change that.

    To be asked after is_local, which has looked at Host.
    """
    site = _header(exchange, b"sec-fetch-site")
    origin = _header(exchange, b"origin").lower()
    return origin == f"http://{_header(exchange, b'host').strip().lower()}" and site in ("", "same-origin")


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def choose_language(accepted: str) -> str:
    """The best of LANGUAGES for an Accept-Language; English if none is wanted."""
    best, best_quality = "en", 0.0
    for item in accepted.split(","):
        tag, _, parameters = item.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        _, _, value = parameters.strip().partition("q=")
        try:
            quality = float(value) if value else 1.0
        except ValueError:
            quality = 0.0
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best
