"""What can be said about a configuration of Apache or mod_jk without starting: `was check`."""

from __future__ import annotations

import re
from pathlib import Path

from container.errors import Problem
from container.front.config.apache.modjk import read_workers_file
from container.front.config.apache.mounts import parse_rules
from container.front.config.apache.site import read_site
from container.front.config.mistakes import BadConfiguration

__all__ = ["check"]

_NGINX = re.compile(r"^\s*(?:events|http|server|upstream\s+\S+)\s*\{", re.MULTILINE)


def check(path: Path) -> tuple[list[Problem], str] | None:
    """Return the problems of a file, and what it is; None if it is none of Apache's.

    Directives that have no effect here are among the problems, as warnings.
    """
    if path.suffix not in (".conf", ".properties"):
        return None
    text = path.read_text("utf-8", "replace")
    try:
        if path.suffix == ".conf":
            return None if _NGINX.search(text) else (_check_httpd(path), "Apache configuration")
        if re.search(r"^\s*workers?\.", text, re.MULTILINE):
            return list(read_workers_file(path).problems), "workers.properties"
        parse_rules(text, str(path))
        return [], "uriworkermap.properties"
    except BadConfiguration as error:
        return list(error.problems), "configuration"


def _check_httpd(path: Path) -> list[Problem]:
    config = read_site(path).config
    return [*config.problems, *config.ignored]
