"""nginx's configuration, as people know it, for our front: files ──> Config ──> Site.

    nginx.conf ──syntax──> Directives ──reader, locations, servers, upstreams──> Config (model)
    Config ──site──> NginxSite.decide(request) ──> Action

Every directive is read, or noted as one without effect here, or refused with the file, the line and the cure;
nothing is passed over in silence. What nginx refuses is refused as well. Where the front follows rules of its
own instead of nginx's, docs/nginx.md says so.
"""

from __future__ import annotations

from container.errors import Problem, Source
from container.front.config.mistakes import BadConfiguration, BadDirective
from container.front.config.nginx import values
from container.front.config.nginx.model import Config
from container.front.config.nginx.reader import Notebook
from container.front.config.nginx.servers import HttpReader
from container.front.config.nginx.syntax import Directive, parse
from container.front.config.nginx.upstreams import Resolve, resolve_by_dns
from container.front.config.nginx.variables import is_builtin, is_missing

__all__ = ["Config", "check", "read"]


def read(path: str, resolve: Resolve = resolve_by_dns) -> Config:
    """Read a configuration and all that it includes.

    Names in upstreams are looked up here, once. Raises BadConfiguration with all that is wrong.
    """
    directives = parse(path)
    notebook = Notebook(path)
    http = HttpReader(notebook, resolve)
    main = _Main(notebook, http)
    main.read(directives)
    notebook.check_variables(lambda name: name in http.maps or is_builtin(name), is_missing)
    http.check_maps()
    if not notebook.mistakes.problems and not http.servers:
        notebook.problem(Source(path), "there is no server", "Write http { server { listen 8080; } }")
    notebook.mistakes.tell(notebook.notes)
    return Config(
        file=path,
        servers=tuple(http.servers),
        groups=http.upstreams.groups,
        maps=http.maps,
        checks=http.checks,
        variables=frozenset(notebook.variables),
        notes=tuple(notebook.notes),
        worker_processes=main.worker_processes,
        worker_connections=main.worker_connections,
        worker_shutdown_timeout_s=main.worker_shutdown_timeout_s,
        named=frozenset(main.named),
        logs=notebook.logs,
        connection_settings=http.settings,
    )


def check(path: str, resolve: Resolve = resolve_by_dns) -> tuple[Problem, ...]:
    """Everything that can be said about a configuration: what is wrong, and what has no effect here."""
    try:
        return read(path, resolve).notes
    except BadConfiguration as error:
        return error.problems


class _Main:
    """Reads what stands outside of http."""

    worker_processes = 1
    worker_connections = 512
    worker_shutdown_timeout_s = 0.0

    def __init__(self, notebook: Notebook, http: HttpReader) -> None:
        self.named: set[str] = set()
        self._notebook = notebook
        self._http = http

    def read(self, directives: tuple[Directive, ...]) -> None:
        handlers = {
            "http": self._http.read,
            "events": self._events,
            "worker_processes": self._worker_processes,
            "worker_shutdown_timeout": self._worker_shutdown_timeout,
        }
        self._notebook.read(directives, handlers)
        if directives and not any(directive.name == "events" for directive in directives):
            self._notebook.problem(
                directives[-1].source, 'no "events" section in configuration', "Write events {}"
            )

    def _events(self, directive: Directive) -> None:
        self._notebook.read(directive.block or (), {"worker_connections": self._worker_connections})

    def _worker_processes(self, directive: Directive) -> None:
        text = directive.args[0]
        self.named.add(directive.name)
        self.worker_processes = 0 if text == "auto" else values.number(text)
        if text != "auto" and not self.worker_processes:
            raise BadDirective('invalid value "0"', "Write a number from 1 on, or auto")

    def _worker_connections(self, directive: Directive) -> None:
        self.named.add(directive.name)
        self.worker_connections = values.number(directive.args[0])

    def _worker_shutdown_timeout(self, directive: Directive) -> None:
        self.named.add(directive.name)
        self.worker_shutdown_timeout_s = values.seconds(directive.args[0])
