"""The bytes of an XML file -> its elements, each with the line and column of its "<".

    bytes ──> UTF-8 (byte order mark, encoding="...") ──> expat ──> Document(root Element, DOCTYPE ids)

Nothing outside the file is ever read and nothing is expanded: a file that declares an entity is refused
before the entity can be used (DD-DOC-09), an external document type is named but not loaded. Expat is always
fed UTF-8, so that its columns are characters and every encoding that Python knows will do.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from xml.parsers import expat

from container.errors import ContainerError, Problem, Source

__all__ = ["XML_SPACE", "Document", "Element", "MarkupError", "parse", "to_utf8"]

XML_SPACE = " \t\r\n"
"""What XML calls white space; str.strip() and str.split() would take more."""

_SEPARATOR = "}"  # between a namespace and a local name; no namespace of ours contains it

_TYPOGRAPHIC = frozenset("\u201c\u201d\u201e\u201f\u2033\u2018\u2019\u2032\u00ab\u00bb")

_MARKS = (  # longest first: the mark of UTF-32-LE begins with that of UTF-16-LE
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FIRST_BYTES = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_FOR_HOST_NAMES = ("idna", "punycode")  # codecs of Python, but none of files
_DECLARED = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")

_CURES = {
    expat.errors.XML_ERROR_NO_ELEMENTS: "Write at least <web-app/>, or remove the file.",
    expat.errors.XML_ERROR_INVALID_TOKEN: "In text write &amp; for & and &lt; for <; close each tag with >.",
    expat.errors.XML_ERROR_UNDEFINED_ENTITY: "XML knows only &amp; &lt; &gt; &quot; &apos;: "
    "write the character itself or its number, such as &#160;.",
    expat.errors.XML_ERROR_UNCLOSED_TOKEN: "The tag or comment that begins here is never closed.",
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION: "Close it with ]]>.",
    expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: "Only comments may follow the end of the root element.",
    expat.errors.XML_ERROR_MISPLACED_XML_PI: "Remove what stands before <?xml: it must come first.",
    expat.errors.XML_ERROR_DUPLICATE_ATTRIBUTE: "Write each attribute once.",
    expat.errors.XML_ERROR_UNBOUND_PREFIX: "Declare the prefix with xmlns:...=, or do without it.",
}


class MarkupError(ContainerError):
    """A file that is not XML, or XML we refuse. Nothing in it can be trusted, so it has one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(slots=True, eq=False)
class Element:
    """One element as written. attributes: "name", or "namespace}name"."""

    name: str
    namespace: str
    source: Source
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own text without the white space around it (DD-DOC-10)."""
        return "".join(self.pieces).strip(XML_SPACE)


@dataclass(frozen=True, slots=True)
class Document:
    """A well-formed file."""

    root: Element
    public_id: str | None = None
    system_id: str | None = None


def parse(data: bytes, file: str) -> Document:
    """Raise MarkupError for everything that is not a well-formed, harmless XML document."""
    return _Builder(to_utf8(data, file), file).build()


class _Builder:
    """Expat's callbacks. One per file."""

    def __init__(self, utf8: bytes, file: str) -> None:
        self._utf8 = utf8
        self._file = file
        self._open: list[Element] = []
        self._root: Element | None = None
        self._ids: tuple[str | None, str | None] = (None, None)
        self._parser = parser = expat.ParserCreate("utf-8", _SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity_declared
        parser.SkippedEntityHandler = self._entity_unknown

    def build(self) -> Document:
        try:
            self._parser.Parse(self._utf8, True)
        except expat.ExpatError as error:
            raise self._not_well_formed(error) from None
        if self._root is None:  # expat has already refused a file without a root element
            raise MarkupError(
                Problem(Source(self._file), "no root element", "Write at least <web-app/>.", code="WAS101")
            )
        return Document(self._root, *self._ids)

    def _here(self) -> Source:
        return Source(self._file, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(_SEPARATOR)
        element = Element(local, namespace, self._here(), attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].pieces.append(text)

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, internal: int) -> None:
        self._ids = (public_id, system_id)

    def _entity_declared(self, name: str, *_: object) -> None:
        before = self._utf8[: self._parser.CurrentByteIndex]  # expat stands behind the name
        source = _position(before[: before.rfind(b"<!ENTITY")].decode(), self._file)
        message = f"the document type declares the entity {name!r}; entities are never expanded here"
        raise MarkupError(
            Problem(
                source, message, "Write its text where it is used and remove the declaration.", code="WAS103"
            )
        )

    def _entity_unknown(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            message = f"&{name}; is not known, because external document types are never loaded"
            raise MarkupError(
                Problem(self._here(), message, _CURES[expat.errors.XML_ERROR_UNDEFINED_ENTITY], code="WAS103")
            )

    def _not_well_formed(self, error: expat.ExpatError) -> MarkupError:
        reason = expat.errors.messages[error.code]
        cure = _CURES.get(reason, "")
        if self._open and reason in (expat.errors.XML_ERROR_TAG_MISMATCH, expat.errors.XML_ERROR_NO_ELEMENTS):
            # "no element found" is also what expat says when the file ends too early
            inner = self._open[-1]
            reason = f"<{inner.name}> of line {inner.source.line} is still open here"
            cure = f"Write </{inner.name}> before this."
        elif reason == expat.errors.XML_ERROR_INVALID_TOKEN:
            reason, cure = self._invalid_token(reason, cure)
        source = Source(self._file, error.lineno, error.offset + 1)
        code = "WAS103" if reason == expat.errors.XML_ERROR_UNDEFINED_ENTITY else "WAS101"
        return MarkupError(Problem(source, f"not well-formed XML: {reason}", cure, code=code))

    def _invalid_token(self, reason: str, cure: str) -> tuple[str, str]:
        """What people get wrong, in words; expat says the same of all."""
        index = self._parser.ErrorByteIndex
        before = self._utf8[:index].decode("utf-8", "replace")
        char = self._utf8[index:].decode("utf-8", "replace")[:1]
        if before.rfind("<!--") > before.rfind("-->"):
            return "two hyphens -- inside a comment", "Write one, or end the comment with -->."
        if char in _TYPOGRAPHIC and before.rfind("<") > before.rfind(">"):
            return f"the quotation mark {char} in a tag", "Write \" or ' there."
        if char == "&" or re.search(r"&[\w.-]*$", before):
            return "a & that begins no entity", "Write &amp; for &."
        return reason, cure


def to_utf8(data: bytes, file: str) -> bytes:
    """The same text in UTF-8, which expat then takes for granted whatever the first line says."""
    encoding, mark_bytes, is_declared = _encoding(data)
    try:
        if encoding.lower() in _FOR_HOST_NAMES:
            raise LookupError(encoding)
        text = data[mark_bytes:].decode(encoding)
        utf8 = text.encode()  # some codecs let lone surrogates through
    except UnicodeDecodeError as error:
        good, bad = data[mark_bytes:][: error.start], data[mark_bytes:][error.start :][:1]
        source = _position(good.decode(encoding, "replace"), file)
        wrong = f"byte 0x{bad.hex()} is not {encoding.upper()}"
    except (LookupError, UnicodeError):
        source = Source(file, 1, 1)
        wrong = f"unknown encoding {encoding!r}"
    else:
        if not is_declared or text.startswith("<?xml"):
            return utf8
        source = Source(file, 1, 1)
        wrong = f"it says encoding={encoding!r}, but its bytes are not {encoding}"
    raise MarkupError(Problem(source, wrong, _ENCODING_CURE, code="WAS102"))


_ENCODING_CURE = (
    "Save the file as UTF-8, or name its real encoding in the first line, "
    'as in <?xml version="1.0" encoding="ISO-8859-1"?>.'
)


def _encoding(data: bytes) -> tuple[str, int, bool]:
    """Name, length of the byte order mark, and whether the name is the author's word alone."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name, len(mark), False
    for first, name in _FIRST_BYTES:
        if data.startswith(first):
            return name, 0, False
    if declared := _DECLARED.match(data):
        return declared[1].decode("ascii"), 0, True
    return "utf-8", 0, False


def _position(before: str, file: str) -> Source:
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Source(file, len(lines), len(lines[-1]) + 1)
