"""`was front` in a process of its own."""

from __future__ import annotations

import signal
from pathlib import Path

import programs
import pytest

pytestmark = pytest.mark.socket

NGINX = """
events {{}}
http {{
    log_format short '$request_method $uri $status $upstream_status';
    access_log {folder}/access.log short;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {folder}/docs; error_page 404 /missing.html; }}
        location /app/ {{ proxy_pass {backend}/; }}
    }}
}}
"""
HTTPD = """
Listen 127.0.0.1:{port}
DocumentRoot {folder}/docs
<Directory {folder}/docs>
    Require all granted
</Directory>
ProxyPass /app/ {backend}/
LogFormat "%m %U %>s" short
CustomLog {folder}/access.log short
"""


@pytest.mark.parametrize(("name", "config"), [("nginx.conf", NGINX), ("httpd.conf", HTTPD)])
def test_a_front_before_a_container(start, was_run, web_app, tmp_path: Path, name, config):
    web_app()
    container = was_run("--access-log", "off")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("file")
    (tmp_path / "docs" / "missing.html").write_text("page")
    port = programs.free_ports(1)[0]
    file = tmp_path / name
    file.write_text(config.format(folder=tmp_path, port=port, backend=container.url))
    front = start("container", "front", "--config", str(file))
    front.url = front.wait_for(r"Ready after .* on (http://\S+)\.")[1].rstrip(".")
    assert front.get("/a.txt") == (200, "file")
    assert front.get("/app/main/x") == (200, "hello")
    assert front.get("/nothing")[0] == 404
    assert front.stop(signal.SIGTERM) == 0
    container.stop()
    log = (tmp_path / "access.log").read_text().splitlines()
    assert [line.split()[:3] for line in log] == [
        ["GET", "/a.txt", "200"],
        ["GET", "/app/main/x", "200"],
        ["GET", "/missing.html" if name == "nginx.conf" else "/nothing", "404"],
    ]


def test_a_configuration_that_is_wrong(start, tmp_path: Path):
    file = tmp_path / "nginx.conf"
    file.write_text("events {}\nhttp { server { listne 80; } }\n")
    front = start("container", "front", "--config", str(file))
    assert front.wait() == 2
    assert f"{file}:2" in "".join(front.said)
