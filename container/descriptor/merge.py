"""web.xml, the libraries' fragments and the annotations -> one effective descriptor (Servlet 6.1, §8.2.3).

    web.xml, annotations of WEB-INF/classes, Fragments in their order ──merge──> WebApp + Problems

Two orders must not be confused. Things add up in the order in which the parts are processed: web.xml,
WEB-INF/classes, then each fragment followed by what its own classes declare (DD-ORD-02). Of things that
exclude each other the higher rank wins: web.xml, fragments, annotations; two fragments that disagree are a
conflict that only web.xml can settle. The tables below say of each element which of the two it is.

Nothing is checked here but what belongs to the whole: each part is read and checked on its own before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import IntEnum
from typing import Any

from container.descriptor import checks, model
from container.descriptor.ordering import Fragment
from container.descriptor.texts import quoted
from container.errors import Problem, Source

__all__ = ["merge"]


def merge(
    web_app: model.WebApp, annotations: model.WebApp, fragments: Sequence[Fragment]
) -> tuple[model.WebApp, list[Problem]]:
    """The effective descriptor, and what is wrong with it as a whole (DD-MRG).

    annotations are those of WEB-INF/classes; fragments are in their order. Both mean nothing if web.xml is
    metadata-complete. In annotations, None is what a decorator leaves at its default.
    """
    if web_app.metadata_complete:
        annotations, fragments = model.WebApp(annotations.source), ()
    parts = [(_Rank.WEB_XML, web_app), (_Rank.CLASSES, annotations)]
    for fragment in fragments:
        parts += [(_Rank.FRAGMENT, fragment.descriptor), (_Rank.LIBRARY, fragment.annotations)]
    said = [_Said(part, rank, place, part.source) for place, (rank, part) in enumerate(parts)]
    problems: list[Problem] = []
    merged: model.WebApp = _WEB_APP("", said, problems).value
    promising = (f.descriptor for f in fragments if f.has_descriptor)
    distributable = web_app.distributable and all(fragment.distributable for fragment in promising)
    effective = replace(merged, distributable=distributable)  # DD-MRG-11
    return effective, [*problems, *checks.check(effective)]


class _Rank(IntEnum):
    """Who wins. Only fragments and libraries are several, so only they can contradict each other."""

    WEB_XML = 0
    FRAGMENT = 1
    CLASSES = 2
    LIBRARY = 3


@dataclass(frozen=True, slots=True)
class _Said:
    """What one part says about something. place: of the part in the order of processing."""

    value: Any
    rank: _Rank
    place: int
    source: Source

    def about(self, value: Any) -> _Said:
        """What the same part says about a piece of it."""
        return _Said(value, self.rank, self.place, getattr(value, "source", self.source))


_Rule = Callable[[str, Sequence[_Said], list[Problem]], _Said]
"""Make one of what the parts say, at least one of them. The text names it in messages."""


def _winner(said: Iterable[_Said]) -> _Said:
    return min(said, key=lambda one: one.rank)  # the first of the highest rank


def _single(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
    """One value, whole: the highest rank's, which has to be of one mind (DD-MRG-05, -06)."""
    winner = _winner(said)
    for other in said:
        if other.rank is winner.rank and _plain(other.value) != _plain(winner.value):
            problems.append(_conflict(what, winner, other))
    return winner


def _by_field(**rows: tuple[str, _Rule]) -> _Rule:
    """An element whose children are merged one by one; by field of the model: the child's name, its rule.

    What has no row is the winner's alone.
    """

    def merge_fields(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
        winner = _winner(said)
        if len(said) == 1:
            return winner
        merged: dict[str, Any] = {}
        inherited: list[tuple[str, Source]] = []
        for name, (element, rule) in rows.items():
            values = ((one, getattr(one.value, name)) for one in said)
            saying = [one.about(value) for one, value in values if value not in (None, ())]
            if saying:
                chosen = rule(f"{what} <{element}>".strip() if element else "", saying, problems)
                merged[name] = chosen.value
                if chosen.place != winner.place and not hasattr(chosen.value, "source"):
                    inherited.append((name, chosen.source))
        if hasattr(winner.value, "inherited"):
            merged["inherited"] = tuple(inherited)
        return winner.about(replace(winner.value, **merged))

    return merge_fields


def _choice(first: str, second: str, rule: _Rule) -> _Rule:
    """Two children of which an element has one: whoever chooses one of them chooses against the other."""

    def merge_choice(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
        choosing = [one for one in said if getattr(one.value, first) or getattr(one.value, second)]
        if not choosing:
            return rule(what, said, problems)
        rank = _winner(choosing).rank
        neither = {first: None, second: None}
        weaker = [one if one.rank <= rank else one.about(replace(one.value, **neither)) for one in said]
        return rule(what, weaker, problems)

    return merge_choice


def _keyed(*keys: str, rule: _Rule = _single) -> _Rule:
    """Elements that add up; those of equal keys are one, made by the rule (DD-MRG-02 to -04)."""

    def merge_keyed(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
        groups: dict[tuple[Any, ...], dict[int, _Said]] = {}
        for one in said:
            for item in one.value:  # of equal ones in one part the last counts; its own check has spoken
                groups.setdefault(_key(item, keys), {})[one.place] = one.about(item)
        merged = [rule(_named(what, key), tuple(same.values()), problems) for key, same in groups.items()]
        return _winner(said).about(tuple(one.value for one in merged))

    return merge_keyed


def _added(*keys: str) -> _Rule:
    """Elements that add up; one that says the same as an earlier one is left out (DD-MRG-03, -07, -10)."""

    def merge_added(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
        items = [item for one in said for item in one.value]
        if keys:
            unique: dict[tuple[Any, ...], Any] = {}
            for item in items:
                unique.setdefault(_key(item, keys), item)
            items = list(unique.values())
        return _winner(said).about(tuple(items))

    return merge_added


def _key(item: Any, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_folded(name, getattr(item, name)) for name in keys)


def _folded(name: str, value: Any) -> Any:
    """One spelling of what may be spelt in several ways."""
    match name:
        case "extension":
            return value.lower()
        case "locale":
            return value.replace("_", "-").lower()
        case "listener_class":
            return value.replace(":", ".")
        case _:
            return value


def _owned(owner: str) -> _Rule:
    """Mappings: those of the highest rank that has any for that servlet or filter (DD-MRG-08, -09)."""

    def merge_owned(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
        best: dict[str, _Rank] = {}
        for one in said:
            for item in one.value:
                name = getattr(item, owner)
                best[name] = min(one.rank, best.get(name, one.rank))
        items = (item for one in said for item in one.value if best[getattr(item, owner)] is one.rank)
        return _winner(said).about(tuple(items))

    return merge_owned


def _callbacks(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
    """All of web.xml's if it has any, otherwise everybody's (DD-MRG-14)."""
    if said[0].rank is _Rank.WEB_XML:
        return said[0]
    return _added("callback_class", "method")(what, said, problems)


def _reference(what: str, said: Sequence[_Said], problems: list[Problem]) -> _Said:
    """One value, whole, to which the fragments still add injection targets (DD-MRG-12, -15)."""
    winner = _single(what, said, problems)
    descriptors = [one for one in said if one.rank <= _Rank.FRAGMENT and one.value.injection_targets]
    targets = [one.about(one.value.injection_targets) for one in descriptors or said]
    merged = _added("target_class", "target_name")(what, targets, problems).value
    return winner.about(replace(winner.value, injection_targets=merged))


# The words of the messages


def _named(what: str, key: tuple[Any, ...]) -> str:
    """An element and its key, for example <servlet> "cart": and more to come."""
    if not what:  # the element's name is part of the key
        what, key = f"<{key[0]}>", key[1:]
    known = " ".join(str(value) for value in key if value is not None)
    return f"{what} {quoted(known)}:" if known else f"{what} for everything else:"


_TELLING = {
    model.Param: "value",
    model.MimeMapping: "mime_type",
    model.ErrorPage: "location",
    model.LocaleEncodingMapping: "encoding",
    model.RunAs: "role_name",
    model.SecurityRoleRef: "role_link",
    model.Taglib: "location",
}


def _shown(value: Any) -> str:
    """A value in a message; nothing for one that is too large."""
    value = getattr(value, _TELLING[type(value)]) if type(value) in _TELLING else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return str(value) if isinstance(value, int) else quoted(value) if isinstance(value, str) else ""


def _conflict(what: str, first: _Said, second: _Said) -> Problem:
    what = what.rstrip(":")
    here, there = _shown(second.value), _shown(first.value)
    is_shown = here and there
    message = (
        f"{what} is {here} here and {there} at {first.source}"
        if is_shown
        else f"{what} differs from that at {first.source}"
    )
    return Problem(second.source, message, "Say in web.xml which one counts (§8.2.3).", code="WAS130")


def _plain(value: Any) -> Any:
    """A value without the places where it was said, and without the order of what it holds."""
    if isinstance(value, Source):
        return None
    if isinstance(value, tuple):
        return frozenset(map(_plain, value))
    if is_dataclass(value):
        compared = (field.name for field in fields(value) if field.compare)
        return (type(value), *(_plain(getattr(value, name)) for name in compared))
    return value


# The tables: for each field of the model the element it comes from and how it is merged

_INIT_PARAMS = ("init-param", _keyed("name"))

_FILTER = _by_field(
    filter_class=("filter-class", _single),
    async_supported=("async-supported", _single),
    init_params=_INIT_PARAMS,
)
_MULTIPART_CONFIG = _by_field(
    location=("location", _single),
    max_file_size=("max-file-size", _single),
    max_request_size=("max-request-size", _single),
    file_size_threshold=("file-size-threshold", _single),
)
_SERVLET = _choice(
    "servlet_class",
    "jsp_file",
    _by_field(
        servlet_class=("servlet-class", _single),
        jsp_file=("jsp-file", _single),
        init_params=_INIT_PARAMS,
        load_on_startup=("load-on-startup", _single),
        enabled=("enabled", _single),
        async_supported=("async-supported", _single),
        run_as=("run-as", _single),
        security_role_refs=("security-role-ref", _keyed("role_name")),
        multipart_config=("multipart-config", _MULTIPART_CONFIG),
    ),
)
_COOKIE_CONFIG = _by_field(
    name=("name", _single),
    domain=("domain", _single),
    path=("path", _single),
    comment=("comment", _single),
    http_only=("http-only", _single),
    secure=("secure", _single),
    max_age=("max-age", _single),
    attributes=("attribute", _keyed("name")),
)
_SESSION_CONFIG = _by_field(
    timeout_minutes=("session-timeout", _single),
    cookie_config=("cookie-config", _COOKIE_CONFIG),
    tracking_modes=("tracking-mode", _single),
)
_JSP_CONFIG = _by_field(
    taglibs=("taglib", _keyed("uri")),
    property_groups=("jsp-property-group", _added()),
)

# Missing here: what stands in web.xml alone (descriptions, encodings, module-name ...), and <distributable/>.
_WEB_APP = _by_field(
    context_params=("context-param", _keyed("name")),
    filters=("filter", _keyed("name", rule=_FILTER)),
    filter_mappings=("filter-mapping", _owned("filter_name")),
    listeners=("listener", _added("listener_class")),
    servlets=("servlet", _keyed("name", rule=_SERVLET)),
    servlet_mappings=("servlet-mapping", _owned("servlet_name")),
    session_config=("session-config", _SESSION_CONFIG),
    mime_mappings=("mime-mapping", _keyed("extension")),
    welcome_files=("welcome-file", _added("path", "servlet_only")),
    error_pages=("error-page", _keyed("error_code", "exception_type")),
    jsp_config=("jsp-config", _JSP_CONFIG),
    security_constraints=("security-constraint", _added()),
    login_config=("login-config", _single),
    security_roles=("security-role", _added("name")),
    locale_encoding_mappings=("locale-encoding-mapping", _keyed("locale")),
    env_entries=("env-entry", _keyed("name", rule=_reference)),
    resource_refs=("resource-ref", _keyed("name", rule=_reference)),
    resource_env_refs=("resource-env-ref", _keyed("name", rule=_reference)),
    data_sources=("data-source", _keyed("name")),
    mail_sessions=("mail-session", _keyed("name")),
    platform_elements=("", _keyed("kind", "name", rule=_reference)),
    post_constructs=("post-construct", _callbacks),
    pre_destroys=("pre-destroy", _callbacks),
)
