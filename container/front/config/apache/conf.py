"""Read httpd.conf: every directive is implemented, known and without effect here, or an error.

    httpd.conf ──syntax──> Tree ──Reader, DIRECTIVES──> Httpd (model) ──site──> HttpdSite

What is known and without effect is listed in known.py, with the reason that `was check` shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from container.errors import ConfigError, Source
from container.front.config.apache.directives import DIRECTIVES
from container.front.config.apache.model import Httpd, Server
from container.front.config.apache.modjk import Workers, parse, read_workers
from container.front.config.apache.mounts import Mount, make_mounts, parse_rules
from container.front.config.apache.reader import Reader
from container.front.config.apache.syntax import read_tree
from container.front.config.mistakes import BadConfiguration, Mistakes

__all__ = ["read_httpd", "read_mount_file"]


def read_httpd(
    path: Path, mistakes: Mistakes, environ: Mapping[str, str] = os.environ, *, defines: Iterable[str] = ()
) -> Httpd:
    """Read a configuration with all that it names. mistakes: gets those for which Apache would not start.

    Raises BadConfiguration if the rest cannot be looked at, as nobody knows which section a line is in.
    """
    tree = None
    with mistakes.kept():
        tree = read_tree(path, mistakes, environ, defines=defines)
    if tree is None:
        raise BadConfiguration(mistakes.problems)
    reader = Reader(tree, environ, DIRECTIVES, mistakes)
    for directive in tree.directives:
        with mistakes.kept():
            reader.at_server(directive, reader.main)
    return _finish(reader)


# --- the whole -----------------------------------------------------------------------------


def _finish(reader: Reader) -> Httpd:
    workers, broken = None, True
    with reader.mistakes.kept():
        workers, broken = _workers(reader), False
    hosts = [host.complete(reader.main) for host in reader.hosts]
    if workers is not None:
        reader.problems += workers.problems
        mounts = [
            mount
            for pattern, worker, source in workers.mounts
            for mount in make_mounts(pattern, worker, source, rank=2)
        ]
        for server in (reader.main, *hosts):
            server.mounts += mounts
    if not broken:
        _diagnose(reader, workers, hosts)
    return Httpd(
        root=reader.tree.root,
        listen=reader.listen,
        main=reader.main,
        hosts=hosts,
        workers=workers,
        balances=reader.balances,
        mpm=reader.mpm,
        types=reader.types,
        modules=frozenset(reader.tree.modules),
        jk=reader.jk,
        files=reader.tree.files,
        problems=reader.problems,
        ignored=reader.ignored,
    )


def _workers(reader: Reader) -> Workers | None:
    properties, mistakes = reader.properties, Mistakes("WAS821")
    if reader.workers_file is not None:
        path, source = reader.workers_file
        try:
            text = path.read_text("latin-1")
        except OSError as error:
            raise ConfigError(
                f"{source}: {path}: {error.strerror}. JkWorkersFile names a workers.properties."
            ) from error
        properties = parse(text, str(path), mistakes) + properties
        reader.tree.files.append(str(path))
    return read_workers(properties, mistakes, reader.environ) if properties else None


def _diagnose(reader: Reader, workers: Workers | None, hosts: list[Server]) -> None:
    """Say what starts and then is not what was meant (the usual mistakes with mod_jk)."""
    servers = [reader.main, *hosts]
    if workers is None and any(server.mounts or server.mount_file for server in servers):
        mount = next((mount for server in servers for mount in server.mounts), None)
        reader.warn(
            mount.source if mount else None,
            "paths are mounted, but there are no workers",
            "Write JkWorkersFile with the name of a workers.properties.",
        )
    seen: set[Source | None] = set()
    for server in servers:
        mounts = list(server.mounts)
        with reader.mistakes.kept():
            mounts += read_mount_file(server)
        for mount in mounts:
            if mount.source in seen:
                continue
            seen.add(mount.source)
            if workers is not None and mount.worker not in workers.mounted:
                _unknown_worker(reader, mount, workers)
    own = [mount for mount in reader.main.mounts if mount.rank == 1]
    if own and hosts and reader.main.mount_copy != "all":
        for raw, host in zip(reader.hosts, hosts, strict=True):
            if raw.mount_copy is None:
                reader.warn(
                    own[0].source,
                    f"this JkMount of the main server does not hold in the VirtualHost at {host.source}",
                    "Write JkMountCopy On there, or JkMountCopy All in the main server.",
                )
    for server in servers:
        sets = (*server.base.variables, *(v for s in server.sections for v in s.rules.variables))
        if (server.mounts or server.mount_file) and any(
            each.name == "no-jk" and each.value is not None for each in sets
        ):
            reader.warn(
                server.source,
                "SetEnv sets no-jk when the path has been handed over already: it is answered with 404",
                'Write SetEnvIf Request_URI "^/path" no-jk.',
            )
            break


def _unknown_worker(reader: Reader, mount: Mount, workers: Workers) -> None:
    if mount.exclusion and mount.worker == "*":
        return
    near = get_close_matches(mount.worker, workers.mounted, 1)
    reader.warn(
        mount.source,
        f"the worker {mount.worker!r} of {mount.pattern} is not in worker.list"
        + ("" if mount.exclusion else ", so its requests are answered with 500"),
        f"Did you mean {near[0]}?" if near else f"Write worker.list={mount.worker} in workers.properties.",
    )


def read_mount_file(server: Server) -> list[Mount]:
    """The rules of a server's JkMountFile, empty without one."""
    if server.mount_file is None:
        return []
    try:
        text = server.mount_file.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise ConfigError(
            f"{server.mount_file_source}: {server.mount_file}: {error.strerror}. "
            "JkMountFile names a uriworkermap.properties."
        ) from error
    return parse_rules(text, str(server.mount_file))
