"""Look through a Java web app and sort what is there: it works here, it needs a class, it has no counterpart.

Files, JavaSources ──descriptors, libraries, annotations, pages──> Report
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import container.servlet
from container.descriptor import checks
from container.descriptor.markup import Element, MarkupError, parse
from container.descriptor.model import WebApp
from container.descriptor.reader import read_descriptor
from container.engine.names import java_class, java_exception
from container.errors import Problem, Source
from container.learn.migrate.java import JavaClass, JavaSources
from container.learn.migrate.known import (
    CLASSES,
    CONTEXT_XML,
    ELEMENT_BY_TYPE,
    ELEMENTS,
    FILES,
    IMPORTS,
    LIBRARIES,
    Advice,
    advice_for,
)
from container.learn.migrate.naming import python_names
from container.learn.migrate.report import Clean, Missing, Page, Report, ToWrite
from container.learn.migrate.war import Files, nested, read
from container.servlet.annotations import LISTENERS

__all__ = ["FRAGMENT_XML", "LIBRARY", "PAGES", "TAG_FILES", "WEB_XML", "survey"]

WEB_XML = "WEB-INF/web.xml"
CONTEXT = "META-INF/context.xml"
FRAGMENT_XML = "META-INF/web-fragment.xml"
LIBRARY = re.compile(r"WEB-INF/lib/[^/]+\.jar", re.IGNORECASE)
INITIALIZERS = re.compile(r"META-INF/services/(?:jakarta|javax)\.servlet\.ServletContainerInitializer")
PAGES = (".jsp", ".jspx", ".jspf")
TAG_FILES = (".tag", ".tagx", ".tagf", ".tld")
ROLES = {"WebServlet": "servlet", "WebFilter": "filter", "WebListener": "listener"}
METHODS = {  # what a skeleton writes, with the number of Java's parameters
    **dict.fromkeys(
        ("doGet", "doHead", "doPost", "doPut", "doPatch", "doDelete", "doOptions", "doTrace"), (2,)
    ),
    "service": (2,),
    "doFilter": (3,),
    "init": (0, 1),
    "destroy": (0,),
}
_LISTENER_NAMES = {listener.__name__ for listener in LISTENERS}
_TAGLIB = re.compile(rb"<(?:%@\s*taglib\b|jsp:directive\.taglib\b)[^>]*?\buri\s*=\s*[\"']([^\"']+)")


@dataclass(frozen=True, slots=True)
class _Mention:
    """Where a class is given a role."""

    java_name: str
    role: str
    what: str
    source: Source
    annotated: bool = False


@dataclass(slots=True)
class _Survey:
    clean: list[Clean] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    mentions: list[_Mention] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def lacks(self, source: Source, what: str, advice: Advice) -> Missing:
        found = Missing(source, what, advice.why, advice.instead)
        self.missing.append(found)
        return found


def survey(files: Files, name: str, java: JavaSources) -> Report:
    """Look through everything. Raises ConfigError for a file that cannot be read at all."""
    found = _Survey()
    complete = False
    if WEB_XML in files.names:
        web_app = _descriptor(found, files, WEB_XML, f"{files.shown}/{WEB_XML}")
        complete = web_app.metadata_complete
    if CONTEXT in files.names:
        _context_xml(found, files)
    for library in filter(LIBRARY.fullmatch, files.names):
        _library(found, files, library, complete)
    if not complete:
        _annotations(found, java)
        _class_files(found, files, java)
    _imports(found, java)
    pages = tuple(_page(files, page) for page in files.names if page.endswith(PAGES))
    _other_files(found, files)
    to_write = _to_write(found, java)
    _by_place(found.clean)
    _by_place(found.missing)
    return Report(
        name, files.shown, tuple(found.clean), to_write, tuple(found.missing), pages, tuple(found.problems)
    )


def _by_place(items: list[Clean] | list[Missing]) -> None:
    """In the order of the lines, the files in the order in which they were read."""
    files = list(dict.fromkeys(item.source.file for item in items))
    items.sort(key=lambda item: (files.index(item.source.file), item.source.line, item.source.column))


# Descriptors


def _descriptor(found: _Survey, files: Files, name: str, shown: str, fragment: bool = False) -> WebApp:
    web_app, problems = read_descriptor(read(files, name), shown, fragment=fragment)
    problems = [*problems, *checks.check(web_app, complete=False)]
    found.problems += [problem for problem in problems if problem.severity == "error"]
    _classes(found, web_app)
    found.clean += _clean(web_app)
    _not_provided(found, web_app)
    return web_app


def _classes(found: _Survey, web_app: WebApp) -> None:
    """Servlets, filters, listeners exceptions: their classes exist here, or are to be written."""
    for servlet in web_app.servlets:
        what = f'servlet "{servlet.name}"'
        if servlet.servlet_class:
            _class(found, servlet.servlet_class, "servlet", what, servlet.source)
        elif servlet.jsp_file:
            found.clean.append(Clean(servlet.source, what, f"shows {servlet.jsp_file} as a Jinja2 page"))
    for item in web_app.filters:
        if item.filter_class:
            _class(found, item.filter_class, "filter", f'filter "{item.name}"', item.source)
    for listener in web_app.listeners:
        _class(found, listener.listener_class, "listener", "listener", listener.source)
    for page in web_app.error_pages:
        if page.exception_type:
            _class(found, page.exception_type, "exception", "<exception-type>", page.source)


def _class(found: _Survey, java_name: str, role: str, what: str, source: Source) -> None:
    if role == "exception":
        here = " or ".join(known.__name__ for known in java_exception(java_name) or ())
    else:
        known = java_class(java_name)
        here = f"{known.__module__}.{known.__name__}" if known else ""
    if here:
        found.clean.append(Clean(source, f"{what} {java_name}", f"is {here}"))
    else:
        found.mentions.append(_Mention(java_name, role, what, source))


def _clean(web_app: WebApp) -> Iterator[Clean]:
    for param in web_app.context_params:
        yield Clean(param.source, f'<context-param> "{param.name}"')
    for mapping in web_app.servlet_mappings:
        yield Clean(mapping.source, f'<servlet-mapping> "{mapping.url_pattern}" to "{mapping.servlet_name}"')
    for target in web_app.filter_mappings:
        of = f'"{target.url_pattern}"' if target.url_pattern else f'servlet "{target.servlet_name}"'
        yield Clean(target.source, f'<filter-mapping> {of} to "{target.filter_name}"')
    if web_app.session_config:
        yield Clean(web_app.session_config.source, "<session-config>")
    for mime in web_app.mime_mappings:
        yield Clean(mime.source, f'<mime-mapping> "{mime.extension}"')
    for welcome in web_app.welcome_files or ():
        note = "the Jinja2 page in its place" if welcome.path.endswith(PAGES) else ""
        yield Clean(welcome.source, f'<welcome-file> "{welcome.path}"', note)
    for page in web_app.error_pages:
        if not page.exception_type:
            yield Clean(page.source, f"<error-page> for {page.error_code or 'all errors'}")
    for group in web_app.jsp_config.property_groups if web_app.jsp_config else ():
        yield Clean(group.source, "<jsp-property-group>", "for the Jinja2 pages in the place of the JSPs")
    for constraint in web_app.security_constraints:
        names = ", ".join(collection.name or "?" for collection in constraint.collections)
        yield Clean(constraint.source, f'<security-constraint> "{names}"')
    login = web_app.login_config
    if login:
        what = f"<login-config> {login.auth_method or ''}".rstrip()
        yield Clean(login.source, what, "with the users of conf/tomcat-users.xml, see `was user add`")
    for role in web_app.security_roles:
        yield Clean(role.source, f'<security-role> "{role.name}"')
    for locale in web_app.locale_encoding_mappings:
        yield Clean(locale.source, f'<locale-encoding-mapping> "{locale.locale}"')
    for entry in web_app.env_entries:
        if entry.injection_targets:
            yield Clean(entry.source, f'<env-entry> "{entry.name}"', "injected into its targets")


def _not_provided(found: _Survey, web_app: WebApp) -> None:
    for entry in web_app.env_entries:
        if not entry.injection_targets:
            found.lacks(entry.source, f'<env-entry> "{entry.name}"', ELEMENTS["env-entry"])
    for kind, references in (
        ("resource-ref", web_app.resource_refs),
        ("resource-env-ref", web_app.resource_env_refs),
    ):
        for ref in references:
            advice = advice_for(ref.type or "", ELEMENT_BY_TYPE) or ELEMENTS[kind]
            found.lacks(ref.source, f'<{kind}> "{ref.name}"', advice)
    for database in web_app.data_sources:
        found.lacks(database.source, f'<data-source> "{database.name}"', ELEMENTS["data-source"])
    for mail in web_app.mail_sessions:
        found.lacks(mail.source, f'<mail-session> "{mail.name}"', ELEMENTS["mail-session"])
    for element in web_app.platform_elements:
        found.lacks(element.source, f'<{element.kind}> "{element.name}"', ELEMENTS[element.kind])
    for taglib in web_app.jsp_config.taglibs if web_app.jsp_config else ():
        found.lacks(taglib.source, f'<taglib> "{taglib.uri}"', ELEMENTS["taglib"])


def _context_xml(found: _Survey, files: Files) -> None:
    try:
        root = parse(read(files, CONTEXT), f"{files.shown}/{CONTEXT}").root
    except MarkupError as error:
        found.problems.append(error.problem)
        return

    def walk(element: Element) -> None:
        for child in element.children:
            if advice := CONTEXT_XML.get(child.name):
                called = child.attributes.get("name") or child.attributes.get("className") or child.text
                found.lacks(
                    child.source, f'<{child.name}> "{called}"' if called else f"<{child.name}>", advice
                )
            walk(child)

    walk(root)


# Libraries and other files


def _library(found: _Survey, files: Files, name: str, complete: bool) -> None:
    shown = f"{files.shown}/{name}"
    jar = PurePosixPath(name).name
    found.lacks(Source(shown), jar, advice_for(jar, LIBRARIES) or LIBRARIES[""])
    library = nested(files, name)
    if library is None:
        found.problems.append(
            Problem(Source(shown), "is no readable library", "Leave it out.", code="WAS313")
        )
        return
    if FRAGMENT_XML in library.names and not complete:
        _descriptor(found, library, FRAGMENT_XML, f"{shown}/{FRAGMENT_XML}", fragment=True)
    _initializers(found, library)


_INITIALIZER = Advice(
    "runs Java code when the web app starts",
    "Write a ServletContainerInitializer or a ServletContextListener in Python, if it is the web app's own.",
)


def _initializers(found: _Survey, files: Files) -> None:
    for name in files.names:
        if INITIALIZERS.fullmatch(name.removeprefix("WEB-INF/classes/")):
            lines = read(files, name).decode("utf-8", "replace").splitlines()
            for number, line in enumerate(lines, 1):
                if class_name := line.partition("#")[0].strip():
                    source = Source(f"{files.shown}/{name}", number, 1)
                    found.lacks(source, class_name, advice_for(class_name, CLASSES) or _INITIALIZER)


def _other_files(found: _Survey, files: Files) -> None:
    _initializers(found, files)
    for name in files.names:
        if advice := advice_for(name, FILES):
            found.lacks(Source(f"{files.shown}/{name}"), PurePosixPath(name).name, advice)
        elif name.endswith(TAG_FILES):
            found.lacks(Source(f"{files.shown}/{name}"), PurePosixPath(name).name, ELEMENTS["taglib"])


def _page(files: Files, name: str) -> Page:
    data = read(files, name)
    libraries = dict.fromkeys(uri.decode("utf-8", "replace") for uri in _TAGLIB.findall(data))
    return Page(name, Source(f"{files.shown}/{name}"), len(data.splitlines()), tuple(libraries))


# Java


def _annotations(found: _Survey, java: JavaSources) -> None:
    for known in java.classes.values():
        for annotation in known.annotations:
            if role := ROLES.get(annotation.name):
                what = f"@{annotation.name}"
                found.mentions.append(_Mention(known.name, role, what, annotation.source, annotated=True))


def _class_files(found: _Survey, files: Files, java: JavaSources) -> None:
    """A class file spells the names of its annotations out; more than that is not read from it."""
    for name in files.names:
        class_name = name.removeprefix("WEB-INF/classes/").removesuffix(".class").replace("/", ".")
        if (
            not name.endswith(".class")
            or not name.startswith("WEB-INF/classes/")
            or class_name in java.classes
        ):
            continue
        data = read(files, name)
        for annotation, role in ROLES.items():
            if re.search(rb"L(?:jakarta|javax)/servlet/annotation/%b;" % annotation.encode(), data):
                what = f"class file with @{annotation}"
                source = Source(f"{files.shown}/{name}")
                found.mentions.append(_Mention(class_name, role, what, source, annotated=True))


def _imports(found: _Survey, java: JavaSources) -> None:
    """Once for each file and kind of thing."""
    seen = set()
    for known in java.classes.values():
        for imported in known.imports:
            advice = advice_for(imported.name, IMPORTS)
            if advice and (imported.source.file, advice.why) not in seen:
                seen.add((imported.source.file, advice.why))
                found.lacks(imported.source, f"import {imported.name}", advice)


# What is to be written


def _to_write(found: _Survey, java: JavaSources) -> tuple[ToWrite, ...]:
    by_name: dict[str, list[_Mention]] = {}
    for mention in found.mentions:
        by_name.setdefault(mention.java_name, []).append(mention)
    known_advice = {
        name: advice for name in by_name if name not in java.classes and (advice := advice_for(name, CLASSES))
    }
    names = python_names(name for name in by_name if name not in known_advice)
    names.update(python_names(known_advice, module="stand_ins"))
    written = []
    for name, mentions in by_name.items():
        stand_in = None
        if advice := known_advice.get(name):
            first = mentions[0]
            stand_in = found.lacks(first.source, f"{first.what} {name}", advice)
        known = java.classes.get(name)
        lineage = java.lineage(known) if known else []
        roles = tuple(dict.fromkeys(mention.role for mention in mentions))
        written.append(
            ToWrite(
                name,
                names[name],
                roles,
                tuple((mention.what, mention.source) for mention in mentions),
                tuple(_methods(lineage).items()),
                _listens(lineage, roles),
                _base(lineage, roles),
                known,
                all(mention.annotated for mention in mentions),
                stand_in,
                advice.guards if advice else False,
            )
        )
    return tuple(written)


def _methods(lineage: Iterable[JavaClass | str]) -> dict[str, Source]:
    methods: dict[str, Source] = {}
    for known in lineage:
        for method in known.methods if isinstance(known, JavaClass) else ():
            if method.parameters in METHODS.get(method.name, ()):
                methods.setdefault(method.name, method.source)
    return methods


def _listens(lineage: Iterable[JavaClass | str], roles: Iterable[str]) -> tuple[str, ...]:
    bases = [known.rpartition(".")[2] for known in lineage if isinstance(known, str)]
    listens = tuple(base for base in bases if base in _LISTENER_NAMES)
    return listens or (("ServletContextListener",) if "listener" in roles else ())


def _base(lineage: Iterable[JavaClass | str], roles: tuple[str, ...]) -> str:
    """What the Python class extends besides the listeners."""
    if "servlet" in roles:
        return "HttpServlet"  # also for a GenericServlet: there is no other protocol
    if "filter" in roles:
        return "HttpFilter"
    if "exception" in roles:
        for name in (known for known in lineage if isinstance(known, str)):
            known = java_exception(name) or java_exception(f"java.lang.{name}") or ()
            base = known[0].__name__ if known else ""
            if base in container.servlet.__all__ or hasattr(builtins, base):
                return base
        return "Exception"
    return ""
