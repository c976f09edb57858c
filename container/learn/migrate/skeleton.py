"""Write a Java web app's skeleton in Python: the folder that `was new` would make, filled.

    DIR/webapps/NAME/                 static files as they are, a placeholder for each JSP
    DIR/webapps/NAME/WEB-INF/         web.xml and fragments with the Python's names, classes/, other files
    DIR/tests/test_NAME.py            each URL leads to its servlet; pytest.ini says of which web app
    DIR/TODO.md                       what there is to do

All is written beside DIR and put in its place at the end, so there is no half of one.
"""

from __future__ import annotations

import html
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from container.descriptor.markup import Element, parse, to_utf8
from container.descriptor.model import WebApp
from container.engine.mapper import Mapper
from container.errors import ConfigError
from container.learn.effective import declared
from container.learn.migrate.classes import modules, quoted
from container.learn.migrate.known import FILES, advice_for
from container.learn.migrate.naming import snake_case
from container.learn.migrate.report import Page, Report, ToWrite, spelled
from container.learn.migrate.survey import FRAGMENT_XML, LIBRARY, PAGES, TAG_FILES, WEB_XML
from container.learn.migrate.war import Files, copy, nested, read

__all__ = ["write"]

CLASS_ELEMENTS = ("servlet-class", "filter-class", "listener-class", "exception-type",
                  "injection-target-class", "lifecycle-callback-class")  # fmt: skip
RESOURCES = "META-INF/resources/"
LEFT_OUT = (*PAGES, *TAG_FILES, ".class", ".java", ".py", ".pyc")  # Python from elsewhere is not run here
NEW_WEB_XML = """<?xml version="1.0" encoding="UTF-8"?>
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"/>
"""


def write(report: Report, files: Files, target: Path) -> None:
    """Make the folder target. Raises ConfigError if it is there, or if a descriptor is wrong."""
    if report.problems:
        raise ConfigError(
            "\n".join(map(str, report.problems)) + "\nMend this first: a skeleton takes the descriptor over."
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target}: is there already, and nothing is overwritten. Name a new folder.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".migrate-") as work:
            made = Path(work, "made")
            _write(report, files, made)
            made.rename(target)
    except OSError as e:
        raise ConfigError(f"{target}: cannot be made: {e.strerror or e}. Name another folder.") from None


def _write(report: Report, files: Files, folder: Path) -> None:
    web_app = folder / "webapps" / report.name
    names = {found.java_name: found.python_name for found in report.to_write}
    xml = read(files, WEB_XML) if WEB_XML in files.names else NEW_WEB_XML.encode()
    _put(web_app / WEB_XML, renamed(xml, names))
    for name, text in modules(report).items():
        _put(web_app / "WEB-INF" / "classes" / f"{name}.py", text.encode())
    for page in report.pages:
        _put(web_app / page.target, _page(page).encode())
    for name in files.names:
        if _is_copied(name) and not (web_app / name).exists():
            copy(files, name, web_app / name)
    for name in filter(LIBRARY.fullmatch, files.names):
        _library(files, name, web_app, names)
    _put(
        folder / "tests" / f"test_{snake_case(report.name)}.py",
        _test(declared(web_app).web_app).encode(),
    )
    _put(folder / "pytest.ini", f"[pytest]\nwas_webapp = {shlex.quote(f'webapps/{report.name}')}\n".encode())
    _put(folder / "TODO.md", _todo(report).encode())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _is_copied(name: str) -> bool:
    """Static files and resources; not what is Java, and not what only Java or another server reads."""
    path = name.lower()
    return not (
        name == WEB_XML
        or path.startswith(("meta-inf/", "web-inf/lib/"))
        or path.endswith(LEFT_OUT)
        or advice_for(name, FILES)
        or name.startswith("WEB-INF/classes/META-INF/services/")
    )


def _library(files: Files, name: str, web_app: Path, names: Mapping[str, str]) -> None:
    """Keep of a .jar what is not Java: its fragment and its static files, as a folder of WEB-INF/lib."""
    library = nested(files, name)
    if library is None:
        return
    folder = web_app / "WEB-INF" / "lib" / PurePosixPath(name).stem
    if FRAGMENT_XML in library.names:
        _put(folder / FRAGMENT_XML, renamed(read(library, FRAGMENT_XML), names))
    for resource in library.names:
        if resource.startswith(RESOURCES) and not resource.lower().endswith(LEFT_OUT):
            copy(library, resource, folder / resource)


def renamed(xml: bytes, names: Mapping[str, str]) -> bytes:
    """A descriptor with other class names; comments and white space stay."""
    utf8 = to_utf8(xml, WEB_XML)
    text = re.sub(r"""^(<\?xml\b[^>]*?encoding\s*=\s*)(["']).*?\2""", r"\1\2UTF-8\2", utf8.decode())
    lines = [0, *(end.end() for end in re.finditer(r"\r\n|\r|\n", text))]
    parts, done = [], 0
    for element in _elements(parse(text.encode(), WEB_XML).root):
        if element.name in CLASS_ELEMENTS and element.text in names:
            start = lines[element.source.line - 1] + element.source.column - 1
            begin = text.index(">", start) + 1
            end = text.index("</", begin)
            parts += [text[done:begin], names[element.text]]
            done = end
    return "".join([*parts, text[done:]]).encode()


def _elements(element: Element) -> Iterator[Element]:
    """The element and all in it, in document order."""
    yield element
    for child in element.children:
        yield from _elements(child)


# Texts


def _page(page: Page) -> str:
    """In the place of a JSP: /cart.jsp shows cart.jinja."""
    name = html.escape(page.name).replace("{", "&#123;").replace("#}", "#&#125;")  # a name is no template
    return (
        f"{{# TODO: what {name} does ({page.lines} lines) -#}}\n"
        '<!doctype html>\n<html lang="en">\n'
        f"<title>{name}</title>\n<p>The page {name} is still to be written.</p>\n</html>\n"
    )


def _test(web_app: WebApp) -> str:
    mapper = Mapper(web_app.servlet_mappings)
    urls = [url for m in web_app.servlet_mappings if (url := _example_url(m.url_pattern)) is not None]
    rows = [(url, match.servlet_name) for url in urls if (match := mapper.match(url)) is not None]
    parts = [_TEST_HEAD if rows else _TEST_HEAD.replace("import pytest\n", ""), _TEST_START]
    if rows:
        table = "".join(f"        ({quoted(url)}, {quoted(servlet)}),\n" for url, servlet in rows)
        parts.append(_TEST_URLS.format(rows=table))
    return "\n\n".join(parts)


def _example_url(pattern: str) -> str | None:
    """A URL that a pattern matches; None for "/", which everything does, and for what nobody can ask for."""
    if pattern.startswith("*."):
        return f"/any{pattern[1:]}"
    if pattern == "/" or pattern.upper().startswith(("/WEB-INF/", "/META-INF/")):
        return None
    return pattern.removesuffix("*") or "/"


_TEST_HEAD = '''"""The URLs, from web.xml to the class that answers, without a server or a socket."""

import pytest
from container.testing import Client
'''
_TEST_START = """def test_the_web_app_starts(client: Client) -> None:
    assert client.get("/", status="*").status_int != 500
"""
_TEST_URLS = '''@pytest.mark.parametrize(
    ("url", "servlet"),
    [
{rows}    ],
)
def test_a_servlet_answers(client: Client, url: str, servlet: str) -> None:
    """501 says that the servlet is there and still to be written."""
    client.assert_mapped(url, servlet=servlet)
    assert client.get(url, status="*").status_int not in (404, 500)
'''


def _todo(report: Report) -> str:
    return "\n".join(_todo_lines(report)) + "\n"


def _todo_lines(report: Report) -> Iterator[str]:
    yield f"# What there is to do for {report.name}"
    yield ""
    yield "    was run --dev            # serves it; what is not written yet answers 501"
    yield "    was check webapps        # what is wrong with the descriptors"
    yield "    python -m pytest         # needs: pip install 'servlet-container[test]'"
    yield ""
    yield f"Files are named as in {report.shown}."
    yield from _section(
        "Classes", (_class_item(f, report) for f in report.to_write if f.stand_in_for is None)
    )
    if any(found.stand_in_for is None and "filter" in found.roles for found in report.to_write):
        yield ""
        yield "Until a filter is written, everything passes it: mind those that keep people out."
    yield from _section("Pages", (_page_item(page) for page in report.pages))
    yield from _section(
        "No counterpart",
        (f"`{m.what}` {m.why} ({report.place(m.source)}). {m.instead}" for m in report.missing),
    )
    stand_ins = [found for found in report.to_write if found.stand_in_for is not None]
    yield from _section(
        "Remove, when nothing in web.xml names them any more",
        (f"`{spelled(found.python_name)}`, which stands in for {found.java_name}" for found in stand_ins),
    )


def _section(title: str, items: Iterable[str]) -> Iterator[str]:
    if lines := [f"- [ ] {item}" for item in items]:
        yield from ("", f"## {title}", "", *lines)


def _class_item(found: ToWrite, report: Report) -> str:
    names = ", ".join((*found.listens, *(name for name, _ in found.methods)))
    methods = f": {names}" if names else ""
    source = found.java.source if found.java else found.source
    return f"`{spelled(found.python_name)}` for {found.java_name}{methods} ({report.place(source)})"


def _page_item(page: Page) -> str:
    libraries = f", uses {', '.join(page.tag_libraries)}" if page.tag_libraries else ""
    lines = "1 line" if page.lines == 1 else f"{page.lines} lines"
    return f"`{page.target}` for {page.name}: {lines}{libraries}"
