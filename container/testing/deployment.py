"""Deploy: what a test is written with, files, folders and classes, becomes running web apps.

    deploy(files, folder, classes) ──> a folder ──> Container ──> Client

All web apps of a test are in one container, which the test's clients and its live server share.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import textwrap
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from container.config import Settings
from container.engine.container import Container, context_path_of
from container.engine.lifecycle import State
from container.errors import ConfigError, DeploymentError
from container.front.routes import EmbeddedFront
from container.front.traced import TracedEmbeddedFront
from container.learn.xray import Recorder
from container.protocols.exchange import Begin, Exchange, Handler
from container.security.realm import PasswordRealm
from container.security.users_file import User, write_user
from container.testing.client import Client, Clock

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.learn.explain import Explanation

__all__ = ["Deploy", "What", "folder_name_of", "write_web_app"]

What = str | Path | Mapping[str, str | bytes] | type
"""A folder, files by their names, or a class."""

_IN_WEB_INF = ("classes/", "lib/", "views/")
_SHOWN_REQUESTS = 2
_RECORDED_REQUESTS = 20


class Users(PasswordRealm):
    """The users of one test."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, User] = {}

    def lookup(self, username: str) -> User | None:
        return self.users.get(username)


class Front:
    """The embedded front, for clients in any number of threads: it expects to be asked by one."""

    def __init__(self, front: EmbeddedFront) -> None:
        self._front = front
        self._lock = threading.Lock()
        self.handle = front.handle

    def begin(self, exchange: Exchange) -> Begin:
        with self._lock:
            return self._front.begin(exchange)


class Deploy:
    """Deploys web apps; ``with`` stops them. See __call__."""

    def __init__(
        self,
        new_folder: Callable[[], Path] | None = None,
        root: Path = Path(),
        webapps: Sequence[Path] = (),
    ) -> None:
        """Files are written into new folders, else into temporary ones; folders are named relative to root.

        webapps are deployed if nothing is named.
        """
        self._undo = contextlib.ExitStack()
        self.new_folder = new_folder or self._temporary_folder
        self.root = root
        self.webapps = webapps
        self.clock = Clock(self._sweep)
        self._users = Users()
        self._container: Container | None = None
        self._handler: Handler | None = None
        self._clients: list[Client] = []
        self._written: set[Path] = set()  # folders that belong to the test
        self._numbers = itertools.count(1)  # next() is atomic
        self._recorder = Recorder(_RECORDED_REQUESTS, "of the test")
        self._last: deque[tuple[str, str, str]] = deque(maxlen=_SHOWN_REQUESTS)

    def __repr__(self) -> str:
        return f"<Deploy {self._container!r}>"

    def __enter__(self) -> Deploy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._container is not None:
            self._container.stop()
        self._undo.close()

    def _temporary_folder(self) -> Path:
        return Path(self._undo.enter_context(tempfile.TemporaryDirectory(prefix="was-")))

    def __call__(
        self, *what: What, web_xml: str | None = None, path: str | None = None, **settings: Any
    ) -> Client:
        """Deploy a web app and return a browser for it. Raises DeploymentError, with file and line.

        what is any of
        - a folder, "webapps/shop", which is served in place
        - files, {"web.xml": "...", "classes/shop.py": "...", "views/cart.jinja": "...", "index.html": "..."};
          the first three have their place in WEB-INF, as has "lib/". Together with a folder they are put
          into a copy of it
        - classes: their decorators count, and descriptors call them by their names without a module
        Without any, those of was_webapp.

        web_xml: short for {"web.xml": web_xml}. path: the context path, "" for the root; else it is that of
        the folder, "/app" for files. settings are those of the container (container.config.Settings) by
        their names; the first call decides.
        """
        __tracebackhide__ = True
        if not what and web_xml is None:
            clients = []
            for each in self._default():
                clients.append(
                    self._deploy(each, path, (), settings)
                )  # a comprehension would show as a frame
            return clients[0]
        folder, classes = self.write(*what, web_xml=web_xml, path=path)
        return self._deploy(folder, path, classes, settings)

    def write(
        self, *what: What, web_xml: str | None = None, path: str | None = None
    ) -> tuple[Path, list[type]]:
        """Return the folder of a web app, made if there is none yet, and its classes."""
        __tracebackhide__ = True
        if not what and web_xml is None:
            return next(iter(self._default())), []
        files: dict[str, str | bytes] = {} if web_xml is None else {"web.xml": web_xml}
        folders, classes = [], []
        for each in what:
            if isinstance(each, Mapping):
                files |= each
            elif isinstance(each, type):
                classes.append(each)
            else:
                folders.append(self.root / each)
        if len(folders) > 1:
            raise ConfigError("deploy: two folders. Call deploy for each web app")
        for missing in (folder for folder in folders if not folder.is_dir()):
            raise ConfigError(f"{missing}: there is no such folder. Relative names begin at {self.root}")
        if folders and not files:
            return folders[0], classes
        name = folders[0].name if folders else "app"
        if path is not None:
            name = folder_name_of(path)
        folder = self.new_folder() / "webapps" / name
        if folders:
            shutil.copytree(folders[0], folder, ignore=shutil.ignore_patterns("__pycache__"))
        write_web_app(folder, files)
        self._written.add(folder)
        return folder, classes

    def _default(self) -> Sequence[Path]:
        if not self.webapps:
            raise ConfigError(
                "which web app? Set was_webapp = FOLDER in pytest's settings (pytest.ini, or "
                "[tool.pytest.ini_options] of pyproject.toml), or have the test call deploy(...)"
            )
        for missing in (folder for folder in self.webapps if not folder.is_dir()):
            raise ConfigError(f"was_webapp: {missing}: there is no such folder")
        return self.webapps

    def _deploy(
        self, folder: Path, path: str | None, classes: Iterable[type], settings: Mapping[str, Any]
    ) -> Client:
        __tracebackhide__ = True
        if self._container is None:
            self._start(folder, settings)
        elif settings:
            names = ", ".join(settings)
            raise ConfigError(f"deploy: {names}: there is a container already. Name it in the first call")
        if path is not None:
            path = context_path_of(folder_name_of(path))
        context = self.container.deploy(folder, path, classes)
        if context.state is not State.RUNNING:
            self.container.undeploy(context.path)
            from container.learn.explain.place import Place  # only for those that fail

            place = Place.of(context, self._shown(context))
            raise DeploymentError(place.problem(p) for p in context.problems if p.severity == "error")
        client = Client(self, context.path)
        self._clients.append(client)
        return client

    def _start(self, folder: Path, settings: Mapping[str, Any]) -> None:
        made = Settings(**{"webapps": folder.parent, "access_log": "off", **settings})
        self._container = Container(made, self._users, clock=self.clock, tracer=self._recorder)
        self._handler = Front(self.new_front())

    def new_front(self) -> EmbeddedFront:
        """An embedded front before the container. It belongs to one thread."""
        front = TracedEmbeddedFront(self._recorder, self.container)
        self.container.on_static_plan(front.publish)
        return front

    # --- what the web apps are in--------------------------------------------------------------------------

    @property
    def container(self) -> Container:
        """What runs the web apps. Raises ConfigError if nothing has been deployed."""
        if self._container is None:
            self()
        assert self._container is not None
        return self._container

    @property
    def handler(self) -> Handler:
        """The front with its container, for one request at a time or several."""
        assert self._handler is not None
        return self._handler

    @property
    def client(self) -> Client:
        """That of the web app deployed first."""
        if not self._clients:
            self()
        return self._clients[0]

    def add_user(self, name: str, password: str | None = None, roles: Iterable[str] = ()) -> None:
        """Let there be a user, who can log in if there is a password."""
        self._users.users[name] = User(name, password, frozenset(roles))

    def write_users(self, path: Path) -> Path | None:
        """Write those who can log in as a users file for another process; None if there are none."""
        for user in self._users.users.values():
            if user.password is not None:
                write_user(path, user.name, user.password, sorted(user.roles))
        return path if path.exists() else None

    def _sweep(self, now_s: float) -> None:
        if self._container is not None:
            self._container.sweep(now_s)

    # --- for a failing test--------------------------------------------------------------------------------

    def next_number(self) -> int:
        """Of a request."""
        return next(self._numbers)

    def note(self, request_id: str, method: str, target: str) -> None:
        """Remember that a request is made."""
        self._last.append((request_id, method, target))
        self._recorder.trace(request_id).tell(method=method, target=target)

    def note_answer(self, request_id: str, status: int) -> None:
        self._recorder.trace(request_id).tell(status=status)

    def report(self) -> list[tuple[str, str]]:
        """Title and text of what is worth knowing about the last requests, the newest last."""
        sections = []
        for request_id, method, target in self._last:
            try:
                text = self.explain(method, target).to_text()
            except Exception as error:  # noqa: BLE001  the failure that this belongs to must be shown
                text = f"cannot be explained: {error!r}"
            sections.append((f"{method} {target} explained", text))
            if (record := self._recorder.find(request_id)) is not None:
                sections.append((f"{method} {target} X-ray", record.to_text()))
        return sections

    def explain(self, method: str, target: str) -> Explanation:
        """Say what happens to a request. target has the context path."""
        from container.learn.explain import explain

        context = self.client.context
        return explain(context, method, target, folder=self._shown(context))

    def _shown(self, context: Context) -> str | None:
        """How places call a web app's folder: one that the test has written has only a name."""
        return context.folder.name if context.folder in self._written else None


def folder_name_of(path: str) -> str:
    """Of a context path: the folder that would have it."""
    return path.strip("/").replace("/", "#") or "ROOT"


def write_web_app(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by the names that Deploy has for them; Python and XML may be indented as in a test."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / ("WEB-INF" if name == "web.xml" or name.startswith(_IN_WEB_INF) else "") / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f'deploy: {name}: is outside the web app. Remove the ".."')
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and path.suffix in (".py", ".xml"):
            content = textwrap.dedent(content.removeprefix("\n"))  # that of the opening quotes
        path.write_bytes(content.encode() if isinstance(content, str) else content)
