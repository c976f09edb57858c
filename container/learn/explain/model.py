"""What ``explain`` finds out, as frozen values: one for each thing that is decided about a request.

    Explanation ── to_text ──> lines to read from top to bottom, the way of the request
                ── sections ─> the same lines as values, for a page
                ── to_json ──> a dict; its keys are the names of the fields here (docs/explain.md)

A Source is None where no file says it: the container's own rules, and what code has registered.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from container.errors import Problem, Source

__all__ = [
    "Answer", "Candidate", "Constraint", "ErrorPage", "Explanation", "FilterStep", "Front", "Line", "Section",
    "Security", "Servlet", "Session", "Url", "WebApp", "Welcome",
]  # fmt: skip

Mark = Literal["", "yes", "no", "error"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the text. mark: "yes" for what counts, "no" for what does not."""

    text: str
    source: Source | None = None
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One station on the way of the request."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Url:
    """What the client sends, and the one path everything is decided on. path is None: refused."""

    sent: str
    path: str | None
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WebApp:
    """The web app that the path belongs to. path is "" for ROOT, inside is the path relative to it."""

    path: str
    folder: str
    inside: str
    why: str
    source: Source | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A servlet mapping, and why it matches or not. rule: context_root, exact, path, extension or default."""

    servlet: str
    pattern: str
    rule: str
    why: str
    by: Literal["file", "code", "container"]
    """Who says so: a file of the web app, what it registers at the start, or nobody (implicit mappings)."""
    source: Source | None


@dataclass(frozen=True, slots=True)
class Welcome:
    """One try to find what stands for a directory: a file of that name, or a servlet mapped to it."""

    path: str
    looked_for: Literal["file", "servlet"]
    found: bool
    source: Source | None


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint whose pattern matches. roles is None: it asks for no login; (): it lets nobody in."""

    pattern: str
    methods: str
    roles: tuple[str, ...] | None
    transport: str
    applies: bool
    why: str
    source: Source | None


@dataclass(frozen=True, slots=True)
class Security:
    """What all constraints together ask for. access: permitted, authenticated, roles, precluded."""

    access: str
    roles: tuple[str, ...]
    confidential: bool
    uncovered: bool
    """A constraint has the best pattern, but none there names the method."""
    why: str
    login: str | None
    login_source: Source | None
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class FilterStep:
    """A filter mapping, and why it counts or not. declared is the place of the <filter> or decorator."""

    filter: str
    class_name: str
    applies: bool
    why: str
    source: Source | None
    declared: Source | None


@dataclass(frozen=True, slots=True)
class Servlet:
    """The servlet that is called, how the path is divided for it, and what its declaration says besides."""

    name: str
    class_name: str
    servlet_path: str
    path_info: str | None
    calls: str | None
    """The method of its class, such as "Cart.doGet"; None where that cannot be told."""
    load_on_startup: int
    async_supported: bool
    async_why: str
    multipart: dict[str, int | str] | None
    source: Source | None
    calls_source: Source | None = None
    multipart_source: Source | None = None


@dataclass(frozen=True, slots=True)
class Front:
    """Whether the web server in front sends the file by itself. sources: whose lines keep it from that."""

    serves: bool
    why: str
    reasons: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """How a session is recognised. timeout_minutes of 0 or less: sessions do not end by themselves."""

    tracking: tuple[str, ...]
    cookie: str
    cookie_attributes: tuple[tuple[str, str], ...]
    parameter: str
    timeout_minutes: int
    source: Source | None
    timeout_source: Source | None = None
    cookie_source: Source | None = None
    tracking_source: Source | None = None


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What is shown for a status, or an exception nobody catches. location is None: the built-in page."""

    status: int
    exception: str | None
    location: str | None
    why: str
    servlet: str | None
    """None: nothing answers there, so the built-in page is shown."""
    filters: tuple[str, ...]
    source: Source | None
    redirect: str | None = None
    """Where a client is sent instead: the location is a directory without a / at its end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client that has not logged in gets. status is None: the code of the web app decides."""

    by: Literal["front", "container", "login page", "default servlet", "servlet"]
    status: int | None
    why: str
    location: str | None = None
    error_page: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that is decided about one request. What its way does not reach is None or empty.

    Where the front serves a file, the stations behind it tell what the container would do without a front.
    """

    method: str
    target: str
    problems: tuple[Problem, ...] = ()
    url: Url
    front: Front
    web_app: WebApp | None = None
    mapping: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()
    """The mappings that match, too, and lose; the best first."""
    unmatched: tuple[Candidate, ...] = ()
    """The web app's own mappings that do not match."""
    welcome: tuple[Welcome, ...] = ()
    security: Security | None = None
    filters: tuple[FilterStep, ...] = ()
    """Those that the request passes, in their order."""
    skipped_filters: tuple[FilterStep, ...] = ()
    servlet: Servlet | None = None
    session: Session | None = None
    error_pages: tuple[ErrorPage, ...] = ()
    answer: Answer
    notes: tuple[Line, ...] = ()

    def sections(self) -> tuple[Section, ...]:
        """The stations of the request, in order."""
        from container.learn.explain.text import sections

        return sections(self)

    def to_text(self, *, color: bool = False) -> str:
        """Return what `was explain` prints. color: with ANSI escapes."""
        from container.learn.explain.text import as_text

        return as_text(self, color=color)

    def to_json(self) -> dict[str, Any]:
        """Return values that JSON has; a Source is {"file", "line", "column"} or null."""
        value = _plain(self)
        assert isinstance(value, dict)
        return value


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
