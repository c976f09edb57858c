"""4xx: filters, their order, and asynchronous requests."""

from __future__ import annotations

from container.learn.lint.rules.rule import CART, CART_MAPPING, Example, Rule, py, with_cart, xml

__all__ = ["RULES"]

_LOG = """
    <filter>
      <filter-name>log</filter-name>
      <filter-class>log.Log</filter-class>
    </filter>
    """
_LOG_MAPPING = """
    <filter-mapping>
      <filter-name>log</filter-name>
      <url-pattern>/*</url-pattern>
    </filter-mapping>
    """
_LOG_BY_NAME = """
    <filter-mapping>
      <filter-name>log</filter-name>
      <servlet-name>cart</servlet-name>
    </filter-mapping>
    """


def _named(name: str, text: str) -> str:
    return text.replace("<filter-name>log<", f"<filter-name>{name}<")


def _asynchronous(text: str, element: str) -> str:
    return text.replace(
        f"</{element}-class>", f"</{element}-class>\n      <async-supported>true</async-supported>"
    )


_ASYNC_CART = CART.replace("</servlet-class>", "</servlet-class>\n  <async-supported>true</async-supported>")
_START_ASYNC = """
    from container.servlet import HttpServlet


    class Cart(HttpServlet):
        def doGet(self, request, response):
            context = request.startAsync()
            context.start(context.complete)
    """
_COOKIE_FILTER = """
    from container.servlet import HttpFilter


    class Log(HttpFilter):
        {declaration}(self, request, response, chain):
            response.setHeader("X-Seen", "yes")
            {call}
    """


def _filter(declaration: str, call: str) -> Example:
    return {
        **xml(CART, CART_MAPPING, _LOG, _LOG_MAPPING),
        **py(_COOKIE_FILTER.format(declaration=declaration, call=call), "log.py"),
    }


RULES = (
    Rule(
        "WAS401",
        "error",
        "A mapping names a filter that is not declared",
        "A <filter-name> must be the same in <filter> and in <filter-mapping>, to the letter.",
        "Correct the name, or declare the filter.",
        with_cart(_LOG + _LOG_MAPPING + _named("lgo", _LOG_MAPPING)),
        with_cart(_LOG + _LOG_MAPPING),
    ),
    Rule(
        "WAS402",
        "warning",
        "A filter is mapped to a servlet that is not declared",
        "No request ever comes that way.",
        "Correct the <servlet-name>.",
        with_cart(_LOG + _LOG_BY_NAME.replace(">cart<", ">basket<")),
        with_cart(_LOG + _LOG_BY_NAME),
    ),
    Rule(
        "WAS403",
        "warning",
        "A filter is never mapped",
        "No request passes it.",
        "Add a <filter-mapping>, or remove the filter.",
        with_cart(_LOG),
        with_cart(_LOG + _LOG_MAPPING),
    ),
    Rule(
        "WAS404",
        "warning",
        "A filter matches nothing",
        "No servlet and no file answers to a path of its pattern, so it sees only requests that end with "
        "404.",
        "Write a pattern that requests have.",
        with_cart(_LOG + _LOG_MAPPING.replace("/*", "/admin/*")),
        with_cart(_LOG + _LOG_MAPPING.replace("/*", "/cart/*")),
    ),
    Rule(
        "WAS405",
        "note",
        "Filters run in another order than they are written",
        "First come all mappings by <url-pattern>, in their order, then all by <servlet-name>.",
        "Map both by pattern, or write them in the order in which they run.",
        with_cart(
            _LOG + _named("first", _LOG) + _named("first", _LOG_BY_NAME) + _LOG_MAPPING,
        ),
        with_cart(
            _LOG + _named("first", _LOG) + _LOG_MAPPING + _named("first", _LOG_BY_NAME),
        ),
    ),
    Rule(
        "WAS406",
        "warning",
        "A filter before an asynchronous servlet is not async-supported",
        "A request can become asynchronous only if all that it has passed allow it: startAsync() raises "
        "IllegalStateException, and an async def method holds a thread.",
        "Add <async-supported>true</async-supported> to the filter, if what it does after chain.doFilter may "
        "come "
        "before the answer is complete.",
        xml(_ASYNC_CART, CART_MAPPING, _LOG, _LOG_MAPPING),
        xml(_ASYNC_CART, CART_MAPPING, _asynchronous(_LOG, "filter"), _LOG_MAPPING),
    ),
    Rule(
        "WAS407",
        "error",
        "A servlet works asynchronously, but is not async-supported",
        "startAsync() raises IllegalStateException. With an async def method it is a warning: it works, but "
        "a "
        "thread waits for it.",
        "Add <async-supported>true</async-supported>, or asyncSupported=True to @WebServlet.",
        xml(CART, CART_MAPPING) | py(_START_ASYNC),
        xml(_ASYNC_CART, CART_MAPPING) | py(_START_ASYNC),
    ),
    Rule(
        "WAS408",
        "warning",
        "A filter never goes on",
        "Its doFilter does not use the chain: no filter behind it and no servlet is ever reached.",
        "Call chain.doFilter(request, response) for requests that may pass.",
        _filter("def doFilter", 'response.getWriter().write("closed")'),
        _filter("def doFilter", "chain.doFilter(request, response)"),
    ),
    Rule(
        "WAS409",
        "error",
        "A filter is async",
        "doFilter is called and has returned before the answer is there; it cannot be awaited.",
        "Write def doFilter, and let the servlet behind it be async.",
        _filter("async def doFilter", "chain.doFilter(request, response)"),
        _filter("def doFilter", "chain.doFilter(request, response)"),
    ),
)
