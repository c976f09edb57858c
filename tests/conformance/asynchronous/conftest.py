"""What the tests of asynchronous requests share.

- ``app = routes({"/a": function, "/b": function})``: functions as servlets, async def or not
- ``log.add("x")`` in any thread, ``log.until("x")`` waits for it and returns all there is
- ``context.addListener(listener("L", timeout=lambda event: ...))`` logs "L.timeout" and so on
- ``clock.pass_()``: the time of the last timeout comes, which otherwise never does
- ``after_return(context, function)``: run function in a thread, once the dispatch that started has returned
- ``outcome(call)``: what a call returns, or the name of what it raises
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from container.servlet import AsyncListener, HttpFilter, HttpServlet, IllegalStateException

PATIENCE_S = 60.0  # only ever used up by a failure


class Log(list[Any]):
    """What happened, in order; any thread adds to it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()

    def add(self, *what: Any) -> None:
        with self._changed:
            self.extend(what)
            self._changed.notify_all()

    def until(self, what: Any, times: int = 1) -> list[Any]:
        """Wait until something has happened so many times; then all there is."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(what) >= times, PATIENCE_S), (what, list(self))
            return list(self)


class Listener(AsyncListener):
    """Logs "name.complete" and so on; keyword arguments react to an event: error=lambda event: ..."""

    def __init__(self, log: Log, name: str = "L", **reactions: Callable[[Any], object]) -> None:
        self.log, self.name, self.reactions = log, name, reactions

    def _tell(self, what: str, event: Any) -> None:
        self.log.add(f"{self.name}.{what}")
        if what in self.reactions:
            self.reactions[what](event)

    def onComplete(self, event: Any) -> None:
        self._tell("complete", event)

    def onError(self, event: Any) -> None:
        self._tell("error", event)

    def onTimeout(self, event: Any) -> None:
        self._tell("timeout", event)

    def onStartAsync(self, event: Any) -> None:
        self._tell("start", event)


class Clock:
    """In place of a container's timers: what is to be called later is called by ``pass_``."""

    def __init__(self) -> None:
        self.delays_s: list[float] = []
        self._waiting = Log()

    def call_later(self, delay_s: float, function: Callable[[], None]) -> Clock.Timer:
        timer = Clock.Timer(function)
        self.delays_s.append(delay_s)
        self._waiting.add("timer")
        self.timer = timer
        return timer

    def pass_(self, times: int = 1) -> None:
        """Let the time of the last timer come, once there have been so many."""
        self._waiting.until("timer", times)
        self.timer.function()

    def stop(self) -> None:
        pass

    class Timer:
        def __init__(self, function: Callable[[], None]) -> None:
            self.function = function

        def cancel(self) -> None:
            self.function = lambda: None


def servlet(name: str, function: Callable[..., Any]) -> type[HttpServlet]:
    """A class whose service is the function, async def if that is."""
    if inspect.iscoroutinefunction(function):

        async def service(self: Any, request: Any, response: Any) -> None:
            await function(request, response)
    else:

        def service(self: Any, request: Any, response: Any) -> None:  # type: ignore[misc]
            function(request, response)

    return type(name, (HttpServlet,), {"service": service})


def filter_xml(pattern: str, supported: bool, dispatchers: str) -> str:
    types = "".join(f"<dispatcher>{each}</dispatcher>" for each in dispatchers.split())
    return f"""
      <filter><filter-name>f</filter-name><filter-class>app.Around</filter-class>
        <async-supported>{str(supported).lower()}</async-supported></filter>
      <filter-mapping><filter-name>f</filter-name><url-pattern>{pattern}</url-pattern>{types}</filter-mapping>
    """


def servlet_xml(name: str, pattern: str, supported: bool) -> str:
    return f"""
      <servlet><servlet-name>{name}</servlet-name><servlet-class>app.{name}</servlet-class>
        <load-on-startup>0</load-on-startup><async-supported>{str(supported).lower()}</async-supported></servlet>
      <servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>{pattern}</url-pattern></servlet-mapping>
    """


@pytest.fixture
def routes(deploy: Any, web_xml: Any) -> Callable[..., Any]:
    """Deploy functions as servlets: routes({pattern: function}, sync=patterns, around=doFilter, ...)."""

    def make(
        functions: Mapping[str, Callable[..., Any]],
        *,
        sync: tuple[str, ...] = (),
        around: Callable[..., None] | None = None,
        pattern: str = "/*",
        supported: bool = True,
        dispatchers: str = "REQUEST",
        more: str = "",
        classes: tuple[type, ...] = (),
        **arguments: Any,
    ) -> Any:
        xml, made = more, list(classes)
        if around is not None:
            made.append(type("Around", (HttpFilter,), {"doFilter": lambda self, *rest: around(*rest)}))
            xml += filter_xml(pattern, supported, dispatchers)
        for number, (path, function) in enumerate(functions.items()):
            name = f"Servlet{number}"
            made.append(servlet(name, function))
            xml += servlet_xml(name, path, path not in sync)
        return deploy(web_xml(xml), classes=made, **arguments)

    return make


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def listener(log: Log) -> Callable[..., Listener]:
    return lambda name="L", **reactions: Listener(log, name, **reactions)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of every container that is made from now on."""
    clock = Clock()
    monkeypatch.setattr("container.engine.container.Timers", lambda: clock)
    return clock


def until_returned(context: Any) -> None:
    """Wait until the dispatch that called startAsync has returned: then setTimeout is refused."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            context.setTimeout(context.getTimeout())
        except IllegalStateException:
            return
        time.sleep(0.001)
    raise AssertionError("the dispatch has not returned")


@pytest.fixture
def after_return() -> Callable[..., None]:
    def start(context: Any, function: Callable[[], object]) -> None:
        def run() -> None:
            until_returned(context)
            function()

        threading.Thread(target=run, daemon=True).start()

    return start


@pytest.fixture
def outcome() -> Callable[..., object]:
    def of(call: Callable[[], object]) -> object:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  whatever it is, it is the outcome
            return type(error).__name__

    return of
