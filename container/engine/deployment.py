"""What one web app is made of while it starts: what is declared, and what code adds (Servlet 6.1, §4.4).

    effective descriptor ──> Deployment ──(initializers, listeners add more)──> frozen ──> Context's tables

The values of a descriptor never change; a Deployment does until the web app has started. Every declaration
keeps the Source it came from.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, field

from container.descriptor import model
from container.errors import Problem, Source
from container.servlet import (
    EventListener,
    Filter,
    MultipartConfigElement,
    Servlet,
    ServletSecurityElement,
)

__all__ = [
    "Deployment",
    "FilterDeclaration",
    "FilterMappingDeclaration",
    "ListenerDeclaration",
    "ServletDeclaration",
]


@dataclass(slots=True, eq=False)
class ServletDeclaration:
    """A servlet, from whatever source. Without class, instance and jsp_file it is preliminary (DD-SRV-04)."""

    name: str
    source: Source | None = None
    class_name: str | None = None
    servlet_class: type[Servlet] | None = None
    instance: Servlet | None = None
    created: bool = False  # the instance comes from createServlet, so the annotations of its class count
    jsp_file: str | None = None
    init_params: dict[str, str] = field(default_factory=dict)
    load_on_startup: int = -1
    enabled: bool = True
    async_supported: bool = False
    run_as: str | None = None
    role_refs: dict[str, str] = field(default_factory=dict)  # role-name in the code -> declared role
    multipart_config: MultipartConfigElement | None = None
    mappings: list[str] = field(default_factory=list)
    security: ServletSecurityElement | None = None

    @property
    def preliminary(self) -> bool:
        return not (self.class_name or self.servlet_class or self.instance or self.jsp_file)


@dataclass(slots=True, eq=False)
class FilterDeclaration:
    """A filter, from whatever source."""

    name: str
    source: Source | None = None
    class_name: str | None = None
    filter_class: type[Filter] | None = None
    instance: Filter | None = None
    init_params: dict[str, str] = field(default_factory=dict)
    async_supported: bool = False

    @property
    def preliminary(self) -> bool:
        return not (self.class_name or self.filter_class or self.instance)


@dataclass(slots=True, eq=False)
class FilterMappingDeclaration:
    """One target of a filter; url_pattern or servlet_name is set."""

    filter_name: str
    dispatchers: frozenset[str]
    url_pattern: str | None = None
    servlet_name: str | None = None
    source: Source | None = None


@dataclass(slots=True, eq=False)
class ListenerDeclaration:
    """A listener: declared by its class's name, or added by code."""

    source: Source | None = None
    class_name: str | None = None
    instance: EventListener | None = None
    added: bool = False
    listener_class: type | None = None  # what class_name names, once it is loaded

    def listens_as(self, interface: type) -> bool:
        """Whether it implements a listener interface. Its class must have been loaded."""
        kind = self.listener_class if self.instance is None else type(self.instance)
        return kind is not None and issubclass(kind, interface)

    @property
    def shown(self) -> str:
        return self.class_name or type(self.instance).__qualname__


@dataclass(slots=True, eq=False)
class Deployment:
    """Everything a web app is made of, in the order in which it counts."""

    web_app: model.WebApp
    servlets: dict[str, ServletDeclaration] = field(default_factory=dict)
    filters: dict[str, FilterDeclaration] = field(default_factory=dict)
    filter_mappings: list[FilterMappingDeclaration] = field(default_factory=list)
    mappings_before: int = 0  # how many filter mappings were added in front of the declared ones (RT-FLT-17)
    listeners: list[ListenerDeclaration] = field(default_factory=list)
    context_params: dict[str, str] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    request_encoding: str | None = None
    response_encoding: str | None = None
    session_timeout_minutes: int = 30
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, web_app: model.WebApp) -> Deployment:
        """Take a descriptor over. Bad references are left out: the descriptor's checks have reported them."""
        deployment = cls(web_app)
        deployment._take_servlets(web_app)
        deployment._take_filters(web_app)
        for listener in web_app.listeners:
            if all(listener.listener_class != known.class_name for known in deployment.listeners):
                deployment.listeners.append(ListenerDeclaration(listener.source, listener.listener_class))
        for param in web_app.context_params:
            deployment.context_params[param.name] = param.value
        deployment.roles = [role.name for role in web_app.security_roles]
        deployment.request_encoding = deployment._encoding(web_app.request_character_encoding)
        deployment.response_encoding = deployment._encoding(web_app.response_character_encoding)
        config = web_app.session_config
        if config is not None and config.timeout_minutes is not None:
            deployment.session_timeout_minutes = config.timeout_minutes
        return deployment

    def declare_roles(self, names: Iterable[str]) -> None:
        self.roles += [name for name in dict.fromkeys(names) if name not in self.roles]

    def _encoding(self, name: str | None) -> str | None:
        if name is None:
            return None
        try:
            codecs.lookup(name)
        except LookupError:
            problem = Problem(
                self.web_app.source, f'character encoding "{name}" is unknown', "Write UTF-8.", code="WAS123"
            )
            self.problems.append(problem)
            return None
        return name

    def _take_servlets(self, web_app: model.WebApp) -> None:
        for servlet in web_app.servlets:
            self.servlets.setdefault(servlet.name, _servlet(servlet))
        for mapping in web_app.servlet_mappings:
            declaration = self.servlets.get(mapping.servlet_name)
            if declaration is not None and mapping.url_pattern not in declaration.mappings:
                declaration.mappings.append(mapping.url_pattern)

    def _take_filters(self, web_app: model.WebApp) -> None:
        for item in web_app.filters:
            self.filters.setdefault(
                item.name,
                FilterDeclaration(
                    item.name,
                    item.source,
                    class_name=item.filter_class,
                    init_params=first_values(item.init_params),
                    async_supported=bool(item.async_supported),
                ),
            )
        for mapping in web_app.filter_mappings:
            if mapping.filter_name in self.filters:
                self.filter_mappings.append(
                    FilterMappingDeclaration(
                        mapping.filter_name,
                        mapping.dispatchers,
                        mapping.url_pattern,
                        mapping.servlet_name,
                        mapping.source,
                    )
                )

    def owner_of(self, pattern: str) -> ServletDeclaration | None:
        """The servlet that a url-pattern is mapped to."""
        return next((s for s in self.servlets.values() if pattern in s.mappings), None)

    def servlet_mappings(self) -> list[model.ServletMapping]:
        """Every mapping of an enabled servlet."""
        return [
            mapping for mapping in self.all_servlet_mappings() if self.servlets[mapping.servlet_name].enabled
        ]

    def all_servlet_mappings(self) -> list[model.ServletMapping]:
        """Every mapping; one that code has added has the place of its servlet."""
        places = {(m.servlet_name, m.url_pattern): m.source for m in self.web_app.servlet_mappings}
        return [
            model.ServletMapping(
                servlet.name,
                pattern,
                places.get((servlet.name, pattern)) or servlet.source or self.web_app.source,
            )
            for servlet in self.servlets.values()
            for pattern in servlet.mappings
        ]


def first_values(params: Iterable[model.Param]) -> dict[str, str]:
    """Init parameters by name; of duplicates the first one wins (DD-SRV-07)."""
    values: dict[str, str] = {}
    for param in params:
        values.setdefault(param.name, param.value)
    return values


def _servlet(servlet: model.Servlet) -> ServletDeclaration:
    multipart = servlet.multipart_config
    return ServletDeclaration(
        servlet.name,
        servlet.source,
        class_name=servlet.servlet_class,
        jsp_file=servlet.jsp_file,
        init_params=first_values(servlet.init_params),
        load_on_startup=-1 if servlet.load_on_startup is None else servlet.load_on_startup,
        enabled=servlet.enabled is not False,
        async_supported=bool(servlet.async_supported),
        run_as=servlet.run_as.role_name if servlet.run_as else None,
        role_refs={ref.role_name: ref.role_link or ref.role_name for ref in servlet.security_role_refs},
        multipart_config=None
        if multipart is None
        else MultipartConfigElement(
            multipart.location,
            -1 if multipart.max_file_size is None else multipart.max_file_size,
            -1 if multipart.max_request_size is None else multipart.max_request_size,
            multipart.file_size_threshold or 0,
        ),
    )
