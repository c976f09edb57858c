"""7xx: what the methods of servlets and filters do. The code is read, not run."""

from __future__ import annotations

from textwrap import dedent, indent

from container.learn.lint.rules.rule import CART, CART_MAPPING, Example, Rule, xml

__all__ = ["RULES"]

_IMPORT = "from container.servlet import HttpServlet\n"


def _cart(body: str, imports: str = _IMPORT) -> Example:
    """Class Cart in cart.py with these members."""
    members = indent(dedent(body).strip(), "    ")
    return {"cart.py": f"{imports}\n\nclass Cart(HttpServlet):\n{members}\n"}


def _do_get(body: str) -> Example:
    return _cart("def doGet(self, request, response):\n" + indent(dedent(body).strip(), "    "))


_ASYNC = xml(
    CART.replace("</servlet-class>", "</servlet-class>\n  <async-supported>true</async-supported>"),
    CART_MAPPING,
)
_MULTIPART = xml(CART.replace("</servlet-class>", "</servlet-class>\n  <multipart-config/>"), CART_MAPPING)
_UPLOAD = """
    def doPost(self, request, response):
        response.getWriter().write(request.getPart("picture").getSubmittedFileName())
    """
_FORM = {"order.html": '<form method="post" action="cart"><button>Order</button></form>\n'}
_PAGE = {"WEB-INF/pages/cart.jinja": "<p>empty\n"}

RULES = (
    Rule(
        "WAS701",
        "warning",
        "A request sets an attribute of the servlet",
        "One instance answers all requests, several at the same time in different threads. What one request "
        "puts "
        "into self, another reads or overwrites: visitors see each other's data. It works in every test with "
        "one "
        "visitor.",
        "Use local names, request attributes or the session. What init() sets is fine, as is what happens "
        "under a "
        "lock (with self._lock: ...).",
        _do_get(
            """
            self.name = request.getParameter("name")
            response.getWriter().write(f"Hello, {self.name}")
            """
        ),
        _do_get(
            """
            name = request.getParameter("name")
            response.getWriter().write(f"Hello, {name}")
            """
        ),
    ),
    Rule(
        "WAS702",
        "warning",
        "A request changes a list or dict of the class",
        "It is shared by all requests and changed in several threads at once; it is empty after a reload, "
        "and each "
        "process has its own.",
        "Keep it in the session, in a database, or change it under a lock.",
        _cart(
            """
            items = []

            def doGet(self, request, response):
                self.items.append(request.getParameter("item"))
            """
        ),
        _cart(
            """
            def doGet(self, request, response):
                session = request.getSession()
                items = session.getAttribute("items") or []
                session.setAttribute("items", [*items, request.getParameter("item")])
            """
        ),
    ),
    Rule(
        "WAS703",
        "warning",
        "A servlet answers nothing",
        "Its class has no doGet, doPost or the like, and no service: every request gets 405.",
        "Write def doGet(self, request, response).",
        _cart(
            """
            def show(self, request, response):
                response.getWriter().write("empty")
            """
        ),
        _cart(
            """
            def doGet(self, request, response):
                response.getWriter().write("empty")
            """
        ),
    ),
    Rule(
        "WAS704",
        "warning",
        "A method has almost the name of one that is called",
        "Names count to the letter: doget and do_get are methods of your own, which nobody calls. get and "
        "post are "
        "names of other frameworks.",
        "Rename it as the message says.",
        _cart(
            """
            def do_get(self, request, response):
                response.getWriter().write("empty")
            """
        ),
        _cart(
            """
            def doGet(self, request, response):
                response.getWriter().write("empty")
            """
        ),
    ),
    Rule(
        "WAS705",
        "error",
        "A method takes another number of parameters than it is called with",
        "doXxx and service get the request and the response, doFilter the chain, too: each call would raise "
        "TypeError.",
        "Write def doGet(self, request, response), def doFilter(self, request, response, chain).",
        _cart(
            """
            def doGet(self, request):
                return "empty"
            """
        ),
        _cart(
            """
            def doGet(self, request, response):
                response.getWriter().write("empty")
            """
        ),
    ),
    Rule(
        "WAS706",
        "warning",
        "A coroutine blocks",
        "All async methods share one event loop: while one of them sleeps or waits for a file, a database or "
        "another server without await, no other goes on.",
        "Use the asynchronous counterpart, or await asyncio.to_thread(...).",
        {
            **_ASYNC,
            **_cart(
                """
                async def doGet(self, request, response):
                    time.sleep(1)
                    response.getWriter().write("empty")
                """,
                f"import time\n\n{_IMPORT}",
            ),
        },
        {
            **_ASYNC,
            **_cart(
                """
                async def doGet(self, request, response):
                    await asyncio.sleep(1)
                    response.getWriter().write("empty")
                """,
                f"import asyncio\n\n{_IMPORT}",
            ),
        },
    ),
    Rule(
        "WAS707",
        "warning",
        "Something is done to an answer that is over",
        "forward, sendError and sendRedirect end the answer, but not the method: it goes on, and what it "
        "writes is "
        "lost or raises IllegalStateException.",
        "Return after them.",
        _do_get(
            """
            if request.getParameter("id") is None:
                response.sendError(400)
            response.getWriter().write("found")
            """
        ),
        _do_get(
            """
            if request.getParameter("id") is None:
                response.sendError(400)
                return
            response.getWriter().write("found")
            """
        ),
    ),
    Rule(
        "WAS708",
        "warning",
        "A session may begin after the head has been sent",
        "Its cookie is a field of the head. After a flush the head has left, and getSession() raises "
        "IllegalStateException if there is no session yet.",
        "Call getSession() first.",
        _do_get(
            """
            response.getWriter().write("Wait ...")
            response.flushBuffer()
            request.getSession().setAttribute("seen", True)
            """
        ),
        _do_get(
            """
            request.getSession().setAttribute("seen", True)
            response.getWriter().write("Wait ...")
            response.flushBuffer()
            """
        ),
    ),
    Rule(
        "WAS709",
        "error",
        "getPart without a multipart configuration",
        "Forms with files are read only for servlets that ask for it; for others getPart() raises.",
        "Add <multipart-config/> to the servlet, or @MultipartConfig to the class.",
        _cart(_UPLOAD),
        {**_MULTIPART, **_cart(_UPLOAD)},
    ),
    Rule(
        "WAS710",
        "warning",
        "A form sends a method that its servlet does not answer",
        "The class behind the form's action has no such doXxx: whoever sends the form gets 405.",
        "Write the method, or change that of the form.",
        _FORM,
        _FORM
        | _cart(
            """
            def doPost(self, request, response):
                response.sendRedirect(request.getRequestURI())
            """
        ),
    ),
    Rule(
        "WAS711",
        "warning",
        'A link that begins with "/" leaves the web app',
        "In sendRedirect() and in HTML such a path counts from the root of the server, not of the web app: "
        "/cart instead of /shop/cart.",
        "Put request.getContextPath() before it, or write a relative path.",
        _do_get('response.sendRedirect("/cart")'),
        _do_get('response.sendRedirect(request.getContextPath() + "/cart")'),
    ),
    Rule(
        "WAS712",
        "warning",
        "A dispatch leads nowhere",
        "The path of getRequestDispatcher() counts from the root of the web app; nothing there answers to "
        "it.",
        "Correct the path; it has no context path.",
        _do_get('request.getRequestDispatcher("/WEB-INF/cart.jinja").forward(request, response)') | _PAGE,
        _do_get('request.getRequestDispatcher("/WEB-INF/pages/cart.jinja").forward(request, response)')
        | _PAGE,
    ),
    Rule(
        "WAS713",
        "warning",
        "A response is written as text and as bytes",
        "It has a writer or a stream; whoever asks for the second gets IllegalStateException.",
        "Use one of the two.",
        _do_get(
            """
            response.getWriter().write("a picture: ")
            response.getOutputStream().write(b"GIF89a")
            """
        ),
        _do_get('response.getOutputStream().write(b"GIF89a")'),
    ),
    Rule(
        "WAS714",
        "warning",
        "init(config) forgets its base class",
        "The base class keeps the config. Without it getServletContext(), getInitParameter() and log() "
        "raise.",
        "Write def init(self) instead, which needs no such call.",
        _cart(
            """
            def init(self, config):
                self.currency = config.getInitParameter("currency") or "EUR"

            def doGet(self, request, response):
                response.getWriter().write(self.currency)
            """
        ),
        _cart(
            """
            def init(self):
                self.currency = self.getInitParameter("currency") or "EUR"

            def doGet(self, request, response):
                response.getWriter().write(self.currency)
            """
        ),
    ),
    Rule(
        "WAS715",
        "error",
        "A constructor needs arguments",
        "The container makes the instance, without arguments.",
        "Take settings from init parameters, in init().",
        _cart(
            """
            def __init__(self, currency):
                self.currency = currency

            def doGet(self, request, response):
                response.getWriter().write(self.currency)
            """
        ),
        _cart(
            """
            def __init__(self, currency="EUR"):
                self.currency = currency

            def doGet(self, request, response):
                response.getWriter().write(self.currency)
            """
        ),
    ),
    Rule(
        "WAS716",
        "warning",
        "An encoding is set after getWriter",
        "The writer has taken the encoding that held then: ISO-8859-1, if nothing was set. What it cannot "
        "write "
        'becomes "?".',
        "Call setContentType() first.",
        _do_get(
            """
            out = response.getWriter()
            response.setContentType("text/plain;charset=UTF-8")
            out.write("안녕")
            """
        ),
        _do_get(
            """
            response.setContentType("text/plain;charset=UTF-8")
            out = response.getWriter()
            out.write("안녕")
            """
        ),
    ),
    Rule(
        "WAS717",
        "warning",
        "A text that the encoding of the answer does not have",
        "An answer is written in ISO-8859-1 until somebody says otherwise: letters of Western Europe. "
        "Hangul, "
        "Greek, the euro and typographic quotation marks become question marks.",
        "Set the type with a charset before getWriter(), or the encoding of all answers in web.xml.",
        _do_get('response.getWriter().write("안녕")'),
        {
            **xml(CART, CART_MAPPING, "<response-character-encoding>UTF-8</response-character-encoding>"),
            **_do_get('response.getWriter().write("안녕")'),
        },
    ),
    Rule(
        "WAS718",
        "warning",
        "A redirect leads to WEB-INF",
        "The browser asks for what it is redirected to, and below WEB-INF it gets 404. A forward stays "
        "inside the "
        "container, where pages of WEB-INF can be reached.",
        "Forward to the page.",
        _do_get('response.sendRedirect(request.getContextPath() + "/WEB-INF/pages/cart.jinja")') | _PAGE,
        _do_get('request.getRequestDispatcher("/WEB-INF/pages/cart.jinja").forward(request, response)')
        | _PAGE,
    ),
    Rule(
        "WAS719",
        "warning",
        "A page is returned instead of being written",
        "A servlet writes its answer to the response. What doGet and its like return goes nowhere, and the "
        "browser shows an empty page.",
        "Write it.",
        _do_get('return "empty"'),
        _do_get('response.getWriter().write("empty")'),
    ),
)
