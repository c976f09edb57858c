"""DD-DOC-07 to -09: what is no XML, what is refused, and where things stand."""

from __future__ import annotations

import codecs

import pytest

from container.descriptor.markup import MarkupError, parse
from container.descriptor.reader import read_descriptor, read_file


def refusal(data: bytes) -> str:
    with pytest.raises(MarkupError) as caught:
        parse(data, "web.xml")
    return str(caught.value.problem)


def places(data: bytes) -> dict[str, tuple[int, int]]:
    found = {}
    todo = [parse(data, "web.xml").root]
    for element in todo:
        found[element.name] = (element.source.line, element.source.column)
        todo += element.children
    return found


POSITIONS = '<a>\n\t<b/>é<c/>\n😀ü <d\n x="1"/><!-- é\n --> <e/><![CDATA[é<]]><f/></a>'
EXPECTED = {"a": (1, 1), "b": (2, 2), "c": (2, 7), "d": (3, 4), "e": (5, 6), "f": (5, 24)}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_positions_count_characters_from_1(line_end: str) -> None:
    assert places(POSITIONS.replace("\n", line_end).encode()) == EXPECTED


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "gb18030"]
)
def test_positions_do_not_depend_on_the_encoding(encoding: str) -> None:
    first = "" if encoding == "utf-8-sig" else f'<?xml version="1.0" encoding="{encoding}"?>'
    text = POSITIONS.removeprefix("<a>")
    data = f"{first}<a>{text}".encode(encoding)
    assert places(data) == EXPECTED | {"a": (1, 1 + len(first))}


def test_a_tall_file_keeps_its_line_numbers() -> None:
    assert places(b"<a>" + b"\n" * 70_000 + b"<b/></a>")["b"] == (70_001, 1)


@pytest.mark.parametrize(
    "encoding", ["ISO-8859-1", "windows-1252", "ISO-8859-15", "Shift_JIS", "UTF-16", "UTF-8"]
)
def test_text_of_every_encoding(encoding: str) -> None:
    text = "日本" if encoding == "Shift_JIS" else "café"
    data = f"<?xml version='1.0' encoding='{encoding}'?><a>{text}</a>".encode(encoding)
    assert parse(data, "web.xml").root.text == text


@pytest.mark.parametrize(
    "mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE]
)
def test_a_byte_order_mark_wins_over_the_first_line(mark: bytes) -> None:
    name = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
    data = mark + '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode(name.get(mark, "utf-32-le"))
    assert parse(data, "web.xml").root.text == "é"


@pytest.mark.parametrize(
    ("data", "message"),
    [  # DD-DOC-08
        (b"", "web.xml:1:1: not well-formed XML: no element found. Write at least <web-app/>"),
        (b"   \n", "web.xml:2:1: not well-formed XML: no element found."),
        (
            b"<web-app>\n <servlet>\n</web-app>",
            "web.xml:3:3: not well-formed XML: <servlet> of line 2 is still open",
        ),
        (
            b"<web-app>\n",
            "web.xml:2:1: not well-formed XML: <web-app> of line 1 is still open here. Write </web-app>",
        ),
        (b"<web-app>\n a & b</web-app>", "web.xml:2:5: not well-formed XML: a & that begins no entity"),
        (
            b"<web-app>\n<a b=1/></web-app>",
            "web.xml:2:6: not well-formed XML: not well-formed (invalid token)",
        ),
        (
            b"<web-app>\n<x",
            "web.xml:2:1: not well-formed XML: unclosed token. The tag or comment that begins here",
        ),
        (b"<a/><b/>", "web.xml:1:5: not well-formed XML: junk after document element. Only comments"),
        (
            b" <?xml version='1.0'?><a/>",
            "web.xml:1:2: not well-formed XML: XML or text declaration not at start",
        ),
        (
            b"<a b='1' b='2'/>",
            "web.xml:1:10: not well-formed XML: duplicate attribute. Write each attribute once.",
        ),
        (b"<x:a/>", "web.xml:1:1: not well-formed XML: unbound prefix. Declare the prefix"),
        (b"<a>\n&nbsp;</a>", "web.xml:2:1: not well-formed XML: undefined entity. XML knows only &amp;"),
        (b"not xml", "web.xml:1:1: not well-formed XML"),
        (b"<a>\0</a>", "web.xml:1:4: not well-formed XML"),
        (
            "<a>\n<b/>é\ud83d".encode("utf-8", "surrogatepass"),
            "web.xml:2:6: byte 0xed is not UTF-8. Save the file as",
        ),
        (
            b"<a>\r\n caf\xe9</a>",
            "web.xml:2:5: byte 0xe9 is not UTF-8. Save the file as UTF-8, or name its real",
        ),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "web.xml:1:1: unknown encoding 'no-such'. Save"),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "web.xml:1:1: unknown encoding 'rot13'"),
        (b'<?xml version="1.0" encoding="idna"?><a>\xff</a>', "web.xml:1:1: unknown encoding 'idna'"),
        (
            b'<?xml version="1.0" encoding="UTF-16"?><a/> ',
            "web.xml:1:1: it says encoding='UTF-16', but its bytes",
        ),
    ],
)
def test_dd_doc_08_not_well_formed(data: bytes, message: str) -> None:
    assert refusal(data).startswith(message)


@pytest.mark.parametrize(
    "doctype",
    [  # DD-DOC-09
        '<!DOCTYPE web-app [\n  <!ENTITY e "text">]>',
        '<!DOCTYPE web-app [\n  <!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE web-app [\n  <!ENTITY % e SYSTEM "http://127.0.0.1:9/x"> %e;]>',
        '<!DOCTYPE web-app PUBLIC "-//Sun Microsystems, Inc.//DTD Web Application 2.3//EN" "x.dtd" [\n'
        '  <!ENTITY e "x">]>',
    ],
)
def test_dd_doc_09_declared_entities_are_refused(doctype: str) -> None:
    message = refusal(f"{doctype}<web-app>&e;</web-app>".encode())
    assert message.startswith("web.xml:2:3: the document type declares the entity 'e'")
    assert message.endswith("Write its text where it is used and remove the declaration. [WAS103]")


@pytest.mark.parametrize("place", ["<a>&i9;</a>", '<a b="&i9;"/>'])
def test_dd_doc_09_an_entity_bomb_never_grows(place: str) -> None:
    bomb = '<!ENTITY i0 "ha">' + "".join(f'<!ENTITY i{n + 1} "{f"&i{n};" * 10}">' for n in range(9))
    assert "declares the entity 'i0'" in refusal(f"<!DOCTYPE a [{bomb}]>{place}".encode())


def test_dd_doc_09_an_external_document_type_is_not_loaded() -> None:
    document = parse(b'<!DOCTYPE a PUBLIC "-//x" "http://127.0.0.1:9/none.dtd"><a/>', "web.xml")
    assert (document.public_id, document.system_id) == ("-//x", "http://127.0.0.1:9/none.dtd")
    message = refusal(b'<!DOCTYPE a SYSTEM "none.dtd">\n<a>x&copy;y</a>')
    assert message.startswith(
        "web.xml:2:5: &copy; is not known, because external document types are never loaded"
    )


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    depth = 200_000
    _, problems = read_descriptor(b"<web-app>" + b"<x>" * depth + b"</x>" * depth + b"</web-app>", "web.xml")
    assert [p.message for p in problems if p.severity == "error"] == ["<x> is unknown in <web-app>"]


@pytest.mark.parametrize(
    ("root", "fragment", "message"),
    [  # DD-DOC-07
        (
            "not-web-app",
            False,
            "web.xml:1:1: the root element is <not-web-app>, not <web-app>. Write <web-app> (§14).",
        ),
        ("web-fragment", False, "META-INF/web-fragment.xml of a library; write <web-app> here."),
        (
            "web-app",
            True,
            "the root element is <web-app>, not <web-fragment>. It belongs in WEB-INF/web.xml",
        ),
    ],
)
def test_dd_doc_07_wrong_root(root: str, fragment: bool, message: str) -> None:
    web_app, (problem,) = read_descriptor(f"<{root}/>".encode(), "web.xml", fragment=fragment)
    assert message in str(problem)
    assert problem.severity == "error"
    assert web_app.fragment is fragment
    assert web_app.servlets == ()


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path) -> None:
    web_app, (problem,) = read_file(tmp_path / "web.xml", "shop/WEB-INF/web.xml")
    assert str(problem).startswith("shop/WEB-INF/web.xml: cannot be read: No such file or directory.")
    (tmp_path / "web.xml").write_bytes(b'<web-app version="2.3"><display-name>Shop</display-name></web-app>')
    web_app, problems = read_file(tmp_path / "web.xml")
    assert problems == []
    assert web_app.about.display_names[0].source.file == str(tmp_path / "web.xml")
