"""``was check --effective``: one web.xml that says what web.xml, fragments and decorators say together.

    folder of a web app ──read──> effective descriptor ──write──> XML; every element names who said it

It is what the web app starts with, but for what code registers at the start. Passwords are not shown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from container.descriptor.checks import check
from container.descriptor.model import DataSource, MailSession, PlatformElement, WebApp
from container.descriptor.reader import read_file
from container.descriptor.writer import write
from container.errors import ConfigError, Problem, Source

__all__ = ["effective"]

T = TypeVar("T", DataSource, MailSession, PlatformElement)


def effective(path: Path) -> tuple[str, tuple[Problem, ...]]:
    """The effective descriptor as XML, and what is wrong with it. Raises ConfigError for no web app."""
    folder = _web_app(path)
    web_app, problems = _read(folder)
    # Nothing is left to be merged, so the text can be used as a web.xml.
    whole = replace(_without_passwords(web_app), metadata_complete=True)
    return write(whole), problems


def _web_app(path: Path) -> Path:
    for folder in (path, path.parent, path.parent.parent):
        if (folder / "WEB-INF").is_dir():
            return folder
    raise ConfigError(
        f"{path}: no web app is here: there is no WEB-INF folder. Name the folder of one web app."
    )


def _read(folder: Path) -> tuple[WebApp, tuple[Problem, ...]]:
    web_xml = folder / "WEB-INF" / "web.xml"
    if not web_xml.is_file():
        return WebApp(Source(str(web_xml))), ()
    web_app, problems = read_file(web_xml)
    return web_app, (*problems, *check(web_app))


def _without_passwords(web_app: WebApp) -> WebApp:
    return replace(
        web_app,
        data_sources=tuple(map(_hidden, web_app.data_sources)),
        mail_sessions=tuple(map(_hidden, web_app.mail_sessions)),
        platform_elements=tuple(map(_hidden, web_app.platform_elements)),
    )


def _hidden(element: T) -> T:
    hidden = ((name, "********" if name == "password" else text) for name, text in element.values)
    return replace(element, values=tuple(hidden))
