"""The text of one element -> a value, or a problem. One function for each kind of text the schemas know.

Each takes the element and the Reading it belongs to, and answers None after it has reported what is wrong.
``string`` collapses white space inside (DD-DOC-11), ``free`` keeps it; white space around is always gone
(DD-DOC-10).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping

from container.descriptor import checks
from container.descriptor.markup import XML_SPACE, Element
from container.descriptor.model import Servlet, Text
from container.errors import Problem, Source

__all__ = [
    "INT", "LONG", "Reading", "auth_method", "boolean", "boolean_text", "class_name", "context_path",
    "cookie_comment", "cookie_name", "encoding", "error_code", "exception_class", "extension", "file_path",
    "flag", "fragment_name", "free", "http_method", "known_encoding", "load_on_startup", "locale", "location",
    "mime_type", "name", "note", "number", "one_of", "opaque", "path", "quoted", "string", "title",
    "url_pattern", "welcome_file",
]  # fmt: skip

INT = 2**31 - 1
LONG = 2**63 - 1

_XML_LANG = "http://www.w3.org/XML/1998/namespace}lang"
_SPACES = re.compile(f"[{XML_SPACE}]+")
_LINE_ENDS = re.compile(r"[\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_MIME_TYPE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f/]+/[^\s\x00-\x1f\x7f-\x9f]+")
_LOCALE = re.compile(r"[a-z]{2}([_-][A-Za-z0-9]{2})?")


class Reading:
    """One file while it is read: its version, and what has been found wrong with it so far."""

    def __init__(
        self,
        version: str,
        namespaces: frozenset[str],
        homes: Mapping[str, tuple[str, ...]],
        *,
        fragment: bool = False,
    ) -> None:
        self.version = version
        self.namespaces = namespaces  # elements of any other are somebody else's
        self.homes = homes  # for each element the elements that may hold it
        self.fragment = fragment
        self.problems: list[Problem] = []
        self.ids: dict[str, Source] = {}  # of the id attributes
        self.told: set[str] = set()  # what the version does not allow is said once

    @property
    def is_dtd(self) -> bool:
        """2.2 and 2.3, which were far less strict than the schemas that followed (DD-VER-04)."""
        return self.version <= "2.3"

    def is_ours(self, element: Element) -> bool:
        return element.namespace in self.namespaces

    def error(self, element: Element, message: str, cure: str = "", *, code: str) -> None:
        self.problems.append(Problem(element.source, f"<{element.name}> {message}", cure, code=code))

    def warn(self, element: Element, message: str, cure: str = "", *, code: str) -> None:
        self.problems.append(
            Problem(element.source, f"<{element.name}> {message}", cure, "warning", code=code)
        )


def quoted(text: str) -> str:
    """A text as it can stand in a one-line message."""
    return json.dumps(text if len(text) <= 80 else text[:79] + "…", ensure_ascii=False)


# Any text


def free(element: Element, reading: Reading) -> str:
    return element.text


def string(element: Element, reading: Reading) -> str:
    return _SPACES.sub(" ", element.text)


def name(element: Element, reading: Reading) -> str | None:
    """A string that must not be empty."""
    if text := string(element, reading):
        return text
    reading.error(
        element, "is empty", f"Write a name, or remove the element around <{element.name}>.", code="WAS117"
    )
    return None


def title(element: Element, reading: Reading) -> Text:
    return Text(string(element, reading), element.source, element.attributes.get(_XML_LANG, "en"))


def note(element: Element, reading: Reading) -> Text:
    return Text(element.text, element.source, element.attributes.get(_XML_LANG, "en"))


def opaque(element: Element, reading: Reading) -> None:
    """A part of a platform element that nobody here looks into."""


def flag(element: Element, reading: Reading) -> bool:
    """An element that is there or not. <distributable>false</distributable> is there."""
    if element.text:
        reading.warn(
            element,
            f"is on because it is there; its text {quoted(element.text)} means nothing",
            f"Write <{element.name}/>, or remove it to switch it off.",
            code="WAS122",
        )
    return True


# One word of a known set


def boolean(element: Element, reading: Reading) -> bool | None:
    text = boolean_text(element, reading)
    return None if text is None else text == "true"


def boolean_text(element: Element, reading: Reading) -> str | None:
    return _one_of(element, reading, ("true", "false"))


def one_of(
    *words: str, formerly: Mapping[str, str] | None = None
) -> Callable[[Element, Reading], str | None]:
    """One of these words, in this case (DD-DOC-18). formerly: what 2.2 said instead."""

    def read(element: Element, reading: Reading) -> str | None:
        if formerly and reading.version == "2.2" and element.text in formerly:
            return formerly[element.text]
        return _one_of(element, reading, words)

    return read


def _one_of(element: Element, reading: Reading, words: tuple[str, ...]) -> str | None:
    text = element.text
    if text in words:
        return text
    meant = next((word for word in words if _loose(word) == _loose(text)), None)
    allowed = f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
    reading.error(
        element,
        f"{quoted(text)} is not {allowed}",
        f"Write {meant}: the case counts (§14.2)." if meant else f"Write {allowed} (§14.2).",
        code="WAS115",
    )
    return None


def _loose(word: str) -> str:
    return word.lower().replace("_", "-")


# Numbers


def number(
    low: int = -INT - 1, high: int = INT, unit: str = "", *, is_needed: bool = True
) -> Callable[[Element, Reading], int | None]:
    """A whole number. unit is for the message, as in "seconds". Without is_needed a wrong one is ignored."""
    kind = f"a whole number of {unit}" if unit else "a whole number"

    def read(element: Element, reading: Reading) -> int | None:
        text = element.text
        if not _NUMBER.fullmatch(text):
            wrong, cure = f"{quoted(text)} is not {kind}", "Write digits only, without a unit."
        elif not low <= int(text) <= high:
            wrong, cure = f"{text} is out of range", f"Write {kind} from {low} to {high}."
        else:
            return int(text)
        if is_needed:
            reading.error(element, wrong, cure, code="WAS116")
        else:
            reading.warn(element, f"{wrong} and is ignored", cure, code="WAS116")
        return None

    return read


def cookie_comment(element: Element, reading: Reading) -> str:
    if reading.version >= "6.0":
        reading.warn(element, "is obsolete since 6.0 and has no effect", "Remove it.", code="WAS110")
    return string(element, reading)


def load_on_startup(element: Element, reading: Reading) -> int | None:
    if element.text:
        return number()(element, reading)
    if reading.version == "2.4":  # DD-SRV-11: allowed before and after, but not there
        reading.warn(
            element,
            "is empty, which 2.4 does not allow",
            "Write a number; lower ones start first.",
            code="WAS110",
        )
    return Servlet.LOAD_LAST


def auth_method(element: Element, reading: Reading) -> str | None:
    """One of four names; a container may know more, ours does not (DD-SEC-14)."""
    _one_of(element, reading, ("BASIC", "DIGEST", "FORM", "CLIENT-CERT"))
    return string(element, reading) or None


def error_code(element: Element, reading: Reading) -> int | None:
    text = element.text
    if re.fullmatch("[0-9]{3}", text) and text != "000":
        return int(text)
    reading.error(
        element,
        f"{quoted(text)} is not an HTTP status of three digits",
        "Write for example 404 (§10.9.2).",
        code="WAS603",
    )
    return None


# Paths and patterns


def path(element: Element, reading: Reading) -> str | None:
    """A path inside the web app, canonical (DD-DOC-12 to -17)."""
    text = element.text
    if not _is_one_line(element, reading):
        return None
    if not text:
        reading.error(element, "is empty", 'Write a path such as "/index.html".', code="WAS117")
        return None
    if not text.startswith("/"):
        repaired = "/" + text
        wrong, cure = f'{quoted(text)} does not begin with "/"', f"Write {quoted(repaired)}."
        if reading.is_dtd:
            reading.warn(element, f"{wrong}; taken for {quoted(repaired)}", cure, code="WAS118")
        else:
            reading.error(element, wrong, cure, code="WAS118")
        text = repaired
    return _canonical(text, element, reading)


def location(element: Element, reading: Reading) -> str | None:
    """A path that may carry a query string, which is left alone."""
    whole, question, query = element.text.partition("?")
    if not _is_one_line(element, reading):
        return None
    canonical = path(_with_text(element, whole), reading)
    return None if canonical is None else canonical + question + query


def file_path(element: Element, reading: Reading) -> str | None:
    """A path that need not begin with "/": of a file in the operating system, or next to the descriptor."""
    return element.text if _is_one_line(element, reading) else None


def welcome_file(element: Element, reading: Reading) -> str | None:
    text = element.text
    if not _is_one_line(element, reading):
        return None
    if not text:
        reading.warn(
            element,
            "is empty and is ignored",
            "Write a file name, or use <welcome-file-list/> for none.",
            code="WAS604",
        )
        return None
    if text.startswith("/") or text.endswith("/"):
        reading.error(
            element,
            f'{quoted(text)} begins or ends with "/": it is put behind the path of each directory',
            f"Write {quoted(text.strip('/'))} (§10.10).",
            code="WAS604",
        )
        return None
    canonical = _canonical("/" + text, element, reading)
    return canonical[1:] if canonical else None


def context_path(element: Element, reading: Reading) -> str | None:
    text = element.text
    if not _is_one_line(element, reading):
        return None
    if not text or (text.startswith("/") and not text.endswith("/")):
        return text
    inner = text.strip("/")
    reading.error(
        element,
        f'{quoted(text)} must begin with "/" and must not end with it',
        f"Write {quoted('/' + inner)}." if inner else "Leave it empty for the root of the server.",
        code="WAS118",
    )
    return None


def url_pattern(element: Element, reading: Reading) -> Text:
    """The pattern as written (DD-UP-12), but for its dot segments; checks.url_pattern_problem judges it."""
    text = element.text
    if _LINE_ENDS.search(text):
        return Text(text, element.source)
    if reading.is_dtd and text and not text.startswith(("/", "*.")):
        code, wrong, meant = "WAS201", 'does not begin with "/"', "/" + text
    elif text.startswith("/") and (canonical := checks.canonical_path(text)) not in (text, None):
        code, wrong, meant = "WAS206", 'holds "." or ".." as in a path', canonical or ""
    else:
        return Text(text, element.source)
    reading.warn(
        element,
        f"{quoted(text)} {wrong}; taken for {quoted(meant)}",
        f"Write {quoted(meant)} (§12.2).",
        code=code,
    )
    return Text(meant, element.source)


def _is_one_line(element: Element, reading: Reading) -> bool:
    if not _LINE_ENDS.search(element.text):
        return True
    reading.error(
        element,
        f"{quoted(element.text)} contains a line break",
        "Write it on one line (§14.2).",
        code="WAS119",
    )
    return False


def _canonical(path: str, element: Element, reading: Reading) -> str | None:
    canonical = checks.canonical_path(path)
    if canonical is None:
        reading.error(
            element,
            f'{quoted(element.text)} leads out of the web app with ".."',
            "Write a path inside the web app (§14.2).",
            code="WAS119",
        )
    return canonical


def _with_text(element: Element, text: str) -> Element:
    return Element(element.name, element.namespace, element.source, element.attributes, [], [text])


# Names of other things


def class_name(element: Element, reading: Reading) -> str | None:
    text = name(element, reading)
    if text is not None and " " in text:
        reading.error(element, f"{quoted(text)} is no class name", "Write it without spaces.", code="WAS120")
        return None
    return text


def exception_class(element: Element, reading: Reading) -> str | None:
    """A class name; those of javax.servlet moved to jakarta.servlet (DD-VER-05)."""
    text = class_name(element, reading)
    return text.replace("javax.servlet.", "jakarta.servlet.", 1) if text else None


def fragment_name(element: Element, reading: Reading) -> str | None:
    text = name(element, reading)
    if text and not re.fullmatch(r"[^\W\d][\w$]*|\$[\w$]*", text):
        reading.warn(
            element,
            f"{quoted(text)} is no Java identifier",
            "Use letters, digits and _ (§8.2.2).",
            code="WAS121",
        )
    return text


def extension(element: Element, reading: Reading) -> str | None:
    text = name(element, reading)
    if text and "." in text:
        reading.warn(
            element,
            f"{quoted(text)} never matches: a file's extension is what follows its last dot",
            f"Write {quoted(text.rpartition('.')[2])}.",
            code="WAS610",
        )
    return text


def mime_type(element: Element, reading: Reading) -> str | None:
    if _MIME_TYPE.fullmatch(element.text):
        return element.text
    reading.error(
        element,
        f"{quoted(element.text)} is not of the form type/subtype without spaces",
        "Write for example text/plain.",
        code="WAS121",
    )
    return None


def locale(element: Element, reading: Reading) -> str | None:
    if _LOCALE.fullmatch(element.text):
        return element.text
    reading.error(
        element,
        f"{quoted(element.text)} is no locale",
        'Write a language such as "ja", or "ja_JP" with a country.',
        code="WAS121",
    )
    return None


def http_method(element: Element, reading: Reading) -> str | None:
    text = element.text
    if not checks.is_token(text) and not reading.is_dtd:
        reading.error(
            element, f"{quoted(text)} is no HTTP method", "Write for example GET (§13.8).", code="WAS511"
        )
        return None
    if reading.version == "2.4" and text not in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"):
        reading.warn(
            element,
            f"{quoted(text)} is not one of the seven methods of 2.4",
            "Raise the file's version.",
            code="WAS110",
        )
    elif text != text.upper():
        reading.warn(
            element,
            f"{quoted(text)} never matches {text.upper()}: methods are case-sensitive",
            f"Write {text.upper()} (§13.8).",
            code="WAS511",
        )
    return text


def cookie_name(element: Element, reading: Reading) -> str | None:
    if checks.is_token(element.text):
        return element.text
    reading.error(
        element,
        f"{quoted(element.text)} cannot be the name of a cookie or of its attribute",
        "Use letters, digits, - and _.",
        code="WAS121",
    )
    return None


def encoding(element: Element, reading: Reading) -> str | None:
    """An encoding Python may not know (DD-LOC-02)."""
    text = name(element, reading)
    if text and not _is_known(text):
        reading.warn(
            element, f"Python knows no encoding {quoted(text)}", "Use for example UTF-8.", code="WAS123"
        )
    return text


def known_encoding(element: Element, reading: Reading) -> str | None:
    text = name(element, reading)
    if text and not _is_known(text):
        reading.error(
            element,
            f"Python knows no encoding {quoted(text)}",
            "Write for example UTF-8 (§3.13).",
            code="WAS123",
        )
        return None
    return text


def _is_known(text: str) -> bool:
    try:
        codecs.lookup(text)
        "x".encode(text)  # LookupError for codecs that do not make bytes of text, such as rot13
    except (LookupError, ValueError):
        return False
    return True
