"""2xx: which path finds which servlet."""

from __future__ import annotations

from container.learn.lint.rules.rule import CART, CART_MAPPING, Example, Rule, py, xml

__all__ = ["RULES"]


def _pattern(pattern: str) -> Example:
    return xml(CART, CART_MAPPING.replace("/cart", pattern))


_LIST = """
    from container.servlet import HttpServlet


    class List(HttpServlet):
        def doGet(self, request, response):
            response.getWriter().write("a list")
    """
_LIST_SERVLET = """
    <servlet>
      <servlet-name>list</servlet-name>
      <servlet-class>list.List</servlet-class>
    </servlet>
    """


def _list_mapping(pattern: str) -> str:
    return CART_MAPPING.replace(">cart<", ">list<").replace("/cart", pattern)


RULES = (
    Rule(
        "WAS201",
        "error",
        'A url-pattern does not begin with "/"',
        'The paths of requests begin with "/", so it can never match. In files of 2.2 and 2.3 it is taken '
        "for the "
        "pattern with the slash, with a warning.",
        'Write "/" before it; for an extension write "*.do".',
        _pattern("cart"),
        _pattern("/cart"),
    ),
    Rule(
        "WAS202",
        "error",
        "A url-pattern mixes a path and an extension",
        'There are prefixes, "/shop/*", and extensions, "*.do", but no pattern is both.',
        "Choose one of the two; a servlet can look at the rest of the path itself.",
        _pattern("/list/*.do"),
        _pattern("/list/*"),
    ),
    Rule(
        "WAS203",
        "warning",
        "A * in a url-pattern does not mean what it seems to",
        'It is special only in "/*" at the end and in "*." at the beginning. Elsewhere it is the character '
        "*, so "
        '"/On*" answers only the path /On*, never /Online.',
        'Write "/On/*" for everything below /On, or several patterns.',
        _pattern("/On*"),
        _pattern("/On/*"),
    ),
    Rule(
        "WAS204",
        "error",
        "A url-pattern is none of the four kinds",
        'An extension has no "/" and is not empty; a pattern is on one line.',
        'Write a path, "/path/*", "*.extension" or "/".',
        _pattern("*.do/list"),
        _pattern("*.do"),
    ),
    Rule(
        "WAS205",
        "error",
        "A url-pattern leads out of the web app",
        'A ".." cannot lead above the root of the web app, and requests never have one when they are '
        "matched.",
        "Write a path inside the web app.",
        _pattern("/../cart"),
        _pattern("/cart"),
    ),
    Rule(
        "WAS206",
        "warning",
        "A url-pattern never matches as it is written",
        'Paths are compared decoded, without "." and "..", and without what follows a ";". An extension is '
        "what "
        "follows the last dot.",
        "Write the path as it looks after that: /a b, not /a%20b; *.gz, not *.tar.gz.",
        _pattern("*.tar.gz"),
        _pattern("*.gz"),
    ),
    Rule(
        "WAS207",
        "error",
        "Two servlets have one url-pattern",
        "Nobody can say which of them is meant. Often one is in web.xml and one in a decorator.",
        "Give each pattern to one servlet only.",
        xml(CART, _LIST_SERVLET, CART_MAPPING, _list_mapping("/cart")) | py(_LIST, "list.py"),
        xml(CART, _LIST_SERVLET, CART_MAPPING, _list_mapping("/list")) | py(_LIST, "list.py"),
    ),
    Rule(
        "WAS208",
        "error",
        "A mapping names a servlet that is not declared",
        "A <servlet-name> must be the same in <servlet> and in <servlet-mapping>, to the letter.",
        "Correct the name, or declare the servlet.",
        xml(CART, CART_MAPPING, CART_MAPPING.replace(">cart<", ">Cart<").replace("/cart", "/basket")),
        xml(CART, CART_MAPPING, CART_MAPPING.replace("/cart", "/basket")),
    ),
    Rule(
        "WAS209",
        "warning",
        "A servlet is never mapped",
        "No path leads to it. Not said of servlets with load-on-startup, nor of those whose name the code "
        "has in "
        "quotes (getNamedDispatcher).",
        "Add a <servlet-mapping>, or remove the servlet.",
        xml(CART),
        xml(CART, CART_MAPPING),
    ),
    Rule(
        "WAS210",
        "warning",
        "A mapping is hidden by another",
        'Prefixes come before extensions and before the default pattern, so "/*" leaves nothing to "*.do" '
        'and "/".',
        'Map the one that takes everything to "/", which is asked last.',
        xml(CART, _LIST_SERVLET, CART_MAPPING.replace("/cart", "/*"), _list_mapping("*.do"))
        | py(_LIST, "list.py"),
        xml(CART, _LIST_SERVLET, CART_MAPPING.replace("/cart", "/"), _list_mapping("*.do"))
        | py(_LIST, "list.py"),
    ),
    Rule(
        "WAS211",
        "warning",
        "A servlet takes the requests for static files",
        'The default servlet, which sends files, has the pattern "/". A servlet that is mapped to "/" or '
        '"/*" '
        "takes its place: style sheets and images are not found any more.",
        "Give the servlet a pattern of its own, or map the folders of the files to the servlet called "
        "default.",
        xml(CART, CART_MAPPING.replace("/cart", "/")) | {"css/shop.css": "body { margin: 2em }\n"},
        xml(
            CART,
            CART_MAPPING.replace("/cart", "/"),
            CART_MAPPING.replace(">cart<", ">default<").replace("/cart", "/css/*"),
        )
        | {"css/shop.css": "body { margin: 2em }\n"},
    ),
    Rule(
        "WAS212",
        "warning",
        "A url-pattern begins with the context path",
        "Patterns are compared with what follows the context path. In the web app shop, /shop/cart answers "
        "/shop/shop/cart.",
        "Leave the context path out.",
        _pattern("/shop/cart"),
        _pattern("/cart"),
    ),
    Rule(
        "WAS213",
        "warning",
        'A url-pattern ends with "/"',
        "It answers this very path only: neither the one without the slash nor anything below it.",
        'Write "/cart/*", which answers /cart, too.',
        _pattern("/cart/"),
        _pattern("/cart"),
    ),
    Rule(
        "WAS214",
        "warning",
        "A url-pattern is meant as several",
        "A comma, a bar or a space is a character like any other: the whole text is one path.",
        "Write a <url-pattern> for each.",
        _pattern("/cart, /basket"),
        xml(
            CART,
            CART_MAPPING.replace("</url-pattern>", "</url-pattern>\n  <url-pattern>/basket</url-pattern>"),
        ),
    ),
    Rule(
        "WAS215",
        "warning",
        "A url-pattern has a variable or a regular expression",
        "Other frameworks know /cart/{id}, /cart/:id or /(a|b). Here it is the path with these very "
        "characters.",
        'Write "/cart/*"; what follows is request.getPathInfo().',
        _pattern("/cart/{id}"),
        _pattern("/cart/*"),
    ),
)
