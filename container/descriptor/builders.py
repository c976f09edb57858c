"""What makes one value of what the rows of an element gave, where that takes more than the model's class.

Each is the Build of a Shape in reader.py, or reads one child whose value is more than its text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from container.descriptor import texts
from container.descriptor.checks import url_pattern_problem
from container.descriptor.markup import Element
from container.descriptor.model import (
    AbsoluteOrdering,
    ErrorPage,
    Filter,
    FilterMapping,
    JspConfig,
    JspPropertyGroup,
    Param,
    PlatformElement,
    SecurityRoleRef,
    Servlet,
    ServletMapping,
    Text,
    WebApp,
    WebResourceCollection,
    WelcomeFile,
)
from container.descriptor.shapes import Values, made
from container.descriptor.texts import Reading, quoted
from container.errors import Problem, Source

__all__ = [
    "absolute_ordering", "error_page", "filter_", "filter_mappings", "icon", "pattern_target", "platform",
    "property_group", "role_ref", "servlet", "servlet_mappings", "servlet_target", "several", "web_app",
    "web_resources", "welcome_file",
]  # fmt: skip


def icon(element: Element, reading: Reading, values: Values) -> tuple[tuple[str | None, str | None]]:
    return ((values.get("small_icon"), values.get("large_icon")),)


def servlet(element: Element, reading: Reading, values: Values) -> Any:
    if reading.version <= "2.5" and not ("servlet_class" in values or "jsp_file" in values):  # DD-SRV-04
        reading.error(
            element, "has neither <servlet-class> nor <jsp-file>", "Add one of them.", code="WAS306"
        )
    return made(Servlet)(element, reading, _with_unique_params(values, reading))


def filter_(element: Element, reading: Reading, values: Values) -> Any:
    if reading.version <= "2.5" and "filter_class" not in values:  # DD-FLT-03
        reading.error(element, "has no <filter-class>", "Add it.", code="WAS306")
    return made(Filter)(element, reading, _with_unique_params(values, reading))


def _with_unique_params(values: Values, reading: Reading) -> Values:
    """Keep the first of each name (DD-SRV-07)."""
    params: dict[str, Param] = {}
    for param in values.get("init_params", ()):
        first = params.setdefault(param.name, param)
        if first is not param:
            message = (
                f"<init-param> {quoted(param.name)} is given twice; that of line {first.source.line} counts"
            )
            reading.problems.append(Problem(param.source, message, "Remove one.", "warning", code="WAS125"))
    return values | {"init_params": tuple(params.values())}


def servlet_mappings(element: Element, reading: Reading, values: Values) -> tuple[ServletMapping, ...]:
    patterns: tuple[Text, ...] = values.get("patterns", ())
    _only_one_before_2_5(element, reading, len(patterns), "<url-pattern>")
    return tuple(
        ServletMapping(values["servlet_name"], pattern.value, pattern.source) for pattern in patterns
    )


def filter_mappings(element: Element, reading: Reading, values: Values) -> tuple[FilterMapping, ...]:
    """One for each target, in the order written (DD-FM-03)."""
    targets = [child for child in element.children if child.name in ("url-pattern", "servlet-name")]
    if not any(map(reading.is_ours, targets)):
        reading.error(
            element,
            "has neither <url-pattern> nor <servlet-name>",
            "Add for example <url-pattern>/*</url-pattern>.",
            code="WAS108",
        )
    _only_one_before_2_5(element, reading, len(targets), "<url-pattern> or <servlet-name>")
    dispatchers = frozenset(values.get("dispatchers", ())) or {"REQUEST"}
    if "ASYNC" in dispatchers and reading.version < "3.0":
        reading.warn(
            element,
            f"names the dispatcher ASYNC, which {reading.version} does not know",
            "Raise the version.",
            code="WAS110",
        )
    return tuple(
        FilterMapping(values["filter_name"], source, pattern, servlet_name, frozenset(dispatchers))
        for source, pattern, servlet_name in values.get("targets", ())
    )


def pattern_target(element: Element, reading: Reading) -> tuple[tuple[Source, str | None, str | None]]:
    pattern = texts.url_pattern(element, reading)
    return ((pattern.source, pattern.value, None),)


def servlet_target(element: Element, reading: Reading) -> tuple[tuple[Source, str | None, str | None]] | None:
    name = texts.name(element, reading)
    return None if name is None else ((element.source, None, name),)


def _only_one_before_2_5(element: Element, reading: Reading, count: int, what: str) -> None:
    if count > 1 and reading.version < "2.5" and what not in reading.told:
        reading.told.add(what)
        reading.warn(
            element,
            f"holds {count} {what}, but {reading.version} allows one; all are used",
            "Raise the version.",
            code="WAS110",
        )


def error_page(element: Element, reading: Reading, values: Values) -> ErrorPage | None:
    ours = {child.name for child in element.children if reading.is_ours(child)}
    wanted = ours & {"error-code", "exception-type"}
    if not wanted and reading.version < "3.0":
        reading.warn(
            element,
            f"without code and type exists since 3.0, this file says {reading.version}",
            "Raise the version.",
            code="WAS110",
        )
    if any(name.replace("-", "_") not in values for name in wanted):
        return None  # reported already; without it this would become the page for everything
    return ErrorPage(source=element.source, **values)


def web_resources(element: Element, reading: Reading, values: Values) -> WebResourceCollection:
    if "name" not in values:
        reading.warn(element, "has no <web-resource-name>", "Add one; it is free text.", code="WAS517")
    if "url_patterns" not in values:
        tell = reading.warn if reading.is_dtd else reading.error  # DD-COMP-02
        tell(
            element,
            "has no <url-pattern>, so it protects nothing",
            "Add for example <url-pattern>/*</url-pattern>.",
            code="WAS509",
        )
    values["url_patterns"] = _judged(values.get("url_patterns", ()), reading)
    return WebResourceCollection(source=element.source, **{"name": "", **values})


def property_group(element: Element, reading: Reading, values: Values) -> JspPropertyGroup:
    values["url_patterns"] = _judged(values.get("url_patterns", ()), reading)
    return JspPropertyGroup(source=element.source, **values)


def _judged(patterns: tuple[Text, ...], reading: Reading) -> tuple[str, ...]:
    """Here, because the values do not keep where each pattern stands."""
    for pattern in patterns:
        if problem := url_pattern_problem(pattern.value):
            severity, message, cure, code = problem
            reading.problems.append(
                Problem(pattern.source, f"<url-pattern> {message}", cure, severity, code=code)
            )
    return tuple(pattern.value for pattern in patterns)


def absolute_ordering(element: Element, reading: Reading, values: Values) -> AbsoluteOrdering:
    """Only the first of equal names counts (DD-ORD-07); <others/> may stand there once."""
    names = [None if name is True else name for name in values.get("names", ())]
    unique = tuple(dict.fromkeys(names))
    if names.count(None) > 1:
        reading.error(element, "has <others/> more than once", "Remove all but one (§8.2.2).", code="WAS111")
    elif len(unique) < len(names):
        reading.warn(
            element,
            "says something twice; only the first counts",
            "Remove the others (§8.2.2).",
            code="WAS112",
        )
    return AbsoluteOrdering(element.source, unique)


def several(element: Element, reading: Reading, values: Values) -> tuple[Any, ...]:
    """A list element: nothing but what it holds."""
    return tuple(values.get("items", ()))


def welcome_file(element: Element, reading: Reading) -> WelcomeFile | None:
    path = texts.welcome_file(element, reading)
    return None if path is None else WelcomeFile(path, element.source, element.name == "welcome-servlet")


def platform(element: Element, reading: Reading, values: Values) -> PlatformElement:
    return PlatformElement(element.name, source=element.source, **values)


def role_ref(element: Element, reading: Reading, values: Values) -> SecurityRoleRef:
    return SecurityRoleRef(values["role_name"], values.get("role_link"), element.source)


def web_app(element: Element, reading: Reading, values: Values) -> Any:
    if taglibs := values.pop("taglibs", ()):
        jsp_config = values.get("jsp_config") or JspConfig(taglibs[0].source)
        values["jsp_config"] = replace(jsp_config, taglibs=(*jsp_config.taglibs, *taglibs))
    complete = _metadata_complete(element, reading)
    extra = {"fragment": reading.fragment, "version": reading.version, "metadata_complete": complete}
    return made(WebApp)(element, reading, values | extra)


def _metadata_complete(element: Element, reading: Reading) -> bool:
    """An XML Schema boolean (DD-DOC-20)."""
    text = element.attributes.get("metadata-complete", "false")
    if text.strip() not in ("true", "false", "1", "0"):
        reading.error(
            element, f"has metadata-complete={quoted(text)}", 'Write "true" or "false" (§8.1).', code="WAS115"
        )
    elif reading.version < "2.5" and "metadata-complete" in element.attributes:
        reading.warn(
            element, "has metadata-complete, which exists since 2.5", "Raise the version.", code="WAS110"
        )
    return text.strip() in ("true", "1")
