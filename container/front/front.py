"""The front as a Handler: an Exchange becomes a FrontRequest, the Site decides, its Action is done.

    connector ──> Front.begin ──> Site.decide ──> FixedAnswer, Deny   here
                                            ├──> FileAction          documents.py, at once
                                            └──> ProxyAction         proxy.py, with or without a task
    connector ──> Front.report (how it has ended) ──> Site.log_line ──> access logs

Under the event MPM everything happens on the loop, and no thread is held while a backend works. Where the
connection has a thread of its own, that thread runs the same coroutine on a loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from container.config import Settings
from container.connectors.access_log import AccessLog
from container.errors import ConfigError, ProtocolError
from container.front.balancer import Balancer
from container.front.client import Client
from container.front.compression import compressed
from container.front.documents import ALLOW, Documents
from container.front.edits import edit_headers
from container.front.fields import has_secrets, read_field
from container.front.pages import own_page
from container.front.proxy import Job, Passage, Workshop
from container.front.record import Record, facts
from container.front.site import (
    NO_EDITS,
    Action,
    Deny,
    FileAction,
    FixedAnswer,
    FrontRequest,
    HeaderEdits,
    ProxyAction,
    Site,
)
from container.front.status import GroupStatus, groups_of
from container.front.targets import Target, is_secret, read_target
from container.protocols.exchange import Begin, ClientDisconnected, Exchange, Headers
from container.protocols.forwarded import TrustedProxies
from container.trace import Answered

__all__ = ["Front", "Maintained"]

_log = logging.getLogger("container.front")
_MOST_LOGS = 64  # each has a descriptor and a thread

CLOSE_SILENTLY = 444
_DONE = Begin.DONE  # an attribute of an enum costs as much as a call
_MAINTAIN_S = 1.0
_MOST_REDIRECTS = 10
_ROOT = Target("/", None)


class _Job(Job):
    """One request while it is being answered."""

    is_error = False  # an error page has been asked for: there is no page for its own errors
    action: ProxyAction | None = None  # that is, or will be, carried out

    def __init__(self, front: Front, request: FrontRequest) -> None:
        super().__init__(request)
        self._front = front

    def instead(self, status: int, headers: Headers, must: bool) -> Action | None:
        return self._front.instead(self, status, headers, must)

    def redirect(self, target: str) -> Action:
        return self._front.redirect(self, target)

    def go_on(self, passage: Passage) -> None:
        self._front.go_on(self, passage)


class Maintained(Protocol):
    """What has something to do from time to time: balancers, and what tells them of others' checks."""

    def maintain(self, now_s: float) -> None: ...


class Front:
    """An exchange.Handler, and a trace.AnsweredListener (report). The connector must be given both."""

    def __init__(
        self,
        site: Site,
        settings: Settings,
        balancers: Sequence[Balancer] = (),
        maintained: Sequence[Maintained] = (),
        is_logged: bool = True,
    ) -> None:
        """balancers: to be maintained, whether or not they are asked; maintained: others, before them.

        is_logged: False if report will not be called, as the site has no access log.
        """
        self._site = site
        self._settings = settings
        self._balancers = balancers
        self._maintained = (*maintained, *balancers)
        self._is_logged = is_logged
        self._proxies = TrustedProxies(settings.trusted_proxies, settings.forwarded_headers)
        self._trusts_somebody = bool(settings.trusted_proxies)
        self._folder = str(settings.work) if settings.work else None
        self._lock = threading.Lock()
        self._maintained_s = 0.0
        self._local = threading.local()  # what belongs to one thread: its files, its connections, its loop
        self._runners: list[tuple[asyncio.Runner, Workshop]] = []  # of threads
        self._jobs: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._logs: dict[str, AccessLog | None] = {}

    def __repr__(self) -> str:
        return f"<Front {self._site!r}, {len(self._jobs)} requests>"

    # A Handler ------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> Begin:
        request, error = self._read(exchange)
        job = _Job(self, request)
        if self._is_logged:
            self._jobs[exchange.id] = job
        if exchange.started_s - self._maintained_s >= _MAINTAIN_S:
            self.maintain(exchange.started_s)  # for a front whose loop nobody sweeps
        if error is not None:
            _log.info("%s: %d: %s", exchange.id, error.status, error.reason)
            _send(request, own_page(error.status))
            return _DONE
        action = self._decide(job)
        job.action = action if isinstance(action, ProxyAction) else self._carry_out(job, action)
        if job.action is None:
            return _DONE
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._jobs[exchange.id] = job
            return Begin.STREAMED
        passage = Passage(self._workshop, job, job.action)
        if not passage.begin(loop):
            self.go_on(job, passage)
        return _DONE

    def handle(self, exchange: Exchange) -> None:
        """Pass a request on in the thread of its connection, on a loop of this thread's own."""
        job = self._jobs.get(exchange.id) if self._is_logged else self._jobs.pop(exchange.id, None)
        if job is None or job.action is None:
            raise ClientDisconnected(f"{exchange.id}: the client has gone")
        runner = getattr(self._local, "runner", None)
        if runner is None:
            runner = self._local.runner = asyncio.Runner()
            self._runners.append((runner, self._workshop))
            self._workshop.sleeps = True
        runner.run(self._pass_on(job, Passage(self._workshop, job, job.action)))

    def report(self, answered: Answered) -> None:
        """How an exchange has ended: what the access logs get."""
        job = self._jobs.pop(answered.request_id, None)
        if job is None:
            return
        for file, line in self._site.log_line(job.request, facts(job, answered)):
            if (log := self._access_log(file)) is not None:
                log.add(line)

    def _access_log(self, file: str) -> AccessLog | None:
        """A log that is open, or None if that cannot be.

        A file's name may have what clients say in it ($host): as many as are kept open, no more.
        """
        with self._lock:
            if file in self._logs:
                self._logs[file] = log = self._logs.pop(file)  # the one used last is at the end
                return log
            oldest = self._logs.pop(next(iter(self._logs))) if len(self._logs) >= _MOST_LOGS else None
            try:
                log = AccessLog(file, "common")
            except ConfigError as error:
                _log.error("%s", error)
                log = None
            self._logs[file] = log
        if oldest is not None:
            oldest.close()
        return log

    def maintain(self, now_s: float) -> None:
        """Do what the balancers have to do from time to time. Once a second is often enough."""
        self._maintained_s = now_s
        with self._lock:
            for each in self._maintained:
                each.maintain(now_s)

    def status(self, now_s: float) -> list[GroupStatus]:
        """What the balancers have done. Any thread may ask."""
        with self._lock:
            return groups_of(self._balancers, now_s)

    def close(self) -> None:
        """Let go of what is kept, when no more requests come; write what the logs still have to."""
        for runner, workshop in self._runners:
            if not runner.get_loop().is_running():  # else its request is given up, and the process ends
                runner.run(workshop.close())
                runner.close()
        self._runners.clear()
        with self._lock:
            logs = list(self._logs.values())
        for log in logs:
            if log is not None:
                log.close()

    def begin_stop(self) -> None:
        """Called on the loop when no more requests are taken."""
        self._workshop.backends.begin_stop()

    @property
    def backend_count(self) -> int:
        """Connections of this thread to backends."""
        return self._workshop.backends.count

    # The request ----------------------------------------------------------------------------------

    def _read(self, exchange: Exchange) -> tuple[FrontRequest, ProtocolError | None]:
        """The request, and what is wrong with its target."""
        raw = tuple(exchange.headers)
        headers, host = _read_headers(raw) if has_secrets(raw) else _known_headers(raw)
        scheme = "https" if exchange.connection.secure else "http"
        if self._trusts_somebody:
            claim = self._proxies.read(exchange.connection.peer[0], exchange.headers)
            scheme = (claim.scheme if claim else None) or scheme
        path, query, authority = _ROOT
        error = None
        if exchange.method != "CONNECT":
            try:
                path, query, authority = read_target(exchange.target)
            except ProtocolError as wrong:
                error = wrong
        if authority is not None:
            host = _bare_host(authority)
        return FrontRequest(exchange, scheme, host, path, query, headers), error

    def _decide(self, job: _Job) -> Action:
        request = job.request
        method = request.exchange.method
        if method == "TRACE" or method == "CONNECT":
            return self._instead(job, 405, (ALLOW,))
        if request.path == "*":
            return FixedAnswer(204, headers=(ALLOW,)) if method == "OPTIONS" else own_page(400)
        if is_secret(request.path):
            return self._instead(job, 404, ())
        return self._site.decide(request)

    def _instead(self, job: _Job, status: int, headers: Headers, edits: HeaderEdits = NO_EDITS) -> Action:
        """The error page for a status, or the front's own, which has the edits of what it stands for."""
        page = None
        if not job.is_error:
            job.is_error = True
            page = self._site.decide_error(job.request, status, tuple(headers))
        return page or own_page(status, headers, edits)

    def instead(self, job: _Job, status: int, headers: Headers, must: bool) -> Action | None:
        """As proxy.Job says."""
        if must:
            return self._instead(job, status, headers, job.action.edits if job.action else NO_EDITS)
        return None if job.is_error else self._site.decide_error(job.request, status, tuple(headers))

    def redirect(self, job: _Job, target: str) -> Action:
        """Have the site decide about another path of its own."""
        request = job.request
        request.restarts += 1
        if request.restarts > _MOST_REDIRECTS:
            _log.error(
                "%s: redirected %d times, at last to %s", request.exchange.id, request.restarts, target
            )
            return self._instead(job, 500, ())
        try:
            request.path, request.query, _ = read_target(target.encode("latin-1", "replace"))
        except ProtocolError as error:
            _log.error("%s: X-Accel-Redirect: %s: %s", request.exchange.id, target, error.reason)
            return self._instead(job, 500, ())
        return self._site.decide(request)

    # Its action -----------------------------------------------------------------------------------

    def _carry_out(self, job: _Job, action: Action) -> ProxyAction | None:
        """Answer what can be answered at once; return what cannot."""
        request = job.request
        while True:
            if isinstance(action, ProxyAction):
                return action
            if isinstance(action, FileAction):
                problem = self._documents.serve(request, action, job)
                if problem is None:
                    return None
                status, headers = problem
                action = self._instead(job, status, headers, action.edits)
                continue
            if isinstance(action, Deny):
                action = own_page(action.status, (), action.edits)
            if action.status == CLOSE_SILENTLY:
                job.status = CLOSE_SILENTLY
                request.exchange.abort()
            else:
                _send(request, action, job)
            return None

    @property
    def _documents(self) -> Documents:
        documents: Documents | None = getattr(self._local, "documents", None)
        if documents is None:
            documents = self._local.documents = Documents()
        return documents

    @property
    def _workshop(self) -> Workshop:
        workshop: Workshop | None = getattr(self._local, "workshop", None)
        if workshop is None:
            workshop = Workshop(self._lock, self._settings.body_memory_bytes, self._folder)
            self._local.workshop = workshop
        return workshop

    def go_on(self, job: _Job, passage: Passage) -> None:
        """As proxy.Job says."""
        task = asyncio.get_running_loop().create_task(self._pass_on(job, passage))
        self._tasks.add(task)  # until it has ended: the loop itself would not keep it
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, job: _Job, passage: Passage) -> None:
        """Carry out an action that has to wait for a backend, and whatever follows from it."""
        exchange = job.request.exchange
        task = asyncio.current_task()
        assert task is not None
        client = Client(exchange, asyncio.get_running_loop())
        client.on_gone(task.cancel)
        try:
            while (action := await passage.run(client)) is not None:
                job.action = self._carry_out(job, action)
                if job.action is None:
                    break
                passage = Passage(self._workshop, job, job.action)
        except (asyncio.CancelledError, ClientDisconnected):
            exchange.abort()
        except Exception:  # noqa: BLE001  a site's mistake, most likely; the loop has other requests
            _log.exception("%s: %s failed", exchange.id, exchange.target.decode("latin-1"))
            exchange.abort()
        finally:
            client.close()


def _send(request: FrontRequest, answer: FixedAnswer, record: Record | None = None) -> None:
    headers = list(answer.headers)
    if answer.content_type:
        headers.append(("Content-Type", answer.content_type))
    exchange = compressed(request.exchange, request.headers, answer.edits.compression)
    exchange.start(answer.status, edit_headers(answer.status, headers, answer.edits, record))
    exchange.finish(answer.body)


def _read_headers(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[Mapping[str, str], str]:
    """FrontRequest.headers and host."""
    headers: dict[str, str] = {}
    for each in raw:
        key, _, value = read_field(each)
        if key in headers:
            value = f"{headers[key]}{'; ' if key == 'cookie' else ', '}{value}"
        headers[key] = value
    return MappingProxyType(headers), _bare_host(headers.get("host", ""))


_known_headers = lru_cache(256)(_read_headers)  # clients send the same header again and again


@lru_cache(1024)
def _bare_host(host: str) -> str:
    """Lower case, without port and trailing dot."""
    host = host.lower()
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0].removesuffix(".")
