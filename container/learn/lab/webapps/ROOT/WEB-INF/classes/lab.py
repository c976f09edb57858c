"""The web app of the process-model lab: it answers at once, at length, or late."""

import mmap
import os
import threading
import time
from pathlib import Path

from container.servlet import (
    FilterChain,
    FilterConfig,
    HttpFilter,
    HttpServlet,
    HttpServletRequest,
    HttpServletResponse,
)

SLEEP_S = 3.0
PAGE_BYTES = 4_000_000  # more than the kernel's buffers, less than --send-buffer-bytes of the lab


class Gauge(HttpFilter):
    """Tells how many requests are in servlets, and so hold a thread: 4 bytes of a file for each process."""

    def init(self, filterConfig: FilterConfig) -> None:
        super().init(filterConfig)
        self._running = 0
        self._lock = threading.Lock()
        path = Path(os.environ["LAB_FOLDER"]) / f"gauge-{os.getpid()}"
        path.write_bytes(bytes(4))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 4)

    def doFilter(
        self, request: HttpServletRequest, response: HttpServletResponse, chain: FilterChain
    ) -> None:
        self._count(1)
        try:
            chain.doFilter(request, response)
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._lock:
            self._running += more
            self._memory[:] = self._running.to_bytes(4, "little")


class Hello(HttpServlet):
    """What ordinary and idle clients ask for."""

    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        response.setContentType("text/plain;charset=UTF-8")
        response.getWriter().write("hello\n")


class LongPage(HttpServlet):
    """For those who read slowly."""

    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        response.setContentType("text/plain;charset=UTF-8")
        response.setContentLength(PAGE_BYTES)
        response.getOutputStream().write(b"x" * PAGE_BYTES)


class Stuck(HttpServlet):
    """Waits, as for a database that does not answer."""

    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        time.sleep(SLEEP_S)
        response.getWriter().write("late\n")
