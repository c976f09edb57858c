"""What a web app is declared to be, read without starting it; ``was check --effective`` prints it.

    folder of a web app ──declared──> Effective ──as_xml──> one web.xml; every element names who said it

It is what the web app starts with, but for what code registers at the start and what has no place in a
descriptor, such as @ServletSecurity. Passwords are not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from container.descriptor.model import DataSource, MailSession, PlatformElement, WebApp
from container.descriptor.writer import write
from container.engine.loader import Loader, loader_of
from container.engine.scanner import Effective, read_effective
from container.errors import ConfigError

__all__ = ["as_xml", "declared", "opened", "web_app_of"]

T = TypeVar("T", DataSource, MailSession, PlatformElement)


def web_app_of(path: Path) -> Path:
    """The folder of the web app that path is, or is a part of. Raises ConfigError if there is none."""
    for folder in (path, path.parent, path.parent.parent, *path.absolute().parents[:2]):
        if (folder / "WEB-INF").is_dir():
            return folder
    raise ConfigError(f"{path}: no web app is here, as there is no WEB-INF folder. Name the folder of one.")


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Effective, Loader]]:
    """Read the descriptors and decorated classes of a web app, and hold its libraries unpacked meanwhile.

    Messages call the folder as it is given.
    """
    loader, unusable = loader_of(folder.resolve())
    try:
        found = read_effective(folder, loader, str(folder))
        yield replace(found, problems=(*unusable, *found.problems)), loader
    finally:
        loader.close()


def declared(folder: Path) -> Effective:
    with opened(folder) as (found, _):
        return found


def as_xml(web_app: WebApp) -> str:
    """A web.xml. It does not say metadata-complete, so that annotations without a place in it still count."""
    return write(
        replace(
            web_app,
            data_sources=tuple(map(_hidden, web_app.data_sources)),
            mail_sessions=tuple(map(_hidden, web_app.mail_sessions)),
            platform_elements=tuple(map(_hidden, web_app.platform_elements)),
        )
    )


def _hidden(element: T) -> T:
    hidden = ((name, "********" if name == "password" else text) for name, text in element.values)
    return replace(element, values=tuple(hidden))
