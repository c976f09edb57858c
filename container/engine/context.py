"""One deployed web app, from its start to its end.

    folder ──scanner──> WebApp ──> Deployment ──start──> tables: mapper, holders, filter choice, error pages,
    pipeline

A Context is started once and stopped once; a reload makes a new one (container.py). After the start nothing
in it changes but attributes, sessions and the servlets' availability, so requests need no lock. ``handle`` is
called by any number of request threads; start and stop by one at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from container.config import Settings
from container.descriptor import model
from container.engine.annotations import apply_annotations
from container.engine.async_context import RequestAsync, run_coroutine
from container.engine.chain import FilterChoice, FilterMappingEntry, Target
from container.engine.charsets import LATIN_1
from container.engine.default_servlet import DefaultServlet, NothingServlet
from container.engine.deployment import Deployment, FilterDeclaration, ListenerDeclaration, ServletDeclaration
from container.engine.dispatch import Dispatch, Location
from container.engine.dispatcher import Dispatcher, NamedDispatcher
from container.engine.error_pages import ErrorPages, page_tables
from container.engine.holder import FilterHolder, ServletHolder, guarded
from container.engine.initializers import of_web_app
from container.engine.injection import Injection
from container.engine.lifecycle import State, check_move
from container.engine.listeners import AttributeListeners, Listeners
from container.engine.loader import ClassNotFound, loader_of
from container.engine.mapper import Mapper, Match
from container.engine.names import java_exception
from container.engine.pipeline import Handler, build_pipeline
from container.engine.request import Request
from container.engine.resources import Resources
from container.engine.response import Response
from container.engine.scanner import effective
from container.engine.security import ContextSecurity, context_security
from container.engine.servlet_context import ApplicationContext
from container.engine.sessions import ContextSessions, Writer
from container.engine.startup import bring_up, look_over
from container.engine.uri import decode_path, encode_path, resolve
from container.errors import DeploymentError, Problem, Source
from container.files import StaticRoot, mime_table, static_root
from container.protocols.exchange import Exchange
from container.servlet import (
    DispatcherType,
    EventListener,
    Filter,
    IllegalArgumentException,
    IllegalStateException,
    Locale,
    MappingMatch,
    MultipartConfigElement,
    Servlet,
    ServletContextListener,
    ServletException,
    ServletRequest,
    ServletRequestListener,
    ServletResponse,
    SessionTrackingMode,
    UnavailableException,
)
from container.session.cookies import CookieConfig
from container.session.manager import SessionManager
from container.session.store import SQLiteStore, Store
from container.views import JinjaServlet, JspServlet

if TYPE_CHECKING:
    from container.engine.container import Container

__all__ = ["Context", "Watcher", "WelcomeAttempt", "is_default_servlet"]

T = TypeVar("T")

log = logging.getLogger("container.engine")

# What every web app has without declaring it; its own mappings win (RT-MAP-19).
DEFAULT_SERVLET = "default"
DEFAULT_CLASSES = (
    "org.apache.catalina.servlets.DefaultServlet",
    "container.engine.default_servlet.DefaultServlet",
)
_CANCEL_S = 0.5  # for coroutines to end when their web app stops
_IMPLICIT: tuple[tuple[str, type[Servlet], str], ...] = (
    (DEFAULT_SERVLET, DefaultServlet, "/"),
    ("jinja", JinjaServlet, "*.jinja"),
    ("jsp", JspServlet, "*.jsp"),
    ("jspx", JspServlet, "*.jspx"),
)
_RUNNING = State.RUNNING  # an attribute of an enum costs as much as a call
_LOCALE_CHARSETS = {"en": LATIN_1, "fr": LATIN_1}  # as in Tomcat
_DEFAULT_WELCOME_FILES = ("index.html", "index.htm", "index.jsp", "index.jinja")


class WelcomeAttempt(NamedTuple):
    """One look for what stands for a directory. match: who answers there, if it was found."""

    welcome: model.WelcomeFile
    path: str
    as_file: bool
    found: bool
    match: Match | None


class Watcher(NamedTuple):
    """Something that may see a request for a file. pattern is None: it sees every one."""

    kind: Literal["servlet", "filter", "constraint", "listener"]
    name: str
    pattern: str | None
    source: Source | None


class Context:
    """See the module. The public attributes are for the engine's other parts."""

    def __init__(
        self,
        container: Container,
        path: str,
        folder: Path,
        web_app: model.WebApp,
        problems: Sequence[Problem] = (),
        *,
        generation: int = 1,
        classes: Iterable[type] = (),
    ) -> None:
        """web_app and problems are those of web.xml alone; fragments and annotations are looked for here."""
        self._began_s = time.perf_counter()
        self.container = container
        self.settings: Settings = container.settings
        self.path = path
        self.encoded_path = encode_path(path) if path else ""
        self.folder = folder
        self.generation = generation
        self.state = State.NEW
        self.problems: list[Problem] = []
        self.started_ms = 0.0
        self.work = container.work_folder(path)
        self.loader, unusable = loader_of(folder, generation, work=self.work, given=classes)
        self.problems += unusable
        self._declared = effective(web_app, problems, folder.name, self.loader)
        self.web_app = web_app = self._declared.web_app
        self.deployment = Deployment.of(web_app)
        self.problems += [*self._declared.problems, *self.deployment.problems]
        self.resources = Resources(folder, self.loader.resource_roots, web_app.mime_mappings)
        self.facade = ApplicationContext(self)
        self.listeners = Listeners()
        self.request_attribute_listeners: AttributeListeners | None = None
        self.request_encoding: str | None = None
        self.response_encoding: str | None = None
        self.servlets: dict[str, ServletHolder] = {}
        self.filters: dict[str, FilterHolder] = {}
        self.mapper = Mapper(())
        self.filter_choice = FilterChoice(())
        self._targets: dict[tuple[DispatcherType, str | None, str], Target] = {}
        self._welcome_files: tuple[model.WelcomeFile, ...] = ()
        self._locale_charsets = {
            entry.locale.replace("_", "-").lower(): entry.encoding
            for entry in web_app.locale_encoding_mappings
        }
        self.error_pages = ErrorPages(self, {}, {}, None)
        self._store: Store | None = None
        self.sessions = self._new_sessions()
        self.security: ContextSecurity
        self._pipeline: Handler
        self._active: set[Request] = set()
        self._idle = threading.Condition()
        self._idle_tasks: list[tuple[set[Request], Callable[[], None]]] = []
        self.injection: Injection

    def __repr__(self) -> str:
        return f"<Context {self.path or '/'} {self.state.value}>"

    def __str__(self) -> str:
        return self.path or "/"

    # --- start and stop (descriptor.md §9)-----------------------------------------------------------------

    def start(self, *, strict: bool = False) -> None:
        """Bring the web app into service, or raise DeploymentError with everything that is wrong with it.

        strict: a servlet that fails at start-up is an error too; a reload keeps the old web app then.
        """
        self._begin(lambda: bring_up(self, self._declared, strict=strict))
        self.state = check_move(self.state, State.RUNNING)
        self.started_ms = (time.perf_counter() - self._began_s) * 1000

    def examine(self) -> None:
        """Make the tables, for whoever explains what would answer; raises what start would, if it can tell.

        Classes are imported, but none of the web app's is instantiated: what initializers and listeners
        register at the start is missing.
        """
        self._begin(lambda: look_over(self))
        self.state = check_move(self.state, State.EXAMINED)

    def _begin(self, take_steps: Callable[[], None]) -> None:
        self.state = check_move(self.state, State.STARTING)
        try:
            if any(problem.severity == "error" for problem in self.problems):
                raise DeploymentError(p for p in self.problems if p.severity == "error")
            take_steps()
            self._pipeline = self._new_pipeline()
        except DeploymentError as error:
            self.problems = [*error.problems, *(p for p in self.problems if p not in error.problems)]
            self._fail()
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # not even exit() in a listener may end the other web apps
            self._fail()
            problem = Problem(
                self.web_app.source,
                f"the web app does not start: {type(error).__name__}: {error}",
                code="WAS310",
            )
            self.problems.insert(0, problem)
            log.exception("%s does not start: %s: %s", self, type(error).__name__, error)
            raise DeploymentError([problem]) from error

    def _new_pipeline(self) -> Handler:
        return build_pipeline(self)

    def _fail(self) -> None:
        self.state = check_move(self.state, State.FAILED)
        self._tear_down()

    def freeze(self) -> None:
        """Make the tables: from here the deployment does not change."""
        deployment = self.deployment
        self.facade.freeze()
        self.request_encoding = deployment.request_encoding
        self.response_encoding = deployment.response_encoding
        self.sessions.freeze()
        self.sessions.manager.timeout_s = deployment.session_timeout_minutes * 60
        self.request_attribute_listeners = self.listeners.request_attributes(self.facade)
        mappings = self._add_implicit_servlets()
        for declaration in deployment.servlets.values():
            if not declaration.preliminary:
                if self.web_app.metadata_complete and declaration.class_name is not None:
                    self.loaded_class(
                        declaration
                    )  # only to say so if it cannot be; else its annotations count
                apply_annotations(self, declaration)
                self.servlets[declaration.name] = ServletHolder(declaration, self)
        for filter_declaration in deployment.filters.values():
            if not filter_declaration.preliminary:
                self.filters[filter_declaration.name] = FilterHolder(filter_declaration, self)
        self._check_preliminary()
        self.mapper = Mapper(m for m in mappings if m.servlet_name in self.servlets)
        self.filter_choice = self._new_filter_choice(
            [
                FilterMappingEntry(
                    self.filters[m.filter_name], m.dispatchers, m.url_pattern, m.servlet_name, m.source
                )
                for m in deployment.filter_mappings
                if m.filter_name in self.filters
            ]
        )
        welcome = self.web_app.welcome_files
        self._welcome_files = (
            tuple(model.WelcomeFile(name, self.web_app.source) for name in _DEFAULT_WELCOME_FILES)
            if welcome is None
            else tuple(replace(file, path=file.path.strip("/")) for file in welcome)
        )
        self.nothing_there = ServletHolder(
            ServletDeclaration(DEFAULT_SERVLET, servlet_class=NothingServlet), self
        )
        self.error_pages = self._new_error_pages()
        self.security = self._new_security()

    def _new_filter_choice(self, mappings: list[FilterMappingEntry]) -> FilterChoice:
        return FilterChoice(mappings)

    def _new_security(self) -> ContextSecurity:
        return context_security(self)

    def _check_preliminary(self) -> None:
        problems = [
            Problem(
                declaration.source,
                f'{kind} "{declaration.name}" has no class',
                f"Add <{kind}-class>, or register it from a listener.",
                code="WAS306",
            )
            for kind, declarations in (
                ("servlet", self.deployment.servlets),
                ("filter", self.deployment.filters),
            )
            for declaration in declarations.values()
            if declaration.preliminary
        ]
        if any(declaration.preliminary for declaration in self.deployment.filters.values()):
            raise DeploymentError(problems)
        for problem in problems:  # requests to such a servlet fail, the others work (DD-SRV-04)
            self.problems.append(
                Problem(problem.source, problem.message, problem.cure, "warning", code="WAS306")
            )

    def _add_implicit_servlets(self) -> list[model.ServletMapping]:
        """Add the default servlet and the page servlets under their names.

        Unless the web app uses the names itself. Where it maps the default servlet itself, that replaces the
        mapping to "/", as in Tomcat; a page servlet keeps its extension, so that no source is ever sent.
        """
        servlets = self.deployment.servlets
        for name, servlet_class, _ in _IMPLICIT:
            if name not in servlets:
                own = [m.url_pattern for m in self.web_app.servlet_mappings if m.servlet_name == name]
                servlets[name] = ServletDeclaration(name, servlet_class=servlet_class, mappings=own)
            elif servlets[name].class_name in DEFAULT_CLASSES and servlets[name].load_on_startup < 0:
                servlets[name].load_on_startup = 1  # as in Tomcat: what is wrong with it is said at the start
        mappings = self.deployment.servlet_mappings()
        taken = {mapping.url_pattern for mapping in mappings}
        for name, _, pattern in _IMPLICIT:
            declaration = servlets[name]
            moved = pattern == "/" and declaration.mappings
            if pattern not in taken and declaration.enabled and not moved:
                mappings.append(model.ServletMapping(name, pattern, self.web_app.source))
        return mappings

    def _new_error_pages(self) -> ErrorPages:
        rows: list[tuple[model.ErrorPage, type[BaseException] | None]] = []
        for page in self.web_app.error_pages:
            if page.exception_type is None:
                rows.append((page, None))
            else:
                rows += ((page, kind) for kind in self._exception_types(page))
        return ErrorPages(self, *page_tables(rows))

    def _exception_types(self, page: model.ErrorPage) -> tuple[type[BaseException], ...]:
        name = page.exception_type or ""
        known = java_exception(name)
        if known is not None:
            return known
        try:
            found = self.loader.load_class(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  importing runs application code
            cure = "The page never shows."
            self.problems.append(Problem(page.source, str(error).rstrip("."), cure, "warning", code="WAS308"))
            return ()
        if issubclass(found, BaseException):
            return (found,)
        message = f"<exception-type> {name} is no exception"
        self.problems.append(Problem(page.source, message, "The page never shows.", "warning", code="WAS308"))
        return ()

    def loaded_class(self, declaration: ServletDeclaration) -> type | None:
        """The class that a servlet's declaration names, or None where it cannot be loaded.

        That is said once, as a warning: the web app works but for this servlet, whose requests fail.
        """
        source, what = declaration.source, f"servlet {declaration.name}"
        try:
            return self.loader.load_class(declaration.class_name or "")
        except ClassNotFound as error:
            problem = Problem(source, f"{what}: {error.reason}", error.cure, "warning", code="WAS301")
        except (Exception, SystemExit) as error:  # noqa: BLE001  importing runs application code
            said = f"{type(error).__name__}: {error}".rstrip(".")
            cure = "Requests to it fail; the traceback is in the log then."
            problem = Problem(source, f"{what} cannot be loaded: {said}", cure, "warning", code="WAS309")
        if declaration.load_on_startup < 0 and problem not in self.problems:  # else its start says it
            self.problems.append(problem)
        return None

    def static_root(self) -> StaticRoot | None:
        """What a front may answer by itself; None while the web app is not running."""
        if self.state not in (State.RUNNING, State.EXAMINED):
            return None
        return self.static_root_beside(self.watchers())

    def static_root_beside(self, watchers: Iterable[Watcher]) -> StaticRoot | None:
        """What the front may answer if these are all who could see a request for a file."""
        patterns: dict[str, list[str]] = {"servlet": [], "filter": [], "constraint": []}
        observed = False
        for watcher in watchers:
            if watcher.pattern is None:
                observed = True
            else:
                patterns[watcher.kind].append(watcher.pattern)
        return static_root(
            self.path,
            str(self.folder),
            servlet_patterns=patterns["servlet"],
            filter_patterns=patterns["filter"],
            constraint_patterns=patterns["constraint"],
            mime_types=mime_table(self.resources.mime_types.items()),
            observed=observed,
        )

    def code_at_start(self) -> Iterator[tuple[str, Source | None]]:
        """What may register servlets, filters and listeners at the start, and where it is declared."""
        for each in (*self.container.environment_initializers(), *of_web_app(self._declared.archives)):
            yield each.class_name, each.source
        for listener in self.deployment.listeners:
            if listener.listens_as(ServletContextListener):
                yield listener.shown, listener.source

    def watchers(self) -> list[Watcher]:
        """Whoever could see a request for a file, so that the front must not answer it."""
        deployment = self.deployment
        plain = deployment.servlets[DEFAULT_SERVLET]
        last = self.mapper.match_default("/")
        found: list[Watcher] = []
        if last is None or last.servlet_name != DEFAULT_SERVLET or not _serves_as_the_front_does(plain):
            name = DEFAULT_SERVLET if last is None else last.servlet_name
            found.append(Watcher("servlet", name, None, deployment.servlets[name].source))
        found += (
            Watcher("servlet", mapping.servlet_name, mapping.url_pattern, mapping.source)
            for mapping in deployment.all_servlet_mappings()
            if mapping.servlet_name != DEFAULT_SERVLET
        )
        for target in deployment.filter_mappings:
            if "REQUEST" in target.dispatchers and (
                target.url_pattern is not None or target.servlet_name in (DEFAULT_SERVLET, "*")
            ):
                found.append(Watcher("filter", target.filter_name, target.url_pattern, target.source))
        found += (
            Watcher("constraint", "", pattern, source)
            for pattern, source in self.security.constraints.places()
        )
        found += (
            Watcher("listener", listener.shown, None, listener.source)
            for listener in deployment.listeners
            if listener.listens_as(ServletRequestListener)
        )
        return found

    def adopt_sessions(self, old: Context) -> None:
        """Take the sessions of the generation before over, as far as they can be pickled."""
        self.sessions.manager.import_(old.sessions.manager.export())

    def _new_sessions(self) -> ContextSessions:
        config = CookieConfig()
        declared = self.web_app.session_config
        if any(problem.severity == "error" for problem in self.problems):
            declared = None  # it will not start, and may hold what cannot be configured
        if declared is not None and declared.cookie_config is not None:
            config.configure(declared.cookie_config)
        writer = Writer()
        manager = SessionManager(
            self.facade,
            self.listeners.sessions,
            store=self._open_store(),
            timeout_s=self.deployment.session_timeout_minutes * 60,
            route=self.settings.route,
            clock=self.container.clock,
            distributable=self.web_app.distributable,
            dumps=self.loader.dumps,
            loads=self.loader.loads,
            request_id=lambda: writer.request_id,
        )
        sessions = ContextSessions(self, manager, config, writer)
        if declared is not None and declared.tracking_modes:
            sessions.modes = frozenset(SessionTrackingMode[mode] for mode in declared.tracking_modes)
        return sessions

    def _open_store(self) -> Store | None:
        """Where sessions survive this process, by the setting session_store; None: nowhere."""
        if self.settings.session_store == "memory":
            return None
        # Beside the web apps' own folders, in one of its own: whoever can write a pickle can run code here.
        self._store = SQLiteStore(self.work.parent / ".sessions" / f"{self.work.name}.sqlite")
        return self._store

    def add_listener(self, listener: EventListener) -> None:
        """Add a listener that code registers; once the declared ones exist, it is heard at once."""
        self.deployment.listeners.append(ListenerDeclaration(instance=listener, added=True))
        if self.listeners.complete:
            self.listeners.add(listener)

    def stop(self, timeout_s: float, *, replaced: bool = False) -> None:
        """Take the web app out of service: wait for running requests, then end everything (DD-DEP-02).

        replaced: another generation has taken the sessions over, so they do not end here.
        """
        if self.state is State.FAILED:
            self.state = check_move(self.state, State.STOPPED)
            return
        self.state = check_move(self.state, State.STOPPING)
        if not self.wait_idle(timeout_s) and not self._cancel_coroutines():
            log.warning("%s: %d requests still run after %g s", self, len(self._active), timeout_s)
        self._tear_down(replaced=replaced)
        self.state = check_move(self.state, State.STOPPED)

    def _tear_down(self, *, replaced: bool = False) -> None:
        """End what was begun, in the order of DD-DEP-02 and DD-DEP-03; failures are logged."""
        idle_tasks, self._idle_tasks = self._idle_tasks, []  # of requests that were not waited for
        for _, task in idle_tasks:
            guarded("a delayed task", task)
        for holder in reversed(list(self.servlets.values())):
            holder.destroy()
        for filter_holder in reversed(list(self.filters.values())):
            filter_holder.destroy()
        sessions = self.sessions.manager
        guarded(
            f"{self}: end of the sessions", partial(sessions.stop, passivate=replaced or sessions.is_stored)
        )
        self.listeners.context_destroyed(self.facade)
        for listener in self.listeners.all:
            self.injection.end(listener)
        if self._store is not None:
            guarded(f"{self}: end of the session store", self._store.close)
        self.container.release(self)
        self.loader.close()

    def _cancel_coroutines(self) -> bool:
        """Cancel the requests that are coroutines and wait a moment; False if some requests still run."""
        reason = IllegalStateException(f"web app {self} stops")
        self.container.coroutines.cancel(self, reason)
        return self.wait_idle(_CANCEL_S)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no request runs; False if some still do."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._active, timeout_s)

    def when_idle(self, task: Callable[[], None]) -> None:
        """Run task when the requests that run now, but for the caller's, have ended (RT-LIFE-12)."""
        with self._idle:
            self._idle_tasks.append((set(self._active), task))

    # --- instances-----------------------------------------------------------------------------------------

    def instantiate_servlet(self, declaration: ServletDeclaration) -> Servlet:
        if declaration.instance is not None:
            return declaration.instance
        servlet: Any
        if declaration.jsp_file is not None:
            servlet = JinjaServlet(declaration.jsp_file)
        else:
            servlet_class = self.class_of(declaration)
            servlet = servlet_class()
            if not callable(getattr(servlet, "service", None)):
                raise ServletException(
                    f"{servlet_class.__qualname__} is no Servlet: it has no service method"
                )
        self.injection.begin(servlet)
        return servlet  # type: ignore[no-any-return]

    def instantiate_filter(self, declaration: FilterDeclaration) -> Filter:
        if declaration.instance is not None:
            return declaration.instance
        filter_class = self.class_of(declaration)
        instance: Any = filter_class()
        if not callable(getattr(instance, "doFilter", None)):
            raise ServletException(f"{filter_class.__qualname__} is no Filter: it has no doFilter method")
        self.injection.begin(instance)
        return instance  # type: ignore[no-any-return]

    def class_of(self, declaration: ServletDeclaration | FilterDeclaration) -> type[Any]:
        """Load the class that a declaration names, if it has none; the error says where it is declared."""
        if isinstance(declaration, ServletDeclaration):
            known: type[Any] | None = declaration.servlet_class
        else:
            known = declaration.filter_class
        if known is not None:
            return known
        try:
            return self.loader.load_class(declaration.class_name or "")
        except ClassNotFound as error:
            where = f"{declaration.source}: " if declaration.source else ""
            raise ServletException(f"{where}{error}", error) from error

    # --- mapping-------------------------------------------------------------------------------------------

    def map(self, location: Location) -> Dispatch | None:
        """Find what answers a client's path.

        Servlet mappings, welcome files, default servlet (§12.1, §10.10).

        None: the path is the context's own without its "/", and nothing is mapped to that: redirect
        (RT-MAP-05).
        """
        path = location.path
        if path[1:].partition("/")[0].upper() in ("WEB-INF", "META-INF"):
            return self._nothing(location)
        match = self.mapper.match_explicit(path)
        cacheable = match is not None
        if match is None:
            if not path:
                return None
            if path.endswith("/"):
                match = self._welcome(path)
            if match is None:
                match = self.mapper.match_default(path)
            if match is None:
                return self._nothing(location)
        dispatch = Dispatch(
            DispatcherType.REQUEST,
            self,
            location.uri,
            location.context_path,
            match,
            self.target(DispatcherType.REQUEST, match.servlet_path + (match.path_info or ""), match),
        )
        if cacheable:
            location.dispatch = dispatch
        return dispatch

    def _nothing(self, location: Location) -> Dispatch:
        """Nothing answers (RT-MAP-15). As in Tomcat no filter sees that.

        WEB-INF and META-INF do not exist for clients, whatever is mapped there (RT-DEF-01).
        """
        match = Match(DEFAULT_SERVLET, "/", MappingMatch.DEFAULT, "", location.path, None)
        target = FilterChoice(()).target(DispatcherType.REQUEST, location.path, self.nothing_there)
        return Dispatch(DispatcherType.REQUEST, self, location.uri, location.context_path, match, target)

    def _welcome(self, path: str) -> Match | None:
        return next((attempt.match for attempt in self.welcome_attempts(path) if attempt.found), None)

    def welcome_attempts(self, path: str) -> Iterator[WelcomeAttempt]:
        """RT-WEL-02: every name as a file, then every name as the path of a servlet. The first hit counts."""
        if self.resources.is_directory(path):
            for welcome in self._welcome_files:
                if not welcome.servlet_only:
                    name = path + welcome.path
                    found = self.resources.is_file(name)
                    yield WelcomeAttempt(
                        welcome, name, True, found, self.mapper.match(name) if found else None
                    )
        for welcome in self._welcome_files:
            name = path + welcome.path
            match = self.mapper.match_explicit(name)
            found = match is not None and match.servlet_name not in ("jinja", "jsp", "jspx")
            yield WelcomeAttempt(welcome, name, False, found, match)

    def explicit_target(self, path: str) -> Target | None:
        """What a client's path runs if a mapping of the web app names it; no file is looked at."""
        match = self.mapper.match_explicit(path)
        return None if match is None else self.target(DispatcherType.REQUEST, path, match)

    def target(self, kind: DispatcherType, path: str | None, match: Match) -> Target:
        """The filters and the servlet of a dispatch."""
        return self._cached_target(kind, path, match.servlet_name)

    def named_target(self, kind: DispatcherType, name: str) -> Target:
        return self._cached_target(kind, None, name)

    def _cached_target(self, kind: DispatcherType, path: str | None, name: str) -> Target:
        if not self.filter_choice.any_for(kind):
            path = None
        key = (kind, path, name)
        target = self._targets.get(key)
        if target is None:
            if len(self._targets) >= 4096:
                self._targets.clear()
            target = self._targets[key] = self.filter_choice.target(kind, path, self.servlets[name])
        return target

    def holder_loaded(self, holder: ServletHolder) -> None:
        """A servlet has its instance: now it is known how its requests begin."""
        for target in list(self._targets.values()):
            if target.holder is holder:
                target.holder_loaded()

    def dispatcher(self, path: str, query: str | None) -> Dispatcher | None:
        """A dispatcher for a path as an application writes it, relative to this web app.

        None while it is not running, and for a path that leaves it or contains NUL. IllegalArgumentException
        for one that cannot be decoded.
        """
        written = path
        decoded = decode_path(path)
        if decoded is None:
            raise IllegalArgumentException(f'"{path}" cannot be decoded: should a "%" be "%25"?')
        canonical = resolve("/", decoded)
        if not self.servlets or canonical is None or "\0" in canonical:
            return None
        path = canonical
        match = self.mapper.match_explicit(path)
        if match is None and path.endswith("/"):
            match = self._welcome(path)
        if match is None:
            match = self.mapper.match_default(path)
        return None if match is None else Dispatcher(self, match, path, self.encoded_path + written, query)

    def named_dispatcher(self, name: str) -> NamedDispatcher | None:
        return NamedDispatcher(self, name) if name in self.servlets else None

    # --- requests------------------------------------------------------------------------------------------

    def handle(self, exchange: Exchange, location: Location, query: bytes | None) -> None:
        """Answer one exchange, in the calling thread."""
        dispatch = location.dispatch or self.map(location)
        if dispatch is None:
            redirect_to_root(exchange, location, query)
            return
        request = Request(exchange, location, query, dispatch)
        response = request._response = Response(exchange, request)
        self._active.add(request)  # before the look at the state: stop looks the other way round
        if self.state is not _RUNNING:
            self._active.discard(request)
            self._notify_idle(request)
            self.container.refuse(exchange, 503, f"web app {self} is {self.state.value}")
            return
        try:
            if exchange.front is not None:
                self.security.believe(request, exchange.front)
            self._pipeline(request, response)
        finally:
            if request._async is None or not request._async.unwound():
                self.end(request, response)

    def end(self, request: Request, response: Response) -> None:
        """The request is over: send what is left, tell the listeners, let the objects die. In any thread."""
        try:
            response._finish()
        except Exception:
            log.exception("%s: the answer could not be ended", request)
            response._exchange.abort()
        if self.listeners.request:
            self.fire_request_destroyed(request)
        if request._session is not None or request._other_sessions is not None:
            guarded("end of a session's access", lambda: self.sessions.end(request))
        exchange = request._exchange if request._async is not None else None
        request._end()
        response._end()
        self._active.discard(request)
        if exchange is not None:
            exchange.release()
        if self._idle_tasks or self.state is not _RUNNING:
            self._notify_idle(request)

    def _notify_idle(self, request: Request) -> None:
        due: list[Callable[[], None]] = []
        with self._idle:
            self._idle.notify_all()
            for waiting_for, task in list(self._idle_tasks):
                waiting_for.intersection_update(self._active)
                if not waiting_for:
                    self._idle_tasks.remove((waiting_for, task))
                    due.append(task)
        for task in due:
            guarded("a delayed task", task)

    @property
    def request_listeners(self) -> bool:
        return bool(self.listeners.request)

    def fire_request_initialized(self, request: Request) -> None:
        self.listeners.request_initialized(self.facade, request)

    def fire_request_destroyed(self, request: Request) -> None:
        self.listeners.request_destroyed(self.facade, request)

    def new_async(self, request: Request) -> RequestAsync:
        return RequestAsync(self, request)

    def run_coroutine(
        self, coroutine: Coroutine[Any, Any, Any], request: ServletRequest, response: ServletResponse,
        unavailable: Callable[[UnavailableException], None],
    ) -> None:  # fmt: skip
        """An async def method of a servlet: see async_context.py."""
        run_coroutine(self, coroutine, request, response, unavailable)

    # --- small answers for request and response------------------------------------------------------------

    def locale_charset(self, locale: Locale) -> str | None:
        """DD-LOC-03: language and country first, then the language, then what every web app has."""
        tag = locale.toLanguageTag().lower()
        language = tag.partition("-")[0]
        charsets = self._locale_charsets
        return charsets.get(tag) or charsets.get(language) or _LOCALE_CHARSETS.get(language)

    def upload_location(self, config: MultipartConfigElement) -> Path:
        """Where the parts of a multipart body are stored (DD-MP-02)."""
        location = Path(config.getLocation() or "")
        if not location.is_absolute():
            location = self.work / location
        location.mkdir(parents=True, exist_ok=True)
        return location


def is_default_servlet(declaration: ServletDeclaration) -> bool:
    """Whether it is the container's own, whatever its name and its init parameters are."""
    return declaration.servlet_class is DefaultServlet or declaration.class_name in DEFAULT_CLASSES


def _serves_as_the_front_does(default: ServletDeclaration) -> bool:
    """Whether the answers to GET and HEAD of existing files are those of an undeclared default servlet."""
    changing = {"precompressed", "readonly", "useAcceptRanges"}
    return is_default_servlet(default) and not default.init_params.keys() & changing


def redirect_to_root(exchange: Exchange, location: Location, query: bytes | None) -> None:
    """RT-MAP-05: /app answers with a redirect to /app/, which keeps a session id and the query."""
    context = location.context
    uri = context.encoded_path + "/"
    if location.session_parameter is not None:
        uri += f";{context.sessions.parameter_name}={location.session_parameter}"
    if query is not None:
        uri += "?" + query.decode("latin-1")
    exchange.start(302, [("Location", uri), ("Content-Length", "0")])
    exchange.finish()
