"""The ``was`` commands: each parses its arguments, then calls one function.

    was run, was container  container.server.run        serve a folder of web apps
                            container.topology          the same in several processes
    was front               container.front.master.run  be a web server before containers
    was new                 container.learn.new.create  begin a web app
    was check               container.learn.lint        find what is wrong with web apps
                            container.learn.effective   show what one is declared to be
    was explain             container.learn.explain     what happens to a request, and which line says so
    was migrate             container.learn.migrate     what becomes of a Java web app
    was lab                 container.learn.lab         the process models side by side, under load
    was status, was reload  container.mpm               what running servers do; start their web apps anew
    was user                container.security.users_file   who can log in: add, remove, list

Exit codes: 0 all is well, 1 something is wrong with what was looked at, 2 it cannot be done as written.
Each command imports what it needs when it is called, so that ``was --help`` is quick.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

import click

from container import __version__
from container.config import OPTIONS, Option, Settings, load, misspelt
from container.errors import ConfigError, ContainerError

__all__ = ["main"]


class _RunCommand(click.Command):
    """A command whose flags are the settings, shown in their groups."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        super().parse_args(ctx, args)
        if ctx.args:
            flag = "--config FILE" if self.name == "front" else "--webapps FOLDER"
            raise click.UsageError(f"{ctx.args[0]}: a file or folder needs its flag. Write {flag}.", ctx)
        return []

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        group_of = {option.name: option.group for option in OPTIONS}
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                groups.setdefault(group_of.get(param.name or "", "Other"), []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records, col_max=34)


def _flag(option: Option) -> click.Option:
    facts = [option.unit, f"default: {option.spell(option.default)}", f"e.g. {option.example}"]
    return click.Option(
        [option.flag],
        metavar=option.kind,
        help=f"{option.help}.  [{'; '.join(filter(None, facts))}]",
        is_flag=False,
        flag_value="on" if option.type.startswith("bool") else None,  # --dev alone is --dev on
    )


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)  # \b: click keeps the lines


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_examples("was new shop", "was COMMAND --help"),
)
@click.version_option(__version__, prog_name="was")
def was() -> None:
    """Run servlet web apps, in Python, as their web.xml says."""


def _say(text: str) -> None:
    """Print, also when nobody reads any more (`was run | head -3`): a server goes on, and stops in order."""
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(config: Path | None, **flags: str | None) -> None:
    """Serve the web apps of a folder over HTTP, until Ctrl-C or SIGTERM.

    A value comes from a flag, else from the environment (WAS_PORT), else from the --config file, else from
    ./was.toml, else it is the default. In a file, write: max-body-bytes = "200m". Sizes may end in k, m or g,
    times in ms, s, m or h; a switch without a value is on.
    """
    began_s = time.perf_counter()
    if sys.platform == "win32":
        raise ConfigError(
            "`was run` needs Linux or macOS: Windows has no fork, no sendfile and no uvloop. "
            "Run it under WSL; container.make_application works under any WSGI server."
        )
    given = {name: text for name, text in flags.items() if text is not None}
    for warning in misspelt(os.environ):
        click.echo(warning, err=True)

    def read() -> Settings:
        return load(given, os.environ, config)

    settings = read()
    if settings.containers:
        from container.topology import run_containers

        sys.exit(run_containers(settings, _say, began_s, read))

    from container.server import run

    sys.exit(run(settings, _say, began_s, read))


def _config_option() -> click.Option:
    return click.Option(
        ["--config"],
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Settings in TOML.  [default: ./was.toml, if it is there; e.g. production.toml]",
    )


_work_option = click.option(
    "--work",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The work folder of the server (`was run --work`).  [default: as `was run` would have it]",
)


was.add_command(
    _RunCommand(
        "run",
        callback=_run,
        help=_run.__doc__,
        short_help="Serve a folder of web apps.",
        epilog=_examples(
            "was run",
            "was run --dev",
            "was run --webapps /srv/webapps --host 0.0.0.0 --port 80",
            "WAS_PORT=9000 was run --config production.toml",
        ),
        params=[
            *map(_flag, OPTIONS),
            _config_option(),
        ],
    )
)


_FRONT_OPTIONS = frozenset(
    (
        "backlog",
        "trusted_proxies",
        "forwarded_headers",
        "work",
        "mpm",
        "worker_processes",
        "worker_connections",
        "start_servers",
        "min_spare_servers",
        "max_spare_servers",
        "min_spare_threads",
        "max_spare_threads",
        "server_limit",
        "thread_limit",
        "threads_per_child",
        "max_request_workers",
        "max_connections_per_child",
        "graceful_shutdown_timeout_s",
        "admin_host",
        "admin_port",
        "drain_s",
        "stop_timeout_s",
        "max_request_line_bytes",
        "max_header_bytes",
        "max_header_count",
        "max_trailer_bytes",
        "max_connections",
        "max_keepalive_requests",
        "underscore_headers",
        "header_timeout_s",
        "body_timeout_s",
        "idle_timeout_s",
        "send_timeout_s",
        "body_memory_bytes",
        "send_buffer_bytes",
        "log",
        "log_level",
    )
)


def _front(config: Path, **flags: str | None) -> None:
    """Serve what an nginx.conf or an httpd.conf says: files, and backends over HTTP and AJP. No container.

    Which of the two FILE is shows in its content. Directives without effect here are listed. Flags are as
    for `was run`; what the configuration says of a request goes before them. How many processes there are
    FILE may say, too (worker_processes, StartServers ...), unless a flag, the environment or ./was.toml does.

    SIGHUP, or `was reload`, reads FILE again: requests that are under way end as they began. SIGUSR1 opens
    the logs anew, SIGTERM stops within --stop-timeout-s, SIGQUIT when the running requests have ended.
    """
    began_s = time.perf_counter()
    given = {name: text for name, text in flags.items() if text is not None}

    from container.front.configuration import FrontConfig, load_front
    from container.front.master import run
    from container.server import configure_logging, raise_file_limit, set_switch_interval

    def read() -> tuple[Settings, FrontConfig]:
        found = load_front(config)
        settings = load(given, os.environ, None, found.settings)
        raise_file_limit(settings)
        for note in found.notes:
            click.echo(str(note), err=True)
        return settings, found

    configure_logging(load(given, os.environ))
    set_switch_interval()
    sys.exit(run(read, _say, began_s))


was.add_command(
    _RunCommand(
        "front",
        callback=_front,
        help=_front.__doc__,
        short_help="Be a web server before containers.",
        epilog=_examples(
            "was front --config nginx.conf",
            "was front --config nginx.conf --worker-processes auto --admin-port 8081",
            "was front --config /etc/apache2/apache2.conf --mpm worker",
        ),
        params=[
            click.Option(
                ["--config"],
                metavar="FILE",
                type=click.Path(path_type=Path),
                required=True,
                help="An nginx.conf or httpd.conf.  [e.g. /etc/nginx/nginx.conf]",
            ),
            *(_flag(option) for option in OPTIONS if option.name in _FRONT_OPTIONS),
        ],
    )
)


def _container(
    http: str | None, ajp: str | None, channel: int | None, config: Path | None, **flags: str | None
) -> None:
    """Serve the web apps of a folder to a front: ours, nginx, Apache or any other.

    It is what `was run` is, at the addresses of --http and --ajp, and takes the same settings. Name
    the front's address in --trusted-proxies (unix: for a Unix socket), and give each container behind a
    balancer a --route.
    """
    if channel is not None:
        from container.topology import serve_container

        # The front has read flags and files: all that it knows is in the environment.
        sys.exit(serve_container(load({}, os.environ, Path(os.devnull)), channel))
    flags["containers"] = "0"
    if http is not None:
        flags["host"], flags["port"] = (http, "0") if http.startswith("unix:") else _split("--http", http)
    if ajp is not None:
        flags["ajp_host"], flags["ajp_port"] = _, port = _split("--ajp", ajp)
        if not int(port):
            raise ConfigError(f"--ajp {ajp}: name a port, for example --ajp 127.0.0.1:8009")
        if http is None:
            flags["host"] = "off"
    try:
        _run(config, **flags)
    except ConfigError as error:  # of an address that is taken, with the names of `was run`
        said = re.sub(r"--ajp-(?:host|port)\b", "--ajp", str(error))
        raise ConfigError(re.sub(r"--(?:host|port)\b", "--http", said)) from None


_SAID_OTHERWISE = ("host", "port", "ajp_host", "ajp_port", "containers")


def _split(flag: str, address: str) -> tuple[str, str]:
    """HOST:PORT, [IPV6]:PORT or PORT, as host and port."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        or_path = " or unix:PATH" if flag == "--http" else ""
        raise ConfigError(f"{flag} {address}: write HOST:PORT{or_path}, for example {flag} 127.0.0.1:8009")
    return host.strip("[]") or "127.0.0.1", port


was.add_command(
    _RunCommand(
        "container",
        callback=_container,
        help=_container.__doc__,
        short_help="Serve a folder of web apps to a front.",
        epilog=_examples(
            "was container --http 127.0.0.1:8081 --route n1 --trusted-proxies 127.0.0.1",
            "was container --http unix:/run/was/n1.sock --route n1 --trusted-proxies unix:",
            "was container --http 127.0.0.1:8081 --ajp 127.0.0.1:8009 --route n1",
        ),
        params=[
            click.Option(
                ["--http"],
                metavar="ADDRESS",
                help="Where to listen: HOST:PORT, or unix: and a path.  [default: 127.0.0.1:8080; with "
                "--ajp nowhere]",
            ),
            click.Option(["--ajp"], metavar="ADDRESS", help="Where to listen for AJP: HOST:PORT."),
            click.Option(["--channel"], type=int, hidden=True),  # of the front that has started it
            *(_flag(option) for option in OPTIONS if option.name not in _SAID_OTHERWISE),
            _config_option(),
        ],
    )
)


@was.command(
    short_help="Have a running server start its web apps anew.",
    epilog=_examples("was reload", "was reload --work /var/lib/was"),
)
@_work_option
@click.option("--pid", type=int, metavar="PID", help="Which server, if several run; `was status` shows it.")
def reload(work: Path | None, pid: int | None) -> None:
    """Send SIGHUP to a server of this machine: it starts its web apps anew, without a failed request.

    With processes of its own (--containers, --mpm) it reads its settings again, and each old process goes
    when a new one is ready. What goes wrong stands in the server's log; the old processes go on then.
    """
    from container.mpm.scoreboard import running_servers, status_folder

    found = [
        server.pid
        for server in running_servers(status_folder(work or load({}, os.environ).work, make=False))
        if pid in (None, server.pid)
    ]
    if len(found) != 1:
        if found:
            raise ConfigError(f"these run: {', '.join(map(str, found))}. Name one with --pid")
        of_pid = "" if pid is None else f" as process {pid}"
        raise ConfigError(f"no server of yours runs{of_pid}. Does it have a work folder? Name it with --work")
    os.kill(found[0], signal.SIGHUP)
    click.echo(f"Told process {found[0]} to reload.")


@was.command(short_help="Begin a web app.", epilog=_examples("was new shop", "cd shop", "was run --dev"))
@click.argument("name")
def new(name: str) -> None:
    """Make the folder NAME with a web app that runs: a servlet, a page, its web.xml and a test."""
    from container.learn.new import create

    for path in create(name, Path.cwd()):
        click.echo(f"  {path}")
    # What can be copied and works, also where .venv is not activated.
    is_on_path = shutil.which("was") is not None
    python = "python" if is_on_path else sys.executable
    command = "was" if is_on_path else f"{python} -m container"
    click.echo(
        f"\nNext:\n"
        f"  cd {name}\n"
        f"  {command} run --dev\n"
        f"  {python} -m pytest\n"
        f"\nrun serves http://127.0.0.1:8080/{name}/; pytest needs: {python} -m pip install "
        "'servlet-container[test]'"
    )


def _in_color() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # no-color.org


def _explain(context: click.Context, param: click.Parameter, code: str | None) -> None:
    """Before PATH is asked for, as --help does."""
    if code is None or context.resilient_parsing:
        return
    from container.learn.lint.rules import as_markdown, explain, rule_of

    click.echo(as_markdown() if code.lower() == "all" else explain(rule_of(code)), nl=False)
    context.exit()


@was.command(
    short_help="Find what is wrong with web apps.",
    epilog=_examples(
        "was check webapps",
        "was check webapps/shop/WEB-INF/web.xml",
        "was check --explain WAS203",
        "was check --strict --ignore WAS607,WAS502 webapps",
        "was check --format json webapps | jq .counts",
        "was check --effective webapps/shop",
        "was check /etc/nginx/nginx.conf",
    ),
)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--explain",
    metavar="CODE",
    callback=_explain,
    is_eager=True,
    expose_value=False,
    help="Say what a code means, with a wrong and a right example; `all`: every code, as docs/check.md.",
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@click.option(
    "--select", metavar="CODES", multiple=True, help="Only these, as in WAS203,WAS7; WAS7 is all of 7xx."
)
@click.option("--ignore", metavar="CODES", multiple=True, help="All but these.")
@click.option(
    "--effective",
    is_flag=True,
    help="Print what one web app is declared to be, as one web.xml: its web.xml, the fragments of its "
    "libraries and the decorators of its classes put together, each element with the file and line that "
    "says it. Not in it: what code registers when the web app starts, and @ServletSecurity. Passwords are "
    "hidden.",
)
def check(
    path: Path, form: str, strict: bool, select: tuple[str, ...], ignore: tuple[str, ...], effective: bool
) -> None:
    """Print each problem at PATH as file:line:column: error WAS201: what is wrong. The cure.

    PATH is a web app, a folder of web apps, one web.xml, an nginx.conf, an httpd.conf, a workers.properties
    or a uriworkermap.properties. Errors come first, then warnings, then notes. Fragments and decorators
    count, as they do when the web app starts: modules with decorated classes are imported, all other Python
    is only read. Of a front's configuration, directives without effect are listed, too.

    A comment silences a code that is meant: <!-- was: ignore WAS203 --> before an element, or
    # was: ignore[WAS701] at the end of a line of Python.

    The exit code is 0 without errors, 1 with errors (with --strict: or warnings), 2 if PATH cannot be
    checked. With --effective problems go to standard error.
    """
    if effective:
        from container.learn.effective import as_xml, declared, web_app_of

        found = declared(web_app_of(path))
        click.echo(as_xml(found.web_app), nl=False)
        for problem in found.problems:
            click.echo(str(problem), err=True)
        sys.exit(any(problem.severity == "error" for problem in found.problems))

    from container.learn.lint import lint
    from container.learn.lint.report import as_json, as_text

    https = load({}, os.environ).secure_port is not None
    report = lint(path, select=select, ignore=ignore, https=https)
    if form == "json":
        click.echo(as_json(report))
    else:
        if report.problems:
            click.echo(as_text(report, color=_in_color()))
        click.echo(report.summary(), err=True)
    sys.exit(1 if report.failed(strict=strict) else 0)


@was.command(
    short_help="Say what happens to a request, and which line says so.",
    epilog=_examples(
        "was explain /shop/cart?name=Ada --webapp webapps/shop",
        "was explain POST /shop/admin/ --webapp webapps/shop --json",
        "was explain http://localhost:8080/",
    ),
)
@click.argument("request", nargs=-1, required=True, metavar="[METHOD] URL")
@click.option(
    "--webapp",
    type=click.Path(exists=True, path_type=Path),
    metavar="FOLDER",
    help="The web app; the name of its folder is its context path, ROOT is /.",
)
@click.option(
    "--webapps",
    metavar="FOLDER",
    help="A folder of web apps, one of which the URL is for.  [default: as `was run` would have it]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; docs/explain.md describes it.")
@click.pass_context
def explain(
    context: click.Context,
    request: tuple[str, ...],
    webapp: Path | None,
    webapps: str | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Follow a request through front and container: who answers it, and the file:line that decides.

    METHOD is GET unless it is given. URL is a path with its context path, or whole: then https counts, the
    host does not. The client has not logged in. Settings are those that `was run` would find.

    Descriptors are read and classes imported: those with decorators, servlets, filters, listeners, exceptions
    of error pages. No instance of them is made and nothing of them called, so what code registers when the
    web app starts is missing; such code is named. The exit code is 1 if the web app has errors: they are
    printed first.
    """
    if len(request) > 2:
        raise click.UsageError("one METHOD and one URL: was explain POST /shop/cart", context)
    if webapp is not None and webapps is not None:
        raise click.UsageError("--webapp names one web app, --webapps a folder of them: use one", context)
    method, url = request if len(request) == 2 else ("GET", request[0])

    from container.learn.explain.unstarted import explain_unstarted

    settings = load({} if webapps is None else {"webapps": webapps}, os.environ, config)
    found = explain_unstarted(settings, method, url, web_app=webapp)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        click.echo(found.to_text(color=_in_color()), nl=False)
    sys.exit(any(problem.severity == "error" for problem in found.problems))


explain.params.append(_config_option())


@was.command(
    short_help="See what becomes of a Java web app here, and begin it in Python.",
    epilog=_examples(
        "was migrate shop.war",
        "was migrate /var/lib/tomcat10/webapps/shop --sources ~/shop/src/main/java",
        "was migrate shop.war --output shop",
        "was migrate shop.war --json",
    ),
)
@click.argument("webapp", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--sources",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the .java files are, for the methods and annotations of the classes (needs the extra "
    "migrate).  [default: those in the web app, or src/main/java of a Maven project]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Make this folder, with a skeleton of the web app in Python: its web.xml, modules, pages, static "
    "files, a test and a TODO.md.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(webapp: Path, sources: Path | None, output: Path | None, as_json: bool) -> None:
    """Print what of a Java web app works here, what needs a Python class, and what has no counterpart.

    WEBAPP is its folder, a .war, or a Maven project. Read are web.xml, the fragments of WEB-INF/lib,
    META-INF/context.xml, and .java files; class files are not, but those with annotations are listed. Each
    line has its file:line. Nothing is overwritten. The exit code is 1 if a descriptor is wrong.
    """
    from container.learn import migrate as java

    report = java.migrate(webapp, sources, output)
    click.echo(java.as_json(report) if as_json else java.as_text(report), nl=as_json)
    click.echo(report.summary(), err=True)
    if output is not None:
        click.echo(f"{output}: made; {output}/TODO.md says how to go on", err=True)
    sys.exit(1 if report.problems else 0)


@was.command(
    short_help="See prefork, worker and event side by side under the same load.",
    epilog=_examples(
        "was lab",
        "was lab --rate 200 --connections 32",
        "was lab --once",
        "was lab --once --json --duration 30",
    ),
)
@click.option("--once", is_flag=True, help="Run the scenarios in turn, print what was seen, and end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print JSON, sentences in all languages.")
@click.option(
    "--duration",
    type=click.FloatRange(5, 3600),
    metavar="SECONDS",
    help="When it ends by itself, 5 to 3600 s.  [default: 600; with --once 60]",
)
@click.option(
    "--rate",
    type=click.FloatRange(1, 500),
    default=40,
    show_default=True,
    metavar="NUMBER",
    help="Requests per second that each server gets, 1 to 500.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    metavar="NUMBER",
    help="Most of them that wait for an answer at once, 1 to 64; more are not sent.",
)
@click.option(
    "--requests",
    type=click.IntRange(1, 1_000_000),
    default=100_000,
    show_default=True,
    metavar="NUMBER",
    help="Most requests of the whole lab; then no more are sent.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Of the page, on 127.0.0.1.  [default: a free one]",
)
def lab(
    *,
    once: bool,
    as_json: bool,
    duration: float | None,
    rate: float,
    connections: int,
    requests: int,
    port: int,
) -> None:
    """Start the three process models, small, under the same load, and show on a page what each of them does.

    Switches add idle connections, slow clients, requests that get stuck in a servlet; or kill a child. A
    sentence tells what was just seen. Everything is on 127.0.0.1 and ends with Ctrl-C: processes,
    connections, temporary files. It takes some 250 MB of memory.
    """
    if as_json and not once:
        raise click.UsageError("--json is for --once; the page has /lab/now.json")
    if sys.platform == "win32":
        raise ConfigError("`was lab` needs Linux or macOS: Windows has no fork. Run it under WSL")

    from container.learn.lab import page, report
    from container.learn.lab.options import LabOptions
    from container.server import configure_logging

    configure_logging(Settings(log_level="error"))  # nobody needs to know of a page's connections
    options = LabOptions(duration or (60 if once else 600), rate, connections, requests, port)
    if once:
        sys.exit(report.once(options, click.echo, form=report.as_json if as_json else report.as_text))
    sys.exit(page.serve(options, click.echo))


@was.command(
    short_help="Show what running servers do.",
    epilog=_examples("was status", "was status --work /var/lib/was --json", "watch -n 1 was status"),
)
@_work_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one list with all servers.")
def status(work: Path | None, as_json: bool) -> None:
    """Print each process of the servers that run, each of its threads and what that does.

    Of a front also its backends: their state, and whom it has chosen last and why.

    It reads the scoreboard that a server keeps in its work folder or, without one, in a folder of its user
    below the temporary folder. Nothing asks the server: this works however busy it is. The exit code is 1 if
    no server runs.
    """
    from container.front import status as front
    from container.mpm.scoreboard import running_servers, status_folder
    from container.mpm.status import as_json_text, as_text

    folder = status_folder(work or load({}, os.environ).work, make=False)
    found = running_servers(folder)
    fronts = [front.read_status(folder, server.pid) for server in found]
    if as_json:
        servers = json.loads(as_json_text(found))
        both = zip(servers, fronts, strict=True)
        click.echo(json.dumps([{**server, "front": status} for server, status in both], indent=2))
    else:
        parts = []
        for server, status in zip(found, fronts, strict=True):
            parts.append(as_text([server], time.time()))
            parts += [front.as_text(status)] if status else []
        click.echo("\n\n".join(parts) or as_text([], time.time()))
    sys.exit(0 if found else 1)


@was.group(
    short_help="Say who can log in.",
    epilog=_examples("was user add alice --role manager", "was user list", "was user remove alice"),
)
def user() -> None:
    """Add, remove or list the users of a file in the format of tomcat-users.xml.

    `was run` reads conf/tomcat-users.xml beside the webapps folder, or the file that --users names, and reads
    it again when it changes. Passwords are stored as hashes. Tomcat can use the same file, with
    SecretKeyCredentialHandler and algorithm="PBKDF2WithHmacSHA512".
    """


_users_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("conf/tomcat-users.xml"),
    show_default=True,
    metavar="FILE",
    help="The users file.",
)


@user.command(
    "add",
    short_help="Add a user, or change one.",
    epilog=_examples(
        "was user add alice --role manager --role user",
        "was user add alice                                  a new password; the roles stay",
        "pwgen 20 1 | was user add bob --password-stdin --file /etc/was/users.xml",
    ),
)
@click.argument("name")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role of the user; may be repeated.")
@_users_file
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
def add_user(name: str, roles: tuple[str, ...], file: Path, password_stdin: bool) -> None:
    """Add the user NAME with a password, or give them another one. The rest of the file stays as it is.

    The file is made if it is missing; only its owner can read it.
    """
    from container.security.passwords import hash_password
    from container.security.users_file import write_user

    if not name or ":" in name:
        raise ConfigError(f"{name!r}: a name has at least one character and no colon, where BASIC ends it")
    for role in roles:
        if not role.strip() or "," in role:
            raise ConfigError(f"--role {role!r}: a role is a name without commas. Repeat --role for each")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask for the password. Use --password-stdin")
    else:
        password = click.prompt(f"Password for {name}", hide_input=True, confirmation_prompt="Once more")
    if not password:
        raise ConfigError("the password is empty. Give one, on a line of its own with --password-stdin")
    is_new = write_user(file, name, hash_password(password), roles or None)
    click.echo(f"{file}: {name} {'added' if is_new else 'changed'}")


@user.command("remove", short_help="Remove a user.", epilog=_examples("was user remove alice"))
@click.argument("name")
@_users_file
def remove_user(name: str, file: Path) -> None:
    """Remove the user NAME; whoever is logged in stays so until their session ends."""
    from container.security import users_file

    users_file.remove_user(file, name)
    click.echo(f"{file}: {name} removed")


@user.command("list", short_help="List the users.", epilog=_examples("was user list"))
@_users_file
def list_users(file: Path) -> None:
    """Print each user with their roles, and what is wrong with their password."""
    from container.security.passwords import is_hashed
    from container.security.users_file import read_users

    for found in read_users(os.fspath(file)).values():
        if found.password is None:
            note = "  (no password: cannot log in)"
        else:
            note = "" if is_hashed(found.password) else "  (password in clear text)"
        click.echo(f"{found.name}  {', '.join(sorted(found.roles)) or '-'}{note}")


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        was.main(prog_name="was")
    except ContainerError as e:
        click.echo(str(e), err=True)
        sys.exit(2)
    sys.exit(0)
