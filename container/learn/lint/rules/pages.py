"""6xx: error pages, welcome files, static files, the session's length."""

from __future__ import annotations

from container.learn.lint.rules.rule import CART, CART_MAPPING, Example, Rule, with_cart, xml

__all__ = ["RULES"]


def _error_page(code: str, location: str) -> str:
    return (
        f"<error-page>\n  <error-code>{code}</error-code>\n  <location>{location}</location>\n</error-page>\n"
    )


def _welcome(*files: str) -> str:
    items = "".join(f"  <welcome-file>{file}</welcome-file>\n" for file in files)
    return f"<welcome-file-list>\n{items}</welcome-file-list>\n"


def _session(text: str) -> Example:
    return xml(f"<session-config>\n  {text}\n</session-config>")


_PAGE = {"404.html": "<p>Not here.\n"}
_LOG = """
    <filter>
      <filter-name>log</filter-name>
      <filter-class>log.Log</filter-class>
    </filter>
    <filter-mapping>
      <filter-name>log</filter-name>
      <url-pattern>{pattern}</url-pattern>
    </filter-mapping>
    """
_CSS = {"shop.css": "body { margin: 2em }\n"}
_ABOUT = """
    <servlet>
      <servlet-name>about</servlet-name>
      <jsp-file>/WEB-INF/pages/about.jinja</jsp-file>
    </servlet>
    <servlet-mapping>
      <servlet-name>about</servlet-name>
      <url-pattern>/about</url-pattern>
    </servlet-mapping>
    """

RULES = (
    Rule(
        "WAS601",
        "warning",
        "An error page does not exist",
        "Where an error should show a page, the plain message is shown.",
        "Write the path of a file, a page or a servlet, from the root of the web app.",
        xml(_error_page("404", "/not-found.html")) | _PAGE,
        xml(_error_page("404", "/404.html")) | _PAGE,
    ),
    Rule(
        "WAS602",
        "error",
        "An error has two pages",
        "For each status, for each exception, and for everything else there is one page.",
        "Remove one.",
        with_cart(_error_page("404", "/cart") + _error_page("404", "/404.html")) | _PAGE,
        with_cart(_error_page("404", "/404.html") + _error_page("500", "/cart")) | _PAGE,
    ),
    Rule(
        "WAS603",
        "error",
        "An error-code is no HTTP status",
        "It is a number of three digits; there is no 4xx for all of them.",
        "Write one <error-page> for each status, or one without <error-code> for everything.",
        xml(_error_page("4xx", "/404.html")) | _PAGE,
        xml(_error_page("404", "/404.html")) | _PAGE,
    ),
    Rule(
        "WAS604",
        "error",
        'A welcome-file begins or ends with "/"',
        "It is put behind the path of each folder, which ends with the slash.",
        "Write the name without slashes at its ends.",
        xml(_welcome("/404.html")) | _PAGE,
        xml(_welcome("404.html")) | _PAGE,
    ),
    Rule(
        "WAS605",
        "warning",
        "No welcome-file exists",
        "Nothing in the web app has one of these names, neither a file nor a servlet: a folder's path, / "
        "first of "
        "all, answers 404.",
        "Write the name of a file, or the path of a servlet without the first slash.",
        with_cart(_welcome("home.html", "home.htm")) | _PAGE,
        with_cart(_welcome("home.html", "cart")) | _PAGE,
    ),
    Rule(
        "WAS606",
        "error",
        "A jsp-file does not exist",
        "The servlet is nothing but this page, so it can only answer 404. /x.jsp means /x.jinja, if there "
        "is one.",
        "Write the path of a page of the web app, from its root.",
        xml(_ABOUT) | {"WEB-INF/pages/about-us.jinja": "<p>About us\n"},
        xml(_ABOUT) | {"WEB-INF/pages/about.jinja": "<p>About us\n"},
    ),
    Rule(
        "WAS607",
        "note",
        "Static files are not for the front to send",
        "A front sends files by itself, far quicker than any servlet could. It cannot where a filter or a "
        "constraint has to see the request first.",
        "If the filter has nothing to do with the files, map it to the paths of the servlets; put files that "
        "are no secret outside of constraints.",
        with_cart(_LOG.format(pattern="/*")) | _CSS,
        with_cart(_LOG.format(pattern="/cart/*")) | _CSS,
    ),
    Rule(
        "WAS608",
        "warning",
        "A session-timeout looks like seconds",
        "<session-timeout> is in minutes; setMaxInactiveInterval() of the code is in seconds. 1800 are 30 "
        "hours.",
        "Write minutes: 30.",
        _session("<session-timeout>1800</session-timeout>"),
        _session("<session-timeout>30</session-timeout>"),
    ),
    Rule(
        "WAS609",
        "error",
        "The tracking mode SSL is not supported",
        "Session ids travel in cookies or in URLs; those of TLS do not live as long as a session.",
        "Write COOKIE or URL, or leave <tracking-mode> out.",
        _session("<tracking-mode>SSL</tracking-mode>"),
        _session("<tracking-mode>COOKIE</tracking-mode>"),
    ),
    Rule(
        "WAS610",
        "warning",
        "An extension has a dot",
        "The extension of a file is what follows its last dot, without the dot.",
        "Write it without dots.",
        xml(
            "<mime-mapping>\n  <extension>.css</extension>\n  "
            "<mime-type>text/css</mime-type>\n</mime-mapping>"
        ),
        xml(
            "<mime-mapping>\n  <extension>css</extension>\n  <mime-type>text/css</mime-type>\n</mime-mapping>"
        ),
    ),
    Rule(
        "WAS611",
        "error",
        "The Max-Age of the session's cookie is no number",
        "It is a number of seconds.",
        "Write digits, or use <max-age>.",
        _session(
            "<cookie-config><attribute><attribute-name>Max-Age</attribute-name>"
            "<attribute-value>1h</attribute-value></attribute></cookie-config>"
        ),
        _session(
            "<cookie-config><attribute><attribute-name>Max-Age</attribute-name>"
            "<attribute-value>3600</attribute-value></attribute></cookie-config>"
        ),
    ),
    Rule(
        "WAS612",
        "warning",
        "JSP pages do not run",
        "Pages are Jinja2 templates here. A path /x.jsp shows /x.jinja, if there is one, so links stay as "
        "they are.",
        "Write the page as NAME.jinja.",
        xml(CART, CART_MAPPING) | {"about.jsp": "<p><%= new java.util.Date() %>\n"},
        xml(CART, CART_MAPPING) | {"about.jinja": "<p>{{ request.getServletPath() }}\n"},
    ),
    Rule(
        "WAS613",
        "error",
        "The domain of the session's cookie is none",
        "It is the name of a host, and holds for the hosts below it, too: the dot of old is not written any "
        "more (RFC 6265). The first session would fail.",
        "Write the name of a host, such as example.com.",
        _session("<cookie-config><domain>.example.com</domain></cookie-config>"),
        _session("<cookie-config><domain>example.com</domain></cookie-config>"),
    ),
)
