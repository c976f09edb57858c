"""Which web app and which servlet a path leads to, and what the request says of it (runtime, 1.3, 1.4, 2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from container.servlet import DispatcherType, Filter, HttpServlet, ServletContextListener


def facts(request) -> dict[str, Any]:
    mapping = request.getHttpServletMapping()
    match = mapping.getMappingMatch()
    return {
        "uri": request.getRequestURI(),
        "url": request.getRequestURL(),
        "context": request.getContextPath(),
        "servlet": request.getServletPath(),
        "info": request.getPathInfo(),
        "translated": request.getPathTranslated(),
        "query": request.getQueryString(),
        "value": mapping.getMatchValue(),
        "pattern": mapping.getPattern(),
        "name": mapping.getServletName(),
        "match": match and match.name,
        "kind": request.getDispatcherType().name,
    }


class Facts(HttpServlet):
    """Answers with the facts; with ?forward=, ?include=, ?named= or ?error= they are those of another one."""

    def service(self, request, response) -> None:
        if request.getDispatcherType() is DispatcherType.REQUEST:
            context = request.getServletContext()
            if path := request.getParameter("forward"):
                return request.getRequestDispatcher(path).forward(request, response)
            if path := request.getParameter("include"):
                return request.getRequestDispatcher(path).include(request, response)
            if name := request.getParameter("named"):
                return context.getNamedDispatcher(name).forward(request, response)
            if name := request.getParameter("named-include"):
                return context.getNamedDispatcher(name).include(request, response)
            if status := request.getParameter("error"):
                return response.sendError(int(status))
            if path := request.getParameter("async"):
                return request.startAsync().dispatch(path)
        response.getWriter().write(json.dumps(facts(request) | {"called": self.getServletName()}))
        return None


def servlets(*pairs: tuple[str, Iterable[str]] | tuple[str, str]) -> str:
    """Servlets of class Facts, each under its patterns."""
    parts = []
    for name, patterns in pairs:
        each = [patterns] if isinstance(patterns, str) else patterns
        mapped = "".join(f"<url-pattern>{pattern}</url-pattern>" for pattern in each)
        parts.append(
            f"<servlet><servlet-name>{name}</servlet-name><servlet-class>app.Facts</servlet-class>"
            "<async-supported>true</async-supported></servlet>"
            f"<servlet-mapping><servlet-name>{name}</servlet-name>{mapped}</servlet-mapping>"
        )
    return "".join(parts)


@pytest.fixture
def mapped(deploy, web_xml):
    """A web app with these servlets: mapped(("name", "/pattern"), ..., more="...", **deploy)."""

    def deploy_mapped(*pairs, more="", **arguments):
        return deploy(web_xml(servlets(*pairs) + more), classes=[Facts], **arguments)

    return deploy_mapped


def seen(answer) -> dict[str, Any]:
    assert answer.status == 200, answer
    return json.loads(answer.body)


# --- which web app ----------------------------------------------------------------------------------------


@pytest.fixture
def neighbours(mapped):
    """Web apps at /cat, /cat/alog and the root, each with a servlet named like its folder for all paths."""
    for name in "cat", "cat#alog":
        mapped((name, "/*"), name=name)
    return mapped(("root", "/*"), name="ROOT")


@pytest.mark.rules("RT-MAP-01", "RT-MAP-02", "RT-MAP-03")
@pytest.mark.parametrize(
    ("path", "name", "context"),
    [
        ("/cat/x", "cat", "/cat"),
        ("/cat", "cat", "/cat"),
        ("/cat/", "cat", "/cat"),
        ("/catalog", "root", ""),
        ("/cat/alog/x", "cat#alog", "/cat/alog"),
        ("/cat/alogue", "cat", "/cat"),
        ("/x/../cat/alog", "cat#alog", "/x/../cat/alog"),
        ("/Cat/x", "root", ""),
        ("/CAT/alog", "root", ""),
        ("/", "root", ""),
    ],
)
def test_the_longest_context_path_at_a_segment_boundary_wins(neighbours, path, name, context):
    answer = seen(neighbours.get(path))
    assert (answer["name"], answer["context"]) == (name, context)


@pytest.mark.rules("RT-MAP-04")
def test_no_web_app_is_404(mapped):
    app = mapped(("all", "/*"))
    for target in "/", "/other/x", "/ap", "/app2":
        answer = app.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())[0]
        assert (answer.status, answer.header("Content-Type")) == (404, "text/html;charset=utf-8")


@pytest.mark.rules("RT-MAP-05")
@pytest.mark.parametrize(
    ("pattern", "location"),
    [("/x", "/app/"), ("*.do", "/app/"), ("/", "/app/"), ("", None), ("/*", None)],
)
def test_the_bare_context_path_is_redirected_unless_it_is_mapped(mapped, pattern, location):
    app = mapped(("it", pattern))
    bare = app.get("")
    assert (bare.status, bare.header("Location")) == ((200, None) if location is None else (302, location))
    with_query = app.get("?a=%20b;c")
    assert with_query.header("Location") == (None if location is None else "/app/?a=%20b;c")
    if pattern != "*.do" and pattern != "/x":
        assert seen(app.get("/"))["called"] == "it"


@pytest.mark.rules("RT-MAP-05")
def test_the_redirect_of_the_bare_path_is_to_the_canonical_one_with_session_id_and_query(mapped):
    app = mapped(("it", "/x"))
    for target, location in {
        "/%61pp": "/app/",
        "/app;v=1": "/app/",
        "/app;v=1;jsessionid=4711;w": "/app/;jsessionid=4711",
        "/app;jsessionid=%41?q": "/app/;jsessionid=%41?q",
        "//app": "/app/",
        "/x/../app?q": "/app/?q",
    }.items():
        answer = app.send(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())[0]
        assert (answer.status, answer.header("Location")) == (302, location)


# --- which servlet ----------------------------------------------------------------------------------------

TABLE = [  # Servlet 6.1 §12.2.2, table 12-1, with more of the kind
    ("/foo/bar/index.html", "1"),
    ("/foo/bar/index.bop", "1"),
    ("/foo/bar", "1"),
    ("/foo/bar/", "1"),
    ("/foo/barn", None),
    ("/foo", None),
    ("/baz", "2"),
    ("/baz/index.html", "2"),
    ("/baz.bop", "4"),
    ("/catalog", "3"),
    ("/catalog/", None),
    ("/catalog/index.html", None),
    ("/catalog/racecar.bop", "4"),
    ("/index.bop", "4"),
    ("/.bop", "4"),
    ("/a.b/index.bop", "4"),
    ("/index.bop/", None),
    ("/index.bop/x", None),
    ("/index.bop.x", None),
    ("/x.bop;v=1", "4"),
    ("/Baz", None),
    ("/CATALOG", None),
    ("/index.BOP", None),
    ("/x/../catalog", "3"),
    ("/%63atalog", "3"),
]


@pytest.mark.rules("RT-MAP-10", "RT-MAP-11", "RT-MAP-12", "RT-MAP-15")
@pytest.mark.rules("RT-MAP-16", "RT-MAP-17", "RT-MAP-18")
@pytest.mark.parametrize(("path", "name"), TABLE)
def test_the_example_of_the_specification(mapped, path, name):
    app = mapped(("1", "/foo/bar/*"), ("2", "/baz/*"), ("3", "/catalog"), ("4", "*.bop"))
    answer = app.get(path)
    if name is None:
        assert answer.status == 404
    else:
        assert seen(answer)["called"] == name


@pytest.mark.rules("RT-MAP-10", "RT-MAP-11", "RT-MAP-12", "RT-MAP-14")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b", "exact"),
        ("/a/b/", "deep"),
        ("/a/b/c.x", "deep"),
        ("/a/bc", "shallow"),
        ("/a", "shallow"),
        ("/", "root"),
        ("", "root"),
        ("/c.x", "extension"),
        ("/c/d.y.x", "extension"),
        ("/c", "default"),
        ("/c.x/", "default"),
        ("/c.", "default"),
    ],
)
def test_exact_then_longest_prefix_then_extension_then_default(mapped, path, name):
    outside = ("default", "/"), ("root", ""), ("extension", "*.x")
    app = mapped(*outside, ("shallow", "/a/*"), ("deep", "/a/b/*"), ("exact", "/a/b"))
    assert seen(app.get(path))["called"] == name


@pytest.mark.rules("RT-MAP-11")
def test_a_pattern_for_everything_comes_last_of_the_prefixes_but_before_extensions(mapped):
    app = mapped(("all", "/*"), ("a", "/a/*"), ("x", "*.x"), ("exact", "/e.x"))
    called = {path: seen(app.get(path))["called"] for path in ("/a/b", "/b", "/b.x", "/e.x", "/")}
    assert called == {"/a/b": "a", "/b": "all", "/b.x": "all", "/e.x": "exact", "/": "all"}


@pytest.mark.rules("RT-MAP-13")
def test_welcome_files_come_before_the_default_servlet_and_after_the_others(mapped):
    welcome = "<welcome-file-list><welcome-file>index.x</welcome-file></welcome-file-list>"
    app = mapped(("x", "*.x"), ("default", "/"), ("a", "/a/*"), more=welcome)
    called = {path: seen(app.get(path))["called"] for path in ("/", "/d/", "/d", "/a/")}
    assert called == {"/": "x", "/d/": "x", "/d": "default", "/a/": "a"}


@pytest.mark.rules("RT-MAP-14", "RT-MAP-19")
def test_implicit_mappings_yield(mapped):
    files = {"a.txt": "a file", "b.jsp": "a page"}
    app = mapped(("it", ("/a.txt", "*.jsp")), files=files)
    assert [seen(app.get(path))["called"] for path in ("/a.txt", "/b.jsp", "/c.jsp")] == ["it"] * 3
    app = mapped(("it", "/"), files={**files, "c.html": "a file"}, name="two")
    assert seen(app.get("/c.html"))["called"] == "it"


@pytest.mark.rules("RT-MAP-14", "RT-MAP-15")
def test_the_containers_default_servlet_mapped_elsewhere_leaves_the_rest(deploy, web_xml):
    """As in Tomcat: a mapping of "default" in web.xml takes the place of "/"."""
    mapping = """<servlet-mapping>
      <servlet-name>default</servlet-name><url-pattern>/s/*</url-pattern>
    </servlet-mapping>"""
    files = {"s/a.txt": "below s", "a.txt": "beside s", "index.html": "welcome", "s/index.html": "welcome"}
    app = deploy(web_xml(mapping), files=files)
    assert app.get("/s/a.txt").text == "below s"
    for path in "/a.txt", "/", "/index.html", "/s/", "/s/s/a.txt", "/s/../a.txt", "/x":
        assert app.get(path).status == 404


@pytest.mark.rules("RT-MAP-20")
def test_a_disabled_servlet_is_no_candidate(mapped):
    disabled = """
      <servlet><servlet-name>off</servlet-name><servlet-class>app.Facts</servlet-class>
        <enabled>false</enabled></servlet>
      <servlet-mapping><servlet-name>off</servlet-name><url-pattern>/a/b/*</url-pattern>
        <url-pattern>*.off</url-pattern></servlet-mapping>
    """
    app = mapped(("on", "/a/*"), more=disabled)
    assert seen(app.get("/a/b/c"))["called"] == "on"
    assert app.get("/x.off").status == 404


# --- path elements ----------------------------------------------------------------------------------------


@pytest.mark.rules("RT-PATH-01", "RT-PATH-04", "RT-PATH-05", "RT-HSM-01")
@pytest.mark.parametrize(
    ("pattern", "path", "servlet", "info", "value", "match"),
    [
        ("", "", "", "/", "", "CONTEXT_ROOT"),
        ("", "/", "", "/", "", "CONTEXT_ROOT"),
        ("/", "/x/y", "/x/y", None, "", "DEFAULT"),
        ("/", "/x/", "/x/", None, "", "DEFAULT"),
        ("/a", "/a", "/a", None, "a", "EXACT"),
        ("/a/b.c", "/a/b.c", "/a/b.c", None, "a/b.c", "EXACT"),
        ("/a/*", "/a", "/a", None, "", "PATH"),
        ("/a/*", "/a/", "/a", "/", "", "PATH"),
        ("/a/*", "/a/b/c", "/a", "/b/c", "b/c", "PATH"),
        ("/a/*", "/a/b/c/", "/a", "/b/c/", "b/c/", "PATH"),
        ("/*", "/b/c", "", "/b/c", "b/c", "PATH"),
        ("/*", "/", "", "/", "", "PATH"),
        ("*.do", "/b/c.do", "/b/c.do", None, "b/c", "EXTENSION"),
        ("*.do", "/.do", "/.do", None, "", "EXTENSION"),
        ("*.do", "/a.do.do", "/a.do.do", None, "a.do", "EXTENSION"),
    ],
)
def test_the_table_of_path_elements(mapped, pattern, path, servlet, info, value, match):
    answer = seen(mapped(("it", pattern)).get(path))
    assert (answer["servlet"], answer["info"], answer["value"], answer["match"]) == (
        servlet,
        info,
        value,
        match,
    )
    assert (answer["pattern"], answer["name"]) == (pattern, "it")
    assert (answer["context"], answer["uri"]) == ("/app", "/app" + path)
    if path:
        assert answer["context"] + answer["servlet"] + (answer["info"] or "") == answer["uri"]


@pytest.mark.rules("RT-PATH-02", "RT-PATH-04", "RT-PATH-05")
def test_uri_as_it_came_the_rest_decoded_without_parameters(mapped):
    answer = seen(mapped(("it", "/a b/*")).get("/x/..//a%20b;v=1/%C3%A4;w=2/c%25d;?q=%41"))
    assert answer["uri"] == "/app/x/..//a%20b;v=1/%C3%A4;w=2/c%25d;"
    assert (answer["servlet"], answer["info"]) == ("/a b", "/ä/c%d")
    assert answer["value"] == "ä/c%d"


@pytest.mark.rules("RT-PATH-03")
@pytest.mark.parametrize(
    ("folder", "target", "context", "info"),
    [
        ("app", "/app/x", "/app", "/x"),
        ("app", "/%61pp/x", "/%61pp", "/x"),
        ("app", "/app;v=1/x", "/app;v=1", "/x"),
        ("app", "//app/x", "/app", "/x"),  # "//app" would be a host
        ("a#b", "/a/b/x", "/a/b", "/x"),
        ("a b", "/a%20b/x", "/a%20b", "/x"),
        ("ROOT", "/x", "", "/x"),
        ("ROOT", "/", "", "/"),
    ],
)
def test_the_context_path_is_as_in_the_uri(mapped, folder, target, context, info):
    app = mapped(("it", "/*"), name=folder)
    answer = seen(app.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())[0])
    assert (answer["context"], answer["info"]) == (context, info)
    assert not answer["context"].endswith("/")


@pytest.mark.rules("RT-PATH-06")
def test_path_translated_is_the_real_path_of_the_path_info(mapped):
    app = mapped(("prefix", "/p/*"), ("exact", "/e"), files={"docs/a.txt": ""})
    folder = str(app.context.folder.resolve())
    assert seen(app.get("/p/docs/a.txt"))["translated"] == folder + "/docs/a.txt"
    assert seen(app.get("/p/docs/a.txt"))["info"] == "/docs/a.txt"
    assert seen(app.get("/p"))["translated"] is None
    assert seen(app.get("/e"))["translated"] is None


@pytest.mark.rules("RT-PATH-07")
@pytest.mark.parametrize(
    ("query", "expected"),
    [("", None), ("?", ""), ("?a=%20+&b", "a=%20+&b"), ("??", "?"), ("?/../;x", "/../;x")],
)
def test_the_query_string_is_not_decoded(mapped, query, expected):
    assert seen(mapped(("it", "/a")).get("/a" + query))["query"] == expected


@pytest.mark.rules("RT-PATH-08")
@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("shop.example", "http://shop.example"),
        ("shop.example:80", "http://shop.example"),
        ("shop.example:8080", "http://shop.example:8080"),
        ("shop.example:443", "http://shop.example:443"),
        ("shop.example:0", "http://shop.example:0"),
        ("shop.example:", "http://shop.example"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("[::1]", "http://[::1]"),
    ],
)
def test_the_request_url(mapped, host, url):
    answer = seen(mapped(("it", "/a/*")).get("/a/%41;v?q", f"Host: {host}"))
    assert answer["url"] == url + "/app/a/%41;v"


@pytest.mark.rules("RT-PATH-08")
def test_after_a_forward_the_url_is_the_targets(mapped):
    answer = seen(mapped(("it", "/*")).get("/a?forward=/b/c", "Host: a:1"))
    assert (answer["url"], answer["uri"]) == ("http://a:1/app/b/c", "/app/b/c")


@pytest.mark.rules("RT-PATH-08")
def test_the_host_of_an_absolute_target_counts(mapped):
    app = mapped(("it", "/a"))
    target = b"GET http://user:pw@Shop.example:81/app/a HTTP/1.1\r\nHost: Shop.example:81\r\n\r\n"
    assert seen(app.send(target)[0])["url"] == "http://Shop.example:81/app/a"
    assert seen(app.send(b"GET http://b/app/a HTTP/1.0\r\n\r\n")[0])["url"] == "http://b/app/a"


# --- HttpServletMapping -----------------------------------------------------------------------------------


@pytest.mark.rules("RT-HSM-01")
def test_the_mapping_cannot_be_changed_and_is_never_none(deploy, web_xml):
    class Changes(HttpServlet):
        def service(self, request, response) -> None:
            mapping = request.getHttpServletMapping()
            for name in "match_value", "pattern", "servlet_name", "kind", "anything":
                with pytest.raises((AttributeError, TypeError)):
                    setattr(mapping, name, "other")
            response.getWriter().write(f"{mapping.getServletName()} {mapping.getPattern()}")

    class ReadsMapping(Filter):
        def doFilter(self, request, response, chain) -> None:
            response.setHeader("X-Servlet", request.getHttpServletMapping().getServletName())
            chain.doFilter(request, response)

    app = deploy(
        web_xml("""
          <filter><filter-name>f</filter-name><filter-class>app.ReadsMapping</filter-class></filter>
          <filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>
          <servlet><servlet-name>it</servlet-name><servlet-class>app.Changes</servlet-class></servlet>
          <servlet-mapping><servlet-name>it</servlet-name><url-pattern>/it/*</url-pattern></servlet-mapping>
        """),
        classes=[Changes, ReadsMapping],
        files={"a.txt": "a"},
    )
    assert app.get("/it/x").text == "it /it/*"
    assert app.get("/a.txt").header("X-Servlet") == "default"
    assert app.get("/missing").header("X-Servlet") == "default"


@pytest.fixture
def dispatching(mapped):
    page = "<error-page><error-code>409</error-code><location>/page.err</location></error-page>"
    return mapped(("from", "/from/*"), ("to", "*.to"), ("page", "*.err"), more=page)


@pytest.mark.rules("RT-HSM-02")
@pytest.mark.parametrize(
    ("query", "called", "pattern", "value", "kind"),
    [
        ("", "from", "/from/*", "x", "REQUEST"),
        ("?forward=/a/b.to", "to", "*.to", "a/b", "FORWARD"),
        ("?include=/a/b.to", "to", "/from/*", "x", "INCLUDE"),
        ("?named=to", "to", "/from/*", "x", "FORWARD"),
        ("?named-include=to", "to", "/from/*", "x", "INCLUDE"),
        ("?async=/a/b.to", "to", "*.to", "a/b", "ASYNC"),
    ],
)
def test_the_mapping_in_each_kind_of_dispatch(dispatching, query, called, pattern, value, kind):
    answer = seen(dispatching.get("/from/x" + query))
    assert answer["called"] == called
    assert (answer["pattern"], answer["value"], answer["kind"]) == (pattern, value, kind)


@pytest.mark.rules("RT-HSM-02")
def test_the_mapping_of_an_error_page_is_its_own(dispatching):
    answer = dispatching.get("/from/x?error=409")
    assert answer.status == 409
    shown = json.loads(answer.body)
    assert (shown["called"], shown["pattern"], shown["value"], shown["kind"]) == (
        "page",
        "*.err",
        "page",
        "ERROR",
    )


@pytest.mark.rules("RT-HSM-03")
def test_a_filter_sees_the_mapping_of_the_servlet_that_will_be_called(deploy, web_xml):
    class Shows(Filter):
        def doFilter(self, request, response, chain) -> None:
            mapping = request.getHttpServletMapping()
            words = mapping.getServletName(), mapping.getPattern(), mapping.getMappingMatch().name
            response.getWriter().write(" ".join(words))

    app = deploy(
        web_xml(
            servlets(("exact", "/e"), ("prefix", "/p/*"), ("extension", "*.x"), ("default", "/"))
            + """<filter><filter-name>f</filter-name><filter-class>app.Shows</filter-class></filter>
              <filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"""
        ),
        classes=[Facts, Shows],
    )
    assert [app.get(path).text for path in ("/e", "/p/a", "/a.x", "/a")] == [
        "exact /e EXACT",
        "prefix /p/* PATH",
        "extension *.x EXTENSION",
        "default / DEFAULT",
    ]


@pytest.mark.rules("RT-MAP-10", "RT-MAP-16")
def test_programmatic_mappings_count_like_declared_ones(deploy):
    class Adds(ServletContextListener):
        def contextInitialized(self, sce) -> None:
            registration = sce.getServletContext().addServlet("added", Facts())
            registration.addMapping("/added/*", "*.added")

    app = deploy(
        """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"><listener>
        <listener-class>app.Adds</listener-class></listener></web-app>""",
        classes=[Adds],
    )
    assert seen(app.get("/added/x"))["pattern"] == "/added/*"
    assert seen(app.get("/x.added"))["pattern"] == "*.added"
    assert app.get("/Added/x").status == 404
