"""Static files: conditions, ranges, variants, paths (spec of the front, chapter 4; RT-DEF)."""

import errno
import os
from email.utils import parsedate_to_datetime

import pytest

from container.files import (
    DOCUMENT_ROOT,
    MAX_RANGES,
    MIME_TYPES,
    WEB_APP,
    Answer,
    Conditions,
    FileInfo,
    Span,
    StaticPlan,
    choose_encoding,
    decide,
    describe,
    format_http_date,
    is_hidden,
    is_protected,
    mime_table,
    mime_type,
    open_again,
    open_file,
    parse_http_date,
    read_pieces,
    safe_join,
    signature,
    static_root,
)

MTIME = 1577836800  # 2020-01-01T00:00:00Z
DATE = "Wed, 01 Jan 2020 00:00:00 GMT"
OLDER = "Tue, 31 Dec 2019 23:59:59 GMT"
LATER = "Wed, 01 Jan 2020 00:00:01 GMT"


@pytest.fixture
def root(tmp_path):
    """A folder with the ten bytes of the acceptance vectors."""
    path = tmp_path / "root"
    path.mkdir()
    (path / "ten.txt").write_bytes(b"0123456789")
    os.utime(path / "ten.txt", (MTIME, MTIME))
    return os.path.realpath(path)


def ten(rules=DOCUMENT_ROOT, **changes) -> FileInfo:
    etag = '"5e0be100-a"' if rules is DOCUMENT_ROOT else 'W/"10-1577836800000"'
    return FileInfo(**{"size": 10, "mtime_s": MTIME, "etag": etag, "content_type": "text/plain", **changes})


def ask(rules=DOCUMENT_ROOT, method="GET", info=None, **fields) -> Answer:
    return decide(method, info or ten(rules), Conditions(**fields), rules)


def body(answer: Answer, data: bytes = b"0123456789") -> bytes:
    return b"".join(
        piece if isinstance(piece, bytes) else data[piece.offset : piece.offset + piece.count]
        for piece in answer.pieces
    )


# --- the acceptance vectors (chapter 14) ---


def test_full_answer_has_all_headers():
    answer = ask()
    assert answer.status == 200
    assert dict(answer.headers) == {
        "Accept-Ranges": "bytes",
        "Content-Length": "10",
        "Content-Type": "text/plain",
        "ETag": '"5e0be100-a"',
        "Last-Modified": DATE,
    }
    assert answer.pieces == (Span(0, 10),)


def test_head_has_the_headers_of_get_and_no_body():
    assert ask(method="HEAD") == Answer(200, ask().headers)


def test_head_of_a_range_in_a_document_root():
    answer = ask(method="HEAD", range="bytes=0-3")
    assert (answer.status, dict(answer.headers)["Content-Length"], answer.pieces) == (206, "4", ())


def test_rt_def_06_head_and_post_of_a_range_in_a_web_app_are_full():
    for method in ("HEAD", "POST"):
        answer = ask(WEB_APP, method, range="bytes=0-3")
        assert (answer.status, dict(answer.headers)["Content-Length"]) == (200, "10")


TAG = '"5e0be100-a"'


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"if_none_match": f"W/{TAG}"}, 304),
        ({"if_none_match": TAG}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": f'"x", {TAG}'}, 304),
        ({"if_none_match": '"zzz"', "if_modified_since": DATE}, 200),
        ({"if_none_match": TAG, "if_modified_since": OLDER}, 304),
        ({"if_modified_since": DATE}, 304),
        ({"if_modified_since": LATER}, 304),
        ({"if_modified_since": OLDER}, 200),
        ({"if_modified_since": "garbage"}, 200),
        ({"if_match": f"W/{TAG}"}, 412),
        ({"if_match": TAG}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": '"a", "b"'}, 412),
        ({"if_match": TAG, "if_unmodified_since": OLDER}, 200),
        ({"if_unmodified_since": OLDER}, 412),
        ({"if_unmodified_since": DATE}, 200),
        ({"if_unmodified_since": "garbage"}, 200),
        ({"range": "bytes=50-", "if_match": '"x"'}, 412),
        ({"range": "bytes=0-3", "if_none_match": TAG}, 304),
        ({"range": "bytes=0-3", "if_modified_since": DATE}, 304),
        ({"range": "bytes=0-3", "if_range": TAG}, 206),
        ({"range": "bytes=0-3", "if_range": f"W/{TAG}"}, 200),
        ({"range": "bytes=0-3", "if_range": '"other"'}, 200),
        ({"range": "bytes=0-3", "if_range": DATE}, 206),
        ({"range": "bytes=0-3", "if_range": LATER}, 200),
        ({"range": "bytes=0-3", "if_range": "garbage"}, 200),
        ({"if_none_match": ""}, 200),
        ({"if_match": '"unclosed'}, 412),
    ],
)
def test_preconditions_in_the_order_of_rfc_9110(fields, status):
    assert ask(**fields).status == status


WEAK = 'W/"10-1577836800000"'


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [  # as the reference answers, where it differs from a document root
        ("GET", {"if_match": WEAK}, 412),
        ("POST", {"if_match": WEAK}, 412),
        ("POST", {"if_match": "*"}, 200),
        ("GET", {"if_match": '"x"', "if_unmodified_since": LATER}, 412),
        ("GET", {"if_match": '""'}, 412),
        ("GET", {"if_match": ""}, 400),
        ("GET", {"if_match": '*, "x"'}, 400),
        ("GET", {"if_none_match": ""}, 400),
        ("GET", {"if_none_match": '"x'}, 400),
        ("GET", {"if_none_match": '*, "x"'}, 400),
        ("GET", {"if_none_match": f'{WEAK}, "y"'}, 304),
        ("HEAD", {"if_none_match": "*"}, 304),
        ("POST", {"if_none_match": "*"}, 412),
        ("POST", {"if_none_match": WEAK}, 412),
        ("POST", {"if_modified_since": LATER}, 200),
        ("GET", {"range": "bytes=0-4", "if_range": WEAK}, 200),
        ("GET", {"range": "bytes=0-4", "if_range": DATE}, 206),
        ("GET", {"range": "bytes=0-4", "if_range": "garbage"}, 400),
        ("GET", {"range": "bytes=0-4", "if_range": f'{WEAK}, "other"'}, 400),
        ("GET", {"range": "bytes=0-4", "if_range": 'other"'}, 400),
        ("GET", {"range": "bytes=0-4", "if_modified_since": LATER}, 304),
    ],
)
def test_rt_def_06_preconditions_in_a_web_app(method, fields, status):
    assert ask(WEB_APP, method, **fields).status == status


def test_304_carries_validators_only():
    assert dict(ask(if_none_match="*", info=ten(varies=True)).headers) == {
        "ETag": TAG,
        "Last-Modified": DATE,
        "Vary": "Accept-Encoding",
    }
    assert ask(WEB_APP, if_none_match="*").headers == (("ETag", WEAK),)


# --- ranges (chapter 4.4) ---


@pytest.mark.parametrize(
    ("value", "status", "content_range"),
    [
        ("bytes=0-3", 206, "bytes 0-3/10"),
        ("BYTES=0-3", 206, "bytes 0-3/10"),
        ("bytes=5-", 206, "bytes 5-9/10"),
        ("bytes=-3", 206, "bytes 7-9/10"),
        ("bytes=-100", 206, "bytes 0-9/10"),
        ("bytes=0-100", 206, "bytes 0-9/10"),
        ("bytes=0-99999999999999999999999", 206, "bytes 0-9/10"),
        ("bytes=-0", 416, "bytes */10"),
        ("bytes=10-", 416, "bytes */10"),
        ("bytes=10-20", 416, "bytes */10"),
        ("bytes=99999999999999999999-", 416, "bytes */10"),
        ("bytes=" + "9" * 5000 + "-", 416, "bytes */10"),
        ("bytes=5-3", 200, None),
        ("bytes=abc", 200, None),
        ("bytes=-", 200, None),
        ("bytes=", 200, None),
        ("bytes=,", 200, None),
        ("items=0-3", 200, None),
        ("bytes = 0-1", 200, None),
        ("0-1", 200, None),
        ("bytes=0-1, 20-30", 206, "bytes 0-1/10"),
        ("bytes=20-30, 40-50", 416, "bytes */10"),
        ("bytes=0-1,", 206, "bytes 0-1/10"),
        ("bytes=0-8,1-9", 200, None),
        ("bytes=0-9,0-9", 200, None),
        ("bytes=\u0661-\u0662", 200, None),
    ],
)
def test_ranges_of_a_document_root(value, status, content_range):
    answer = ask(range=value)
    assert (answer.status, dict(answer.headers).get("Content-Range")) == (status, content_range)


@pytest.mark.parametrize(
    ("value", "status"),
    [  # as the reference answers
        ("bytes=0-3", 206),
        ("bytes= 0-3", 206),
        ("bytes =0-3", 206),
        ("bytes=0 - 3", 206),
        ("bytes=-100", 206),
        ("bytes=26-", 416),
        ("bytes=5-4", 416),
        ("bytes=a-b", 416),
        ("bytes=", 416),
        ("0-4", 416),
        ("bytes=0-4;x", 416),
        ("bytes=,0-4", 416),
        ("bytes=0-4,30-40", 416),
        ("items=0-4", 200),
    ],
)
def test_rt_def_06_ranges_of_a_web_app(value, status):
    answer = ask(WEB_APP, range=value)
    assert answer.status == status
    if status == 416:
        assert dict(answer.headers) == {"Accept-Ranges": "bytes", "Content-Range": "bytes */10"}


@pytest.mark.parametrize("rules", [WEB_APP, DOCUMENT_ROOT])
def test_ranges_of_an_empty_file_are_ignored(rules):
    assert ask(rules, info=ten(rules, size=0), range="bytes=0-4").status == 200


def test_more_ranges_than_the_limit_are_answered_in_full():
    info = ten(size=10_000)
    few = ",".join(f"{n}-{n}" for n in range(MAX_RANGES))
    assert ask(info=info, range=f"bytes={few}").status == 206
    assert ask(info=info, range=f"bytes={few},500-500").status == 200


def test_multipart_layout():
    answer = ask(range="bytes=0-1,3-4")
    headers = dict(answer.headers)
    kind, _, boundary = headers["Content-Type"].partition(";boundary=")
    assert kind == "multipart/byteranges"
    assert "Content-Range" not in headers
    expected = (
        f"\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
        f"\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-4/10\r\n\r\n34"
        f"\r\n--{boundary}--\r\n"
    )
    assert body(answer) == expected.encode()
    assert headers["Content-Length"] == str(len(expected))


def test_multipart_of_a_web_app_is_as_long_as_the_reference():
    alphabet = ten(WEB_APP, size=26)
    assert dict(ask(WEB_APP, info=alphabet, range="bytes=0-4,10-14").headers)["Content-Length"] == "210"
    assert dict(ask(WEB_APP, info=alphabet, range="bytes=0-4,10-14,-3").headers)["Content-Length"] == "300"


def test_multipart_without_a_type():
    assert b"Content-Type" not in body(ask(info=ten(content_type=None), range="bytes=0-1,3-4"))


# --- variants (chapter 4.5) ---


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, br", "br"),
        ("gzip;q=1, br;q=0.9", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("gzip;q=0", None),
        ("gzip;q=0, *", "br"),
        ("br;q=0, *", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("gzip;q=0.000", None),
        ("gzip;q=nonsense", None),
        ("gzip;q=2", None),
        ("gzip ; q=0.3", "gzip"),
        ("gzip;q=0.3, identity;q=0.9", None),
        ("identity, gzip", "gzip"),
        ("deflate", None),
    ],
)
def test_choose_encoding(accept, chosen):
    assert choose_encoding(accept, ("br", "gzip")) == chosen


def test_choose_encoding_takes_what_exists():
    assert choose_encoding("br, gzip", ("gzip",)) == "gzip"
    assert choose_encoding("br, gzip", ()) is None


def test_both_variants_vary():
    identity, compressed = ask(info=ten(varies=True)), ask(info=ten(varies=True, encoding="gzip"))
    assert ("Vary", "Accept-Encoding") in identity.headers
    assert ("Vary", "Accept-Encoding") in compressed.headers
    assert ("Content-Encoding", "gzip") in compressed.headers


# --- dates, types ---


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 2024 10:04:05 GMT",
        "Monday, 01-Jan-24 10:04:05 GMT",
        "Mon Jan  1 10:04:05 2024",
        " Mon, 01 Jan 2024 10:04:05 GMT ",
        "mon, 1 jan 2024 10:04:05 gmt",
        "Sat, 01 Jan 2024 10:04:05 UTC",
        "Mon, 01 Jan 2024 05:04:05 EST",
        "Mon, 01 Jan 2024 3:04:05 PDT",
        "Mon, 01 Jan 2024 11:34:05 +0130",
        "Mon, 01 Jan 2024 09:04:05 -0100",
        "Monday, 01-Jan-24 10:04:05 GMT; length=26",
        "Mon Jan  1 10:04:05 2024 GMT",
    ],
)
def test_three_forms_of_a_date(text):
    assert parse_http_date(text) == 1704103445


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "1704103445",
        "Mon, 01 Foo 2024 10:04:05 GMT",
        "Mon, 41 Jan 2024 10:04:05 GMT",
        "Mon, 01 Jan 2024 10:04:05 CET",
        "Mon, 01 Jan 2024 10:04:05 GMTX",
        "Mon, 01 Jan 2024 10:04:05",
        "Mo, 01 Jan 2024 10:04:05 GMT",
        "Mon, 01 Jan 0000 10:04:05 GMT",
        "Mon Jan   10:04:05 2024",
        "Mon, \u0661\u0661 Jan 2024 10:04:05 GMT",
    ],
)
def test_what_is_no_date(text):
    assert parse_http_date(text) is None


def test_two_digit_years():
    assert parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777


def test_dates_round_trip_and_drop_fractions():
    assert format_http_date(1704103445.9) == "Mon, 01 Jan 2024 10:04:05 GMT"
    assert parsedate_to_datetime(format_http_date(MTIME)).timestamp() == MTIME == parse_http_date(DATE)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html"),
        ("a.HTML", "text/html"),
        ("a.b.png", "image/png"),
        (".txt", "text/plain"),
        ("/x/y.css", "text/css"),
        ("a", None),
        ("a.", None),
        ("", None),
        ("a.unknown", None),
        ("a.tar.gz", None),
        ("/x.css/y", None),
    ],
)
def test_rt_def_05_rt_ctx_10_type_by_the_last_extension(name, kind):
    assert mime_type(name) == kind


def test_mime_mappings_of_the_web_app_win():
    table = mime_table([("txt", "text/x-custom"), ("UP", "text/x-up"), ("tar.gz", "application/x-targz")])
    assert mime_type("a.TXT", table) == "text/x-custom"
    assert mime_type("c.up", table) == "text/x-up"
    assert mime_type("e.tar.gz", table) is None
    assert mime_type("a.html", table) == "text/html"
    assert MIME_TYPES["txt"] == "text/plain"


# --- paths (chapter 4.8) ---


@pytest.mark.parametrize(
    "path",
    [
        "/WEB-INF",
        "/WEB-INF/web.xml",
        "/web-inf/web.xml",
        "/Web-Inf/",
        "/META-INF/x",
        "/meta-inf",
        "/a/WEB-INF/x",
        "/WEB-INF./x",
        "/WEB-INF /x",
        "/WEB-\u0131NF".replace("\u0131", "i"),
    ],
)
def test_rt_def_01_protected_in_any_spelling(path):
    assert is_protected(path)


@pytest.mark.parametrize("path", ["/", "/WEB-INFO", "/XWEB-INF", "/inf", "/webinf/x"])
def test_rt_def_01_what_is_not_protected(path):
    assert not is_protected(path)


def test_hidden():
    assert is_hidden("/.git/config")
    assert is_hidden("/a/.htaccess")
    assert is_hidden("/.well-known/.x")
    assert not is_hidden("/.well-known/acme")
    assert not is_hidden("/a.b")


@pytest.mark.parametrize("path", ["x", "", "/../x", "/a/../x", "/./x", "/a//b", "/a\0", "//x/../y"])
def test_safe_join_refuses(path):
    assert safe_join("/root", path) is None


def test_safe_join():
    assert safe_join("/root", "/") == "/root"
    assert safe_join("/root", "/a/b.txt") == "/root/a/b.txt"
    assert safe_join("/root", "/a/") == "/root/a"


def opened(root, path, **options):
    """Open, close and tell: bytes of a file, "directory", or None."""
    if (found := open_file(root, path, **options)) is None:
        return None
    if found.file is None:
        return "directory"
    with found.file as file:
        return file.read()


def test_open_file(root):
    os.mkdir(f"{root}/dir")
    assert opened(root, "/ten.txt") == b"0123456789"
    assert opened(root, "/dir") == "directory"
    assert opened(root, "/") == "directory"
    for missing in ("/nosuch", "/ten.txt/x", "/" + "x" * 300, "/\udc80", "/a\0b"):
        assert opened(root, missing) is None


def test_fifos_neither_hang_nor_are_sent(root):
    os.mkfifo(f"{root}/fifo")
    assert opened(root, "/fifo") is None


def test_an_unreadable_file_is_forbidden(root, monkeypatch):
    os.chmod(f"{root}/ten.txt", 0)
    if os.geteuid() == 0:  # root may read everything

        def refuse(name, flags):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        open_file(root, "/ten.txt")


def test_a_loop_of_links_is_forbidden(root):
    os.symlink("loop", f"{root}/loop")
    with pytest.raises(PermissionError):
        open_file(root, "/loop")


def test_rt_def_07_links_stay_inside(root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "root-twin").mkdir()
    (tmp_path / "root-twin" / "x").write_text("secret")
    os.mkdir(f"{root}/WEB-INF")
    with open(f"{root}/WEB-INF/web.xml", "w") as file:
        file.write("<web-app/>")
    os.symlink("ten.txt", f"{root}/good")
    os.symlink("../secret", f"{root}/bad")
    os.symlink("../root-twin", f"{root}/twin")
    os.symlink(tmp_path, f"{root}/up")
    os.symlink("WEB-INF", f"{root}/inf")
    assert opened(root, "/good") == b"0123456789"
    assert opened(root, "/bad") is None
    assert opened(root, "/twin/x") is None
    assert opened(root, "/up/secret") is None
    assert opened(root, "/inf/web.xml") is None
    assert opened(root, "/WEB-INF/web.xml") is None
    assert opened(root, "/inf/web.xml", protected=False) == b"<web-app/>"


def test_open_again_only_opens_the_same_file(root):
    found = open_file(root, "/ten.txt")
    assert found
    assert found.file
    found.file.close()
    known = signature(found.status)
    again = open_again(found.name, known)
    assert again
    again.close()
    with open(found.name, "ab") as file:
        file.write(b"x")
    assert open_again(found.name, known) is None
    os.unlink(found.name)
    assert open_again(found.name, known) is None


def test_describe_uses_the_same_fstat(root):
    status = os.stat(f"{root}/ten.txt")
    assert describe(status, "text/plain", DOCUMENT_ROOT) == ten()
    assert describe(status, "text/plain") == ten(WEB_APP)
    assert describe(status, None, DOCUMENT_ROOT).content_type == "application/octet-stream"
    assert describe(status, None).content_type is None


def test_read_pieces(root):
    with open(f"{root}/ten.txt", "rb") as file:
        assert list(read_pieces(file, (b"<", Span(2, 5), b">"), chunk_bytes=3)) == [b"<", b"234", b"56", b">"]
        assert (
            b"".join(read_pieces(file, (Span(8, 5), b">"))) == b"89"
        )  # shrunk: no more, so that it is noticed


# --- the static plan ---


@pytest.mark.parametrize(
    ("path", "admitted"),
    [
        ("/a.html", True),
        ("/exact", False),
        ("/exact/x", True),
        ("/pre", False),
        ("/pre/", False),
        ("/pre/x/y.css", False),
        ("/prefix", True),
        ("/a.do", False),
        ("/A.DO", False),
        ("/do", True),
        ("/a.do/x", True),
        ("/filtered/a.txt", False),
        ("/FILTERED/a.txt", False),
        ("/secret/x", False),
        ("/page.jinja", False),
        ("/page.jsp", False),
        ("/page.JSPX", False),
        ("/WEB-INF/web.xml", False),
        ("/x/.git/config", False),
    ],
)
def test_the_plan_leaves_out_what_anything_could_see(tmp_path, path, admitted):
    root = static_root(
        "",
        str(tmp_path),
        servlet_patterns=["/exact", "/pre/*", "*.do", ""],
        filter_patterns=["/filtered/*", "/"],
        constraint_patterns=["/secret/*"],
    )
    assert root
    assert root.admits(path) is admitted


@pytest.mark.parametrize(
    "reason",
    [
        {"servlet_patterns": ["/"]},
        {"servlet_patterns": ["/*"]},
        {"filter_patterns": ["/*"]},
        {"constraint_patterns": ["/*"]},
        {"constraint_patterns": ["/"]},
        {"observed": True},
    ],
)
def test_a_context_with_nothing_for_the_front(tmp_path, reason):
    assert static_root("/app", str(tmp_path), **reason) is None


def test_rt_map_01_longest_context_at_a_segment_boundary(tmp_path):
    top, shop = static_root("", str(tmp_path)), static_root("/shop", str(tmp_path))
    plan = StaticPlan({"": top, "/shop": shop, "/shop/admin": None})
    assert plan.find("/x") == (top, "/x")
    assert plan.find("/shopping/x") == (top, "/shopping/x")
    assert plan.find("/shop/x") == (shop, "/x")
    assert plan.find("/shop/admin/x") is None
    assert plan.find("/shop/adminx") == (shop, "/adminx")


def test_without_a_root_context_the_rest_is_the_engines(tmp_path):
    plan = StaticPlan({"/shop": static_root("/shop", str(tmp_path))})
    assert plan.find("/x") is None
    assert plan.find("/SHOP/x") is None
    assert plan.find("/") is None
