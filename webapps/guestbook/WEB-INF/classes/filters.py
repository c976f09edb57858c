"""What happens around every request."""

import time

from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse


class SecurityHeadersFilter(HttpFilter):
    """Add headers to every answer: each init-param is one."""

    def init(self) -> None:
        self._headers = [(name, self.getInitParameter(name) or "") for name in self.getInitParameterNames()]

    def doFilter(
        self, request: HttpServletRequest, response: HttpServletResponse, chain: FilterChain
    ) -> None:
        for name, value in self._headers:  # before the chain: afterwards the head may have left
            response.setHeader(name, value)
        chain.doFilter(request, response)


class Stopwatch:
    """Runs from the moment it is made."""

    def __init__(self) -> None:
        self._started_s = time.perf_counter()

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started_s) * 1000


class StopwatchFilter(HttpFilter):
    """Give each request a stopwatch, which the pages show at their foot; slow requests go to the log."""

    def init(self) -> None:
        self._slow_ms = int(self.getInitParameter("slow-ms") or 1000)

    def doFilter(
        self, request: HttpServletRequest, response: HttpServletResponse, chain: FilterChain
    ) -> None:
        stopwatch = Stopwatch()
        request.setAttribute("stopwatch", stopwatch)
        try:
            chain.doFilter(request, response)
        finally:
            if stopwatch.elapsed_ms > self._slow_ms:
                what = f"{request.getMethod()} {request.getRequestURI()}"
                self.getServletContext().log(f"slow: {what} took {stopwatch.elapsed_ms:.0f} ms")
