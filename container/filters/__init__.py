"""Tomcat's own filters, with their init parameters: a descriptor may name them as it does there.

    <filter-class>org.apache.catalina.filters.CorsFilter</filter-class>   as in a web.xml written for Tomcat
    <filter-class>container.filters.CorsFilter</filter-class>             the same

One module each, loaded when a descriptor names it. They know the API only, never the engine; what they do is
what Tomcat 10.1 does with the same descriptor, see docs/tomcat-names.md for the table and the differences.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["FILTERS"]

FILTERS = {
    "AddDefaultCharsetFilter": "add_default_charset",
    "CorsFilter": "cors",
    "CsrfPreventionFilter": "csrf_prevention",
    "ExpiresFilter": "expires",
    "FailedRequestFilter": "failed_request",
    "HttpHeaderSecurityFilter": "http_header_security",
    "RateLimitFilter": "rate_limit",
    "RemoteAddrFilter": "remote_address",
    "RemoteCIDRFilter": "remote_address",
    "RemoteHostFilter": "remote_address",
    "RemoteIpFilter": "remote_ip",
    "RequestDumperFilter": "request_dumper",
    "RestCsrfPreventionFilter": "rest_csrf_prevention",
    "SessionInitializerFilter": "session_initializer",
    "SetCharacterEncodingFilter": "set_character_encoding",
}
"""Every filter, and its module in this package."""


def __getattr__(name: str) -> Any:
    if name in FILTERS:
        return getattr(import_module(f"{__name__}.{FILTERS[name]}"), name)
    raise AttributeError(f"module {__name__} has no {name}")
