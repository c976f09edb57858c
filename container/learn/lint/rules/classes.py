"""3xx: the classes of servlets, filters, listeners and exceptions."""

from __future__ import annotations

from container.learn.lint.rules.rule import CART, CART_MAPPING, Example, Rule, py, with_cart, xml

__all__ = ["RULES"]


def _class(name: str) -> Example:
    return xml(CART.replace("cart.Cart", name), CART_MAPPING)


_LISTENER = """
    <listener>
      <listener-class>start.Open</listener-class>
    </listener>
    """
_OPEN = """
    from container.servlet import ServletContextListener


    class Open(ServletContextListener):
        def contextInitialized(self, event):
            event.getServletContext().log("open")
    """
_OUT_OF_STOCK = """
    <error-page>
      <exception-type>stock.OutOfStock</exception-type>
      <location>/cart</location>
    </error-page>
    """
_INJECTED = """
    <env-entry>
      <env-entry-name>limit</env-entry-name>
      <env-entry-type>java.lang.Integer</env-entry-type>
      <env-entry-value>10</env-entry-value>
      <injection-target>
        <injection-target-class>cart.Cart</injection-target-class>
        <injection-target-name>limit</injection-target-name>
      </injection-target>
    </env-entry>
    """
_CORS = """
    <filter>
      <filter-name>cors</filter-name>
      <filter-class>org.apache.catalina.filters.CorsFilter</filter-class>
      <init-param>
        <param-name>{name}</param-name>
        <param-value>{value}</param-value>
      </init-param>
    </filter>
    <filter-mapping>
      <filter-name>cors</filter-name>
      <url-pattern>/cart</url-pattern>
    </filter-mapping>
    """
_SERVICES = "WEB-INF/classes/META-INF/services/jakarta.servlet.ServletContainerInitializer"

_USES_JSON = """
    import json

    from container.servlet import HttpServlet


    class Cart(HttpServlet):
        def doGet(self, request, response):
            response.getWriter().write(json.dumps({"items": []}))
    """

RULES = (
    Rule(
        "WAS301",
        "error",
        "There is no class of that name",
        "cart.Cart is class Cart in WEB-INF/classes/cart.py, or in a library of WEB-INF/lib, or in an "
        "installed one. "
        "Large and small letters differ.",
        "Correct the name, or write the class.",
        _class("cart.Crat"),
        _class("cart.Cart"),
    ),
    Rule(
        "WAS302",
        "error",
        "A Java class is named",
        "Class names in a descriptor mean Python classes here; Java classes do not run. The exceptions are "
        "the "
        "filters and servlets of Tomcat that exist here under their names (docs/tomcat-names.md).",
        "Write the class in Python under the same name (com.example.Cart: class Cart in com/example.py), or "
        "name "
        "another; `was migrate` begins them for you.",
        _class("com.example.shop.Basket"),
        _class("cart.Cart"),
    ),
    Rule(
        "WAS303",
        "error",
        "A class is of another kind",
        "A <servlet-class> inherits from HttpServlet, a <filter-class> from HttpFilter, or from what they "
        "inherit.",
        "Name another class, or let it inherit from the right one.",
        _class("log.Log"),
        _class("cart.Cart"),
    ),
    Rule(
        "WAS304",
        "error",
        "A file is named where a class belongs",
        "Class names have dots: module.Class.",
        "Write cart.Cart for class Cart in cart.py.",
        _class("cart.py"),
        _class("cart.Cart"),
    ),
    Rule(
        "WAS305",
        "error",
        "A module is not Python",
        "It cannot be imported, so no class of it is found.",
        "Correct the line that the message names, or what stands before it.",
        py(
            """
            from container.servlet import HttpServlet


            class Cart(HttpServlet)
                def doGet(self, request, response):
                    response.getWriter().write("empty")
            """
        ),
        py(
            """
            from container.servlet import HttpServlet


            class Cart(HttpServlet):
                def doGet(self, request, response):
                    response.getWriter().write("empty")
            """
        ),
    ),
    Rule(
        "WAS306",
        "warning",
        "A servlet or filter has no class",
        "Since 3.0 somebody else may say it, a fragment, a decorator or a listener. If nobody does, a "
        "servlet "
        "answers 404 and a filter keeps the web app from starting (an error). Before 3.0 it is an error.",
        "Add <servlet-class> or <filter-class>.",
        xml(CART.replace("  <servlet-class>cart.Cart</servlet-class>\n", ""), CART_MAPPING),
        xml(CART, CART_MAPPING),
    ),
    Rule(
        "WAS307",
        "warning",
        "A listener listens to nothing",
        "Its class inherits from none of the listener types, so no event reaches it.",
        "Inherit from ServletContextListener or another listener type.",
        xml(_LISTENER) | py("class Open:\n    pass", "start.py"),
        xml(_LISTENER) | py(_OPEN, "start.py"),
    ),
    Rule(
        "WAS308",
        "warning",
        "An exception-type is no exception that there is",
        "The page never shows.",
        "Name an exception of the web app, of Python (OSError), or one of Java's that means one here "
        "(java.io.IOException).",
        with_cart(_OUT_OF_STOCK),
        {**with_cart(_OUT_OF_STOCK), **py("class OutOfStock(Exception):\n    pass", "stock.py")},
    ),
    Rule(
        "WAS309",
        "error",
        "A module cannot be imported",
        "It imports something that is neither in the web app nor installed, or it raises while it is "
        "imported. If "
        "it only mentions decorators, it is a warning.",
        "Install what is missing into the environment that runs the container, or put it into WEB-INF/lib.",
        py(
            """
            import no_such_library

            from container.servlet import HttpServlet


            class Cart(HttpServlet):
                def doGet(self, request, response):
                    response.getWriter().write(no_such_library.text())
            """
        ),
        py(
            """
            import textwrap

            from container.servlet import HttpServlet


            class Cart(HttpServlet):
                def doGet(self, request, response):
                    response.getWriter().write(textwrap.dedent(" empty"))
            """
        ),
    ),
    Rule(
        "WAS310",
        "warning",
        "A servlet, filter or listener does not start",
        "Its class, its init() or contextInitialized() has raised. A servlet stays out of service, and the "
        "others "
        "run; a filter, a listener or an initializer keeps the web app from starting (an error).",
        "The log has the traceback.",
        xml(
            CART.replace("</servlet-class>", "</servlet-class>\n  <load-on-startup>1</load-on-startup>"),
            CART_MAPPING,
        )
        | py(
            """
            from container.servlet import HttpServlet


            class Cart(HttpServlet):
                def init(self):
                    self.size = int(self.getInitParameter("size"))

                def doGet(self, request, response):
                    response.getWriter().write(f"{self.size}")
            """
        ),
        xml(
            CART.replace("</servlet-class>", "</servlet-class>\n  <load-on-startup>1</load-on-startup>"),
            CART_MAPPING,
        )
        | py(
            """
            from container.servlet import HttpServlet


            class Cart(HttpServlet):
                def init(self):
                    self.size = int(self.getInitParameter("size") or 10)

                def doGet(self, request, response):
                    response.getWriter().write(f"{self.size}")
            """
        ),
        at_start=True,
    ),
    Rule(
        "WAS311",
        "error",
        "An injection target or a callback does not exist",
        "The class has no such attribute or method, or a <post-construct> names no class (a warning).",
        "Declare the attribute in the class, or correct the name.",
        with_cart(_INJECTED),
        {
            **with_cart(_INJECTED),
            **py(
                """
                from container.servlet import HttpServlet


                class Cart(HttpServlet):
                    limit: int

                    def doGet(self, request, response):
                        response.getWriter().write(f"{self.limit}")
                """
            ),
        },
        at_start=True,
    ),
    Rule(
        "WAS312",
        "error",
        "A decorator cannot be used like that",
        "It contradicts itself or lacks what it needs; the message is its own.",
        "See the message.",
        py(
            """
            from container.servlet import HttpServlet, WebServlet


            @WebServlet("/cart", urlPatterns="/basket")
            class Cart(HttpServlet):
                def doGet(self, request, response):
                    response.getWriter().write("empty")
            """
        )
        | xml("<display-name>Shop</display-name>"),
        py(
            """
            from container.servlet import HttpServlet, WebServlet


            @WebServlet(urlPatterns=["/cart", "/basket"])
            class Cart(HttpServlet):
                def doGet(self, request, response):
                    response.getWriter().write("empty")
            """
        )
        | xml("<display-name>Shop</display-name>"),
    ),
    Rule(
        "WAS313",
        "error",
        "A library cannot be unpacked",
        "A .whl or .zip in WEB-INF/lib is no zip file.",
        "Build or download it again, or remove it.",
        {"WEB-INF/lib/shop-1.0-py3-none-any.whl": "<html>404 Not Found</html>\n"},
        {"WEB-INF/lib/shop/shop.py": "CURRENCY = 'EUR'\n", "WEB-INF/lib/shop/META-INF/MANIFEST.MF": "\n"},
    ),
    Rule(
        "WAS314",
        "error",
        "An init parameter has a value that cannot be used",
        "The filter or servlet is one of the container's own, which says what it cannot read. For a servlet "
        "it is "
        "a warning.",
        "Correct the value.",
        with_cart(_CORS.format(name="cors.preflight.maxage", value="an hour")),
        with_cart(_CORS.format(name="cors.preflight.maxage", value="3600")),
        at_start=True,
    ),
    Rule(
        "WAS315",
        "error",
        "An initializer is none",
        "META-INF/services names a class without onStartup.",
        "Let it inherit from ServletContainerInitializer, or remove the line.",
        {_SERVICES: "cart.Cart\n"},
        {_SERVICES: "begin.Begin\n"}
        | py(
            """
            from container.servlet import ServletContainerInitializer


            class Begin(ServletContainerInitializer):
                def onStartup(self, classes, context):
                    context.log("begin")
            """,
            "begin.py",
        ),
        at_start=True,
    ),
    Rule(
        "WAS316",
        "warning",
        "A module is called like one of the standard library",
        "Modules of the web app come first, so import json means its json.py, in its libraries too. Only "
        "what is part of the interpreter, such as time, is never replaced.",
        "Rename the module.",
        py("CURRENCY = 'EUR'", "json.py") | py(_USES_JSON),
        py("CURRENCY = 'EUR'", "prices.py") | py(_USES_JSON),
    ),
)
