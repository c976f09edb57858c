"""What can be said about a configuration of Apache or mod_jk without starting: `was check`."""

from __future__ import annotations

import re
from pathlib import Path

from container.errors import ConfigError, Problem, Source
from container.front.config.apache.conf import read_httpd
from container.front.config.apache.modjk import read_workers_file
from container.front.config.apache.mounts import parse_rules
from container.front.config.apache.site import HttpdSite

__all__ = ["check"]

_PLACE = re.compile(r"(?P<file>[^\n]*?):(?P<line>[0-9]+)(?::(?P<column>[0-9]+))?: (?P<message>.*)", re.DOTALL)
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
    except ConfigError as error:
        return [_as_problem(line, path) for line in str(error).splitlines()], "configuration"


def _check_httpd(path: Path) -> list[Problem]:
    config = read_httpd(path)
    HttpdSite(config)
    return [*config.problems, *config.ignored]


def _as_problem(text: str, path: Path) -> Problem:
    text = text.removesuffix(".")
    if match := _PLACE.match(text):
        source = Source(match["file"], int(match["line"]), int(match["column"] or 1))
        text = match["message"]
    else:
        source = Source(str(path))
    message, _, cure = text.partition(". ")
    cure = f"{cure}." if cure and not cure.endswith("?") else cure
    return Problem(source, message, cure, code="WAS811" if path.suffix == ".conf" else "WAS821")
