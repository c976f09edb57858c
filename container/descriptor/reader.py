"""Read a web.xml or web-fragment.xml into the values of model.py, with every problem of the file at once.

    bytes ──markup──> Elements ──the tables below──> WebApp + Problems

The tables describe the format, versions 2.2 to 6.1: a Shape for each element that holds others, a Row for
each child it may hold, with its number, its first version and what reads it. shapes.py walks them, texts.py
reads text, builders.py makes what is more than its parts.
"""

from __future__ import annotations

from pathlib import Path

from container.descriptor import builders, texts
from container.descriptor.markup import Document, Element, MarkupError, parse
from container.descriptor.model import (
    AuthConstraint,
    CookieConfig,
    DataSource,
    EnvEntry,
    FormLoginConfig,
    InjectionTarget,
    JspConfig,
    LifecycleCallback,
    Listener,
    LocaleEncodingMapping,
    LoginConfig,
    MailSession,
    MimeMapping,
    MultipartConfig,
    Ordering,
    OrderingNames,
    Param,
    ResourceEnvRef,
    ResourceRef,
    RunAs,
    SecurityConstraint,
    SecurityRole,
    SessionConfig,
    Taglib,
    UserDataConstraint,
    WebApp,
)
from container.descriptor.shapes import VERSIONS, Count, Row, Shape, homes, kept, made
from container.descriptor.texts import Reading, quoted
from container.errors import Problem, Source

__all__ = ["NAMESPACES", "NEWEST", "WEB_APP", "read_descriptor", "read_file"]

NEWEST = "6.1"  # 6.2 is a draft

_J2EE = "http://java.sun.com/xml/ns/j2ee"
_JAVAEE = "http://java.sun.com/xml/ns/javaee"
_JCP = "http://xmlns.jcp.org/xml/ns/javaee"
_JAKARTA = "https://jakarta.ee/xml/ns/jakartaee"
NAMESPACES = {
    "2.2": "", "2.3": "", "2.4": _J2EE, "2.5": _JAVAEE, "3.0": _JAVAEE, "3.1": _JCP, "4.0": _JCP,
    "5.0": _JAKARTA, "6.0": _JAKARTA, "6.1": _JAKARTA, "6.2": _JAKARTA,
}  # fmt: skip
_OURS = frozenset(NAMESPACES.values())
_PUBLIC_ID = "-//Sun Microsystems, Inc.//DTD Web Application {}//EN"
_SYSTEM_ID = "web-app_{}.dtd"


def read_file(path: Path, file: str | None = None, *, fragment: bool = False) -> tuple[WebApp, list[Problem]]:
    """read_descriptor of a file's bytes; file is the name that messages show, path itself by default."""
    shown = file or str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = Problem(
            Source(shown), f"cannot be read: {error.strerror}", "Check its permissions.", code="WAS134"
        )
        return WebApp(Source(shown), fragment=fragment), [problem]
    return read_descriptor(data, shown, fragment=fragment)


def read_descriptor(data: bytes, file: str, *, fragment: bool = False) -> tuple[WebApp, list[Problem]]:
    """The values of a descriptor, as complete as possible, and its problems in document order.

    Whatever the bytes are, this does not raise. A file that is not XML has one problem and no values.
    checks.check finds what is wrong between the values.
    """
    try:
        document = parse(data, file)
    except MarkupError as error:
        return WebApp(Source(file), fragment=fragment), [error.problem]
    root = document.root
    expected = "web-fragment" if fragment else "web-app"
    if root.name != expected:
        return WebApp(root.source, fragment=fragment), [_wrong_root(root, expected)]
    reading = Reading(NEWEST, _OURS | {root.namespace}, _HOMES, fragment=fragment)
    reading.version = _version(document, reading)
    web_app: WebApp = WEB_APP(root, reading)
    reading.problems.sort(key=lambda p: (p.source.line, p.source.column) if p.source else (0, 0))
    return web_app, reading.problems


def _wrong_root(root: Element, expected: str) -> Problem:
    other = {"web-fragment": "META-INF/web-fragment.xml of a library", "web-app": "WEB-INF/web.xml"}.get(
        root.name
    )
    cure = f"It belongs in {other}; write <{expected}> here." if other else f"Write <{expected}> (§14)."
    return Problem(root.source, f"the root element is <{root.name}>, not <{expected}>", cure, code="WAS104")


def _version(document: Document, reading: Reading) -> str:
    """DD-VER-01 to -03: from the attribute, else from the DOCTYPE, else from the namespace."""
    root = document.root
    stated = root.attributes.get("version", "").strip() or _doctype_version(document)
    if stated is None:
        of_namespace = [version for version, uri in NAMESPACES.items() if uri and uri == root.namespace]
        version = min(max(of_namespace, default=NEWEST), NEWEST)
        reading.warn(
            root, f"states no version; taken for {version}", f'Add version="{version}".', code="WAS105"
        )
    elif stated not in VERSIONS:
        version = NEWEST
        reading.warn(
            root,
            f"has the unknown version {quoted(stated)}; taken for {version}",
            f'Write version="{version}".',
            code="WAS105",
        )
    else:
        version = stated
        if root.namespace != NAMESPACES[version]:
            has = f"the namespace {root.namespace}" if root.namespace else "no namespace"
            wants = f'xmlns="{NAMESPACES[version]}"' if NAMESPACES[version] else "no namespace"
            reading.warn(
                root, f"of version {version} has {has}", f"Write {wants} with this version.", code="WAS105"
            )
    return version


def _doctype_version(document: Document) -> str | None:
    for version in ("2.2", "2.3"):
        file_name = _SYSTEM_ID.format(version.replace(".", "_"))
        if document.public_id == _PUBLIC_ID.format(version) or (document.system_id or "").endswith(file_name):
            return version
    return None


# The tables

ONE, OPTIONAL, ONCE, FLAG, ANY, SOME = Count

# Rows stand in the schema's order, the root's in that of the DTD, which alone prescribes one.


def _kept(*names: str, since: str = "2.2") -> tuple[Row, ...]:
    return tuple(Row(name, kept(), OPTIONAL, "values", since) for name in names)


_NOTE = Row("description", texts.note, ANY, None)
_ICON = Shape(builders.icon, Row("small-icon", texts.file_path), Row("large-icon", texts.file_path))
_ABOUT = (
    Row("description", texts.note, ANY, "descriptions"),
    Row("display-name", texts.title, ANY, "display_names"),
    Row("icon", _ICON, ANY, "icons"),
)

_PARAM = Shape(
    made(Param),
    _NOTE,
    Row("param-name", texts.name, ONE, "name"),
    Row("param-value", texts.free, ONE, "value"),
)
_PROPERTY = Shape(made(Param), Row("name", texts.name, ONE), Row("value", texts.free, ONE))
_PROPERTIES = Row("property", _PROPERTY, ANY, "properties")

_INJECTION_TARGET = Shape(
    made(InjectionTarget),
    Row("injection-target-class", texts.class_name, ONE, "target_class"),
    Row("injection-target-name", texts.name, ONE, "target_name"),
)
_TAIL = (
    Row("mapped-name", texts.free, since="2.5"),
    Row("injection-target", _INJECTION_TARGET, ANY, "injection_targets", since="2.5"),
    Row("lookup-name", texts.free, since="3.0"),
)

_FILTER = Shape(
    builders.filter_,
    *_ABOUT,
    Row("filter-name", texts.name, ONE, "name"),
    Row("filter-class", texts.class_name),
    Row("async-supported", texts.boolean, since="3.0"),
    Row("init-param", _PARAM, ANY, "init_params"),
)
_FILTER_MAPPING = Shape(
    builders.filter_mappings,
    Row("filter-name", texts.name, ONE),
    Row("url-pattern", builders.pattern_target, ANY, "targets"),
    Row("servlet-name", builders.servlet_target, ANY, "targets", beside=True),
    Row(
        "dispatcher",
        texts.one_of("FORWARD", "INCLUDE", "REQUEST", "ASYNC", "ERROR"),
        ANY,
        "dispatchers",
        since="2.4",
    ),
)
_LISTENER = Shape(made(Listener), *_ABOUT, Row("listener-class", texts.class_name, ONE))

_MULTIPART_CONFIG = Shape(
    made(MultipartConfig),
    Row("location", texts.file_path),
    Row("max-file-size", texts.number(-texts.LONG - 1, texts.LONG, "bytes")),
    Row("max-request-size", texts.number(-texts.LONG - 1, texts.LONG, "bytes")),
    Row("file-size-threshold", texts.number(unit="bytes")),
)
_SERVLET = Shape(
    builders.servlet,
    *_ABOUT,
    Row("servlet-name", texts.name, ONE, "name"),
    Row("servlet-class", texts.class_name),
    Row("jsp-file", texts.path, beside=True),
    Row("init-param", _PARAM, ANY, "init_params"),
    Row("load-on-startup", texts.load_on_startup),
    Row("enabled", texts.boolean, since="3.0"),
    Row("async-supported", texts.boolean, since="3.0"),
    Row("run-as", Shape(made(RunAs), _NOTE, Row("role-name", texts.name, ONE)), since="2.3"),
    Row(
        "security-role-ref",
        Shape(
            builders.role_ref,
            _NOTE,
            Row("role-name", texts.name, ONE),
            Row("role-link", texts.name),
        ),
        ANY,
        "security_role_refs",
    ),
    Row("multipart-config", _MULTIPART_CONFIG, since="3.0"),
)
_SERVLET_MAPPING = Shape(
    builders.servlet_mappings,
    Row("servlet-name", texts.name, ONE),
    Row("url-pattern", texts.url_pattern, SOME, "patterns"),
)

_COOKIE_CONFIG = Shape(
    made(CookieConfig),
    Row("name", texts.cookie_name),
    Row("domain", texts.string),
    Row("path", texts.file_path),
    Row("comment", texts.cookie_comment),
    Row("http-only", texts.boolean),
    Row("secure", texts.boolean),
    Row("max-age", texts.number(unit="seconds", is_needed=False)),
    Row(
        "attribute",
        Shape(
            made(Param),
            _NOTE,
            Row("attribute-name", texts.cookie_name, ONE, "name"),
            Row("attribute-value", texts.free, ONE, "value"),
        ),
        ANY,
        "attributes",
        since="6.0",
    ),
)
_SESSION_CONFIG = Shape(
    made(SessionConfig),
    Row("session-timeout", texts.number(unit="minutes"), OPTIONAL, "timeout_minutes"),
    Row("cookie-config", _COOKIE_CONFIG, since="3.0"),
    Row("tracking-mode", texts.one_of("COOKIE", "URL", "SSL"), ANY, "tracking_modes", since="3.0"),
)

_TAGLIB = Shape(
    made(Taglib),
    Row("taglib-uri", texts.string, ONE, "uri"),
    Row("taglib-location", texts.file_path, ONE, "location"),
)
_JSP_CONFIG = Shape(
    made(JspConfig),
    Row("taglib", _TAGLIB, ANY, "taglibs"),
    Row(
        "jsp-property-group",
        Shape(
            builders.property_group,
            _NOTE,
            Row("display-name", texts.title, ANY, None),
            Row("icon", _ICON, ANY, None),
            Row("url-pattern", texts.url_pattern, SOME, "url_patterns"),
            Row("el-ignored", texts.boolean_text),
            Row("error-on-el-not-found", texts.boolean_text, since="6.0"),
            Row("page-encoding", texts.string),
            Row("scripting-invalid", texts.boolean_text),
            Row("is-xml", texts.boolean_text),
            Row("include-prelude", texts.path, ANY, "include_preludes"),
            Row("include-coda", texts.path, ANY, "include_codas"),
            Row("deferred-syntax-allowed-as-literal", texts.boolean_text, since="2.5"),
            Row("trim-directive-whitespaces", texts.boolean_text, since="2.5"),
            Row("default-content-type", texts.string, since="3.0"),
            Row("buffer", texts.string, since="3.0"),
            Row("error-on-undeclared-namespace", texts.boolean_text, since="3.0"),
        ),
        ANY,
        "property_groups",
    ),
)

_WEB_RESOURCES = Shape(
    builders.web_resources,
    Row("web-resource-name", texts.string, OPTIONAL, "name"),
    _NOTE,
    Row("url-pattern", texts.url_pattern, ANY, "url_patterns"),
    Row("http-method", texts.http_method, ANY, "http_methods"),
    Row("http-method-omission", texts.http_method, ANY, "http_method_omissions", since="3.0", beside=True),
)
_SECURITY_CONSTRAINT = Shape(
    made(SecurityConstraint),
    Row("display-name", texts.title, ANY, "display_names"),
    Row("web-resource-collection", _WEB_RESOURCES, SOME, "collections"),
    Row(
        "auth-constraint", Shape(made(AuthConstraint), _NOTE, Row("role-name", texts.name, ANY, "role_names"))
    ),
    Row(
        "user-data-constraint",
        Shape(
            made(UserDataConstraint),
            _NOTE,
            Row("transport-guarantee", texts.one_of("NONE", "INTEGRAL", "CONFIDENTIAL"), ONE),
        ),
    ),
)
_LOGIN_CONFIG = Shape(
    made(LoginConfig),
    Row("auth-method", texts.auth_method),
    Row("realm-name", texts.string),
    Row(
        "form-login-config",
        Shape(
            made(FormLoginConfig),
            Row("form-login-page", texts.path, ONE, "login_page"),
            Row("form-error-page", texts.path, ONE, "error_page"),
        ),
        OPTIONAL,
        "form",
    ),
)

_ENV_ENTRY = Shape(
    made(EnvEntry),
    _NOTE,
    Row("env-entry-name", texts.name, ONE, "name"),
    Row("env-entry-type", texts.class_name, OPTIONAL, "type"),
    Row("env-entry-value", texts.free, OPTIONAL, "value"),
    *_TAIL,
)
_RESOURCE_REF = Shape(
    made(ResourceRef),
    _NOTE,
    Row("res-ref-name", texts.name, ONE, "name"),
    Row("res-type", texts.class_name, OPTIONAL, "type"),
    Row(
        "res-auth",
        texts.one_of(
            "Application", "Container", formerly={"SERVLET": "Application", "CONTAINER": "Container"}
        ),
        OPTIONAL,
        "auth",
    ),
    Row(
        "res-sharing-scope", texts.one_of("Shareable", "Unshareable"), OPTIONAL, "sharing_scope", since="2.3"
    ),
    *_TAIL,
)
_RESOURCE_ENV_REF = Shape(
    made(ResourceEnvRef),
    _NOTE,
    Row("resource-env-ref-name", texts.name, ONE, "name"),
    Row("resource-env-ref-type", texts.class_name, OPTIONAL, "type"),
    *_TAIL,
)
_ISOLATION_LEVELS = tuple(
    f"TRANSACTION_{level}"
    for level in ("READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE")
)
_DATA_SOURCE = Shape(
    made(DataSource),
    _NOTE,
    Row("name", texts.name, ONE),
    *_kept("class-name", "server-name"),
    Row("port-number", kept(texts.number(0, 65535)), OPTIONAL, "values"),
    *_kept("database-name", "url", "user", "password"),
    _PROPERTIES,
    Row("login-timeout", kept(texts.number(unit="seconds")), OPTIONAL, "values"),
    Row("transactional", kept(texts.boolean), OPTIONAL, "values"),
    Row("isolation-level", kept(texts.one_of(*_ISOLATION_LEVELS)), OPTIONAL, "values"),
    Row("initial-pool-size", kept(texts.number()), OPTIONAL, "values"),
    Row("max-pool-size", kept(texts.number()), OPTIONAL, "values"),
    Row("min-pool-size", kept(texts.number()), OPTIONAL, "values"),
    Row("max-idle-time", kept(texts.number(unit="seconds")), OPTIONAL, "values"),
    Row("max-statements", kept(texts.number()), OPTIONAL, "values"),
)
_MAIL_SESSION = Shape(
    made(MailSession),
    _NOTE,
    Row("name", texts.name, ONE),
    *_kept("store-protocol", "store-protocol-class", "transport-protocol", "transport-protocol-class"),
    *_kept("host", "user", "password", "from"),
    _PROPERTIES,
)


def _platform_row(kind: str, name: str, *rows: Row, since: str) -> Row:
    """An element of §3.22 of no use to us: by name, with whatever text it holds (DD-EE-01)."""
    named = Row(name, texts.name, ONE, "name")
    shape = Shape(builders.platform, *_UNKEPT_ABOUT, named, *rows, ordered_until="")
    return Row(kind, shape, ANY, "platform_elements", since=since, platform=True)


_UNKEPT_ABOUT = (_NOTE, Row("display-name", texts.title, ANY, None), Row("icon", _ICON, ANY, None))
_PLATFORM_TAIL = (
    Row("mapped-name", kept(), OPTIONAL, "values", since="2.5"),
    Row("injection-target", _INJECTION_TARGET, ANY, "injection_targets", since="2.5"),
    Row("lookup-name", kept(), OPTIONAL, "values", since="3.0"),
)
_UNKEPT_PROPERTIES = Row("property", _PROPERTY, ANY, None)
_EJB_REF_TYPE = Row("ejb-ref-type", kept(texts.one_of("Entity", "Session")), OPTIONAL, "values")
_CONCURRENT = (
    *_kept("context-service-ref"),
    Row("qualifier", kept(), ANY, "values", since="6.1"),
    Row("max-async", kept(texts.number(1)), OPTIONAL, "values"),
    Row("hung-task-threshold", kept(texts.number(1, texts.LONG, "milliseconds")), OPTIONAL, "values"),
    Row("virtual", kept(texts.boolean), OPTIONAL, "values", since="6.1"),
    _UNKEPT_PROPERTIES,
)

_PLATFORM = (
    _platform_row(
        "ejb-ref",
        "ejb-ref-name",
        _EJB_REF_TYPE,
        *_kept("home", "remote", "ejb-link"),
        *_PLATFORM_TAIL,
        since="2.2",
    ),
    _platform_row(
        "ejb-local-ref",
        "ejb-ref-name",
        _EJB_REF_TYPE,
        *_kept("local-home", "local", "ejb-link"),
        *_PLATFORM_TAIL,
        since="2.3",
    ),
    _platform_row(
        "service-ref",
        "service-ref-name",
        *_kept("service-interface", "service-ref-type", "wsdl-file", "jaxrpc-mapping-file", "service-qname"),
        Row("port-component-ref", texts.opaque, ANY, None),
        Row("handler", texts.opaque, ANY, None),
        Row("handler-chains", texts.opaque, OPTIONAL, None),
        *_PLATFORM_TAIL,
        since="2.4",
    ),
    _platform_row(
        "persistence-context-ref",
        "persistence-context-ref-name",
        *_kept("persistence-unit-name"),
        Row("persistence-context-type", kept(texts.one_of("Transaction", "Extended")), OPTIONAL, "values"),
        Row(
            "persistence-context-synchronization",
            kept(texts.one_of("Synchronized", "Unsynchronized")),
            OPTIONAL,
            "values",
            since="3.1",
        ),
        Row("persistence-property", _PROPERTY, ANY, None),
        *_PLATFORM_TAIL[:2],
        since="2.5",
    ),
    _platform_row(
        "persistence-unit-ref",
        "persistence-unit-ref-name",
        *_kept("persistence-unit-name"),
        *_PLATFORM_TAIL[:2],
        since="2.5",
    ),
    _platform_row(
        "message-destination-ref",
        "message-destination-ref-name",
        *_kept("message-destination-type"),
        Row(
            "message-destination-usage",
            kept(texts.one_of("Consumes", "Produces", "ConsumesProduces")),
            OPTIONAL,
            "values",
        ),
        *_kept("message-destination-link"),
        *_PLATFORM_TAIL,
        since="2.4",
    ),
    _platform_row(
        "message-destination", "message-destination-name", *_kept("mapped-name", "lookup-name"), since="2.4"
    ),
    _platform_row(
        "jms-connection-factory",
        "name",
        *_kept("interface-name", "class-name", "resource-adapter", "user", "password", "client-id"),
        _UNKEPT_PROPERTIES,
        *_kept("transactional", "max-pool-size", "min-pool-size"),
        since="3.1",
    ),
    _platform_row(
        "jms-destination",
        "name",
        *_kept("interface-name", "class-name", "resource-adapter", "destination-name"),
        _UNKEPT_PROPERTIES,
        since="3.1",
    ),
    _platform_row(
        "connection-factory",
        "name",
        *_kept("interface-name", "resource-adapter", "max-pool-size", "min-pool-size"),
        Row(
            "transaction-support",
            kept(texts.one_of("NoTransaction", "LocalTransaction", "XATransaction")),
            OPTIONAL,
            "values",
        ),
        _UNKEPT_PROPERTIES,
        since="3.1",
    ),
    _platform_row(
        "administered-object",
        "name",
        *_kept("interface-name", "class-name", "resource-adapter"),
        _UNKEPT_PROPERTIES,
        since="3.1",
    ),
    _platform_row(
        "context-service",
        "name",
        Row("qualifier", kept(), ANY, "values", since="6.1"),
        Row("cleared", kept(), ANY, "values"),
        Row("propagated", kept(), ANY, "values"),
        Row("unchanged", kept(), ANY, "values"),
        _UNKEPT_PROPERTIES,
        since="6.0",
    ),
    _platform_row("managed-executor", "name", *_CONCURRENT, since="6.0"),
    _platform_row("managed-scheduled-executor", "name", *_CONCURRENT, since="6.0"),
    _platform_row(
        "managed-thread-factory",
        "name",
        *_kept("context-service-ref"),
        Row("qualifier", kept(), ANY, "values", since="6.1"),
        Row("priority", kept(texts.number(1, 10)), OPTIONAL, "values"),
        Row("virtual", kept(texts.boolean), OPTIONAL, "values", since="6.1"),
        _UNKEPT_PROPERTIES,
        since="6.0",
    ),
)

_CALLBACK = Shape(
    made(LifecycleCallback),
    Row("lifecycle-callback-class", texts.class_name, OPTIONAL, "callback_class"),
    Row("lifecycle-callback-method", texts.name, ONE, "method"),
)
_ORDERING_NAMES = Shape(
    made(OrderingNames),
    Row("name", texts.name, ANY, "names"),
    Row("others", texts.flag, FLAG),
    ordered_until="",
)

WEB_APP = Shape(
    builders.web_app,
    Row("icon", _ICON, ANY, "icons"),
    Row("display-name", texts.title, ANY, "display_names"),
    Row("description", texts.note, ANY, "descriptions"),
    Row("distributable", texts.flag, FLAG),
    Row("context-param", _PARAM, ANY, "context_params"),
    Row("filter", _FILTER, ANY, "filters", since="2.3"),
    Row("filter-mapping", _FILTER_MAPPING, ANY, "filter_mappings", since="2.3"),
    Row("listener", _LISTENER, ANY, "listeners", since="2.3"),
    Row("servlet", _SERVLET, ANY, "servlets"),
    Row("servlet-mapping", _SERVLET_MAPPING, ANY, "servlet_mappings"),
    Row("session-config", _SESSION_CONFIG, ONCE),
    Row(
        "mime-mapping",
        Shape(
            made(MimeMapping), Row("extension", texts.extension, ONE), Row("mime-type", texts.mime_type, ONE)
        ),
        ANY,
        "mime_mappings",
    ),
    Row(
        "welcome-file-list",
        Shape(
            builders.several,
            Row("welcome-file", builders.welcome_file, ANY, "items"),
            Row("welcome-servlet", builders.welcome_file, ANY, "items", since="6.2", beside=True),
        ),
        ANY,
        "welcome_files",
    ),
    Row(
        "error-page",
        Shape(
            builders.error_page,
            Row("error-code", texts.error_code),
            Row("exception-type", texts.exception_class, beside=True),
            Row("location", texts.location, ONE),
        ),
        ANY,
        "error_pages",
    ),
    Row("taglib", _TAGLIB, ANY, "taglibs", until="2.3"),
    Row("resource-env-ref", _RESOURCE_ENV_REF, ANY, "resource_env_refs", since="2.3"),
    Row("resource-ref", _RESOURCE_REF, ANY, "resource_refs"),
    Row("security-constraint", _SECURITY_CONSTRAINT, ANY, "security_constraints"),
    Row("login-config", _LOGIN_CONFIG, ONCE),
    Row(
        "security-role",
        Shape(made(SecurityRole), _NOTE, Row("role-name", texts.name, ONE, "name")),
        ANY,
        "security_roles",
    ),
    Row("env-entry", _ENV_ENTRY, ANY, "env_entries"),
    *_PLATFORM,
    Row("jsp-config", _JSP_CONFIG, ONCE, since="2.4"),
    Row(
        "locale-encoding-mapping-list",
        Shape(
            builders.several,
            Row(
                "locale-encoding-mapping",
                Shape(
                    made(LocaleEncodingMapping),
                    Row("locale", texts.locale, ONE),
                    Row("encoding", texts.encoding, ONE),
                ),
                ANY,
                "items",
            ),
        ),
        ANY,
        "locale_encoding_mappings",
        since="2.4",
    ),
    Row("post-construct", _CALLBACK, ANY, "post_constructs", since="2.5"),
    Row("pre-destroy", _CALLBACK, ANY, "pre_destroys", since="2.5"),
    Row("data-source", _DATA_SOURCE, ANY, "data_sources", since="3.0"),
    Row("mail-session", _MAIL_SESSION, ANY, "mail_sessions", since="3.1"),
    Row("module-name", texts.string, since="3.0", root="web-app"),
    Row(
        "absolute-ordering",
        Shape(
            builders.absolute_ordering,
            Row("name", texts.name, ANY, "names"),
            Row("others", texts.flag, ANY, "names"),
            ordered_until="",
        ),
        ONCE,
        since="3.0",
        root="web-app",
    ),
    Row("name", texts.fragment_name, ONCE, since="3.0", root="web-fragment"),
    Row(
        "ordering",
        Shape(
            made(Ordering),
            Row("after", _ORDERING_NAMES, ONCE),
            Row("before", _ORDERING_NAMES, ONCE),
            ordered_until="",
        ),
        ONCE,
        since="3.0",
        root="web-fragment",
    ),
    Row("deny-uncovered-http-methods", texts.flag, FLAG, since="3.1", root="web-app"),
    Row("default-context-path", texts.context_path, since="4.0", root="web-app"),
    Row("request-character-encoding", texts.known_encoding, since="4.0", root="web-app"),
    Row("response-character-encoding", texts.known_encoding, since="4.0", root="web-app"),
    ordered_until="2.3",
)

_HOMES = homes("web-app", WEB_APP)
