"""Run the code blocks of a page of the documentation as its reader would: in order, in one folder.

    page.md ──Sybil──> blocks ──the table RUNNERS, by language──> written, parsed, run; output compared

A block whose first line is a comment with a path (``# conf/was.toml``, ``<!-- webapps/a/index.html -->``) is
that file. In console blocks the lines behind ``$`` are typed, the others expected; ``...`` is anything.
A server that is started goes on until its page ends, or until another one takes its port. Port numbers become
free ones, in commands, files and expectations alike.

A block that is not run has its reason in a comment before it: ``<!-- not run: ... -->``. Blocks of "text" are
pictures and listings. Blocks that are indented are not run, but their ``was`` commands are checked.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import jinja2
import programs
from lxml import etree
from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from container.cli import was
from container.config import load
from container.descriptor import checks
from container.descriptor.reader import read_descriptor
from container.front.config.apache.check import check as check_apache
from container.front.config.nginx.conf import check as check_nginx
from container.learn.migrate.java import read_java

ROOT = Path(__file__).parents[2]
LIMIT_S = 180.0
_REASON = r"<!-- not run: (?P<reason>[^>]+?) -->\n(?:<!--[^>]*-->\n)?"
NOT_RUN = re.compile(_REASON + r"\Z")
NOT_RUN_ANYWHERE = re.compile(_REASON + "```")
FILE = re.compile(r"\A(?:#|<!--|\{#|//) ?(?P<path>[\w./-]*\w\.[a-z]+)(?: -->| #\}|:.*|)\n")
PORT = re.compile(
    r"(?<![\w.])(127\.0\.0\.1:|localhost:|127\.0\.0\.1 |--(?:[a-z]+-)?port[ =]|port=)(\d{2,5})\b"
)
SERVER = re.compile(r"(?:\w+=\S+ )*was (?:run|container|front)\b")
MADE_OF_TESTS = "\n# Codes\n"  # of docs/check.md: its examples are those of the rules, which tests/learn runs
ANYTHING = {"...\n": r"(?:[^\n]*\n)*?", "...": r".*?"}
NAMESPACE = 'xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"'


class WrongBlockError(AssertionError):
    """What a reader would stumble over."""


class Page:
    """One page being read."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.current = folder
        self._ports: dict[str, str] = {}
        self._servers: list[_Server] = []
        self._nginx: programs.Program | None = None
        self._document = Document.parse(str(path), self._blocks)
        self.not_run: list[str] = []
        _make_commands(folder / ".bin")
        (folder / ".curlrc").write_text("silent\nshow-error\n")  # no progress, as if in a terminal

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *error: object) -> None:
        for server in self._servers:
            server.stop()
        if self._nginx is not None:
            self._nginx.__exit__()

    @property
    def examples(self) -> list[Example]:
        return list(self._document.examples())

    def _blocks(self, document: Document) -> Iterator[Region]:
        for region in FencedCodeBlockLexer(r"[^\n]*")(document):
            region.parsed = region.lexemes["source"]
            region.evaluator = self._evaluate
            yield region

    def _evaluate(self, example: Example) -> None:
        language = example.region.lexemes["language"].strip()
        before = example.document.text[: example.region.start]
        if MADE_OF_TESTS in before:
            return
        if reason := NOT_RUN.search(before):
            self.not_run.append(f"{self.path.name}:{example.line}: {reason['reason']}")
        elif language not in RUNNERS:
            raise WrongBlockError(f"nothing runs blocks of {language!r}: see tests/end_to_end/pages.py")
        else:
            RUNNERS[language](self, str(example.parsed))

    # Files

    def file(self, text: str) -> Path | None:
        """Write a block that is a file."""
        match = FILE.match(text)
        if match is None:
            return None
        path = self.folder / match["path"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        marks = [server.said for server in self._servers if server.reloads]
        new = path.with_name(f".{path.name}.new")
        new.write_text(self.ports(text[match.end() :]))
        new.replace(path)  # at once: a server that reloads never sees half of it
        for server, said in zip([server for server in self._servers if server.reloads], marks, strict=True):
            if path.suffix in (".py", ".xml") and "/WEB-INF/" in str(path):
                server.wait_for(r"reloaded in|cannot", said)
        return path

    def ports(self, text: str) -> str:
        """Free ports in the place of those that are written."""

        def free(match: re.Match[str]) -> str:
            if match[2] not in self._ports:
                self._ports[match[2]] = str(programs.free_ports(1)[0])
            return match[1] + self._ports[match[2]]

        return PORT.sub(free, text)

    # Commands

    def run(self, command: str) -> str:
        """Run a command and return what it prints; of a server what it prints until it is ready."""
        if command.startswith("sudo nginx"):
            self._start_nginx()
            return ""
        if command.startswith("cd "):
            self.current /= command[3:]
            return ""
        command = self.ports(command)
        if SERVER.match(command):
            for server in self._servers:  # it takes the same port
                if not set(re.findall(r":(\d+)", server.command)) ^ set(re.findall(r":(\d+)", command)):
                    server.stop()
            self._servers.append(_Server(command, self.current, self.environ))
            return self._servers[-1].wait_for(r"Ready after .*")
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=self.current,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
        )
        if result.returncode:
            raise WrongBlockError(f"$ {command}\nexit code {result.returncode}\n{result.stdout}{self.logs()}")
        return result.stdout

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(self.folder / ".bin"), os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(self.folder)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTEST_ADDOPTS": "-p no:cacheprovider -W ignore::DeprecationWarning",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "100",
            "WAS_PORT": self.ports("127.0.0.1:8080").partition(":")[2],
        }

    def logs(self) -> str:
        return "".join(f"\n--- {server.command}\n{server.said}" for server in self._servers)

    def _start_nginx(self) -> None:
        """Real nginx, with the files in /etc/nginx/conf.d, as on a Debian machine."""
        if self._nginx is not None:
            self._nginx.__exit__()
        files = sorted((self.folder / "etc/nginx/conf.d").glob("*.conf"))
        http = "".join(file.read_text() for file in files)
        self._nginx = programs.nginx(f"# @port@\nserver {{ listen 127.0.0.1:@port@; }}\n{http}")


class _Server:
    """A server of the page."""

    def __init__(self, command: str, folder: Path, environ: Mapping[str, str]) -> None:
        self.command = command
        self.reloads = "--dev" in command
        self._log = folder / f".server-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", f"exec env {command}"],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_for(self, pattern: str, before: str = "") -> str:
        limit_s = time.monotonic() + LIMIT_S
        while True:
            said = self.said
            if re.search(pattern, said[len(before) :]):
                return said
            if self._process.poll() is not None or time.monotonic() > limit_s:
                raise WrongBlockError(f"$ {self.command}\n{pattern!r} was not said, but:\n{said}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def _make_commands(folder: Path) -> None:
    """The programs that a page may call by name."""
    folder.mkdir()
    for name, arguments in {"was": "-m container", "python": "", "python3": ""}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (folder / name).chmod(0o755)


# What is done with a block, by its language


def _console(page: Page, text: str) -> None:
    for command, expected in _typed(text):
        check_command(command)
        said = page.run(command)
        if not _is_like(said, page.ports(expected)):
            raise WrongBlockError(f"$ {command}\nexpected:\n{expected}\nbut was:\n{said}{page.logs()}")


def _typed(text: str) -> Iterator[tuple[str, str]]:
    """Each command with the output that is shown below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.split("\n")
        command = lines.pop(0)
        while command.endswith("\\"):
            command += "\n" + lines.pop(0)
        yield command, "\n".join(lines).rstrip("\n")


def _is_like(said: str, expected: str) -> bool:
    """Whether it is what is expected, but for the width of gaps; where nothing is shown, anything is.

    A line that is "..." is any number of lines; elsewhere "..." is any text.
    """
    said, expected = (re.sub(r"  +", "  ", text.strip("\n")) + "\n" for text in (said, expected))
    pieces = re.split(r"(^\.\.\.\n|\.\.\.)", expected, flags=re.MULTILINE)
    pattern = "".join(ANYTHING.get(piece) or re.escape(piece) for piece in pieces)
    return expected == "\n" or re.fullmatch(pattern, said, re.DOTALL) is not None


def _shell(page: Page, text: str) -> None:
    for line in text.replace("\\\n", "").splitlines():
        if line.strip() and not line.startswith("#"):
            check_command(line)
            page.run(line)


def _python(page: Page, text: str) -> None:
    """Run it in a namespace of its own; a web app's module may import the others, as in a web app."""
    path = page.file(text)
    compile(text, str(path or page.path), "exec")
    folder = path.parent if path else page.folder
    if path is not None and "tests" in path.parts:
        return  # pytest runs it, in a console block
    program = "import sys; sys.path.insert(0, sys.argv[1]); exec(sys.stdin.read(), {'__name__': 'example'})"
    result = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=page.folder,
        env=page.environ,
        input=text,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    if result.returncode:
        raise WrongBlockError(result.stderr)


def _xml(page: Page, text: str) -> None:
    """A descriptor, whole or some of its elements, has no problem; anything else is well-formed."""
    path = page.file(text)
    body = FILE.sub("", text)
    root = etree.fromstring(f"<all>{re.sub(r'<[?].*?[?]>', '', body)}</all>".encode())
    names = [etree.QName(child).localname for child in root.iterchildren(etree.Element)]
    if names and not set(names) <= _DESCRIPTOR_ELEMENTS:
        return
    whole = body if names in (["web-app"], ["web-fragment"]) else f"<web-app {NAMESPACE}>{body}</web-app>"
    fragment = names == ["web-fragment"]
    web_app, problems = read_descriptor(whole.encode(), str(path or page.path), fragment=fragment)
    if found := [*problems, *checks.check(web_app, complete=names == ["web-app"])]:
        raise WrongBlockError("\n".join(map(str, found)))


_DESCRIPTOR_ELEMENTS = {
    *("web-app", "web-fragment", "servlet", "servlet-mapping", "filter", "filter-mapping", "listener"),
    *("security-constraint", "login-config", "session-config", "error-page", "context-param"),
}


def _json(page: Page, text: str) -> None:
    json.loads(text)


def _toml(page: Page, text: str) -> None:
    path = page.file(text) or page.folder / "was.toml"
    if path.name not in ("pyproject.toml", "was.toml") or not path.exists():
        path.write_text(text)
    load({}, {}, path)


def _nginx(page: Page, text: str) -> None:
    """Our front reads it without a problem; so does nginx itself, where a console block starts it."""
    page.file(text)
    is_whole = re.search(r"^(?:events|http)\b", text, re.MULTILINE)
    path = page.folder / "checked.conf"
    path.write_text(text if is_whole else f"events {{}}\nhttp {{\n{_in_server(text)}\n}}\n")
    if found := check_nginx(str(path)):
        raise WrongBlockError("\n".join(map(str, found)))


def _in_server(text: str) -> str:
    is_inside = re.search(r"^location\b", text, re.MULTILINE)
    return f"server {{ listen 80;\n{text}\n}}" if is_inside else text


def _apache(page: Page, text: str) -> None:
    path = page.file(text)
    if path is None or path.suffix not in (".conf", ".properties"):
        path = page.folder / "checked.conf"
        path.write_text(text)
    checked = check_apache(path)
    if checked is None or (found := [p for p in checked[0] if p.severity == "error"]):
        raise WrongBlockError("\n".join(map(str, found)) if checked else "no configuration of Apache")


def _jinja(page: Page, text: str) -> None:
    page.file(text)
    jinja2.Environment().parse(text)


def _ini(page: Page, text: str) -> None:
    page.file(text)
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    for section in parser.sections():
        for key, value in parser.items(section):
            if key.startswith("exec") and value and "/was " in value:
                check_command("was " + value.partition("/was ")[2].replace("\n", " "))


def _java(page: Page, text: str) -> None:
    if not read_java(text.encode(), page.path.name):
        raise WrongBlockError("no class is in it")


def _json(page: Page, text: str) -> None:
    page.file(text)
    json.loads(text)


def _nothing(page: Page, text: str) -> None:
    """Pictures and listings; what Sphinx itself reads."""


def _html(page: Page, text: str) -> None:
    page.file(text)
    etree.fromstring(text, etree.HTMLParser(recover=False))


RUNNERS: Mapping[str, Callable[[Page, str], None]] = {
    "console": _console,
    "sh": _shell,
    "python": _python,
    "xml": _xml,
    "html": _html,
    "jinja": _jinja,
    "toml": _toml,
    "ini": _ini,
    "nginx": _nginx,
    "apache": _apache,
    "properties": _apache,
    "java": _java,
    "json": _json,
    "text": _nothing,
    "diff": _nothing,
    **dict.fromkeys(
        ("{toctree}", "{settings}", "{commands}", "{servlet-api}", "{include} ../CHANGELOG.md"), _nothing
    ),
}


# Commands


def check_command(line: str) -> None:
    """The ``was`` commands of a line exist, and so do their flags."""
    for words in _was_commands(line):
        command: click.Command = was
        while words and not words[0].startswith("-") and isinstance(command, click.Group):
            found = command.commands.get(words[0])
            if found is None:
                raise WrongBlockError(f"there is no command {words[0]!r} in: {line}")
            command, words = found, words[1:]
        flags = {opt for param in command.params for opt in param.opts} | {"--help", "--version", "-h"}
        for word in words:
            if word.startswith("--") and word.partition("=")[0] not in flags:
                raise WrongBlockError(f"{command.name} has no flag {word}, in: {line}")


def _was_commands(line: str) -> Iterator[list[str]]:
    for part in re.split(r"[|;&]+", re.sub(r"\s#.*", "", line)):
        words = part.replace(",", " ").split()
        while words and ("=" in words[0] or words[0] in ("sudo", "$", "exec", "watch", "-n", "1")):
            words.pop(0)
        if words and words[0] == "was":
            yield words[1:]


def indented_commands(page: Path) -> Iterator[tuple[int, str]]:
    """Lines of indented blocks that call ``was``."""
    in_fence = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            in_fence = not in_fence
        elif not in_fence and (match := re.match(r"    (?:\$ )?((?:\w+=\S+ )*was [a-z].*)", line)):
            yield number, match[1]
