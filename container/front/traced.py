"""Record what a front decides: a file of its own or somebody else's affair, which backend, and how that went.

    TracedEmbeddedFront    static or delegated, and why
    TracedFront            the backends that were asked; tells ours to which record their request belongs

In place of EmbeddedFront and Front when a server is put together with a Tracer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from container.config import Settings
from container.files import StaticPlan
from container.front.balancer import Ask, Attempts, Balancer, Exhausted, Failure, Member, Pause, Sent
from container.front.front import Front
from container.front.record import Attempt, Record
from container.front.routes import EmbeddedFront
from container.front.site import Action, FrontRequest, ProxyAction, Site
from container.front.stickiness import route_of
from container.protocols.exchange import Begin, Exchange, Handler
from container.trace import FRONT, RECORD_FIELD, Answered, Fact, Span, Trace, Tracer, nanoseconds

__all__ = ["TracedEmbeddedFront", "TracedFront", "why_not_static"]


class TracedEmbeddedFront(EmbeddedFront):
    """An EmbeddedFront that says why a request is not a file's."""

    __slots__ = ("_plan", "_tracer")

    def __init__(self, tracer: Tracer, container: Handler) -> None:
        super().__init__(container)
        self._tracer = tracer
        self._plan = StaticPlan({})

    def publish(self, plan: StaticPlan) -> None:
        self._plan = plan
        super().publish(plan)

    def begin(self, exchange: Exchange) -> Begin:
        trace = self._tracer.trace(exchange.id)
        span = trace.begin(FRONT, "files")
        if self._files.serve(exchange):
            trace.end(span, static=True)
            trace.facts["by"] = "front"
            return Begin.DONE
        trace.end(span, static=False, why=why_not_static(self._plan, exchange))
        trace.facts["by"] = "container"
        trace.mark(FRONT, "delegated")
        return self._container.begin(exchange)


def why_not_static(plan: StaticPlan, exchange: Exchange) -> str:
    """A word for why StaticFiles has left a request to the container; pages translate it."""
    if exchange.method not in ("GET", "HEAD"):
        return "method"
    path = exchange.target.partition(b"?")[0].decode("latin-1")
    context_path = path
    while context_path not in plan.roots:
        if not context_path:
            return "no-context"
        context_path = context_path[: context_path.rfind("/")]
    root = plan.roots[context_path]
    if root is None:
        return "all-observed"
    if not root.admits(path[len(context_path) :]):
        return "mapped"
    return "no-file"


class TracedFront(Front):
    """A Front that records the attempts of each request."""

    def __init__(
        self, tracer: Tracer, site: Site, settings: Settings, balancers: tuple[Balancer, ...] = ()
    ) -> None:
        super().__init__(TracedSite(site, tracer), settings, balancers)
        self._tracer = tracer

    def report(self, answered: Answered) -> None:
        job = self._jobs.get(answered.request_id)
        if job is not None:
            _detail(self._tracer.trace(answered.request_id), job)
        super().report(answered)


def _detail(trace: Trace, record: Record) -> None:
    """Add the parts of each attempt to its span."""
    spans = [span for span in trace.spans if span.what == "backend"]
    for span, attempt in zip(spans, record.attempts, strict=False):
        connected_ns, head_ns = _at(attempt, attempt.connect_s), _at(attempt, attempt.header_s)
        began_ns = nanoseconds(attempt.began_s)
        steps = (
            ("connect", began_ns, connected_ns),
            ("wait", connected_ns, head_ns),
            ("pass", head_ns, span.ended_ns),
        )
        for what, from_ns, to_ns in steps:
            if from_ns is not None and to_ns is not None:
                trace.mark(FRONT, what, began_ns=from_ns, ended_ns=to_ns).depth = span.depth + 1


def _at(attempt: Attempt, since_began_s: float | None) -> int | None:
    return None if since_began_s is None else nanoseconds(attempt.began_s + since_began_s)


class TracedSite:
    """A Site around another one: records what it decides, and whom its groups choose."""

    def __init__(self, site: Site, tracer: Tracer) -> None:
        self._site = site
        self._tracer = tracer
        self.decide_error, self.log_line = site.decide_error, site.log_line

    def __repr__(self) -> str:
        return f"<TracedSite {self._site!r}>"

    def decide(self, request: FrontRequest) -> Action:
        trace = self._tracer.trace(request.exchange.id)
        span = trace.begin(FRONT, "route")
        action = self._site.decide(request)
        if not isinstance(action, ProxyAction):
            trace.end(span, action=type(action).__name__)
            return action
        routes = [route for session in action.ask.sessions if (route := route_of(session))]
        trace.end(span, action="pass", session_of=", ".join(routes) or None)
        ours = (RECORD_FIELD, trace.id)
        kept = [header for header in action.headers if header[0].lower() != RECORD_FIELD.lower()]
        group = cast(Balancer, TracedGroup(action.group, trace))
        return replace(action, headers=(*kept, ours), group=group)


class TracedGroup:
    """A Balancer for one request, around another one."""

    __slots__ = ("_group", "_trace")

    def __init__(self, group: Balancer, trace: Trace) -> None:
        self._group = group
        self._trace = trace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._group, name)

    def ask(self, ask: Ask, now_s: float) -> Attempts:
        return TracedAttempts(self._group.ask(ask, now_s), self._trace)


class TracedAttempts:
    """A span for each attempt, from the choice of the backend to its end."""

    __slots__ = ("_attempts", "_span", "_trace")

    def __init__(self, attempts: Attempts, trace: Trace) -> None:
        self._attempts = attempts
        self._trace = trace
        self._span: Span | None = None

    @property
    def reason(self) -> str:
        return self._attempts.reason

    def next(self, now_s: float) -> Member | Pause | Exhausted:
        choice = self._attempts.next(now_s)
        if isinstance(choice, Pause):
            self._trace.mark(FRONT, "pause", seconds=choice.seconds)
        elif isinstance(choice, Exhausted):
            self._trace.mark(FRONT, "exhausted", status=choice.status, why=choice.reason)
        else:
            why, address = self._attempts.reason, str(choice.address)
            self._span = self._trace.begin(FRONT, "backend", choice.name, why=why, address=address)
        return choice

    def succeeded(self, now_s: float, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        self._end(sent_bytes=sent_bytes, received_bytes=received_bytes)
        self._attempts.succeeded(now_s, sent_bytes=sent_bytes, received_bytes=received_bytes)

    def failed(self, failure: Failure, now_s: float, *, sent: Sent = Sent.NOTHING, status: int = 0) -> bool:
        goes_on = self._attempts.failed(failure, now_s, sent=sent, status=status)
        if goes_on or failure is not Failure.STATUS:
            self._end(failure=failure.name.lower(), status=status or None)
        return goes_on

    def _end(self, **facts: Fact) -> None:
        if self._span is not None:
            self._trace.end(self._span, **facts)
            self._span = None
