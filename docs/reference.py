"""Directives that write reference pages out of the code.

    {settings}     container.config.OPTIONS ──> a section for each setting, by group
    {commands}     the click commands ──> a section for each: usage, help, flags, examples
    {servlet-api}  container.servlet ──> an entry for each name, by the module that defines it

What they write is Markdown, which is then read as if it stood in the page.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import container.servlet
from container.cli import was
from container.config import OPTIONS, Option

LIMIT_OF_FLAGS = 40  # a command with more takes the settings, which have a page of their own


class _Written(SphinxDirective):
    """A directive that stands for Markdown."""

    def lines(self) -> Iterator[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        text = StringList(list(self.lines()), source=self.env.doc2path(self.env.docname))
        holder = nodes.Element()
        self.state.nested_parse(text, 0, holder, match_titles=True)
        return list(holder.children)


class Settings(_Written):
    """All settings, by group."""

    def lines(self) -> Iterator[str]:
        for group in dict.fromkeys(option.group for option in OPTIONS):
            yield from (f"## {group}", "")
            for option in OPTIONS:
                if option.group == group:
                    yield from _setting(option)


def _setting(option: Option) -> Iterator[str]:
    facts = [
        f"`{option.kind}`",
        *([f"in {option.unit}"] if option.unit else []),
        f"default `{option.spell(option.default)}`",
        *([f"at least {option.spell(option.minimum)}"] if option.minimum is not None else []),
        *([f"at most {option.spell(option.maximum)}"] if option.maximum is not None else []),
    ]
    yield f"### {option.key}"
    yield ""
    yield f"{_plain(option.help.rstrip('.'))}."
    yield ""
    yield f"{', '.join(facts)}. `{option.flag} {option.example}`, `{option.variable}={option.example}`"
    yield ""


class Commands(_Written):
    """All commands of `was`."""

    def lines(self) -> Iterator[str]:
        yield from _command(was, "was", "##")


def _command(command: click.Command, path: str, level: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    if path != "was":
        yield from (f"{level} {path}", "")
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        yield from ("```text", usage, "```", "")
        yield from (*_help(command.help or ""), "")
        flags = (param for param in command.params if isinstance(param, click.Option))
        records = [record for flag in flags if (record := flag.get_help_record(context))]
        if len(records) > LIMIT_OF_FLAGS:
            yield "It takes all [settings](settings.md) as flags."
            own = {option.flag for option in OPTIONS}
            records = [record for record in records if record[0].split()[0] not in own]
        yield ""
        for flag, about in records:
            yield from (f"- `{flag}`: {_plain(' '.join(about.split()))}", "")
        if command.epilog:
            yield from ("```console", *(f"$ {line.strip()}" for line in _examples(command.epilog)), "```", "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (sub := command.get_command(context, name)) and not sub.hidden:
                yield from _command(sub, f"{path} {name}", level if path == "was" else f"{level}#")


def _help(text: str) -> list[str]:
    return _plain(inspect.cleandoc(text).replace("\b\n", "")).splitlines()


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, but for `code`."""
    pieces = text.split("`")
    pieces[::2] = [re.sub(r"[\\*_<\[#]", r"\\\g<0>", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def _examples(epilog: str) -> list[str]:
    return [line for line in epilog.splitlines() if line.strip() not in ("\b", "Examples:", "")]


class ServletApi(_Written):
    """Everything that a web app imports from container.servlet."""

    def lines(self) -> Iterator[str]:
        modules: dict[str, list[str]] = {}
        for name in container.servlet.__all__:
            module = getattr(container.servlet, name).__module__
            if module == "builtins":  # IOException is OSError
                module = "container.servlet.exceptions"
            modules.setdefault(module, []).append(name)
        for module in sorted(modules, key=_PLACES.index):
            yield from (f"## {_TITLES[module]}", "", "```{eval-rst}")
            for name in modules[module]:
                yield from (f".. autoclass:: container.servlet.{name}", "   :members:", "   :undoc-members:")
                yield from ("   :show-inheritance:", "")
            yield from ("```", "")


_TITLES = {
    f"container.servlet.{module}": title
    for module, title in {
        "servlet": "Servlets",
        "request": "Requests",
        "response": "Responses",
        "filter": "Filters",
        "listener": "Listeners and events",
        "annotations": "Decorators",
        "session": "Sessions",
        "context": "The web app",
        "dispatch": "Dispatching and asynchronous requests",
        "multipart": "Uploads",
        "cookie": "Cookies",
        "stream": "Streams, readers and writers",
        "exceptions": "Exceptions",
        "security": "Security",
        "enums": "Enumerations of constants",
        "locale": "Locales",
        "enumeration": "Enumeration",
        "connection": "Connections and upgrades",
    }.items()
}
_PLACES = list(_TITLES)


def _is_alias(app: Sphinx, what: str, name: str, found: object, skip: bool, options: object) -> bool | None:
    """ServletSecurity.EmptyRoleSemantic is a class with a place of its own."""
    if isinstance(found, type) and found.__qualname__ == name and name in container.servlet.__all__:
        return what == "class"
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("settings", Settings)
    app.add_directive("commands", Commands)
    app.add_directive("servlet-api", ServletApi)
    app.connect("autodoc-skip-member", _is_alias)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
