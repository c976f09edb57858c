"""The embedded front: in the process of the container it serves files itself and hands everything else over.

connector ──> EmbeddedFront ──> StaticFiles     on the event loop
                           └──> the container   the same Exchange, no bytes in between
"""

from __future__ import annotations

from container.files import StaticPlan
from container.front.static import StaticFiles
from container.protocols.exchange import Begin, Exchange, Handler

__all__ = ["EmbeddedFront"]


class EmbeddedFront:
    """An exchange.Handler in front of another one, the container."""

    __slots__ = ("_container", "_files", "handle")

    def __init__(self, container: Handler, plan: StaticPlan | None = None) -> None:
        self._container = container
        self.handle = container.handle  # what is no file is the container's, without a call in between
        self._files = StaticFiles(plan or StaticPlan({}))

    def publish(self, plan: StaticPlan) -> None:
        """Serve by another plan from now on. Any thread may call it; requests that are answered stay so."""
        self._files = StaticFiles(plan)

    def begin(self, exchange: Exchange) -> Begin:
        if self._files.serve(exchange):
            return Begin.DONE
        return self._container.begin(exchange)
