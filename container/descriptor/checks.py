"""Rules inside one descriptor: what can be judged from its values alone.

    WebApp ──> check() ──> Problems

What needs the text as written (order, repetition, spelling of enumerated values, paths) is the
reader's. The rules here hold for one file and for the effective descriptor alike (DD-MRG-17): run them on
each file with ``complete=False`` and on the merged result. A problem found twice is the same value twice, so
``dict.fromkeys`` drops the repetition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple, TypeVar

from container.descriptor.model import (
    CookieConfig,
    EnvEntry,
    ErrorPage,
    LifecycleCallback,
    Ordering,
    Param,
    SessionConfig,
    WebApp,
)
from container.errors import Problem, Severity, Source

__all__ = [
    "PatternProblem", "canonical_path", "check", "contradictory_ordering", "is_cookie_domain", "is_token",
    "undeclared_roles",
    "url_pattern_problem",
]  # fmt: skip

T = TypeVar("T")


class PatternProblem(NamedTuple):
    """What is wrong with a url-pattern; the message begins with the quoted pattern and names no element."""

    severity: Severity
    message: str
    cure: str
    code: str


CONTAINER_SERVLETS = ("default", "jinja", "jsp")
"""What a mapping may name although nothing declares it."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LINE_ENDS = re.compile(r"[\r\n]")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_INTEGER_BITS = {"java.lang.Byte": 8, "java.lang.Short": 16, "java.lang.Integer": 32, "java.lang.Long": 64}
_FLOATS = ("java.lang.Float", "java.lang.Double")
_ENTRY_TYPES = (  # an enum's own name is one, too
    *_INTEGER_BITS, *_FLOATS, "java.lang.Boolean", "java.lang.Character", "java.lang.String",
    "java.lang.Class",
)  # fmt: skip


def is_token(text: str) -> bool:
    """Whether text is a token of HTTP: an extension method, a cookie's name."""
    return _TOKEN.fullmatch(text) is not None


def is_cookie_domain(text: str) -> bool:
    """Whether text is a host name that a cookie could have: without a dot before it (RFC 6265 §4.1.2.3)."""
    return _DOMAIN.fullmatch(text) is not None


def canonical_path(path: str) -> str | None:
    """A path that begins with "/", without its "." and ".." segments (DD-DOC-15).

    None if it leads above the root (DD-DOC-16).
    """
    segments: list[str] = []
    *inner, last = path.split("/")[1:]
    for segment in (*inner, last):
        if segment == "..":
            if not segments:
                return None
            segments.pop()
        elif segment != ".":
            segments.append(segment)
    if last in (".", ".."):
        segments.append("")
    return "/" + "/".join(segments)


def url_pattern_problem(pattern: str) -> PatternProblem | None:
    """Judge a url-pattern that cannot or hardly match (DD-UP); None for a good one.

    Filters, constraints and programmatic registration use it too.
    """
    for is_wrong, code, severity, message, cure in _PATTERN_RULES:
        if is_wrong(pattern):
            section = " (§12.2)."
            return PatternProblem(severity, f"{_quoted(pattern)} {message}", cure(pattern) + section, code)
    return None


def _cure_of_no_slash(pattern: str) -> str:
    if pattern == "*":
        return 'Write "/*" for every path'
    if pattern.startswith("*"):
        return f"Write {_quoted('*.' + pattern.lstrip('*.'))} for an extension"
    return f"Write {_quoted('/' + pattern)}"


def _has_inner_star(pattern: str) -> bool:
    body = pattern[2:] if pattern.startswith("*.") else pattern.removesuffix("/*")
    return "*" in body


_PatternRule = tuple[Callable[[str], bool], str, Severity, str, Callable[[str], str]]
_PATTERN_RULES: tuple[_PatternRule, ...] = (  # the first that applies speaks
    (
        lambda p: _LINE_ENDS.search(p) is not None,
        "WAS204",
        "error",
        "contains a line break",
        lambda p: f"Write {_quoted(_LINE_ENDS.sub('', p))}, on one line",
    ),
    (lambda p: p == "*.", "WAS204", "error", "names no extension", lambda p: 'Write for example "*.html"'),
    (
        lambda p: p.startswith("*.") and "/" in p,
        "WAS204",
        "error",
        'can never match: an extension holds no "/"',
        lambda p: f'Write {_quoted(p.split("/")[0])} for the extension, or a path that begins with "/"',
    ),
    (
        lambda p: p.startswith("*") and not p.startswith("*.") and "*" in p[1:],
        "WAS203",
        "error",
        "can never match: * is special only in /* at the end and in *. at the start",
        lambda p: f"Write for example {_quoted('/' + p.strip('*./') + '/*')}",
    ),
    (
        lambda p: p != "" and not p.startswith(("/", "*.")),
        "WAS201",
        "error",
        'can never match: paths begin with "/"',
        _cure_of_no_slash,
    ),
    (
        lambda p: p.startswith("/") and "*." in p,
        "WAS202",
        "error",
        "mixes a path and an extension, which no pattern can",
        lambda p: f"Write {_quoted(p[p.index('*.') :])} or {_quoted(p[: p.index('*.')].rstrip('/') + '/*')}",
    ),
    (
        lambda p: p.startswith("/") and canonical_path(p) is None,
        "WAS205",
        "error",
        'leads out of the web app with ".."',
        lambda p: "Write a path inside the web app",
    ),
    (
        lambda p: p.startswith("/") and canonical_path(p) != p,
        "WAS206",
        "warning",
        'never matches: paths are compared without "." and ".."',
        lambda p: f"Write {_quoted(canonical_path(p) or p)}",
    ),
    (
        lambda p: p.startswith("*.") and "." in p[2:],
        "WAS206",
        "warning",
        "never matches: the extension is what follows the last dot",
        lambda p: f"Write {_quoted('*.' + p.rpartition('.')[2])}",
    ),
    (
        lambda p: ";" in p,
        "WAS206",
        "warning",
        'never matches: path parameters are removed from ";" on before paths are compared',
        lambda p: f"Write {_quoted(p.partition(';')[0])}",
    ),
    (
        _has_inner_star,
        "WAS203",
        "warning",
        "matches only this very text: * is special only in /* at the end and in *. at the start",
        lambda p: f"Write {_quoted(p.partition('*')[0].rstrip('/') + '/*')} for everything below",
    ),
    (
        lambda p: _PERCENT.search(p) is not None,
        "WAS206",
        "warning",
        "is compared with decoded paths, where % stands for itself",
        lambda p: "Write the character itself, not its %XX form",
    ),
)


def check(
    web_app: WebApp, *, complete: bool = True, container_servlets: Collection[str] = CONTAINER_SERVLETS
) -> list[Problem]:
    """Everything wrong with these values, in document order.

    complete=False leaves out what other files or annotations may still put right: unknown names and roles.
    """
    problems = [*_unique(web_app), *_patterns(web_app), *_shapes(web_app)]
    if complete:
        problems += [*_known_names(web_app, container_servlets), *_known_roles(web_app)]
        problems += [*_values(web_app), *_not_provided(web_app)]
    return sorted(problems, key=_place)


def _place(problem: Problem) -> tuple[str, int, int]:
    source = problem.source
    return (source.file, source.line, source.column) if source else ("", 0, 0)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _warning(source: Source, message: str, cure: str = "", *, code: str) -> Problem:
    return Problem(source, message, cure, "warning", code=code)


# Said twice


def _repeated(
    things: Iterable[T], key: Callable[[T], object], source: Callable[[T], Source]
) -> Iterator[tuple[T, T, Source]]:
    """Each thing whose key came before: (the first, this one, where this one is)."""
    first: dict[object, T] = {}
    for thing in things:
        earlier = first.setdefault(key(thing), thing)
        if earlier is not thing:
            yield earlier, thing, source(thing)


def _unique(web_app: WebApp) -> Iterator[Problem]:
    """DD-SRV-01, DD-FLT-01, DD-SEC-18, DD-JSP-04, DD-ENV-01, DD-RES-01, DD-INJ-03 and their like."""
    named: tuple[tuple[str, str, Iterable[tuple[str, Source]]], ...] = (
        ("<servlet>", "name", ((s.name, s.source) for s in web_app.servlets)),
        ("<filter>", "name", ((f.name, f.source) for f in web_app.filters)),
        ("<env-entry>", "name", ((e.name, e.source) for e in web_app.env_entries)),
        ("<resource-ref>", "name", ((r.name, r.source) for r in web_app.resource_refs)),
        ("<resource-env-ref>", "name", ((r.name, r.source) for r in web_app.resource_env_refs)),
        ("<data-source>", "name", ((d.name, d.source) for d in web_app.data_sources)),
        ("<mail-session>", "name", ((m.name, m.source) for m in web_app.mail_sessions)),
        (
            "<taglib>",
            "uri",
            ((t.uri, t.source) for t in (web_app.jsp_config.taglibs if web_app.jsp_config else ())),
        ),
    )
    for element, what, pairs in named:
        yield from _unique_names(element, what, pairs)
    for kind in dict.fromkeys(p.kind for p in web_app.platform_elements):
        pairs = ((p.name, p.source) for p in web_app.platform_elements if p.kind == kind)
        yield from _unique_names(f"<{kind}>", "name", pairs)
    yield from _unique_params("<context-param>", web_app.context_params)
    yield from _unique_error_pages(web_app.error_pages)
    yield from _unique_callbacks("<post-construct>", web_app.post_constructs)
    yield from _unique_callbacks("<pre-destroy>", web_app.pre_destroys)
    for earlier, role, source in _repeated(web_app.security_roles, lambda r: r.name, lambda r: r.source):
        yield _warning(
            source,
            f"<security-role> {_quoted(role.name)} is declared twice, first at {earlier.source}",
            "Remove one.",
            code="WAS125",
        )
    for first, mime, source in _repeated(
        web_app.mime_mappings, lambda m: m.extension.lower(), lambda m: m.source
    ):
        if first.mime_type != mime.mime_type:
            yield _warning(
                source,
                f"<mime-mapping> of {_quoted(mime.extension)} was {first.mime_type} at {first.source}; "
                f"{mime.mime_type} counts",
                "Remove one.",
                code="WAS125",
            )


def _unique_names(element: str, what: str, pairs: Iterable[tuple[str, Source]]) -> Iterator[Problem]:
    for (name, first), _, source in _repeated(pairs, lambda pair: pair[0], lambda pair: pair[1]):
        yield Problem(
            source,
            f"{element} {_quoted(name)} is declared twice, first at {first}",
            f"Remove one, or give it another {what}.",
            code="WAS124",
        )


def _unique_params(element: str, params: Iterable[Param]) -> Iterator[Problem]:
    """DD-CP-02."""
    for first, param, source in _repeated(params, lambda p: p.name, lambda p: p.source):
        message = f"{element} {_quoted(param.name)} is given twice, first at {first.source}"
        if first.value == param.value:
            yield _warning(source, message, "Remove one.", code="WAS125")
        else:
            yield Problem(
                source, f"{message}, with another value", "Remove the one that is wrong.", code="WAS126"
            )


def _unique_error_pages(pages: Iterable[ErrorPage]) -> Iterator[Problem]:
    """DD-EP-06."""
    key: Callable[[ErrorPage], tuple[int | None, str | None]] = lambda p: (p.error_code, p.exception_type)  # noqa: E731
    for first, page, source in _repeated(pages, key, lambda p: p.source):
        of = page.error_code or page.exception_type or "everything else"
        yield Problem(
            source,
            f"<error-page> for {of} is declared twice, first at {first.source}",
            "Remove one (§10.9.2).",
            code="WAS602",
        )


def _unique_callbacks(element: str, callbacks: Iterable[LifecycleCallback]) -> Iterator[Problem]:
    for first, callback, source in _repeated(callbacks, lambda c: c.callback_class, lambda c: c.source):
        yield Problem(
            source,
            f"{element} names a second method for {callback.callback_class or 'the same class'}: "
            f"{first.method} is called already ({first.source})",
            "Keep one method for each class.",
            code="WAS124",
        )


# Patterns


def _patterns(web_app: WebApp) -> Iterator[Problem]:
    """DD-UP for servlets and filters (the reader judges the others where they stand), and DD-SM-04."""
    mapped = [(m.url_pattern, m.source) for m in web_app.servlet_mappings]
    filtered = [(m.url_pattern, m.source) for m in web_app.filter_mappings if m.url_pattern is not None]
    for pattern, source in mapped + filtered:
        if problem := url_pattern_problem(pattern):
            severity, message, cure, code = problem
            yield Problem(source, f"<url-pattern> {message}", cure, severity, code=code)
    mappings = web_app.servlet_mappings
    for first, mapping, source in _repeated(mappings, lambda m: m.url_pattern, lambda m: m.source):
        if first.servlet_name != mapping.servlet_name:
            yield Problem(
                source,
                f"<url-pattern> {_quoted(mapping.url_pattern)} is mapped to {_quoted(mapping.servlet_name)} "
                f"here and to {_quoted(first.servlet_name)} at {first.source}",
                "Give each pattern to one servlet only (§12.2).",
                code="WAS207",
            )


# One element in itself


def _shapes(web_app: WebApp) -> Iterator[Problem]:
    for servlet in web_app.servlets:
        if servlet.servlet_class and servlet.jsp_file:
            yield Problem(
                servlet.source,
                f"<servlet> {_quoted(servlet.name)} has both <servlet-class> and <jsp-file>",
                "Remove one of the two.",
                code="WAS127",
            )
    for page in web_app.error_pages:
        if page.error_code is not None and page.exception_type is not None:
            yield Problem(
                page.source,
                "<error-page> has both <error-code> and <exception-type>",
                "Write two <error-page> elements (§10.9.2).",
                code="WAS127",
            )
    for constraint in web_app.security_constraints:
        for collection in constraint.collections:
            if collection.http_methods and collection.http_method_omissions:
                yield Problem(
                    collection.source,
                    f"<web-resource-collection> {_quoted(collection.name)} has both <http-method> and "
                    "<http-method-omission>",
                    "Keep one kind (§13.8.1).",
                    code="WAS510",
                )
    yield from _session(web_app.session_config)
    yield from _login(web_app)
    for entry in web_app.env_entries:
        yield from _env_entry(entry)
    if problem := contradictory_ordering(web_app.ordering):
        yield problem


def contradictory_ordering(ordering: Ordering | None) -> Problem | None:
    """DD-ORD-27."""
    if ordering and ordering.before and ordering.after and ordering.before.others and ordering.after.others:
        return Problem(
            ordering.source,
            "<ordering> wants to be before all others and after them",
            "Keep <others/> in one of <before> and <after> (§8.2.2).",
            code="WAS131",
        )
    return None


def _session(config: SessionConfig | None) -> Iterator[Problem]:
    if config is None:
        return
    if "SSL" in config.tracking_modes:  # DD-SES-06, DD-SES-08
        alone = len(set(config.tracking_modes)) == 1
        yield Problem(
            config.source,
            "<session-config> asks for the tracking mode SSL, which is not supported"
            if alone
            else "<session-config> combines the tracking mode SSL with another one",
            "Write COOKIE or URL or both, or leave <tracking-mode> out (§7.1).",
            code="WAS609",
        )
    if config.cookie_config:
        yield from _cookie(config.cookie_config)


def _cookie(config: CookieConfig) -> Iterator[Problem]:
    """DD-SES-10, and what the first cookie would fail at."""
    domains = [("<domain>", config.domain, config.source)]
    domains += [
        ("<attribute> Domain", attribute.value, attribute.source)
        for attribute in config.attributes
        if attribute.name.lower() == "domain"
    ]
    for what, domain, source in domains:
        if domain and not is_cookie_domain(domain):
            yield Problem(
                source,
                f"{what} {_quoted(domain)} is no host name that a cookie could have",
                f"Write {domain.lstrip('.')}: it holds for the hosts below it, too (RFC 6265)."
                if is_cookie_domain(domain.lstrip("."))
                else "Write a name such as example.com.",
                code="WAS613",
            )
    for attribute in config.attributes:
        if attribute.name.lower() == "max-age" and not _NUMBER.fullmatch(attribute.value):
            yield Problem(
                attribute.source,
                f"<attribute> Max-Age {_quoted(attribute.value)} is not a whole number of seconds",
                "Write digits only, or use <max-age>.",
                code="WAS611",
            )


def _login(web_app: WebApp) -> Iterator[Problem]:
    login = web_app.login_config
    if login is None:
        return
    method = login.auth_method
    if method == "FORM" and login.form is None:
        yield Problem(
            login.source,
            "<auth-method> FORM needs <form-login-config>",
            "Add it with <form-login-page> and <form-error-page> (§13.6.3).",
            code="WAS505",
        )
    if method is not None and method != "FORM" and login.form is not None:
        yield _warning(
            login.form.source,
            f"<form-login-config> means nothing with <auth-method> {method}",
            "Remove it, or write FORM.",
            code="WAS506",
        )


def _env_entry(entry: EnvEntry) -> Iterator[Problem]:
    """DD-ENV-02 to DD-ENV-04."""
    if entry.type is None and not entry.injection_targets:
        yield Problem(
            entry.source,
            f"<env-entry> {_quoted(entry.name)} has no <env-entry-type>",
            "Add one, such as java.lang.String.",
            code="WAS128",
        )
    if entry.type is None:
        return
    meant = f"java.lang.{entry.type.rpartition('.')[2]}"
    if entry.type not in _ENTRY_TYPES and (entry.type.startswith("java.") or meant in _ENTRY_TYPES):
        yield Problem(
            entry.source,
            f"<env-entry> {_quoted(entry.name)} has the type {entry.type}, which no entry can have",
            _nearest(meant, _ENTRY_TYPES, "Write one of the types of java.lang, such as java.lang.String"),
            code="WAS128",
        )
    if entry.value is None:
        return
    wrong = None
    if bits := _INTEGER_BITS.get(entry.type):
        limit = 1 << (bits - 1)
        if not _NUMBER.fullmatch(entry.value):
            wrong = "is not a whole number"
        elif not -limit <= int(entry.value) < limit:
            wrong = f"is out of range: {-limit} to {limit - 1}"
    elif entry.type == "java.lang.Character" and len(entry.value) != 1:
        wrong = "is not exactly one character"
    elif entry.type in _FLOATS and not _is_float(entry.value):
        wrong = "is not a number"
    if wrong:
        yield Problem(
            entry.source,
            f"<env-entry> {_quoted(entry.name)}: {_quoted(entry.value)} {wrong}",
            f"Correct the value or its type {entry.type}.",
            code="WAS128",
        )


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# Names that only the whole web app knows


def _known_names(web_app: WebApp, container_servlets: Collection[str]) -> Iterator[Problem]:
    """DD-SM-01, DD-FM-01, DD-FM-05."""
    servlets = {s.name for s in web_app.servlets} | set(container_servlets)
    filters = {f.name for f in web_app.filters}
    for mapping in web_app.servlet_mappings:
        if mapping.servlet_name not in servlets:
            yield Problem(
                mapping.source,
                f"<servlet-mapping> of {_quoted(mapping.url_pattern)} names the unknown servlet "
                f"{_quoted(mapping.servlet_name)}",
                _nearest(
                    mapping.servlet_name,
                    servlets,
                    f"Declare it with <servlet-name>{mapping.servlet_name}</servlet-name>",
                ),
                code="WAS208",
            )
    for target in web_app.filter_mappings:
        if target.filter_name not in filters:
            yield Problem(
                target.source,
                f"<filter-mapping> names the unknown filter {_quoted(target.filter_name)}",
                _nearest(target.filter_name, filters, "Declare it in a <filter>"),
                code="WAS401",
            )
        name = target.servlet_name
        if name is not None and name != "*" and name not in servlets:
            yield _warning(
                target.source,
                f"<filter-mapping> of {_quoted(target.filter_name)} names the unknown servlet "
                f"{_quoted(name)}",
                _nearest(name, servlets, "Declare it in a <servlet>"),
                code="WAS402",
            )


def _nearest(name: str, known: Collection[str], otherwise: str) -> str:
    close = [other for other in sorted(known) if other.lower() == name.lower()]
    close = close or get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {_quoted(close[0])}?" if close else f"{otherwise}."


def _known_roles(web_app: WebApp) -> Iterator[Problem]:
    """DD-SRV-16, DD-SRV-18, DD-SEC-10, DD-SEC-17."""
    roles = {role.name for role in web_app.security_roles}
    declare = "Declare it with <security-role>"
    for servlet in web_app.servlets:
        run_as = servlet.run_as
        if run_as and run_as.role_name not in roles:
            yield _warning(
                run_as.source,
                f"<run-as> names the undeclared role {_quoted(run_as.role_name)}",
                _nearest(run_as.role_name, roles, declare),
                code="WAS501",
            )
        for ref in servlet.security_role_refs:
            if ref.role_link is not None and ref.role_link not in roles:
                yield Problem(
                    ref.source,
                    f"<role-link> names the undeclared role {_quoted(ref.role_link)}",
                    _nearest(ref.role_link, roles, declare),
                    code="WAS501",
                )
    yield from undeclared_roles(web_app, roles)
    login = web_app.login_config
    can_log_in = login is not None and login.auth_method is not None
    for constraint in web_app.security_constraints:
        auth = constraint.auth_constraint
        if auth is None:
            continue
        if auth.role_names and not can_log_in:
            yield _warning(
                auth.source,
                "<auth-constraint> asks for a login, but no <auth-method> says how: every request gets 403",
                "Add <login-config> with an <auth-method> such as BASIC (§13.6).",
                code="WAS503",
            )


def undeclared_roles(web_app: WebApp, declared: Collection[str]) -> Iterator[Problem]:
    """Warn of constraints with roles that are not declared: code may declare some, too (DD-SEC-10)."""
    for constraint in web_app.security_constraints:
        auth = constraint.auth_constraint
        for role in () if auth is None else auth.role_names:
            if auth is not None and role not in declared and role not in ("*", "**"):
                yield _warning(
                    auth.source,
                    f"<auth-constraint> names the undeclared role {_quoted(role)}",
                    _nearest(role, declared, "Declare it with <security-role>"),
                    code="WAS501",
                )


def _values(web_app: WebApp) -> Iterator[Problem]:
    """DD-ENV-05: nobody but the descriptors can give an entry its value."""
    for entry in web_app.env_entries:
        if entry.value is None and entry.lookup_name is None and not entry.injection_targets:
            yield Problem(
                entry.source,
                f"<env-entry> {_quoted(entry.name)} has no value",
                "Add <env-entry-value>; an empty one is the empty string.",
                code="WAS128",
            )


_CURE = "Provide the object in a context listener (§10.11)."
_NOT_PROVIDED = {  # why an element has no effect, and the cure; all others are for full platform servers
    "env-entry": ("cannot be looked up by name yet", "Add an <injection-target>, or use a <context-param>."),
    "resource-ref": ("asks for an object that is not provided", _CURE),
    "resource-env-ref": ("asks for an object that is not provided", _CURE),
    "data-source": ("is read, but no database is opened", _CURE),
    "mail-session": ("is read, but no mail server is asked", _CURE),
}


def _not_provided(web_app: WebApp) -> Iterator[Problem]:
    """DD-GEN-02, DD-ENV-06, DD-RES-02, DD-DS-03, DD-MAIL-01, DD-EE-01: one warning for each kind."""
    elements = [
        *(
            ("env-entry", entry.name, entry.source)
            for entry in web_app.env_entries
            if not entry.injection_targets
        ),
        *(("resource-ref", ref.name, ref.source) for ref in web_app.resource_refs),
        *(("resource-env-ref", ref.name, ref.source) for ref in web_app.resource_env_refs),
        *(("data-source", database.name, database.source) for database in web_app.data_sources),
        *(("mail-session", mail.name, mail.source) for mail in web_app.mail_sessions),
        *((element.kind, element.name, element.source) for element in web_app.platform_elements),
    ]
    for kind in dict.fromkeys(kind for kind, _, _ in elements):
        names = ", ".join(dict.fromkeys(name for of, name, _ in elements if of == kind))
        source = next(source for of, _, source in elements if of == kind)
        why, cure = _NOT_PROVIDED.get(kind, ("needs a full Jakarta EE server and has no effect", _CURE))
        yield _warning(source, f"<{kind}> {why}: {names}", cure, code="WAS129")
