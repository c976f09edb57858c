"""All web apps of one process: picks the one a request is for, deploys, reloads and stops them.

    connector or front ── Exchange ──> Container.begin, handle ──> Context
    WSGI server ── environ ──> Container.__call__ ── WsgiExchange ──┘

Requests may come from any number of threads. Deploying, reloading and stopping are done by one thread at a
time; they replace whole tables, so that a request sees the old web app or the new one and nothing between.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from container.config import Settings
from container.connectors.wsgi import WsgiExchange
from container.engine.context import Context
from container.engine.coroutines import Coroutines
from container.engine.dispatch import Location
from container.engine.error_pages import built_in_page
from container.engine.holder import guarded
from container.engine.initializers import Declared, of_environment
from container.engine.lifecycle import State
from container.engine.request import Origins, first_header
from container.engine.scanner import packed, read_web_app
from container.engine.timers import Timers
from container.engine.uri import BadTarget, canonicalize, split_target
from container.errors import ConfigError, DeploymentError, Problem, Source
from container.files import StaticPlan
from container.protocols.exchange import Begin, Exchange, Handler
from container.security.authenticator import Mechanism, mechanisms
from container.security.realm import LockOutRealm, Realm, RealmError, SqlRealm, UsersFileRealm, connector
from container.trace import CONTAINER, Tracer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from container.engine.chain import Target

__all__ = [
    "Container",
    "ContextRecord",
    "Refusal",
    "context_path_of",
    "folders_of",
    "require_folder",
    "users_realm",
]

log = logging.getLogger("container.engine")

_CACHED_PATHS = 10_000
_CACHED_PATH_BYTES = 512


@dataclass(frozen=True, slots=True)
class ContextRecord:
    """What a web app may know of its neighbours.

    See the attribute "container.contexts" of every ServletContext.
    """

    path: str
    display_name: str
    state: str
    servlets: int
    filters: int
    started_ms: float


class Refusal(NamedTuple):
    """An answer of the container's own, where no web app has the request. reason is for the log."""

    status: int
    reason: str


class Container:
    """See the module."""

    def __init__(
        self,
        settings: Settings,
        realm: Realm | None = None,
        *,
        clock: Callable[[], float] = time.time,
        tracer: Tracer | None = None,
    ) -> None:
        """Clock is what sessions grow old by; tracer gets a trace of each request, None: nothing records."""
        if settings.session_store != "memory" and settings.work is None:
            raise ConfigError(
                f"--session-store {settings.session_store}: sessions would be removed with the work folder "
                "at the end. Name one of your own, for example with --work /var/lib/was"
            )
        self.settings = settings
        self.realm = realm
        self.clock = clock
        self.mechanisms: dict[str, Mechanism] = mechanisms(
            settings.max_saved_body_bytes, settings.login_timeout_s
        )
        """How each <auth-method> is made; a program may add its own before it deploys (RT-AUTH-11)."""
        self.origins = _origins(settings)
        self.contexts: dict[str, Context] = {}
        self._locations: dict[bytes, Location] = {}
        self._lock = threading.RLock()  # guards deploying, reloading, stopping
        self._work: Path | None = None
        self._own_work = settings.work is None
        self._claimed: dict[int, tuple[object, Context]] = {}
        self._environment_initializers: tuple[Declared, ...] | None = None
        self._generations = itertools.count(1)
        self._numbers = itertools.count(1)  # of WSGI requests; next() is atomic
        self._plan_listeners: list[Callable[[StaticPlan], None]] = []
        self._make_context: Callable[..., Context] = Context
        self._wsgi_handler: Handler = self
        if tracer is not None:
            from container.connectors.traced import TracedHandler  # only where somebody listens
            from container.engine.traced import TracedContext

            self._make_context = partial(TracedContext, tracer)
            self._wsgi_handler = TracedHandler(self, tracer, lane=CONTAINER)
        self.static_plan = StaticPlan({})
        self.timers = Timers()
        self.coroutines = Coroutines()
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Container {', '.join(path or '/' for path in self.contexts)}>"

    # --- deploying-----------------------------------------------------------------------------------------

    def deploy_all(self, webapps: Path) -> list[Context]:
        """Deploy every web app of a folder; one that does not start keeps no other from starting.

        The names of their folders are their context paths, as in Tomcat, not <default-context-path>.
        Returns all of them, in the order of their paths; look at state and problems. Raises DeploymentError
        if webapps is no folder.
        """
        folders = folders_of(webapps)
        if self.realm is None:
            self.realm = users_realm(self.settings, webapps)
        for problem in packed(webapps):
            log.warning("%s", problem)
        return [self.deploy(folder, context_path_of(folder.name)) for folder in folders]

    def deploy(self, folder: Path, path: str | None = None, classes: Iterable[type] = ()) -> Context:
        """Read, start and publish one web app.

        Without a path its context path is what its web.xml says, else that of its folder's name (DD-CTX-01).
        classes are part of it as if they were in its files: their decorators count, descriptors call them
        by their names.
        Raises DeploymentError if that path is taken; whatever else is wrong is to be found in the Context.
        """
        with self._lock:
            context = self._new_context(folder, path, classes=classes)
            self._start(context)
            self._publish({**self.contexts, context.path: context})
            return context

    def examine(self, folder: Path, path: str | None = None) -> Context:
        """Read one web app and make its tables, but start nothing of it: see Context.examine.

        It is found by its path, and answers no request. Raises and returns as deploy.
        """
        with self._lock:
            context = self._new_context(folder, path)
            with suppress(DeploymentError):  # to be found in its problems
                context.examine()
            self._publish({**self.contexts, context.path: context})
            return context

    def _new_context(
        self,
        folder: Path,
        path: str | None,
        replaces: Context | None = None,
        classes: Iterable[type] = (),
    ) -> Context:
        web_app, problems = read_web_app(folder)
        declared = web_app.default_context_path
        if path is None:
            path = context_path_of(folder.name) if declared is None else declared
        elif declared not in (None, path):
            message = f'<default-context-path> "{declared}" does not count: the server says "{path or "/"}"'
            cure = "Its place is the name of its folder; remove the element, or rename the folder."
            problems.append(Problem(web_app.source, message, cure, "warning", code="WAS133"))
        if "//" in f"{path}/":
            message = f'its context path is "{path}", which no request has'
            cure = "Rename the folder: # stands for one /. There are no versions (##) here: use `was reload`."
            problems.append(Problem(Source(folder.name), message, cure, "warning", code="WAS133"))
        if (taken_by := self.contexts.get(path)) is not replaces and taken_by is not None:
            message = f'the context path "{path or "/"}" is taken by {taken_by.folder.name}'  # DD-ERR-20
            cure = "Rename the folder." if declared is None else "Change <default-context-path>."
            raise DeploymentError([Problem(web_app.source, message, cure, code="WAS133")])
        generation = next(self._generations)
        return self._make_context(
            self, path, folder, web_app, problems, generation=generation, classes=classes
        )

    def _start(self, context: Context) -> None:
        context.facade.setAttribute("container.contexts", self.records)
        try:
            context.start()
        except DeploymentError:
            log.error("%s does not start: %s", context, "\n  ".join(map(str, context.problems)))

    def _publish(self, contexts: dict[str, Context]) -> None:
        """Make a new set of web apps the one that requests see."""
        self.contexts = dict(sorted(contexts.items()))
        self._locations = {}
        self.static_plan = StaticPlan({path: c.static_root() for path, c in self.contexts.items()})
        for listener in self._plan_listeners:
            listener(self.static_plan)

    def on_static_plan(self, listener: Callable[[StaticPlan], None]) -> None:
        """Call listener with the static plan now and whenever it is replaced."""
        self._plan_listeners.append(listener)
        listener(self.static_plan)

    def reload(self, context: Context) -> Context:
        """Replace a web app by a new one from the same folder, with its sessions.

        The old one stays if that fails.

        Raises DeploymentError then. Requests that run in the old one are waited for (stop_timeout_s).
        """
        with self._lock:
            given = context.loader.given.values()
            fresh = self._new_context(context.folder, context.path, replaces=context, classes=given)
            fresh.facade.setAttribute("container.contexts", self.records)
            fresh.start(strict=True)
            fresh.adopt_sessions(context)
            self._publish({**self.contexts, context.path: fresh})
            if context.state in (State.RUNNING, State.FAILED):
                context.stop(self.settings.stop_timeout_s, replaced=True)
            return fresh

    def undeploy(self, path: str) -> None:
        """Take a web app away: new requests no longer find it, then it is stopped."""
        with self._lock:
            context = self.contexts[path]
            self._publish({p: c for p, c in self.contexts.items() if p != path})
            context.stop(self.settings.stop_timeout_s)

    def stop(self, timeout_s: float | None = None) -> None:
        """Stop every web app, waiting up to timeout_s (default: stop_timeout_s) for all of their requests."""
        deadline = time.monotonic() + (self.settings.stop_timeout_s if timeout_s is None else timeout_s)
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            for context in reversed(self.contexts.values()):
                if context.state in (State.RUNNING, State.EXAMINED, State.FAILED):
                    context.stop(max(0.0, deadline - time.monotonic()))
            self.coroutines.stop()
            self.timers.stop()
            if self._work is not None and self._own_work:
                shutil.rmtree(self._work, ignore_errors=True)

    def work_folder(self, path: str) -> Path:
        """The private folder of a web app for temporary files (RT-CTX-14)."""
        if self._work is None:
            if self.settings.work is None:
                self._work = Path(tempfile.mkdtemp(prefix="servlet-container-"))
            else:
                self._work = self.settings.work.resolve()
        folder = self._work / (path.strip("/").replace("/", "#") or "ROOT")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                f"--work {self.settings.work or self._work}: {folder} cannot be made: {error.strerror}. "
                "Name a folder of your own"
            ) from None
        return folder

    def claim(self, instance: object, context: Context) -> bool:
        """Register a servlet or filter instance; False if it is already in use anywhere here (RT-REG-05)."""
        if id(instance) in self._claimed:
            return False
        self._claimed[id(instance)] = (instance, context)
        return True

    def release(self, context: Context) -> None:
        """Forget the instances of a web app that has ended."""
        self._claimed = {key: entry for key, entry in self._claimed.items() if entry[1] is not context}

    def environment_initializers(self) -> tuple[Declared, ...]:
        """What the environment's distributions want to start with each web app; looked for once."""
        if self._environment_initializers is None:
            self._environment_initializers = of_environment()
        return self._environment_initializers

    def run_in_background(self, task: Callable[[], None]) -> None:
        """Run task in a thread of the container's (AsyncContext.start)."""
        threading.Thread(target=task, name="async-start", daemon=True).start()

    def sweep(self, now_s: float) -> None:
        """End expired sessions. Called about every ten seconds, in a thread of the server's."""
        for context in self.contexts.values():
            if context.state is State.RUNNING:
                sweep = partial(context.sessions.manager.sweep, now_s)
                guarded(f"{context}: end of expired sessions", sweep)  # a store may not answer for a while

    def records(self) -> list[ContextRecord]:
        """The web apps, for the welcome page and its like."""
        return [
            ContextRecord(
                c.path, c.facade.getServletContextName() or c.folder.name, c.state.value,
                len(c.web_app.servlets), len(c.filters), c.started_ms,
            )
            for c in self.contexts.values()
        ]  # fmt: skip

    # --- requests------------------------------------------------------------------------------------------

    def context_for(self, path: str) -> Context | None:
        """The web app with the longest context path that is a prefix at a segment boundary (RT-MAP-01)."""
        contexts = self.contexts
        while True:
            context = contexts.get(path)
            if context is not None or not path:
                return context
            path = path[: path.rfind("/")]

    def begin(self, exchange: Exchange) -> Begin:
        """Every exchange is for a request thread, most when their body has been collected (Target.begin)."""
        if not self.settings.request_buffering and exchange.target != b"*":
            return Begin.STREAMED
        location = self._locations.get(exchange.target)
        if location is not None and location.dispatch is not None:
            target = location.dispatch.target
            return target.begin or target.begin_with(exchange.content_length)
        length = exchange.content_length
        if length or (length is None and first_header(exchange.headers, b"transfer-encoding")):
            found = self._target_of(exchange)
            if found is not None:
                return found.begin_with(length)
        elif exchange.target == b"*" and exchange.method == "OPTIONS":  # "are you alive?" takes no thread
            self._answer_asterisk(exchange)
            return Begin.DONE
        return Begin.BUFFERED

    def _target_of(self, exchange: Exchange) -> Target | None:
        """What an exchange is going to run, where that can be told without looking at files."""
        try:
            path = canonicalize(split_target(exchange.target)[0]).path
        except BadTarget:
            return None
        context = self.context_for(path.rstrip("/"))
        if context is None or context.state is not State.RUNNING:
            return None
        return context.explicit_target(path[len(context.path) :])

    def handle(self, exchange: Exchange) -> None:
        """Answer an exchange, in the calling thread."""
        target = exchange.target
        if exchange.method == "CONNECT":
            self.refuse(exchange, 501, "CONNECT")  # RT-URI-02
            return
        location = self._locations.get(target)
        if location is not None:
            location.context.handle(exchange, location, None)
            return
        path, query = split_target(target)
        if query is not None:
            location = self._locations.get(path)
        if location is None:
            location = self._locate(exchange, path, query)
            if location is None:
                return
        elif b"#" in target:
            self.refuse(exchange, 400, "a fragment (#) in the request target")
            return
        location.context.handle(exchange, location, query)

    def _locate(self, exchange: Exchange, raw_path: bytes, query: bytes | None) -> Location | None:
        """Canonicalise, choose the context; None if the exchange has been answered."""
        locations = self._locations  # taken before the context: _publish replaces them in the other order
        if raw_path == b"*":
            self._answer_asterisk(exchange)
            return None
        location = self.locate(raw_path, query)
        if isinstance(location, Refusal):
            self.refuse(exchange, location.status, location.reason)
            return None
        context = location.context
        if context.state is not State.RUNNING:
            self.refuse(exchange, 503, f"web app {context} is {context.state.value}")
            return None
        if location.session_parameter is None and len(raw_path) <= _CACHED_PATH_BYTES:
            if len(locations) >= _CACHED_PATHS:
                locations.clear()
            locations[raw_path] = location
        return location

    def locate(self, raw_path: bytes, query: bytes | None) -> Location | Refusal:
        """Which web app a path belongs to, whether that runs or not; or why none."""
        try:
            if query is not None and b"#" in query:
                raise BadTarget("a fragment (#) in the request target")
            canonical = canonicalize(raw_path)
        except BadTarget as error:
            return Refusal(400, str(error))
        context = self.context_for(canonical.path.rstrip("/"))
        if context is None:
            return Refusal(404, "no web app has this path")
        uri = raw_path.decode("latin-1")
        parameter_name = context.sessions.parameter_name
        session_id = next((v for name, v in reversed(canonical.parameters) if name == parameter_name), None)
        return Location(
            context, uri, raw_prefix(uri, context.path), canonical.path[len(context.path) :], session_id
        )

    def _answer_asterisk(self, exchange: Exchange) -> None:
        if exchange.method == "OPTIONS":
            allow = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
            exchange.start(200, [("Allow", allow), ("Content-Length", "0")])
            exchange.finish()
        else:
            self.refuse(exchange, 400, "the target * is for OPTIONS only")

    def refuse(self, exchange: Exchange, status: int, reason: str) -> None:
        """Answer for the container itself, where there is no web app whose error page could."""
        target = ascii(exchange.target.decode("latin-1"))  # no line ends, nor what a terminal obeys
        log.info("%s %s [%s]: %d, %s", exchange.method, target, exchange.id, status, reason)
        message = HTTPStatus(status).description
        if status == HTTPStatus.NOT_FOUND and self.settings.dev:
            served = ", ".join(f"{path}/" for path in sorted(self.contexts))
            message = f"No web app has this path. There are: {served}"
        page = built_in_page(status, message, exchange.id, None).encode()
        headers = [("Content-Type", "text/html;charset=utf-8"), ("Content-Length", str(len(page)))]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(("Retry-After", "10"))
        exchange.start(status, headers)
        exchange.finish(page)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333."""
        exchange = WsgiExchange(environ, start_response, next(self._numbers))
        return exchange.run(self._wsgi_handler)


def require_folder(webapps: Path) -> None:
    """Raise DeploymentError unless there is a folder of web apps."""
    if not webapps.is_dir():
        cure = "Name the folder of your web apps with --webapps."
        raise DeploymentError([Problem(Source(str(webapps)), "there is no such folder", cure, code="WAS134")])
    if os.path.isdir(webapps / "WEB-INF"):  # as a web app of that name it would show its code to everybody
        message = "is a web app itself, not a folder of them"
        cure = f"Name the folder that it is in: --webapps {os.path.normpath(webapps / os.pardir)}"
        raise DeploymentError([Problem(Source(str(webapps)), message, f"{cure}.", code="WAS134")])
    if webapps.resolve().name == "WEB-INF":  # the same with each folder in it
        message, cure = "is the inside of a web app", "Name the folder that the web app is in"
        raise DeploymentError([Problem(Source(str(webapps)), message, f"{cure}.", code="WAS134")])
    if (inner := _inner_folder(webapps)) is not None:  # beside it are conf/ and others that nobody is to see
        message = f"holds {inner.name}, which is a folder of web apps, and no web app"
        cure = f"Write --webapps {inner}."
        raise DeploymentError([Problem(Source(str(webapps)), message, cure, code="WAS134")])


def _inner_folder(folder: Path) -> Path | None:
    """Return the folder of web apps in one that has no web app itself, as webapps in a project's."""
    try:
        folders = sorted(each for each in folder.iterdir() if not each.name.startswith((".", "_")))
    except OSError:
        return None
    if any(os.path.isdir(each / "WEB-INF") for each in folders):
        return None
    return next((each for each in folders if any(each.glob("*/WEB-INF"))), None)


def folders_of(webapps: Path) -> list[Path]:
    """The web apps of a folder, in the order in which they start. Raises as require_folder."""
    require_folder(webapps)
    try:
        return sorted(f for f in webapps.iterdir() if f.is_dir() and not f.name.startswith((".", "_")))
    except OSError as error:
        raise DeploymentError(
            [
                Problem(
                    Source(str(webapps)),
                    f"cannot be read: {error.strerror}",
                    "Check its permissions.",
                    code="WAS134",
                )
            ]
        ) from None


def users_realm(settings: Settings, webapps: Path) -> Realm | None:
    """Who knows the users, by the settings; None: nobody does."""
    realm: Realm
    if settings.users_database != "none":
        if settings.users is not None:
            raise ConfigError("users and users_database: the users are in one place. Remove one of the two")
        connect, mark = connector(settings.users_database)
        realm = SqlRealm(
            connect,
            password_query=settings.users_password_query.replace("?", mark),
            roles_query=settings.users_roles_query.replace("?", mark),
        )
        try:
            realm.find("")
        except RealmError as error:  # it may come later, but more probably a setting is wrong
            log.error("%s. Until it does nobody can log in: see users_database and the queries", error)
    else:
        path = settings.users or webapps.resolve().parent / "conf" / "tomcat-users.xml"
        if settings.users is None and not path.is_file():
            return None
        realm = UsersFileRealm(path)
    if settings.login_failures == 0:
        return realm
    return LockOutRealm(realm, failures=settings.login_failures, lock_s=settings.login_lock_s)


def _origins(settings: Settings) -> Origins:
    if not settings.trusted_proxies:
        return Origins()
    from container.engine.forwarded import ForwardedOrigins  # only where there are proxies

    return ForwardedOrigins(settings)


def context_path_of(folder_name: str) -> str:
    """ROOT is "", a#b is "/a/b"."""
    return "" if folder_name == "ROOT" else "/" + folder_name.replace("#", "/")


def raw_prefix(uri: str, context_path: str) -> str:
    """Return the context path as the client wrote it: as many segments of the raw URI (RT-PATH-03)."""
    if not context_path:
        return ""
    if uri.startswith(context_path) and uri[len(context_path) : len(context_path) + 1] in ("", "/"):
        return context_path
    for end in range(1, len(uri) + 1):
        if end == len(uri) or uri[end] == "/":
            try:
                if canonicalize(uri[:end].encode("latin-1")).path == context_path:
                    return "/" + uri[:end].lstrip("/")  # "//app/x" would name a host in a redirect
            except BadTarget:
                continue
    return context_path
