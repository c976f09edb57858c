"""The pytest plugin: fixtures for tests of web apps.

    deploy       run web apps: deploy({"web.xml": ..., "classes/shop.py": ...}), deploy("webapps/shop")
    client       a browser without a socket for the web app that was_webapp names in pytest's settings
    live_server  the web apps of the test at an address of their own, live_server.url
    cluster      cluster(2): in container processes behind a front

Where nothing of that is used it costs the import of this module: everything else is imported by the fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from container.testing.client import Client
    from container.testing.deployment import Deploy
    from container.testing.processes import Cluster, LiveServer

_DEPLOY: pytest.StashKey[Deploy] = pytest.StashKey()
_INI = "was_webapp"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        _INI,
        "folders of web apps, relative to this file: the fixture client is for the first one, deploy() "
        "without arguments runs all, for example webapps/shop",
        type="paths",
        default=[],
    )


@pytest.fixture
def deploy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploy]:
    """Run web apps for the length of the test.

    deploy({"web.xml": "<web-app>...", "classes/shop.py": "..."}) -> Client; also a folder, or classes.
    See Deploy.
    """
    from container.testing.deployment import Deploy

    webapps: list[Path] = request.config.getini(_INI)

    with Deploy(lambda: tmp_path_factory.mktemp("was"), request.config.rootpath, webapps) as deploy:
        request.node.stash[_DEPLOY] = deploy
        yield deploy


@pytest.fixture
def client(deploy: Deploy) -> Client:
    """Browser for the web app that was_webapp names, without a socket; a webtest.TestApp. See Client."""
    return deploy()


@pytest.fixture
def live_server(deploy: Deploy) -> Iterator[LiveServer]:
    """Serve the web apps of this test, or else those of was_webapp, on a free port: live_server.url."""
    from container.testing.processes import LiveServer

    with LiveServer(deploy) as server:
        yield server


@pytest.fixture
def cluster(deploy: Deploy) -> Iterator[Callable[..., Cluster]]:
    """Run web apps in container processes behind a front.

    cluster(2, "webapps/shop") -> Cluster, which has a url, kill(number), restart().
    """
    from container.testing.processes import Cluster

    started: list[Cluster] = []

    def start(containers: int, /, *what: Any, **arguments: Any) -> Cluster:
        started.append(Cluster(deploy, containers, *what, **arguments))
        return started[-1].start()

    yield start
    for each in started:
        each.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failure how the last requests of the test were mapped, and what became of them."""
    report = yield
    if report.failed and call.when == "call" and (deploy := item.stash.get(_DEPLOY, None)) is not None:
        report.sections += deploy.report()
    return report
