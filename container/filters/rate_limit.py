"""RateLimitFilter: no more than so many requests of one address in so much time; then 429.

Time is cut into buckets, and the count begins anew with each. As in Tomcat the default limiter takes a power
of two of milliseconds for a bucket, at least the asked for, and as many more requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from container.filters.parameters import InitParameters
from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse
from container.servlet.servlet import Answer

__all__ = ["RateLimitFilter"]

COUNT = "org.apache.catalina.filters.RateLimitFilter.Count"
_LIMITERS = ("org.apache.catalina.util.FastRateLimiter", "org.apache.catalina.util.ExactRateLimiter")


class RateLimitFilter(HttpFilter):
    """Counts getRemoteAddr: behind a proxy, RemoteIpFilter or the setting trusted_proxies comes first."""

    clock: Callable[[], float] = staticmethod(time.time)

    def init(self) -> None:
        parameters = InitParameters(self)
        duration_s = parameters.number("bucketDuration", 60, minimum=1)
        requests = parameters.number("bucketRequests", 300, minimum=1)
        self._enforce = parameters.flag("enforce", True)
        self._status = parameters.status("statusCode", 429)
        self._message = parameters.text("statusMessage", "Too many requests")
        self._expose = parameters.flag("exposeHeaders", False)
        self._policy = parameters.text("policyName") or self.getFilterName()
        if '"' in self._policy or "\\" in self._policy or not self._policy.isprintable():
            parameters.refuse("policyName", "not fit for a header", "Write letters, digits and hyphens.")
        limiter = parameters.text("rateLimitClassName", _LIMITERS[0])
        if limiter not in _LIMITERS:
            parameters.refuse("rateLimitClassName", "unknown", f"Write {' or '.join(_LIMITERS)}.")
        parameters.finish()
        self._bucket_ms = duration_s * 1000
        if limiter == _LIMITERS[0]:
            self._bucket_ms = 1 << (self._bucket_ms - 1).bit_length()
        self._most = round(requests * self._bucket_ms / (duration_s * 1000))
        self._lock = threading.Lock()  # guards the two below
        self._bucket = -1
        self._counts: dict[str, int] = {}

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        count = self.count(req.getRemoteAddr())
        req.setAttribute(COUNT, count)
        if self._expose:
            policy = f'"{self._policy}";q={self._most};w={self._bucket_ms // 1000}'
            res.setHeader("RateLimit-Policy", policy)
            if self._enforce:
                res.setHeader("RateLimit", f'"{self._policy}";r={max(0, self._most - count)}')
        if count > self._most and self._enforce:
            res.sendError(self._status, self._message)
            return None
        return chain.doFilter(req, res)

    def count(self, address: str) -> int:
        """Count one more request of address, and return how many they are in this bucket."""
        bucket = int(self.clock() * 1000) // self._bucket_ms
        with self._lock:
            if bucket != self._bucket:
                self._bucket = bucket
                self._counts = {}
            count = self._counts[address] = self._counts.get(address, 0) + 1
        return count
