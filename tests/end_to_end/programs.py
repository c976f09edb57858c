"""The real programs: found, given a configuration, started on 127.0.0.1, ended by their own process id.

    with apache(CONFIG, modules=["proxy", "proxy_ajp"], files={"docs/a.txt": b"a"}) as server:
        urlopen(f"http://127.0.0.1:{server.port}/")

Each runs in a temporary folder of its own, as a user without rights if the tests run as root. In a
configuration ``@port@``, ``@port2@`` ... become free ports and ``@folder@`` that folder. A test that needs a
program is marked ``@pytest.mark.program("apache2")``: it is skipped where there is none.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

LIMIT_S = 180.0  # only ever used up by a failure
_ATTEMPTS = 3  # another program may take a port between its choice and its use
# Below the ports of connections, and of listeners at port 0: Linux has 32768 and more for those.
_FIRST_PORT, _WORKERS, _PORTS_EACH = 20_000, 12, 1000
_SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_UNPRIVILEGED = "nobody"
TOMCAT_HOME = Path(os.environ.get("CATALINA_HOME", "/usr/share/tomcat10"))
TOMCAT_EXAMPLES = Path("/usr/share/tomcat10-examples/examples")
APACHE_MODULES = Path(os.environ.get("APACHE_MODULES", "/usr/lib/apache2/modules"))
CHROMIUM_ARGUMENTS = (  # for the root user, and so that it asks nobody but the page's server
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_TAKEN = re.compile(r"address already in use|could not bind|cannot bind", re.IGNORECASE)


def find(name: str) -> str | None:
    return shutil.which(name, path=_SEARCH)


def missing(name: str) -> str | None:
    """Why a test that needs the program cannot run; None if it can.

    mod_jk, tomcat10 and its examples count as programs.
    """
    if name == "tomcat10":
        there = (TOMCAT_HOME / "bin/catalina.sh").exists() and find("java")
    elif name == "tomcat10-examples":
        there = (TOMCAT_EXAMPLES / "WEB-INF/web.xml").exists()
    elif name.startswith("mod_"):
        there = find("apache2") and (APACHE_MODULES / f"{name}.so").exists()
    else:
        there = find(name)
    return None if there else f"{name} is not installed"


def _own_ports() -> Iterator[int]:
    """Ports of this process of pytest, in turn."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST_PORT + worker % _WORKERS * _PORTS_EACH
    for number in itertools.count(os.getpid()):  # two runs at once begin at different places
        yield first + number % _PORTS_EACH


_ports = _own_ports()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, and that nobody takes before they are used.

    The system itself gives other ones to who asks for any, and each is given once. Raises OSError if none
    is free.
    """
    found: list[int] = []
    for port in itertools.islice(_ports, _PORTS_EACH):
        with socket.socket() as each, contextlib.suppress(OSError):
            each.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise OSError("no port is free")


class Program:
    """A started program. ``with`` ends it and removes its folder."""

    def __init__(self, name: str, folder: Path, ports: list[int], process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.folder = folder
        self.ports = ports
        self.process = process

    def __repr__(self) -> str:
        return f"<Program {self.name} {self.process.pid} on {self.ports}>"

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def log(self) -> str:
        """Whatever it has said, in all its logs."""
        files = [self.folder / "output", *sorted((self.folder / "logs").glob("*"))]
        return "\n".join(file.read_text(errors="replace") for file in files if file.is_file())

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """End it, with its children."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)  # it leads its own group
                self.process.wait()

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + LIMIT_S
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                raise NotStartedError(f"{self.name} has not started:\n{self.log}")
            time.sleep(0.02)


class NotStartedError(Exception):
    """With what the program said."""


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def start(
    name: str,
    configurations: Mapping[str, str],
    command: Callable[[Path], list[str]],
    *,
    files: Mapping[str, bytes] | None = None,
    folders: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
    prepare: Callable[[Path], None] = lambda _: None,
    watched: int | None = None,
) -> Program:
    """Write the configurations, with ports, and start the command that is made for the folder.

    It is ready when it listens on its first ``watched`` ports; None: on all.
    """
    places = "".join(configurations.values())
    count = max([1, *(int(number or 1) for number in re.findall(r"@port(\d*)@", places))])
    for attempt in range(1, _ATTEMPTS + 1):
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-")).resolve()
        ports = free_ports(count)
        for each in ("logs", *folders):
            (folder / each).mkdir(parents=True, exist_ok=True)
        for path, content in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        for path, text in configurations.items():
            for number, port in enumerate(ports, 1):
                text = text.replace(f"@port{number if number > 1 else ''}@", str(port))
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text.replace("@folder@", str(folder)), encoding="utf-8")
        prepare(folder)
        program = Program(name, folder, ports, _spawn(command(folder), folder, environ or {}))
        try:
            program.wait_until(lambda to_watch=ports[:watched]: all(map(listens, to_watch)))
            return program
        except BaseException as error:
            is_taken = isinstance(error, NotStartedError) and _TAKEN.search(program.log)
            program.__exit__()
            if not is_taken or attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _spawn(command: list[str], folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    user = group = None
    if os.geteuid() == 0:
        import pwd

        entry = pwd.getpwnam(_UNPRIVILEGED)
        user, group = entry.pw_uid, entry.pw_gid
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, group)
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": _SEARCH, "HOME": str(folder), "LC_ALL": "C", **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
        )


# nginx, HAProxy ---------------------------------------------------------------------------------------------

_NGINX = """daemon off;
pid @folder@/nginx.pid;
error_log @folder@/logs/error.log info;
worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path @folder@/temp/body;
    proxy_temp_path @folder@/temp/proxy;
    fastcgi_temp_path @folder@/temp/fastcgi;
    uwsgi_temp_path @folder@/temp/uwsgi;
    scgi_temp_path @folder@/temp/scgi;
%s
}
"""


def nginx(http: str, *, files: Mapping[str, bytes] | None = None, main: str | None = None) -> Program:
    """With http inside its http block, or with main as the whole nginx.conf (which needs daemon off)."""
    binary = find("nginx")
    return start(
        "nginx",
        {"nginx.conf": main if main is not None else _NGINX % http},
        lambda folder: [
            *(str(binary), "-p", str(folder), "-c", str(folder / "nginx.conf")),
            *("-e", str(folder / "logs/early.log")),
        ],
        files=files,
        folders=["temp"],
    )


def haproxy(config: str, *, files: Mapping[str, bytes] | None = None) -> Program:
    return start(
        "haproxy",
        {"haproxy.cfg": config},
        lambda folder: [str(find("haproxy")), "-db", "-f", str(folder / "haproxy.cfg")],
        files=files,
    )


# Apache -----------------------------------------------------------------------------------------------------

_APACHE_ALWAYS = (
    "authn_core",
    "authz_core",
    "authz_host",
    "mime",
    "dir",
    "env",
    "setenvif",
    "headers",
    "alias",
)
_APACHE = """ServerRoot @folder@
ServerName localhost
Listen 127.0.0.1:@port@
PidFile @folder@/apache.pid
DefaultRuntimeDir @folder@/run
Mutex file:@folder@/run default
TypesConfig /dev/null
ErrorLog @folder@/logs/error.log
LogLevel info
DocumentRoot @folder@/docs
<Directory @folder@/docs>
    Require all granted
</Directory>
"""
_JK = """JkWorkersFile @folder@/workers.properties
JkLogFile @folder@/logs/mod_jk.log
JkLogLevel info
JkShmFile @folder@/run/jk.shm
"""


def apache(
    config: str,
    *,
    modules: Iterable[str] = (),
    workers: str | None = None,
    mpm: str = "event",
    files: Mapping[str, bytes] | None = None,
    configurations: Mapping[str, str] | None = None,
) -> Program:
    """Apache with config behind a basic one. With workers (workers.properties) mod_jk is loaded too."""
    names = [f"mpm_{mpm}", *_APACHE_ALWAYS, *modules]
    if workers is not None:
        names.append("jk")
    built_in = subprocess.run([str(find("apache2")), "-l"], capture_output=True, text=True, check=True).stdout
    load = "".join(
        f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n"
        for name in dict.fromkeys(names)
        if f"mod_{name}.c" not in built_in
    )
    texts = {"httpd.conf": load + _APACHE + (_JK if workers is not None else "") + config}
    if workers is not None:
        texts["workers.properties"] = workers
    return start(
        "apache2",
        {**texts, **(configurations or {})},
        lambda folder: [str(find("apache2")), "-f", str(folder / "httpd.conf"), "-DFOREGROUND"],
        files=files,
        folders=["run", "docs"],
    )


# Tomcat -----------------------------------------------------------------------------------------------------

_SERVER_XML = """<Server port="-1">
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="@port@" protocol="HTTP/1.1"/>
    <Connector address="127.0.0.1" port="@port2@" protocol="AJP/1.3" {ajp}/>
    <Engine name="Catalina" defaultHost="localhost"{route}>
      <Host name="localhost" appBase="webapps" unpackWARs="false" autoDeploy="false"/>
    </Engine>
  </Service>
</Server>
"""
_JAVA_OPTIONS = (
    "-Xms32m -Xmx160m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.security.egd=file:/dev/./urandom"
)


def tomcat(
    *, files: Mapping[str, bytes], ajp: str = 'secretRequired="false"', route: str = "", server_xml: str = ""
) -> Program:
    """Tomcat 10.1: HTTP on the first port, AJP on the second. files: "webapps/shop/index.jsp" and the like.

    ajp: further attributes of the AJP connector; route: its jvmRoute.
    """
    text = server_xml or _SERVER_XML.format(ajp=ajp, route=f' jvmRoute="{route}"' if route else "")

    def prepare(base: Path) -> None:
        # Not the defaults of the distribution, which limit what JSPs may see of the JDK.
        for name in ("web.xml", "catalina.properties", "logging.properties", "context.xml"):
            shutil.copy(TOMCAT_HOME / "etc" / name, base / "conf" / name)

    def command(base: Path) -> list[str]:
        return [str(TOMCAT_HOME / "bin/catalina.sh"), "run"]

    return start(
        "tomcat10",
        {"conf/server.xml": text},
        command,
        files=files,
        folders=["conf", "temp", "work", "webapps"],
        environ={
            "CATALINA_HOME": str(TOMCAT_HOME),
            "CATALINA_BASE": ".",
            "CATALINA_TMPDIR": "temp",
            "JAVA_OPTS": _JAVA_OPTIONS,
        },
        prepare=prepare,
    )
