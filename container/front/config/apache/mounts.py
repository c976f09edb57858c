"""Which paths belong to which worker: JkMount, JkUnMount and uriworkermap.properties, as mod_jk decides.

    path ──clean──> what patterns are matched against ──MountTable.find──> Mount

clean is the defence against paths that mean one thing here and another in the container: "/app;x/admin" and
"/x/..;/admin" are matched as the container will read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from container.errors import ConfigError, Source
from container.front.config.apache.modjk import split_list, to_bool, to_int
from container.front.config.mistakes import Mistakes

__all__ = ["Extensions", "Mount", "MountTable", "clean", "make_mounts", "parse_rules"]

_PARAMETERS = re.compile(r";[^/]*")


def clean(path: str) -> str | None:
    """Return a decoded path as a container reads it; None if it leads above the root."""
    if ";" not in path and "//" not in path and "/." not in path:
        return path
    kept: list[str] = []
    segments = _PARAMETERS.sub("", path).split("/")
    for segment in segments:
        if segment == "..":
            if not kept:
                return None
            kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and segments[-1] in ("", ".", "..") else ""
    return "/" + "/".join(kept) + end


@dataclass(frozen=True, slots=True)
class Extensions:
    """What a rule says differently from its worker; None: nothing."""

    reply_timeout_s: float | None = None
    sticky_ignore: bool = False
    stateless: bool = False
    active: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    stopped: frozenset[str] = frozenset()
    fail_on_status: tuple[int, ...] | None = None
    use_server_errors: int = 0
    """From this status on the front's own error pages are used; 0: never."""
    session_cookie: str | None = None
    session_path: str | None = None
    set_session_cookie: bool = False


@dataclass(frozen=True, slots=True)
class Mount:
    """One pattern that is forwarded to a worker, or exempt from that."""

    pattern: str
    worker: str
    exclusion: bool = False
    rank: int = 1
    """Where it was written: 0 uriworkermap.properties, 1 JkMount, 2 a worker's mount directive."""
    extensions: Extensions = Extensions()
    source: Source | None = None
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in self.pattern)
        object.__setattr__(self, "_regex", re.compile(text, re.DOTALL))

    def matches(self, path: str) -> bool:
        return self._regex.fullmatch(path) is not None


class MountTable:
    """The rules of one virtual host, in the order in which they count."""

    __slots__ = ("exclusions", "rules")

    def __init__(self, mounts: Iterable[Mount]) -> None:
        mounts = list(mounts)
        self.rules = sorted((each for each in mounts if not each.exclusion), key=_order)
        self.exclusions = [each for each in mounts if each.exclusion]

    def __repr__(self) -> str:
        return f"<MountTable {len(self.rules)} rules, {len(self.exclusions)} exclusions>"

    def __bool__(self) -> bool:
        return bool(self.rules)

    def find(self, path: str) -> Mount | None:
        """Return the rule for a clean path; None: nobody's, or excluded for the worker that was found."""
        mount = next((each for each in self.rules if each.matches(path)), None)
        if mount is None:
            return None
        for each in self.exclusions:
            if each.worker in (mount.worker, "*") and each.matches(path):
                return None
        return mount


def _order(mount: Mount) -> tuple[int, int, int]:
    return -mount.pattern.count("/"), -len(mount.pattern), mount.rank


# --- reading -----------------------------------------------------------------------------------


def make_mounts(
    pattern: str, target: str, source: Source, *, exclusion: bool = False, rank: int = 1
) -> list[Mount]:
    """Make the mounts of one rule. "X|Y" is X and XY; target is a worker with extensions behind ";"."""
    first, bar, rest = pattern.partition("|")
    if not first.startswith("/"):
        raise ConfigError(
            f"{source}: the pattern {pattern!r} matches nothing, as every path begins with a slash. "
            f'Write "/{pattern.lstrip("/")}".'
        )
    worker, *options = target.split(";")
    extensions = _extensions(options, source)
    return [
        Mount(each, worker.strip(), exclusion, rank, extensions, source)
        for each in ([first, first + rest] if bar else [first])
    ]


def parse_rules(text: str, file: str) -> list[Mount]:
    """Read a uriworkermap.properties. Raises BadConfiguration."""
    mounts: list[Mount] = []
    mistakes = Mistakes("WAS821")
    for number, line in enumerate(text.split("\n"), 1):
        rule, source = line.partition("#")[0].strip(), Source(file, number, 1)
        if not rule:
            continue
        pattern, equals, target = rule.partition("=")
        pattern, target = pattern.strip(), target.strip()
        inactive = pattern.startswith("-")
        pattern = pattern.removeprefix("-")
        exclusion = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        if not equals or not target:
            mistakes.add(source, f"{rule!r} names no worker", "Write /pattern=worker")
            continue
        with mistakes.kept():
            made = make_mounts(pattern, target, source, exclusion=exclusion, rank=0)
            if not inactive:
                mounts += made
    mistakes.tell()
    return mounts


def _extensions(options: list[str], source: Source) -> Extensions:
    values = Extensions()
    found: dict[str, object] = {}
    for option in filter(None, map(str.strip, options)):
        name, _, value = option.partition("=")
        name, value = name.strip(), value.strip()
        if name == "reply_timeout":
            found["reply_timeout_s"] = max(0, to_int(value, source, name)) / 1000
        elif name in ("sticky_ignore", "stateless"):
            found[name] = to_bool(value, False)
        elif name in ("active", "disabled", "stopped"):
            found[name] = frozenset(split_list(value))
        elif name == "fail_on_status":
            found[name] = tuple(to_int(code, source, name) for code in split_list(value))
        elif name == "use_server_errors":
            found[name] = to_int(value, source, name)
        elif name in ("session_cookie", "session_path"):
            found[name] = value
        elif name == "set_session_cookie":
            found[name] = value == "1"  # mod_jk takes no other word here
        elif name != "session_cookie_path":  # mod_jk reads it, and sets the worker's all the same
            raise ConfigError(
                f"{source}: a rule has no extension {name!r}. There are {', '.join(sorted(_EXTENSIONS))}."
            )
    return replace(values, **found)  # type: ignore[arg-type]


_EXTENSIONS = (
    "reply_timeout", "sticky_ignore", "stateless", "active", "disabled", "stopped", "fail_on_status",
    "use_server_errors", "session_cookie", "session_path", "set_session_cookie", "session_cookie_path",
)  # fmt: skip
