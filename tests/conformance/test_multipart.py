"""multipart/form-data (6.8)."""

from __future__ import annotations

import logging
import threading

import pytest

from container.servlet import HttpServlet

KIND = "Content-Type: multipart/form-data; boundary=xyz"
FIELD = 'form-data; name="a"'
FILE = 'form-data; name="f"; filename="x.txt"'


def part(disposition, content="1", *headers):
    content = content.encode() if isinstance(content, str) else content
    lines = [f"Content-Disposition: {disposition}", *headers, "", ""]
    return b"--xyz\r\n" + "\r\n".join(lines).encode() + content + b"\r\n"


def body(*parts):
    return b"".join(parts) + b"--xyz--\r\n"


BOTH = body(part(FIELD, "text"), part(FILE, "content", "Content-Type: text/plain"))


def shown(parts):
    found = []
    for each in parts:
        with each.getInputStream() as stream:
            found.append([each.getName(), each.getSubmittedFileName(), stream.read().decode("latin-1")])
    return found


def parameters(request):
    return {name: list(values) for name, values in request.getParameterMap().items()}


@pytest.fixture
def uploads(deploy, web_xml):
    """Deploy one servlet, from a function of the request, with a multipart configuration or without."""

    def deploy_one(function, config="", *, more="", **settings):
        class Main(HttpServlet):
            def service(self, request, response):
                response.setCharacterEncoding("UTF-8")
                found = function(request)
                if isinstance(found, list):
                    found = [attempt(each) if callable(each) else each for each in found]
                response.getWriter().write(repr(found))

        declared = (
            "<servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class>"
            f"{config if config is None else f'<multipart-config>{config}</multipart-config>'}</servlet>"
            "<servlet-mapping><servlet-name>m</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>"
        ).replace("None</servlet>", "</servlet>")
        return deploy(web_xml(declared + more), classes=[Main], **settings)

    return deploy_one


def attempt(call):
    try:
        return call()
    except Exception as error:  # noqa: BLE001  whatever it is, the test compares its name
        return type(error).__name__


def ask(app, sent, kind=KIND, method="POST"):
    answer = app.request(method, "/?q=0", kind, body=sent)
    return eval(answer.text) if answer.status == 200 else answer.status


@pytest.mark.rules("RT-MP-01", "RT-MP-05", "RT-PAR-11")
@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_parts_and_parameters(uploads, method):
    app = uploads(lambda r: [shown(r.getParts()), parameters(r), shown([r.getPart("f")]), r.getPart("g")])
    f = ["f", "x.txt", "content"]
    assert ask(app, BOTH, method=method) == [[["a", None, "text"], f], {"q": ["0"], "a": ["text"]}, [f], None]


@pytest.mark.rules("RT-PAR-11")
def test_the_parameter_methods_trigger_it_and_the_query_comes_first(uploads):
    app = uploads(lambda r: [r.getParameter("a"), r.getParameterValues("q"), shown(r.getParts())])
    sent = body(part(FIELD, "text"), part('form-data; name="q"', "9"))
    assert ask(app, sent) == ["text", ["0", "9"], [["a", None, "text"], ["q", None, "9"]]]


@pytest.mark.rules("RT-MP-02", "RT-MP-04", "RT-MP-01")
def test_without_configuration(uploads):
    app = uploads(
        lambda r: [r.getParts, lambda: r.getPart("a"), parameters(r), r.getInputStream().read()], None
    )
    assert ask(app, BOTH) == ["IllegalStateException", "IllegalStateException", {"q": ["0"]}, BOTH]


@pytest.mark.rules("RT-MP-02")
@pytest.mark.parametrize("kind", ["a/b", "multipart/mixed; boundary=xyz", "multipart/related; boundary=xyz"])
def test_what_is_no_form_data(uploads, kind):
    app = uploads(lambda r: [r.getParts, lambda: r.getPart("a"), parameters(r), r.getInputStream().read()])
    found = ["ServletException", "ServletException", {"q": ["0"]}, BOTH]
    assert ask(app, BOTH, f"Content-Type: {kind}") == found
    uncaught = uploads(lambda r: r.getParts(), name="uncaught")
    assert ask(uncaught, BOTH, f"Content-Type: {kind}") == 415


LIMITS = [
    ("<max-file-size>4</max-file-size>", [part(FILE, "1234")], [part(FILE, "12345")]),
    ("<max-file-size>4</max-file-size>", [part(FIELD, "1234")], [part(FIELD, "12345")]),
    ("<max-file-size>0</max-file-size>", [part(FILE, "")], [part(FILE, "1")]),
    ("<max-request-size>90</max-request-size>", [part(FIELD)], [part(FIELD, "1" * 50)]),
]


@pytest.mark.rules("RT-MP-02", "RT-PAR-10")
@pytest.mark.parametrize(("config", "fits", "too_much"), LIMITS)
@pytest.mark.parametrize("parts_first", [True, False])
def test_over_a_limit(uploads, caplog, config, fits, too_much, parts_first):
    def function(request):
        calls = [lambda: len(request.getParts()), lambda: len(request.getParameterMap())]
        return (calls if parts_first else calls[::-1]) * 3

    app = uploads(function, config)
    assert set(map(type, ask(app, body(*fits)))) == {int}
    with caplog.at_level(logging.WARNING, "container.engine"):
        assert ask(app, body(*too_much)) == ["IllegalStateException"] * 6
    (warning,) = [record.getMessage() for record in caplog.records]
    assert f"the limit is {config.partition('>')[0]}>" in warning


@pytest.mark.rules("RT-MP-02")
@pytest.mark.parametrize(
    ("settings", "parts", "limit"),
    [
        ({"max_part_count": 2}, [part(FIELD)] * 3, "--max-part-count"),
        ({"max_part_header_bytes": 50}, [part(FIELD, "1", "X-Long: " + "x" * 30)], "--max-part-header-bytes"),
        ({"max_form_bytes": 10}, [part(FIELD, "123456")] * 2, "--max-form-bytes"),
    ],
)
def test_over_a_setting_of_the_container(uploads, caplog, settings, parts, limit):
    app = uploads(lambda r: len(r.getParts()), **settings)
    assert ask(app, body(*parts[:-1])) == len(parts) - 1
    with caplog.at_level(logging.WARNING, "container.engine"):
        assert ask(app, body(*parts)) == 413
    assert [record.getMessage().rpartition(" ")[2] for record in caplog.records] == [limit]


@pytest.mark.rules("RT-MP-02")
@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("multipart/form-data", BOTH),
        ("multipart/form-data; boundary=", BOTH),
        ("multipart/form-data; boundary=xyz", BOTH[:100]),
        ("multipart/form-data; boundary=xyz", BOTH[:20]),
        ("multipart/form-data; boundary=xyz", part(FIELD) + b"--xyz?\r\n"),
    ],
)
def test_a_malformed_body(uploads, kind, sent):
    app = uploads(lambda r: [r.getParts, r.getParts, lambda: r.getParameter("a")])
    assert ask(app, sent, f"Content-Type: {kind}") == ["OSError", "OSError", "IllegalStateException"]
    uncaught = uploads(lambda r: r.getParts(), name="uncaught")
    assert ask(uncaught, sent, f"Content-Type: {kind}") == 400


@pytest.mark.rules("RT-MP-03")
@pytest.mark.parametrize(
    "sent",
    [
        body(),
        b"--xyz--",
        b"",
        b"no boundary",
        b"--other\r\n\r\n\r\n--other--",
        body(part("attachment; name=a")),
        body(b"--xyz\r\n\r\n1\r\n"),
        body(part("form-data")),
        body(part('form-data; name=""')),
        body(part("form-data; filename=x")),
    ],
)
def test_no_parts(uploads, sent):
    app = uploads(lambda r: [list(r.getParts()), r.getPart("a"), parameters(r)])
    assert ask(app, sent) == [[], None, {"q": ["0"]}]


@pytest.mark.rules("RT-MP-03")
def test_the_list_is_a_copy(uploads):
    assert ask(uploads(lambda r: [r.getParts().clear(), len(r.getParts())]), BOTH) == [None, 2]


@pytest.mark.rules("RT-BODY-01")
def test_parts_after_the_reader(uploads):
    app = uploads(lambda r: [r.getReader().readline(), r.getParts, lambda: parameters(r)])
    assert ask(app, BOTH)[1:] == ["IllegalStateException", {"q": ["0"]}]


def test_parts_after_the_stream_are_what_is_left(uploads):
    app = uploads(lambda r: [len(r.getInputStream().read()), list(r.getParts()), parameters(r)])
    assert ask(app, BOTH) == [len(BOTH), [], {"q": ["0"]}]


@pytest.mark.rules("RT-MP-05")
@pytest.mark.parametrize(
    ("disposition", "name", "file_name"),
    [
        ("form-data; name=a", "a", None),
        ('form-data; name="a"; filename=""', "a", ""),
        ("form-data; name=a; filename", "a", ""),
        ("form-data; name=a; filename=x.txt", "a", "x.txt"),
        ('form-data ;  name = "a" ; filename = " x "', "a", "x"),
        ('FORM-DATA; NAME="a"; FILENAME="x"', "a", "x"),
        ('form-data; name="a%22b"', "a%22b", None),
        ('form-data; name="a;b"; filename="c;d"', "a;b", "c;d"),
        ('form-data; name="café"; filename="naïve.txt"', "café", "naïve.txt"),
        ('form-data; name="a"; filename="a\\"b"', "a", 'a"b'),
        ('form-data; name="a"; filename="C:\\dir\\x"', "a", "C:dirx"),
        ('form-data; name="a"; filename="x"; filename*=UTF-8\'\'caf%C3%A9', "a", "café"),
        ("form-data; name=\"a\"; filename*=bogus''caf%C3%A9", "a", "bogus''caf%C3%A9"),
    ],
)
def test_names(uploads, disposition, name, file_name):
    app = uploads(lambda r: [shown(r.getParts()), parameters(r)])
    fields = {"q": ["0"], **({} if file_name is not None else {name: ["1"]})}
    assert ask(app, body(part(disposition))) == [[[name, file_name, "1"]], fields]


def test_a_bad_byte_in_a_part_header_is_replaced(uploads):
    sent = body(part(FILE)).replace(b"x.txt", b"caf\xe9")
    assert ask(uploads(lambda r: shown(r.getParts())), sent) == [["f", "caf\ufffd", "1"]]


@pytest.mark.rules("RT-MP-06")
@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        (KIND, "é".encode(), "Ã©"),
        (KIND, b"\xff", "ÿ"),
        (f"{KIND}; charset=UTF-8", "é".encode(), "é"),
        (f"{KIND}; charset=bogus", b"\xe9", "é"),
    ],
)
def test_the_text_of_fields(uploads, kind, content, value):
    sent = body(part(FIELD, content, "Content-Type: text/plain; charset=UTF-16"))
    assert ask(uploads(lambda r: r.getParameter("a")), sent, kind) == value


@pytest.mark.rules("RT-MP-06")
def test_the_contexts_encoding(uploads):
    more = "<request-character-encoding>UTF-8</request-character-encoding>"
    assert ask(uploads(lambda r: r.getParameter("a"), more=more), body(part(FIELD, "é"))) == "é"


@pytest.mark.rules("RT-PAR-10")
def test_a_field_that_is_not_in_the_encoding_fails_as_a_parameter_only(uploads):
    app = uploads(lambda r: [lambda: shown(r.getParts()), lambda: r.getParameter("a")])
    found = ask(app, body(part(FIELD, b"\xff")), f"{KIND}; charset=UTF-8")
    assert found == [[["a", None, "ÿ"]], "IllegalStateException"]


@pytest.mark.rules("RT-MP-09")
def test_part_headers(uploads):
    def function(request):
        only = request.getPart("f")
        names = list(only.getHeaderNames())
        only.getHeaderNames().clear()
        return [only.getHeader("x-A"), only.getHeader("none"), list(only.getHeaders("X-a")), names,
                only.getContentType(), only.getSize(), list(only.getHeaders("none"))]  # fmt: skip

    sent = body(part(FILE, "12345", "X-A: 1", "x-a:  2 ", "X-B: 1\r\n \t 2", "Content-Type: a/b"))
    names = ["content-disposition", "x-a", "x-b", "content-type"]
    assert ask(uploads(function), sent) == ["1", None, ["1", "2"], names, "a/b", 5, []]


@pytest.mark.rules("RT-MP-07", "RT-MP-08")
@pytest.mark.parametrize("threshold", [0, 100_000])
@pytest.mark.parametrize("place", ["relative", "absolute"])
def test_write(uploads, tmp_path, threshold, place):
    config = f"<location>up</location><file-size-threshold>{threshold}</file-size-threshold>"
    target = "saved.txt" if place == "relative" else str(tmp_path / "elsewhere.txt")

    def function(request):
        request.getPart("f").write(target)
        return sorted(file.name for file in folder.iterdir())

    app = uploads(function, config)
    folder = app.context.work / "up"
    saved = ["saved.txt"] if place == "relative" else []
    assert ask(app, BOTH) == saved
    assert (folder / target).read_text() == "content"
    assert sorted(file.name for file in folder.iterdir()) == saved


@pytest.mark.rules("RT-MP-07")
def test_an_absolute_location_and_the_second_write_of_a_stored_file_fails(uploads, tmp_path):
    def function(request):
        only = request.getPart("f")
        return [only.write("one"), lambda: only.write("two"), lambda: only.getInputStream(), only.delete()]

    app = uploads(function, f"<location>{tmp_path / 'there'}</location>")
    found = [None, "FileNotFoundError", "FileNotFoundError", None]
    assert ask(app, BOTH) == found
    assert [(file.name, file.read_text()) for file in (tmp_path / "there").iterdir()] == [("one", "content")]


@pytest.mark.rules("RT-MP-07")
def test_delete(uploads):
    def function(request):
        stored, field = request.getPart("f"), request.getPart("a")
        before = len(list(folder.iterdir()))
        stored.delete()
        field.delete()
        stored.delete()
        return [before, len(list(folder.iterdir())), stored.getInputStream, request.getParameter("a")]

    app = uploads(function, "<location>up</location>")
    folder = app.context.work / "up"
    assert ask(app, BOTH) == [1, 0, "FileNotFoundError", "text"]


def is_empty_at_last(app, folder):
    app.wait_idle()
    return list(folder.iterdir()) == []


LARGE = body(part(FILE, b"x" * 200_000), part('form-data; name="g"; filename="y"', "2"))


@pytest.mark.rules("RT-MP-08")
@pytest.mark.parametrize("end", ["returns", "raises", "exits"])
def test_temporary_files_vanish_however_the_request_ends(uploads, end):
    seen = []

    def function(request):
        request.getParts()
        seen.append(len(list(folder.iterdir())))
        if end == "raises":
            raise ValueError(end)
        if end == "exits":
            raise SystemExit(end)

    app = uploads(function, "<location>up</location>")
    folder = app.context.work / "up"
    app.post("/", LARGE, KIND)
    assert seen == [2]
    assert is_empty_at_last(app, folder)


@pytest.mark.rules("RT-MP-08")
@pytest.mark.parametrize("broken", [LARGE[:-30], LARGE.replace(b"--xyz--", b"--xyz?!")])
def test_temporary_files_vanish_when_the_body_is_refused(uploads, broken):
    app = uploads(lambda r: r.getParts(), "<location>up</location>")
    assert ask(app, broken) == 400
    assert is_empty_at_last(app, app.context.work / "up")


@pytest.mark.rules("RT-MP-08")
def test_temporary_files_vanish_when_the_client_leaves_in_the_middle(uploads):
    began, ended, seen = threading.Event(), threading.Event(), []

    def function(request):
        began.set()
        try:
            request.getParts()
        except OSError as error:
            seen.append(type(error).__name__)
        finally:
            ended.set()

    app = uploads(function, "<location>up</location><max-request-size>900000</max-request-size>")
    client = app.connect()
    head = f"POST /app/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{KIND}\r\n\r\n".encode()
    client.send(head + b"20000\r\n" + LARGE[:0x20000] + b"\r\n")
    assert began.wait(10)
    client.close()
    assert ended.wait(10)
    assert seen == ["ClientDisconnected"]
    assert is_empty_at_last(app, app.context.work / "up")


@pytest.mark.rules("RT-PAR-10")
def test_a_location_that_cannot_be_written_is_not_the_clients_fault(uploads, tmp_path):
    (tmp_path / "file").write_text("in the way")
    app = uploads(
        lambda r: [r.getParts, lambda: r.getParameter("a")], f"<location>{tmp_path}/file/x</location>"
    )
    assert ask(app, BOTH) == ["NotADirectoryError", "IllegalStateException"]
    uncaught = uploads(lambda r: r.getParameter("a"), f"<location>{tmp_path}/file/x</location>", name="other")
    assert ask(uncaught, BOTH) == 500


@pytest.mark.rules("RT-MP-08")
def test_temporary_files_live_until_async_completion(deploy, web_xml):
    go = threading.Event()

    class Main(HttpServlet):
        def service(self, request, response):
            stored = request.getPart("f")
            context = request.startAsync()

            def later():
                go.wait(10)
                response.getWriter().write(shown([stored])[0][2])
                context.complete()

            context.start(later)
            returned.set()

    returned = threading.Event()
    declared = (
        "<servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class>"
        "<async-supported>true</async-supported><multipart-config><location>up</location></multipart-config>"
        "</servlet><servlet-mapping><servlet-name>m</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>"
    )
    app = deploy(web_xml(declared), classes=[Main])
    client = app.connect()
    head = f"POST /app/ HTTP/1.1\r\nHost: a\r\nContent-Length: {len(BOTH)}\r\n{KIND}\r\n\r\n".encode()
    client.send(head + BOTH)
    assert returned.wait(10)
    go.set()
    assert client.answer("POST").text == "content"
    assert is_empty_at_last(app, app.context.work / "up")


# max-request-size is looked at before the body is collected


@pytest.mark.rules("RT-MP-02")
@pytest.mark.parametrize("path", ["/", "/?q=1", "/x;y=z"])
@pytest.mark.parametrize("catches", [True, False])
def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes(uploads, path, catches):
    def function(request):
        return attempt(request.getParts) if catches else request.getParts()

    app = uploads(function, "<max-request-size>1000</max-request-size>")
    client = app.connect()
    head = f"POST /app{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n{KIND}\r\n\r\n"
    client.send(head.encode())  # and nothing more: who waited for the body would wait for ever
    answer = client.answer("POST")
    assert (answer.status, answer.will_close) == (200 if catches else 413, True)
    assert not catches or answer.text == "'IllegalStateException'"


@pytest.mark.rules("RT-MP-02")
def test_a_client_that_asks_first_is_told_at_once(uploads):
    app = uploads(lambda r: r.getParts(), "<max-request-size>1000</max-request-size>")
    head = f"POST /app/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n{KIND}\r\n\r\n"
    assert app.send(head.encode(), "POST")[0].status == 413


@pytest.mark.rules("RT-MP-02")
def test_a_chunked_body_is_read_to_the_limit_only(uploads):
    app = uploads(lambda r: r.getParts(), "<max-request-size>1000</max-request-size>")
    client = app.connect()
    head = f"POST /app/?q=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{KIND}\r\n\r\n".encode()
    client.send(head + b"500\r\n" + part(FILE, b"x" * 2000)[:0x500] + b"\r\n")  # and nothing more
    assert client.answer("POST").status == 413


@pytest.mark.rules("RT-MP-02")
def test_within_the_limit_bodies_of_both_kinds_are_read(uploads):
    app = uploads(lambda r: shown(r.getParts()), "<max-request-size>1000</max-request-size>")
    found = [["a", None, "text"], ["f", "x.txt", "content"]]
    assert ask(app, BOTH) == found
    head = f"POST /app/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{KIND}\r\n\r\n".encode()
    sent = head + b"%x\r\n" % len(BOTH) + BOTH + b"\r\n0\r\n\r\n"
    assert eval(app.send(sent, "POST")[0].text) == found


@pytest.mark.rules("RT-MP-01")
def test_a_forward_target_may_read_the_parts_of_the_servlet_that_was_asked(deploy, web_xml):
    class Front(HttpServlet):
        def service(self, request, response):
            request.getRequestDispatcher("/view").forward(request, response)

    class View(HttpServlet):
        def service(self, request, response):
            response.getWriter().write(repr([shown(request.getParts()), request.getParameter("a")]))

    declared = (
        "<servlet><servlet-name>f</servlet-name><servlet-class>app.Front</servlet-class><multipart-config/>"
        "</servlet><servlet><servlet-name>v</servlet-name><servlet-class>app.View</servlet-class></servlet>"
        "<servlet-mapping><servlet-name>f</servlet-name><url-pattern>/</url-pattern></servlet-mapping>"
        "<servlet-mapping><servlet-name>v</servlet-name><url-pattern>/view</url-pattern></servlet-mapping>"
    )
    app = deploy(web_xml(declared), classes=[Front, View])
    assert ask(app, BOTH) == [[["a", None, "text"], ["f", "x.txt", "content"]], "text"]
