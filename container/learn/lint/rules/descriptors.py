"""1xx: a descriptor's own text."""

from __future__ import annotations

from container.learn.lint.rules.rule import CART, CART_MAPPING, CART_PY, Rule, fragment, py, with_cart, xml

__all__ = ["RULES"]

_CLERK = """\
<security-constraint>
  <web-resource-collection>
    <web-resource-name>office</web-resource-name>
    <url-pattern>/office/*</url-pattern>
  </web-resource-collection>
  <auth-constraint><role-name>clerk</role-name></auth-constraint>
</security-constraint>
<login-config><auth-method>BASIC</auth-method></login-config>
"""
_HOST_A = "<context-param><param-name>host</param-name><param-value>a</param-value></context-param>"
_HOST_B = _HOST_A.replace(">a<", ">b<")
_HEAD = '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">\n'


def _raw(text: str) -> dict[str, str]:
    return {"WEB-INF/web.xml": text}


RULES = (
    Rule(
        "WAS101",
        "error",
        "The file is not well-formed XML",
        "A tag is not closed, a < or & stands in a text, or something stands before <?xml. Nothing of such a "
        "file "
        "can be trusted, so nothing else is checked.",
        "Close each tag where it ends; write &amp; for & and &lt; for < in texts.",
        _raw(_HEAD + "  <display-name>Books & more</display-name>\n</web-app>\n"),
        _raw(_HEAD + "  <display-name>Books &amp; more</display-name>\n</web-app>\n"),
    ),
    Rule(
        "WAS102",
        "error",
        "The bytes are not in the encoding that the file names",
        "The first line names an encoding that Python does not know, or the bytes are those of another one.",
        "Save the file as UTF-8, and leave the encoding out or write UTF-8.",
        _raw('<?xml version="1.0" encoding="latin-99"?>\n' + _HEAD + "</web-app>\n"),
        _raw('<?xml version="1.0" encoding="UTF-8"?>\n' + _HEAD + "</web-app>\n"),
    ),
    Rule(
        "WAS103",
        "error",
        "An entity is declared, or is not known",
        "XML knows five entities: &amp; &lt; &gt; &quot; &apos;. Those of HTML are not among them, and "
        "entities "
        "that a file declares are never expanded here, as they can be used to read other files.",
        "Write the character itself, or its number.",
        _raw(_HEAD + "  <display-name>Books&nbsp;and more</display-name>\n</web-app>\n"),
        _raw(_HEAD + "  <display-name>Books&#160;and more</display-name>\n</web-app>\n"),
    ),
    Rule(
        "WAS104",
        "error",
        "The root element is another one",
        "WEB-INF/web.xml begins with <web-app>, META-INF/web-fragment.xml of a library with <web-fragment>.",
        "Write the root element that belongs to the file's name.",
        _raw('<webapp xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"/>\n'),
        _raw('<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"/>\n'),
    ),
    Rule(
        "WAS105",
        "warning",
        "Version and namespace do not belong together",
        "The version says which elements there are. One that is missing or unknown is taken for the newest; "
        "each "
        "version has its own namespace, and other containers refuse a file that mixes them.",
        "Write both as they belong together; the newest are version 6.1 and "
        "https://jakarta.ee/xml/ns/jakartaee.",
        _raw('<web-app xmlns="http://java.sun.com/xml/ns/javaee" version="6.1"/>\n'),
        _raw('<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"/>\n'),
    ),
    Rule(
        "WAS106",
        "error",
        "An element has a name that nobody knows",
        "It is mostly a typing error, and what stands in it would be lost without a word.",
        "Write the name that is meant; the nearest one is in the message.",
        with_cart("<welcome-files>\n  <welcome-file>cart</welcome-file>\n</welcome-files>"),
        with_cart("<welcome-file-list>\n  <welcome-file>cart</welcome-file>\n</welcome-file-list>"),
    ),
    Rule(
        "WAS107",
        "error",
        "An element stands where it does not belong",
        "The name is right, the place is not: often a closing tag is missing before it, or two elements have "
        "become one.",
        "Move it into the element that the message names.",
        xml(
            """
            <servlet>
              <servlet-name>cart</servlet-name>
              <servlet-class>cart.Cart</servlet-class>
              <url-pattern>/cart/*</url-pattern>
            </servlet>
            """,
            CART_MAPPING,
        ),
        xml(CART + CART_MAPPING.replace("/cart<", "/cart/*<")),
    ),
    Rule(
        "WAS108",
        "error",
        "An element lacks a child that it needs",
        "Without it the element says nothing, so it is left out.",
        "Add the child that the message names.",
        xml("<context-param>\n  <param-name>currency</param-name>\n</context-param>"),
        xml(
            "<context-param>\n  <param-name>currency</param-name>\n  "
            "<param-value>EUR</param-value>\n</context-param>"
        ),
    ),
    Rule(
        "WAS109",
        "warning",
        "Elements stand in another order than the schema's",
        "Below the root the order is free since 2.4; inside most elements, and below the root of 2.2 and "
        "2.3, it "
        "is not. Nothing is lost here, but other containers and editors refuse the file.",
        "Move the element before the one that the message names.",
        xml(
            "<servlet>\n  <servlet-class>cart.Cart</servlet-class>\n  "
            "<servlet-name>cart</servlet-name>\n</servlet>\n" + CART_MAPPING
        ),
        xml(CART + CART_MAPPING),
    ),
    Rule(
        "WAS110",
        "warning",
        "An element does not exist in the version that the file states",
        "It is read all the same, but another container may ignore it or refuse the file.",
        "Raise the version of the file, with its namespace.",
        _raw(
            '<web-app xmlns="http://java.sun.com/xml/ns/javaee" version="2.5">\n  <servlet>\n'
            "    <servlet-name>cart</servlet-name>\n    <servlet-class>cart.Cart</servlet-class>\n"
            "    <async-supported>true</async-supported>\n  </servlet>\n"
            + "".join(f"  {line}\n" for line in CART_MAPPING.splitlines())
            + "</web-app>\n"
        ),
        _raw(
            _HEAD + "  <servlet>\n"
            "    <servlet-name>cart</servlet-name>\n    <servlet-class>cart.Cart</servlet-class>\n"
            "    <async-supported>true</async-supported>\n  </servlet>\n"
            + "".join(f"  {line}\n" for line in CART_MAPPING.splitlines())
            + "</web-app>\n"
        ),
    ),
    Rule(
        "WAS111",
        "error",
        "An element may stand in a file only once",
        "There is one session-config, login-config, jsp-config and absolute-ordering, one before and one "
        "after in an ordering, and one others in an absolute-ordering: two would contradict each other.",
        "Put everything into the first one.",
        xml(
            """
            <session-config>
              <session-timeout>30</session-timeout>
            </session-config>
            <session-config>
              <tracking-mode>COOKIE</tracking-mode>
            </session-config>
            """
        ),
        xml(
            """
            <session-config>
              <session-timeout>30</session-timeout>
              <tracking-mode>COOKIE</tracking-mode>
            </session-config>
            """
        ),
    ),
    Rule(
        "WAS112",
        "warning",
        "An element is repeated, and only one counts",
        "The last one counts; in <absolute-ordering> it is the first.",
        "Remove the others.",
        xml(
            """
            <session-config>
              <session-timeout>30</session-timeout>
              <session-timeout>60</session-timeout>
            </session-config>
            """
        ),
        xml("<session-config>\n  <session-timeout>60</session-timeout>\n</session-config>"),
    ),
    Rule(
        "WAS113",
        "warning",
        "An element is ignored",
        "It is of another namespace, or it belongs into the other kind of descriptor: <ordering> and <name> "
        "into "
        "a web-fragment.xml, <absolute-ordering> and <module-name> into web.xml.",
        "Remove it, or move it to where it counts.",
        xml("<ordering>\n  <before><others/></before>\n</ordering>"),
        xml("<absolute-ordering>\n  <others/>\n</absolute-ordering>"),
    ),
    Rule(
        "WAS114",
        "warning",
        "An attribute or a text is ignored",
        "Elements have no attributes but id; only the root has version and metadata-complete. What an "
        "element "
        "says stands in elements of its own, and nothing between them counts.",
        "Write an element instead of the attribute; remove stray text.",
        xml('<session-config timeout="30"/>'),
        xml("<session-config>\n  <session-timeout>30</session-timeout>\n</session-config>"),
    ),
    Rule(
        "WAS115",
        "error",
        "A value is not one of the words that are allowed",
        "The case counts, too: true, not True; BASIC, not Basic.",
        "Write one of the words that the message lists.",
        xml("<login-config>\n  <auth-method>Basic</auth-method>\n</login-config>"),
        xml("<login-config>\n  <auth-method>BASIC</auth-method>\n</login-config>"),
    ),
    Rule(
        "WAS116",
        "error",
        "A value is not a number, or out of range",
        "Numbers have no units: session-timeout is in minutes, sizes are in bytes, max-age is in seconds.",
        "Write digits only.",
        xml("<session-config>\n  <session-timeout>30m</session-timeout>\n</session-config>"),
        xml("<session-config>\n  <session-timeout>30</session-timeout>\n</session-config>"),
    ),
    Rule(
        "WAS117",
        "error",
        "A name or a path is empty",
        "Nothing can be found by an empty name. An empty url-pattern is fine: it is the root of the web app.",
        "Write the name, or remove the element around it.",
        xml(
            "<context-param>\n  <param-name></param-name>\n  <param-value>EUR</param-value>\n</context-param>"
        ),
        xml(
            "<context-param>\n  <param-name>currency</param-name>\n  "
            "<param-value>EUR</param-value>\n</context-param>"
        ),
    ),
    Rule(
        "WAS118",
        "error",
        'A path does not begin with "/"',
        "Paths in a descriptor count from the root of the web app, not from the place of web.xml. In files "
        "of 2.2 "
        "and 2.3 it is a warning.",
        'Write "/" before it.',
        xml("<error-page>\n  <error-code>404</error-code>\n  <location>404.html</location>\n</error-page>")
        | {"404.html": "<p>Not here.\n"},
        xml("<error-page>\n  <error-code>404</error-code>\n  <location>/404.html</location>\n</error-page>")
        | {"404.html": "<p>Not here.\n"},
    ),
    Rule(
        "WAS119",
        "error",
        "A path leads out of the web app, or stands on two lines",
        'A ".." cannot lead above the root of the web app. Names and paths are one line.',
        "Write a path inside the web app, on one line.",
        xml(
            "<error-page>\n  <error-code>404</error-code>\n  <location>/../404.html</location>\n</error-page>"
        ),
        xml("<error-page>\n  <error-code>404</error-code>\n  <location>/404.html</location>\n</error-page>")
        | {"404.html": "<p>Not here.\n"},
    ),
    Rule(
        "WAS120",
        "error",
        "A class name cannot be one",
        "Class names have no spaces; an element holds one of them.",
        "Write module.Class. For a second class write a second element.",
        xml("<listener>\n  <listener-class>start.Open start.Close</listener-class>\n</listener>"),
        xml("<listener>\n  <listener-class>start.Open</listener-class>\n</listener>")
        | py(
            """
            from container.servlet import ServletContextListener


            class Open(ServletContextListener):
                pass
            """,
            "start.py",
        ),
    ),
    Rule(
        "WAS121",
        "error",
        "A value has not the form that it needs",
        "A mime-type is type/subtype, a locale is ja or ja_JP, the name of a cookie has no spaces, commas or "
        "semicolons.",
        "Write it in the form that the message names.",
        xml(
            "<mime-mapping>\n  <extension>webmanifest</extension>\n  "
            "<mime-type>manifest</mime-type>\n</mime-mapping>"
        ),
        xml(
            """
            <mime-mapping>
              <extension>webmanifest</extension>
              <mime-type>application/manifest+json</mime-type>
            </mime-mapping>
            """
        ),
    ),
    Rule(
        "WAS122",
        "warning",
        "An element that is there is on, whatever it says",
        "<distributable>, <deny-uncovered-http-methods> and <others> are empty. With the text false they are "
        "on, "
        "too.",
        "Remove the element to switch it off.",
        xml("<distributable>false</distributable>"),
        xml("<distributable/>"),
    ),
    Rule(
        "WAS123",
        "error",
        "An encoding that Python does not know",
        "Neither requests nor answers can be read or written in it.",
        "Write UTF-8, or another name that Python knows.",
        xml("<request-character-encoding>UTF-88</request-character-encoding>"),
        xml("<request-character-encoding>UTF-8</request-character-encoding>"),
    ),
    Rule(
        "WAS124",
        "error",
        "Two declarations have one name",
        "A servlet, a filter, a resource is found by its name, so each has its own.",
        "Rename one of them, with its mappings, or remove it.",
        xml(CART + CART + CART_MAPPING),
        xml(CART + CART_MAPPING),
    ),
    Rule(
        "WAS125",
        "warning",
        "Something is said twice",
        "It does no harm, but whoever changes one of the two will wonder.",
        "Remove one.",
        xml("<security-role><role-name>clerk</role-name></security-role>\n" * 2 + _CLERK),
        xml("<security-role><role-name>clerk</role-name></security-role>\n" + _CLERK),
    ),
    Rule(
        "WAS126",
        "error",
        "A context-param has two values",
        "Which of the two is meant, nobody can know.",
        "Remove the one that is wrong.",
        xml(
            """
            <context-param>
              <param-name>currency</param-name>
              <param-value>EUR</param-value>
            </context-param>
            <context-param>
              <param-name>currency</param-name>
              <param-value>USD</param-value>
            </context-param>
            """
        ),
        xml(
            """
            <context-param>
              <param-name>currency</param-name>
              <param-value>EUR</param-value>
            </context-param>
            """
        ),
    ),
    Rule(
        "WAS127",
        "error",
        "An element has two children that exclude each other",
        "A servlet is a class or a page; an error page is for a status or for an exception.",
        "Remove one, or write two elements.",
        xml(
            """
            <error-page>
              <error-code>500</error-code>
              <exception-type>java.io.IOException</exception-type>
              <location>/cart</location>
            </error-page>
            """,
            CART,
            CART_MAPPING,
        ),
        with_cart(
            """
            <error-page>
              <error-code>500</error-code>
              <location>/cart</location>
            </error-page>
            <error-page>
              <exception-type>java.io.IOException</exception-type>
              <location>/cart</location>
            </error-page>
            """
        ),
    ),
    Rule(
        "WAS128",
        "error",
        "An env-entry has no value, or one that its type does not allow",
        "Its type is one of java.lang, or the name of an enum of the web app; the value must be one of it.",
        "Correct the value or the type.",
        with_cart(
            """
            <env-entry>
              <env-entry-name>limit</env-entry-name>
              <env-entry-type>java.lang.Integer</env-entry-type>
              <env-entry-value>ten</env-entry-value>
              <injection-target>
                <injection-target-class>cart.Cart</injection-target-class>
                <injection-target-name>limit</injection-target-name>
              </injection-target>
            </env-entry>
            """
        ),
        with_cart(
            """
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
        )
        | py(
            """
            from container.servlet import HttpServlet


            class Cart(HttpServlet):
                limit: int

                def doGet(self, request, response):
                    response.getWriter().write(f"{self.limit}")
            """
        ),
    ),
    Rule(
        "WAS129",
        "warning",
        "An element asks for what only a full Jakarta EE server provides",
        "It is read and checked, and has no effect: there are no names to look up, no EJBs, no data sources.",
        "Make the object in a context listener and keep it in a context attribute.",
        xml(
            """
            <resource-ref>
              <res-ref-name>jdbc/shop</res-ref-name>
              <res-type>javax.sql.DataSource</res-type>
            </resource-ref>
            """
        ),
        xml(
            """
            <context-param>
              <param-name>database</param-name>
              <param-value>shop.sqlite</param-value>
            </context-param>
            """
        ),
    ),
    Rule(
        "WAS130",
        "error",
        "Two libraries contradict each other",
        "Their web-fragment.xml files give one thing two values, and web.xml does not say which counts.",
        "Say it in web.xml, which always wins.",
        {
            **fragment("mail", _HOST_A),
            **fragment("news", _HOST_B),
        },
        {
            **xml(_HOST_A),
            **fragment("mail", _HOST_A),
            **fragment("news", _HOST_B),
        },
    ),
    Rule(
        "WAS131",
        "error",
        "The order of the libraries cannot be kept",
        "Fragments want to come before each other, two of them have one name, or one wants to be first and "
        "last.",
        "Remove one wish, or say the order with <absolute-ordering> in web.xml.",
        fragment("mail", "<ordering><after><name>news</name></after></ordering>")
        | fragment("news", "<ordering><after><name>mail</name></after></ordering>"),
        fragment("mail", "<ordering><after><name>news</name></after></ordering>") | fragment("news", ""),
    ),
    Rule(
        "WAS132",
        "warning",
        "absolute-ordering names a library that is not there",
        "The name is that of a web-fragment.xml, not that of a file in WEB-INF/lib.",
        "Correct the name, add the library, or remove the line.",
        xml("<absolute-ordering>\n  <name>post</name>\n  <others/>\n</absolute-ordering>")
        | fragment("mail", ""),
        xml("<absolute-ordering>\n  <name>mail</name>\n  <others/>\n</absolute-ordering>")
        | fragment("mail", ""),
    ),
    Rule(
        "WAS133",
        "warning",
        "The context path is not the one that the descriptor asks for",
        "In a folder of web apps the name of the folder is the context path; <default-context-path> counts "
        "only "
        "where nobody says it otherwise. If two web apps want one path, the second does not start.",
        "Remove <default-context-path>, or rename the folder.",
        xml("<default-context-path>/books</default-context-path>"),
        xml("<display-name>Books</display-name>"),
        at_start=True,
    ),
    Rule(
        "WAS134",
        "error",
        "A file or folder cannot be read",
        "It is not there, or whoever runs the container may not read it, or it is a web app where a folder "
        "of web apps should be.",
        "Check the name and the permissions.",
        {},
        {},
    ),
    Rule(
        "WAS135",
        "warning",
        "An old descriptor does not say whether decorators count",
        "Before 2.5 there was no metadata-complete, and nothing but web.xml counted. Decorators and "
        "fragments count "
        "here, as Servlet 6.1 says.",
        'Raise the version, and write metadata-complete="true" if nothing else shall count.',
        _raw('<web-app xmlns="http://java.sun.com/xml/ns/j2ee" version="2.4"/>\n')
        | py(
            """
            from container.servlet import HttpServlet, WebServlet


            @WebServlet("/cart")
            class Cart(HttpServlet):
                def doGet(self, request, response):
                    response.getWriter().write("empty")
            """
        ),
        _raw('<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"/>\n')
        | py(
            """
            from container.servlet import HttpServlet, WebServlet


            @WebServlet("/cart")
            class Cart(HttpServlet):
                def doGet(self, request, response):
                    response.getWriter().write("empty")
            """
        ),
    ),
    Rule(
        "WAS136",
        "warning",
        "Something stands outside of WEB-INF that belongs into it",
        "web.xml and classes/ count in WEB-INF, written in capitals, only, and modules in WEB-INF/classes. "
        "Beside it they are files like any other: whoever asks for them gets them, passwords and all.",
        "Move it into WEB-INF.",
        {"classes/cart.py": CART_PY},
        {"WEB-INF/classes/cart.py": CART_PY},
    ),
    Rule(
        "WAS137",
        "warning",
        "A .war is not served",
        "A web app is a folder here, and its servlets are Python classes: a .war is an archive of "
        "classes of Java, so it is passed over. One with its folder beside it is not told of.",
        "See with `was migrate shop.war` what becomes of it, and with --output have a web app made.",
        {},
        {},
    ),
)
