"""``was new``: the folder of a first web app, copied from skeleton/ with the name filled in.

NAME/webapps/NAME/WEB-INF/web.xml, classes/, views/     the web app, /NAME/ in the browser
NAME/tests/, NAME/pytest.ini                            its test, without a server
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from container.errors import ConfigError

__all__ = ["create"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
PLACEHOLDER = "NAME-OF-THE-APP"
RESERVED = {"ROOT", "WEB-INF", "META-INF"}


def create(name: str, parent: Path) -> list[Path]:
    """Make parent/name and return its files, relative to parent. Overwrites nothing: raises ConfigError."""
    if not NAME.fullmatch(name) or name.upper() in RESERVED:
        raise ConfigError(
            f"{name}: not a name for a web app: it becomes a folder and the /NAME of its URLs. "
            'Write letters, digits, "-" and "_", beginning with a letter, for example "shop".'
        )
    target = parent / name
    try:
        target.mkdir()
    except FileExistsError:
        raise ConfigError(
            f"{target}: is there already, and nothing is overwritten. Take another name."
        ) from None
    except OSError as e:
        raise ConfigError(
            f"{target}: cannot be made: {e.strerror}. Change to a folder you may write to."
        ) from None
    return sorted(path.relative_to(parent) for path in _copy(files(__package__) / "skeleton", target, name))


def _copy(source: Traversable, target: Path, name: str) -> list[Path]:
    if source.is_dir():
        target.mkdir(exist_ok=True)
        return [
            path
            for child in source.iterdir()
            if child.name != "__pycache__"
            for path in _copy(child, target / child.name.replace(PLACEHOLDER, name), name)
        ]
    target.write_text(source.read_text(encoding="utf-8").replace(PLACEHOLDER, name), encoding="utf-8")
    return [target]
