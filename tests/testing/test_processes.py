"""The fixtures live_server and cluster."""

from __future__ import annotations

import os
import re
import urllib.request
from collections import Counter
from collections.abc import Callable
from http.cookiejar import CookieJar
from typing import Any

import pytest

from container.errors import ConfigError, ContainerError
from container.servlet import HttpServlet, WebServlet
from container.testing import Cluster, Deploy, LiveServer

pytestmark = pytest.mark.socket

PID = """
import os
from container.servlet import HttpServlet, WebServlet

@WebServlet(["/pid", "/count"])
class Pid(HttpServlet):
    def doGet(self, request, response):
        if request.getServletPath() == "/count":
            session = request.getSession()
            session.setAttribute("count", (session.getAttribute("count") or 0) + 1)
            response.getWriter().write(f"{session.getId()} {session.getAttribute('count')}")
        else:
            response.getWriter().write(str(os.getpid()))
"""


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=120) as answer:
        return answer.read().decode()


def test_a_live_server_serves_what_the_test_has_deployed(deploy: Deploy, live_server: LiveServer) -> None:
    @WebServlet("/port")
    class Port(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            response.getWriter().write(f"{request.getLocalPort()} {request.getSession().getId()}")

    shop = deploy(Port, {"a.txt": "a file"}, path="/shop")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/shop", live_server.url)
    deploy({"index.html": "later"}, path="")
    assert get(f"{live_server.origin}/") == "later"
    assert get(f"{live_server.url}/a.txt") == "a file"
    port, session_id = get(f"{live_server.url}/port").split()
    assert live_server.origin.endswith(f":{port}")
    assert shop.context.sessions.manager.find(session_id)
    shop.clock.advance(minutes=31)
    assert not shop.context.sessions.manager.find(session_id)
    assert live_server.origin in repr(live_server)


def test_a_live_server_that_nobody_asks_for_does_not_start(live_server: LiveServer) -> None:
    assert repr(live_server) == "<LiveServer None>"


def test_a_cluster_serves_from_its_processes(cluster: Callable[..., Cluster]) -> None:
    servers = cluster(2, {"classes/pid.py": PID, "a.txt": "a file"}, path="/shop")
    assert get(f"{servers.url}/a.txt") == "a file"
    seen = Counter(int(get(f"{servers.url}/pid")) for _ in range(8))
    assert set(seen) == set(servers.pids.values())
    assert os.getpid() not in seen
    assert list(servers.pids) == [1, 2]

    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    ids = {visitor.open(f"{servers.url}/count").read().decode().split()[0] for _ in range(4)}
    route = int(ids.pop().rpartition(".r")[2])
    assert not ids

    before = servers.pids
    servers.kill(route)
    assert visitor.open(f"{servers.url}/count").read().decode().endswith(" 1")  # a new one, in the other
    servers.wait_ready()
    after = servers.pids
    assert {number for number in after if after[number] != before[number]} == {route}

    servers.restart()
    assert not set(servers.pids.values()) & set(after.values())
    assert int(get(f"{servers.url}/pid")) in servers.pids.values()
    assert servers.origin in repr(servers)


def test_a_cluster_has_the_users_of_the_test(cluster: Callable[..., Cluster], deploy: Deploy) -> None:
    xml = """
      <web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
        <security-constraint>
          <web-resource-collection>
            <web-resource-name>all</web-resource-name><url-pattern>/*</url-pattern>
          </web-resource-collection>
          <auth-constraint><role-name>reader</role-name></auth-constraint>
        </security-constraint>
        <login-config><auth-method>BASIC</auth-method></login-config>
        <security-role><role-name>reader</role-name></security-role>
      </web-app>
    """
    deploy.add_user("ann", "secret", roles=["reader"])
    servers = cluster(1, {"index.html": "read"}, web_xml=xml)
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, servers.url, "ann", "secret")
    visitor = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
    assert visitor.open(f"{servers.url}/").read() == b"read"


def test_what_a_cluster_cannot_start_is_said(cluster: Callable[..., Cluster]) -> None:
    class Inline(HttpServlet):
        pass

    with pytest.raises(ConfigError, match="class Inline of the test: another process cannot see it"):
        cluster(1, Inline)
    with pytest.raises(ContainerError, match=r"(?s)does not start:.*WEB-INF/web\.xml:1"):
        cluster(1, web_xml="<web-app><servlet/></web-app>")
    with pytest.raises(ContainerError, match=r"(?s)has ended; it has said:.*--ajp-port"):
        cluster(1, {}, ajp_port=1)
