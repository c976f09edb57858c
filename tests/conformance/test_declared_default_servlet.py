"""The default servlet as a web app declares it, by Tomcat's name. The answers are Tomcat 10.1.60's."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import pytest

NAME = "org.apache.catalina.servlets.DefaultServlet"
FILES = {
    "a.txt": "abc", "static/b.txt": "b", "sub/c.txt": "c", "sub/b b.html": "<b>", "sub/<x>&.txt": "1",
    "sub/.hidden": "h", "sub/deep/c.txt": "z" * 2000, "x.css": "p{}", "x.css.gz": "GZ",
    "rd/README.html": "<i>readme</i>", "WEB-INF/secret": "s", "META-INF/secret": "s",
    "welcome/index.html": "w", "latin.txt": "\xe4".encode("latin-1"), "bom.txt": b"\xef\xbb\xbf\xc3\xa4",
}  # fmt: skip


def declared(parameters: Mapping[str, str] | None = None, *patterns: str, name: str = "default") -> str:
    params = "".join(
        f"<init-param><param-name>{key}</param-name><param-value>{escape(value)}</param-value></init-param>"
        for key, value in (parameters or {}).items()
    )
    return (
        f"<servlet><servlet-name>{name}</servlet-name><servlet-class>{NAME}</servlet-class>{params}</servlet>"
        + mapped(*patterns, name=name)
    )


def mapped(*patterns: str, name: str = "default") -> str:
    return "".join(
        f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>{p}</url-pattern></servlet-mapping>"
        for p in patterns
    )


@pytest.fixture
def files(deploy: Callable[..., Any], web_xml: Callable[..., str]) -> Callable[..., Any]:
    """A web app with FILES: files(descriptor)."""
    return lambda descriptor, **more: deploy(web_xml(descriptor), files={**FILES, **more})


PATHS = ("/a.txt", "/static/b.txt", "/static/", "/static", "/x.css", "/static/d/x")


@pytest.mark.rules("RT-MAP-14", "RT-MAP-15", "RT-MAP-19")
@pytest.mark.parametrize(
    ("descriptor", "statuses"),
    [
        ("", [200, 200, 404, 302, 200, 404]),
        (declared(), [200, 200, 404, 302, 200, 404]),
        (declared(None, "/static/*"), [404, 200, 404, 302, 404, 404]),
        (declared(None, "/static/*", "/"), [200, 200, 404, 302, 200, 404]),
        (declared(None, "/static/*", name="files"), [200, 200, 404, 302, 200, 404]),
        (declared(None, "*.css"), [404, 404, 404, 404, 200, 404]),
        (mapped("/static/*"), [404, 200, 404, 302, 404, 404]),
    ],
)
def test_who_maps_the_default_servlet_elsewhere_takes_it_from_the_rest(
    files: Callable[..., Any], descriptor: str, statuses: list[int]
) -> None:
    app = files(descriptor)
    assert [app.get(path).status for path in PATHS] == statuses


@pytest.mark.rules("RT-DEF-01")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/WEB-INF/secret", "/web-inf/secret", "/META-INF/", "/WEB-INF"])
def test_protected_folders_do_not_exist(files: Callable[..., Any], method: str, path: str) -> None:
    app = files(declared({"readonly": "false", "listings": "true"}))
    assert app.request(method, path, body=b"x" if method == "PUT" else b"").status == 404
    assert (app.context.folder / "WEB-INF/secret").read_text() == "s"


# listings


def test_listings_are_off_by_default(files: Callable[..., Any]) -> None:
    assert files(declared()).get("/sub/").status == 404


def test_a_listing(files: Callable[..., Any]) -> None:
    app = files(declared({"listings": "true"}))
    answer = app.get("/sub/")
    assert answer.header("Content-Type") == "text/html;charset=UTF-8"
    assert "<h1>Directory Listing For [/sub/]</h1>" in answer.text
    for href, name in (
        ("./b%20b.html", "b b.html"), ("./%3Cx%3E%26.txt", "&lt;x&gt;&amp;.txt"), ("./deep/", "deep/"),
    ):  # fmt: skip
        assert f'<a href="{href}">{name}</a>' in answer.text
    assert "hidden" not in answer.text
    assert "?C=" not in answer.text
    assert "<footer>" in answer.text
    assert '<a href="../">' in answer.text
    assert "2.0 KiB" in app.get("/sub/deep/").text
    assert "<x>" not in answer.text
    top = app.get("/").text
    assert "INF" not in top
    assert "../" not in top


def test_what_links_lead_out_to_is_not_listed(files: Callable[..., Any], tmp_path: Any) -> None:
    app = files(declared({"listings": "true"}))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_text("secret")
    os.symlink(tmp_path / "outside", app.context.folder / "sub/out")
    os.symlink(app.context.folder / "WEB-INF", app.context.folder / "sub/inf")
    os.symlink(app.context.folder / "a.txt", app.context.folder / "sub/fine")
    text = app.get("/sub/").text
    assert "fine" in text
    assert "out" not in text.partition("<tbody>")[2]
    assert "inf" not in text.partition("<tbody>")[2]
    assert app.get("/sub/out/").status == app.get("/sub/inf/").status == 404


def test_methods_of_a_listing(files: Callable[..., Any]) -> None:
    app = files(declared({"listings": "true"}))
    head = app.request("HEAD", "/sub/")
    assert (head.status, head.body) == (200, b"")
    assert head.header("Content-Length") == app.get("/sub/").header("Content-Length")
    assert app.request("POST", "/sub/").text == app.get("/sub/").text
    assert app.get("/sub").header("Location") == "/app/sub/"
    assert app.get("/welcome/").text == "w"
    assert app.get("/none/").status == 404


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a.txt", "b.txt", "d/"]),
        ("?C=N;O=A", ["a.txt", "b.txt", "d/"]),
        ("?C=N&O=D", ["d/", "b.txt", "a.txt"]),
        ("?C=S&O=A", ["d/", "b.txt", "a.txt"]),
        ("?C=S&O=D", ["a.txt", "b.txt", "d/"]),
        ("?C=X&O=A", ["a.txt", "b.txt", "d/"]),
    ],
)
def test_sorting(files: Callable[..., Any], query: str, names: list[str]) -> None:
    app = files(
        declared({"listings": "true", "sortListings": "true", "showServerInfo": "false"}),
        **{"s/b.txt": "1" * 5, "s/a.txt": "1" * 10, "s/d/x": "1"},
    )
    text = app.get(f"/s/{query}").text
    assert sorted(names, key=lambda name: text.index(f">{name}</a>")) == names
    assert '<a href="?C=S;O=' in text
    assert "<footer>" not in text


def test_directories_first_and_a_readme(files: Callable[..., Any]) -> None:
    app = files(
        declared({"listings": "true", "sortDirectoriesFirst": "true", "readmeFile": "README.html"}),
        **{"rd/zoo/x": "1"},
    )
    text = app.get("/rd/").text
    assert text.index("zoo/") < text.index("README.html")
    assert "<i>readme</i>" in text


# changing files

RW = declared({"readonly": "false"})


def test_files_are_put_and_deleted(files: Callable[..., Any]) -> None:
    app = files(RW)
    assert app.request("PUT", "/new.txt", body=b"new").status == 201
    assert app.get("/new.txt").text == "new"
    assert app.request("PUT", "/new.txt", body=b"newer").status == 204
    assert app.get("/new.txt").text == "newer"
    assert app.request("DELETE", "/new.txt").status == 204
    assert app.request("DELETE", "/new.txt").status == 404
    assert app.request("PUT", "/empty.txt").status == 201
    assert sorted(p.name for p in app.context.folder.iterdir() if p.name.endswith("upload")) == []


@pytest.mark.parametrize(
    ("content_range", "body", "status", "content"),
    [
        ("bytes 1-2/3", b"XY", 204, "aXY"),
        ("bytes 3-4/5", b"XY", 204, "abcXY"),
        ("bytes 9-10/11", b"XY", 400, "abc"),  # Tomcat fills the gap with zeros
        ("bytes 0-1/*", b"XY", 400, "abc"),
        ("bytes x", b"XY", 400, "abc"),
        ("bytes 2-1/3", b"XY", 400, "abc"),
        ("bytes 0-3/3", b"XYZU", 400, "abc"),
        ("bytes 0-5/9", b"XY", 400, "abc"),
        ("bytes 0-0/9", b"XY", 400, "abc"),
    ],
)
def test_part_of_a_file(
    files: Callable[..., Any], content_range: str, body: bytes, status: int, content: str
) -> None:
    app = files(RW)
    assert app.request("PUT", "/a.txt", f"Content-Range: {content_range}", body=body).status == status
    assert app.get("/a.txt").text == content


def test_no_parts_without_allow_partial_put(files: Callable[..., Any]) -> None:
    app = files(declared({"readonly": "false", "allowPartialPut": "false"}))
    assert app.request("PUT", "/a.txt", "Content-Range: bytes 0-1/3", body=b"XY").status == 400


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("PUT", "/nodir/new.txt", [], 409),
        ("PUT", "/sub/", [], 409),
        ("PUT", "/sub", [], 409),
        ("PUT", "/", [], 409),
        ("PUT", "/a.txt/x", [], 409),
        ("PUT", "/a.txt", ["If-None-Match: *"], 412),
        ("PUT", "/a.txt", ['If-Match: "x"'], 412),
        ("PUT", "/none.txt", ["If-Match: *"], 412),
        ("PUT", "/none.txt", ["If-None-Match: *"], 201),
        ("DELETE", "/a.txt", ['If-Match: "x"'], 412),
        ("DELETE", "/a.txt", ["If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT"], 412),
        ("DELETE", "/sub/", [], 405),
        ("DELETE", "/", [], 405),
        ("DELETE", "/sub/deep/c.txt/x", [], 404),
        ("PUT", "/page.jinja", [], 405),
        ("PATCH", "/a.txt", [], 405),
    ],
)
def test_what_a_client_may_not_do(
    files: Callable[..., Any], method: str, path: str, headers: list[str], status: int
) -> None:
    app = files(RW)
    answer = app.request(method, path, *headers, body=b"n" if method == "PUT" else b"")
    assert answer.status == status
    if status == 405 and path != "/page.jinja":
        assert set(answer.header("Allow").split(", ")) == {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"}
    assert app.get("/a.txt").text == "abc"


@pytest.mark.rules("RT-DEF-07")
def test_links_are_not_written_through(files: Callable[..., Any], tmp_path: Any) -> None:
    app = files(RW)
    folder = app.context.folder
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_text("kept")
    os.symlink(tmp_path / "outside", folder / "out")
    os.symlink(folder / "WEB-INF", folder / "inf")
    os.symlink(tmp_path / "outside/x", folder / "link.txt")
    for path in ("/out/x", "/out/y", "/inf/web.xml"):
        assert app.request("PUT", path, body=b"n").status == 404
        assert app.request("DELETE", path).status == 404
    assert app.request("PUT", "/link.txt", body=b"n").status == 204  # the link is replaced
    assert (tmp_path / "outside/x").read_text() == "kept"
    assert os.listdir(tmp_path / "outside") == ["x"]


def test_read_only_by_default(files: Callable[..., Any]) -> None:
    app = files("")
    for method in ("PUT", "DELETE"):
        answer = app.request(method, "/a.txt", body=b"n")
        assert answer.status == 405
        assert set(answer.header("Allow").split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert app.get("/a.txt").text == "abc"


# the other parameters


@pytest.mark.parametrize(
    ("value", "body"), [("true", "GZ"), ("gzip=.gz", "GZ"), ("br=.br", "p{}"), ("false", "p{}")]
)
def test_precompressed(files: Callable[..., Any], value: str, body: str) -> None:
    app = files(declared({"precompressed": value}))
    assert app.get("/x.css", "Accept-Encoding: gzip").text == body


def test_post_need_not_be_get(files: Callable[..., Any]) -> None:
    assert files(declared()).request("POST", "/a.txt").text == "abc"


def test_post_is_refused_without_allow_post_as_get(files: Callable[..., Any]) -> None:
    answer = files(declared({"allowPostAsGet": "false"})).request("POST", "/a.txt")
    assert answer.status == 405
    assert "POST" not in answer.header("Allow")


def test_use_accept_ranges(files: Callable[..., Any]) -> None:
    assert files(declared({"useAcceptRanges": "false"})).get("/a.txt").header("Accept-Ranges") is None


@pytest.mark.parametrize("kib", ["-1", "0", "1"])
def test_sendfile_size_changes_nothing_that_can_be_seen(files: Callable[..., Any], kib: str) -> None:
    assert files(declared({"sendfileSize": kib})).get("/sub/deep/c.txt").body == b"z" * 2000


@pytest.mark.parametrize(
    ("file", "parameters", "text"),
    [
        ("latin.txt", {"fileEncoding": "ISO-8859-1"}, "ä"),
        ("bom.txt", {"fileEncoding": "ISO-8859-1"}, "ä"),
        ("bom.txt", {"fileEncoding": "ISO-8859-1", "useBomIfPresent": "false"}, "ï»¿Ã¤"),
    ],
)
def test_the_encoding_of_an_included_file(
    deploy: Callable[..., Any],
    web_xml: Callable[..., str],
    file: str,
    parameters: dict[str, str],
    text: str,
) -> None:
    from container.servlet import HttpServlet

    class Page(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            response.setContentType("text/plain;charset=UTF-8")
            response.getWriter().print(">")
            request.getRequestDispatcher(f"/{file}").include(request, response)

    page = "<servlet><servlet-name>p</servlet-name><servlet-class>app.Page</servlet-class></servlet>"
    descriptor = web_xml(declared(parameters) + page + mapped("/p", name="p"))
    assert deploy(descriptor, classes=[Page], files=FILES).get("/p").text == f">{text}"


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"fileEncoding": "nonsense"},
         'init-param fileEncoding is "nonsense": no encoding that is known. Write UTF-8'),
        ({"listings": "maybe"}, 'init-param listings is "maybe": neither true nor false'),
        ({"sendfileSize": "x"}, 'init-param sendfileSize is "x": no whole number'),
        ({"precompressed": "x"}, "Write true, false or br=.br,gzip=.gz"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_the_start(
    files: Callable[..., Any], parameters: dict[str, str], problem: str
) -> None:
    assert problem in "\n".join(files(declared(parameters)).problems)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"debug": "0", "input": "2048", "listings": "false"}, ""),
        ({"input": "4096"}, "servlet default: init-param input has no effect: files are sent in pieces"),
        ({"useStrongETags": "true"}, "init-param useStrongETags has no effect: ETags are weak"),
        ({"globalXsltFile": "x.xsl"}, "init-param globalXsltFile has no effect"),
        ({"listing": "true"}, "DefaultServlet has no init-param listing, it has no effect. Did you mean"),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_logged(
    files: Callable[..., Any], caplog: pytest.LogCaptureFixture, parameters: dict[str, str], words: str
) -> None:
    app = files(declared(parameters))
    assert app.get("/a.txt").text == "abc"
    assert (words in caplog.text) if words else caplog.text == ""


def test_the_jsp_servlet_has_tomcats_name_too(
    deploy: Callable[..., Any], web_xml: Callable[..., str]
) -> None:
    declared = (
        "<servlet><servlet-name>jsp</servlet-name>"
        "<servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class></servlet>"
    )
    app = deploy(
        web_xml(declared + mapped("*.page", name="jsp")), files={"a.page": "{{ 1 + 1 }}", "b.jinja": "b"}
    )
    assert app.get("/a.page").text == "2"
    assert app.get("/b.jsp").text == "b"
