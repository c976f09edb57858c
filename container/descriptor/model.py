"""What a web.xml says, as frozen values that know where they were said.

    WebApp ── what a <web-app> or <web-fragment> holds, one tuple for each kind of child, in document order

One class for each element, named after it (``servlet-mapping`` is ServletMapping), one field for each child
(``url-pattern`` is url_pattern). Elements that repeat are tuples, those that may be missing are None, flags
are bool. Text is already trimmed or collapsed as its schema type asks (DD-DOC-10, DD-DOC-11), paths are
canonical (DD-DOC-15). ``source`` is the position of the element's "<".

``inherited`` is filled by merge.py: the children that come from elsewhere than the element itself, by field.

Two elements are expanded while they are read, because nobody needs them as written: a <servlet-mapping> with
three patterns is three ServletMappings, a <filter-mapping> with three targets is three (DD-FM-03).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from container.errors import Source

__all__ = [
    "AbsoluteOrdering", "AuthConstraint", "CookieConfig", "DataSource", "DescriptionGroup", "EnvEntry",
    "ErrorPage", "Filter", "FilterMapping", "FormLoginConfig", "InjectionTarget", "JspConfig",
    "JspPropertyGroup", "LifecycleCallback", "Listener", "LocaleEncodingMapping", "LoginConfig",
    "MailSession", "MimeMapping", "MultipartConfig", "Ordering", "OrderingNames", "Param", "PlatformElement",
    "ResourceEnvRef", "ResourceRef", "RunAs", "SecurityConstraint", "SecurityRole", "SecurityRoleRef",
    "Servlet", "ServletMapping", "SessionConfig", "Taglib", "Text", "UserDataConstraint", "WebApp",
    "WebResourceCollection", "WelcomeFile",
]  # fmt: skip


Inherited = tuple[tuple[str, Source], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """An element that is nothing but text, where its place or language matters."""

    value: str
    source: Source
    lang: str = "en"


@dataclass(frozen=True, slots=True)
class DescriptionGroup:
    """<description>, <display-name> and <icon>, which begin many elements. icons: (small, large)."""

    descriptions: tuple[Text, ...] = ()
    display_names: tuple[Text, ...] = ()
    icons: tuple[tuple[str | None, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Param:
    """<context-param>, <init-param>, <property> and <attribute>: a name and a value (DD-CP)."""

    name: str
    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class MultipartConfig:
    """<multipart-config>, sizes in bytes, -1 = no limit (DD-MP). None where the element is missing."""

    source: Source
    location: str | None = None
    max_file_size: int | None = None
    max_request_size: int | None = None
    file_size_threshold: int | None = None
    inherited: Inherited = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class RunAs:
    """<run-as> (DD-SRV-16)."""

    role_name: str
    source: Source


@dataclass(frozen=True, slots=True)
class SecurityRoleRef:
    """<security-role-ref>: a role's name in the code, and the declared role it means (DD-SRV-17)."""

    role_name: str
    role_link: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class Servlet:
    """<servlet> (DD-SRV). None for what it does not say, so that fragments can be merged.

    load_on_startup: LOAD_LAST for the empty element, which means "at start, order free" (DD-SRV-11).
    """

    LOAD_LAST = 2**31 - 1

    name: str
    source: Source
    servlet_class: str | None = None
    jsp_file: str | None = None
    init_params: tuple[Param, ...] = ()
    load_on_startup: int | None = None
    enabled: bool | None = None
    async_supported: bool | None = None
    run_as: RunAs | None = None
    security_role_refs: tuple[SecurityRoleRef, ...] = ()
    multipart_config: MultipartConfig | None = None
    about: DescriptionGroup = field(default_factory=DescriptionGroup)
    inherited: Inherited = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class ServletMapping:
    """One <url-pattern> of a <servlet-mapping> (§12.2)."""

    servlet_name: str
    url_pattern: str  # "/cart/*", "*.do", "/" = default servlet, "" = context root, else exact
    source: Source  # of the <url-pattern>


@dataclass(frozen=True, slots=True)
class Filter:
    """<filter> (DD-FLT)."""

    name: str
    source: Source
    filter_class: str | None = None
    async_supported: bool | None = None
    init_params: tuple[Param, ...] = ()
    about: DescriptionGroup = field(default_factory=DescriptionGroup)
    inherited: Inherited = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class FilterMapping:
    """One target of a <filter-mapping>: either url_pattern or servlet_name is set (DD-FM)."""

    filter_name: str
    source: Source  # of the <url-pattern> or <servlet-name>
    url_pattern: str | None = None
    servlet_name: str | None = None  # "*" = every servlet
    dispatchers: frozenset[str] = frozenset({"REQUEST"})  # names of DispatcherType


@dataclass(frozen=True, slots=True)
class Listener:
    """<listener> (DD-LST)."""

    listener_class: str
    source: Source
    about: DescriptionGroup = field(default_factory=DescriptionGroup)


@dataclass(frozen=True, slots=True)
class CookieConfig:
    """<cookie-config> (§3.11 of the rulebook)."""

    source: Source
    name: str | None = None
    domain: str | None = None
    path: str | None = None
    comment: str | None = None
    http_only: bool | None = None
    secure: bool | None = None
    max_age: int | None = None  # seconds
    attributes: tuple[Param, ...] = ()
    inherited: Inherited = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """<session-config>. timeout_minutes: 0 or less = never; None = the container's default (DD-SES)."""

    source: Source
    timeout_minutes: int | None = None
    cookie_config: CookieConfig | None = None
    tracking_modes: tuple[str, ...] = ()  # names of SessionTrackingMode, as written
    inherited: Inherited = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class MimeMapping:
    """<mime-mapping>; extension without its dot."""

    extension: str
    mime_type: str
    source: Source


@dataclass(frozen=True, slots=True)
class WelcomeFile:
    """One <welcome-file>, or a <welcome-servlet> of the 6.2 draft, which is tried against servlets only."""

    path: str
    source: Source
    servlet_only: bool = False


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """<error-page>: for a code, for an exception class, or, with neither, for everything else (DD-EP)."""

    location: str
    source: Source
    error_code: int | None = None
    exception_type: str | None = None


@dataclass(frozen=True, slots=True)
class Taglib:
    """<taglib>."""

    uri: str
    location: str
    source: Source


@dataclass(frozen=True, slots=True)
class JspPropertyGroup:
    """<jsp-property-group>: text as written, None where it says nothing (DD-JSP-02)."""

    source: Source
    url_patterns: tuple[str, ...] = ()
    el_ignored: str | None = None
    error_on_el_not_found: str | None = None
    page_encoding: str | None = None
    scripting_invalid: str | None = None
    is_xml: str | None = None
    include_preludes: tuple[str, ...] = ()
    include_codas: tuple[str, ...] = ()
    deferred_syntax_allowed_as_literal: str | None = None
    trim_directive_whitespaces: str | None = None
    default_content_type: str | None = None
    buffer: str | None = None
    error_on_undeclared_namespace: str | None = None


@dataclass(frozen=True, slots=True)
class JspConfig:
    """<jsp-config>, also made of the top-level <taglib>s of 2.2 and 2.3."""

    source: Source
    taglibs: tuple[Taglib, ...] = ()
    property_groups: tuple[JspPropertyGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class WebResourceCollection:
    """<web-resource-collection>: At most one of the method tuples is used (DD-SEC-03)."""

    name: str
    source: Source
    url_patterns: tuple[str, ...] = ()
    http_methods: tuple[str, ...] = ()
    http_method_omissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthConstraint:
    """<auth-constraint>. No role at all = nobody, "*" = every declared role, "**" = any user logged in."""

    source: Source
    role_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserDataConstraint:
    """<user-data-constraint>; transport_guarantee is NONE, INTEGRAL or CONFIDENTIAL."""

    transport_guarantee: str
    source: Source


@dataclass(frozen=True, slots=True)
class SecurityConstraint:
    """<security-constraint>. Without auth_constraint no login is asked for."""

    source: Source
    collections: tuple[WebResourceCollection, ...] = ()
    auth_constraint: AuthConstraint | None = None
    user_data_constraint: UserDataConstraint | None = None
    display_names: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class FormLoginConfig:
    """<form-login-config>; both paths begin with "/"."""

    login_page: str
    error_page: str
    source: Source


@dataclass(frozen=True, slots=True)
class LoginConfig:
    """<login-config>."""

    source: Source
    auth_method: str | None = None
    realm_name: str | None = None
    form: FormLoginConfig | None = None


@dataclass(frozen=True, slots=True)
class SecurityRole:
    """<security-role>."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class LocaleEncodingMapping:
    """<locale-encoding-mapping>, locale as written: "ja" or "ja_JP"."""

    locale: str
    encoding: str
    source: Source


@dataclass(frozen=True, slots=True)
class InjectionTarget:
    """<injection-target> (DD-INJ-01)."""

    target_class: str
    target_name: str
    source: Source


@dataclass(frozen=True, slots=True)
class LifecycleCallback:
    """<post-construct> or <pre-destroy>."""

    method: str
    source: Source
    callback_class: str | None = None


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """<env-entry>; type is the Java name as written (DD-ENV-03)."""

    name: str
    source: Source
    type: str | None = None
    value: str | None = None
    mapped_name: str | None = None
    lookup_name: str | None = None
    injection_targets: tuple[InjectionTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """<resource-ref>."""

    name: str
    source: Source
    type: str | None = None
    auth: str | None = None
    sharing_scope: str | None = None
    mapped_name: str | None = None
    lookup_name: str | None = None
    injection_targets: tuple[InjectionTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceEnvRef:
    """<resource-env-ref>."""

    name: str
    source: Source
    type: str | None = None
    mapped_name: str | None = None
    lookup_name: str | None = None
    injection_targets: tuple[InjectionTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class DataSource:
    """<data-source>. values: every child with text, by element name ("class-name", "url" ...)."""

    name: str
    source: Source
    values: tuple[tuple[str, str], ...] = ()
    properties: tuple[Param, ...] = ()


@dataclass(frozen=True, slots=True)
class MailSession:
    """<mail-session>, shaped like DataSource."""

    name: str
    source: Source
    values: tuple[tuple[str, str], ...] = ()
    properties: tuple[Param, ...] = ()


@dataclass(frozen=True, slots=True)
class PlatformElement:
    """What only a full platform server has: kept by kind ("ejb-ref") and name, and reported (DD-EE-01)."""

    kind: str
    name: str
    source: Source
    values: tuple[tuple[str, str], ...] = ()
    injection_targets: tuple[InjectionTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class AbsoluteOrdering:
    """<absolute-ordering>: fragment names in order, None where <others/> stands (DD-ORD)."""

    source: Source
    names: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderingNames:
    """<before> or <after>."""

    source: Source
    names: tuple[str, ...] = ()
    others: bool = False


@dataclass(frozen=True, slots=True)
class Ordering:
    """<ordering> of a fragment."""

    source: Source
    before: OrderingNames | None = None
    after: OrderingNames | None = None


@dataclass(frozen=True, slots=True)
class WebApp:
    """A whole <web-app> or <web-fragment>. An app without a web.xml is ``WebApp(source)`` (DD-DOC-03)."""

    source: Source
    fragment: bool = False
    version: str = "6.1"
    metadata_complete: bool = False
    name: str | None = None  # <name> of a fragment
    module_name: str | None = None
    about: DescriptionGroup = field(default_factory=DescriptionGroup)
    default_context_path: str | None = None
    request_character_encoding: str | None = None
    response_character_encoding: str | None = None
    distributable: bool = False
    deny_uncovered_http_methods: bool = False
    context_params: tuple[Param, ...] = ()
    filters: tuple[Filter, ...] = ()
    filter_mappings: tuple[FilterMapping, ...] = ()
    listeners: tuple[Listener, ...] = ()
    servlets: tuple[Servlet, ...] = ()
    servlet_mappings: tuple[ServletMapping, ...] = ()
    session_config: SessionConfig | None = None
    mime_mappings: tuple[MimeMapping, ...] = ()
    welcome_files: tuple[WelcomeFile, ...] | None = (
        None  # None: no list at all, so the defaults apply (DD-WEL-04)
    )
    error_pages: tuple[ErrorPage, ...] = ()
    jsp_config: JspConfig | None = None
    security_constraints: tuple[SecurityConstraint, ...] = ()
    login_config: LoginConfig | None = None
    security_roles: tuple[SecurityRole, ...] = ()
    locale_encoding_mappings: tuple[LocaleEncodingMapping, ...] = ()
    env_entries: tuple[EnvEntry, ...] = ()
    resource_refs: tuple[ResourceRef, ...] = ()
    resource_env_refs: tuple[ResourceEnvRef, ...] = ()
    data_sources: tuple[DataSource, ...] = ()
    mail_sessions: tuple[MailSession, ...] = ()
    platform_elements: tuple[PlatformElement, ...] = ()
    post_constructs: tuple[LifecycleCallback, ...] = ()
    pre_destroys: tuple[LifecycleCallback, ...] = ()
    absolute_ordering: AbsoluteOrdering | None = None
    ordering: Ordering | None = None
