"""What the front answers on the event loop, and what it leaves to the engine."""

import os

import pytest

from container.front import static

MTIME = 1577836800
DATE = "Wed, 01 Jan 2020 00:00:00 GMT"
FULL = {
    "Accept-Ranges": "bytes",
    "Content-Length": "10",
    "Content-Type": "text/plain",
    "ETag": 'W/"10-1577836800000"',
    "Last-Modified": DATE,
}


def test_get(site):
    for _ in range(2):  # from the disk, from memory
        answer = site.get("/ten.txt")
        assert (answer.status, answer.body, answer.header) == (200, b"0123456789", FULL)


def test_head_has_the_same_headers(site):
    answer = site.ask("HEAD", "/ten.txt")
    assert (answer.status, answer.body, answer.header) == (200, b"", FULL)


def test_a_query_does_not_matter(site):
    assert site.get("/ten.txt?v=1&x=%20").body == b"0123456789"
    assert site.get("/ten.txt?").body == b"0123456789"
    assert site.get("/ten.txt?a#b") is None  # RT-URI-11: a fragment is the engine's to refuse


def test_an_empty_file_and_one_without_a_type(site):
    assert site.get("/empty.txt").header["Content-Length"] == "0"
    assert "Content-Type" not in site.get("/noext").header  # RT-DEF-05


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE", "TRACE", "FOO", "get"])
def test_every_other_method_is_the_engines(site, method):
    assert site.ask(method, "/ten.txt") is None


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/dir",
        "/dir/",
        "/nosuch",
        "/ten.txt/",
        "/ten.txt/x",
        "//ten.txt",
        "/./ten.txt",
        "/dir/../ten.txt",
        "/../ten.txt",
        "/%74en.txt",
        "/ten.txt;v=1",
        "/ten.txt%00",
        "/ten\\.txt",
        "/ten.txt#x",
        "http://host/ten.txt",
        "ten.txt",
        "*",
        "",
        "/page.jinja",
        "/.hidden",
        "/dir/.",
        "/WEB-INF/secret.txt",
        "/web-inf/secret.txt",
        "/META-INF/secret.txt",
        "/%57EB-INF/secret.txt",
        "/WEB-INF;x/secret.txt",
        "/WEB-INF./secret.txt",
        b"/caf\xc3\xa9.txt",
        b"/ten.txt\n",
        b"/ten.txt\x00",
    ],
)
def test_what_is_not_plainly_a_file_is_the_engines(site, target):
    assert site.get(target) is None
    assert site.get(target) is None


def test_what_a_servlet_filter_or_constraint_could_see_is_the_engines(make_site):
    site = make_site(servlet_patterns=["/dir/*"], filter_patterns=["*.js"], constraint_patterns=["/noext"])
    for target in ("/dir/index.html", "/app.js", "/noext"):
        assert site.get(target) is None
        assert site.get(target) is None
    assert site.get("/ten.txt").status == 200


def test_types_with_parameters_are_the_engines(make_site):
    assert make_site(mime_types={"txt": "text/plain;charset=UTF-8"}).get("/ten.txt") is None


def test_in_a_context(make_site):
    site = make_site("/shop")
    assert site.get("/shop/ten.txt").status == 200
    assert site.get("/ten.txt") is None
    assert site.get("/shop") is None
    assert site.get("/shopping/ten.txt") is None


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
        ("If-Match", '"x"'),
        ("If-None-Match", "garbage"),
        ("If-Unmodified-Since", "Tue, 31 Dec 2019 00:00:00 GMT"),
        ("Range", "bytes=50-"),
        ("Range", "bytes=garbage"),
    ],
)
def test_bodies_and_errors_are_the_engines(site, header):
    assert site.get("/ten.txt", header) is None


@pytest.mark.parametrize(
    "headers",
    [
        [("If-None-Match", FULL["ETag"])],
        [("if-none-match", '"x"'), ("IF-NONE-MATCH", "*")][1:],
        [("If-None-Match", '"x"'), ("If-None-Match", FULL["ETag"])],
        [("If-Modified-Since", DATE)],
        [("If-Modified-Since", DATE), ("Range", "bytes=0-3")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified(site, method, headers):
    answer = site.ask(method, "/ten.txt", *headers)
    assert (answer.status, answer.body, answer.header) == (304, b"", {"ETag": FULL["ETag"]})


def test_ranges(site):
    answer = site.get("/ten.txt", ("Range", "bytes=2-4"), ("Range", "bytes=0-0"))
    assert (answer.status, answer.body) == (206, b"234")
    assert answer.header == {**FULL, "Content-Length": "3", "Content-Range": "bytes 2-4/10"}
    several = site.get("/ten.txt", ("Range", "bytes=0-1,3-4"))
    assert several.header["Content-Type"].startswith("multipart/byteranges;boundary=")
    assert several.header["Content-Length"] == str(len(several.body))
    assert site.get("/ten.txt", ("Range", "bytes=2-4"), ("If-Range", '"x"')).body == b"0123456789"
    assert site.ask("HEAD", "/ten.txt", ("Range", "bytes=2-4")).header == FULL


def test_precompressed(site):
    for accept, encoding, body in (
        ("gzip, deflate", "gzip", b"gzipped"),
        ("gzip, deflate, br", "br", b"brotli"),
        ("br;q=0, *", "gzip", b"gzipped"),
        ("identity", None, b"let x = 1;" * 10),
    ):
        answer = site.get("/app.js", ("Accept-Encoding", accept))
        assert answer.body == body
        assert answer.header.get("Content-Encoding") == encoding
        assert answer.header["Content-Type"] == "text/javascript"
        assert answer.header["Vary"] == "Accept-Encoding"
        assert answer.header["Content-Length"] == str(len(body))
    assert site.get("/app.js").header["Vary"] == "Accept-Encoding"
    assert "Vary" not in site.get("/ten.txt", ("Accept-Encoding", "gzip")).header


def test_variants_have_their_own_validators(site):
    plain, zipped = site.get("/app.js"), site.get("/app.js", ("Accept-Encoding", "gzip"))
    assert plain.header["ETag"] != zipped.header["ETag"]
    again = site.get("/app.js", ("Accept-Encoding", "gzip"), ("If-None-Match", zipped.header["ETag"]))
    assert (again.status, again.header["Vary"]) == (304, "Accept-Encoding")
    assert site.get("/app.js", ("If-None-Match", zipped.header["ETag"])).status == 200
    part = site.get("/app.js", ("Accept-Encoding", "gzip"), ("Range", "bytes=0-1"))
    assert (part.body, part.header["Content-Encoding"]) == (b"gz", "gzip")


def test_precompressed_can_be_off(make_site):
    answer = make_site(precompressed=False).get("/app.js", ("Accept-Encoding", "gzip"))
    assert "Content-Encoding" not in answer.header
    assert "Vary" not in answer.header


def test_a_changed_file_is_seen_after_a_second(site, write):
    assert site.get("/ten.txt").body == b"0123456789"
    write("ten.txt", b"new")
    site.now_s += 0.5
    assert site.get("/ten.txt").body == b"0123456789"
    site.now_s += 1
    answer = site.get("/ten.txt")
    assert (answer.body, answer.header["Content-Length"]) == (b"new", "3")


def test_a_removed_file_is_the_engines_and_a_new_one_is_found(site, folder, write):
    site.get("/ten.txt")
    (folder / "ten.txt").unlink()
    site.now_s += 2
    assert site.get("/ten.txt") is None
    write("ten.txt", b"again")
    assert site.get("/ten.txt").body == b"again"


def test_a_new_variant_is_seen(site, write):
    site.get("/ten.txt")
    write("ten.txt.gz", b"z")
    site.now_s += 2
    assert site.get("/ten.txt", ("Accept-Encoding", "gzip")).body == b"z"


def test_a_file_replaced_by_a_link_outwards_is_not_served(site, folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.txt"
    secret.write_text("secret")
    site.get("/ten.txt")
    (folder / "ten.txt").unlink()
    (folder / "ten.txt").symlink_to(secret)
    site.now_s += 2
    assert site.get("/ten.txt") is None


def test_links_to_web_inf_and_fifos_are_the_engines(site, folder):
    (folder / "open").symlink_to("WEB-INF")
    os.mkfifo(folder / "fifo")
    assert site.get("/open/secret.txt") is None
    assert site.get("/fifo") is None


def test_large_files_are_sent_from_the_disk(site, write, monkeypatch):
    monkeypatch.setattr(static, "MEMORY_FILE_BYTES", 100)
    data = bytes(range(256)) * 4
    write("large.bin", data)
    for _ in range(2):
        answer = site.get("/large.bin")
        assert (answer.body, answer.files_sent) == (data, 1)
        assert answer.header["Content-Length"] == "1024"
    assert site.ask("HEAD", "/large.bin").header == answer.header
    part = site.get("/large.bin", ("Range", "bytes=10-19"))
    assert (part.status, part.body, part.files_sent) == (206, data[10:20], 1)
    assert site.get("/large.bin", ("Range", "bytes=0-1,3-4")) is None
    write(
        "large.bin", data + b"x"
    )  # not yet looked at again: neither the old length nor the new one is known
    assert site.get("/large.bin") is None
    site.now_s += 2
    assert site.get("/large.bin").body == data + b"x"


def test_memory_is_bounded(site, write, monkeypatch):
    monkeypatch.setattr(static, "MEMORY_COUNT", 5)
    monkeypatch.setattr(static, "MEMORY_BYTES", 100)
    for n in range(20):
        write(f"{n}.txt", b"x" * 30)
        assert site.get(f"/{n}.txt").status == 200
    assert repr(site.files) == "<StaticFiles 3 paths, 90 bytes in memory>"
    for n in range(20):
        write(f"{n}.txt", b"x", mtime=MTIME + n)
        assert site.get(f"/{n}.txt").status == 200
        site.now_s += 2
    assert repr(site.files) == "<StaticFiles 5 paths, 5 bytes in memory>"


def test_unknown_paths_leave_nothing_behind(site):
    for n in range(100):
        site.get(f"/nosuch/{n}?{n}")
    assert repr(site.files) == "<StaticFiles 0 paths, 0 bytes in memory>"


def test_paths_of_the_engine_do_not_displace_files(site, monkeypatch):
    monkeypatch.setattr(static, "MEMORY_COUNT", 5)
    site.get("/ten.txt")
    for n in range(20):
        site.get(f"/{n}.jsp")
    assert repr(site.files) == "<StaticFiles 5 paths, 10 bytes in memory>"
