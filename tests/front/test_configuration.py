"""Whose language a configuration is in, and a front as a program in one process."""

from __future__ import annotations

import socket
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from container.config import Settings
from container.errors import ConfigError
from container.front.configuration import FrontConfig, FrontListen, is_httpd, load_front
from container.front.listeners import FrontListeners
from container.front.program import FrontServer
from container.front.site import FixedAnswer
from container.mpm.event import has_ipv6


@pytest.mark.parametrize(
    "text",
    [
        "Listen 80\n",
        "# nginx\nServerRoot /etc/apache2\n",
        '<VirtualHost *:80>\n  DocumentRoot "/var/www"\n</VirtualHost>\n',
        "JkWorkersFile workers.properties\nJkMount /* lb\n",
        "IncludeOptional mods-enabled/*.load\n",
        "ProxyPass / http://127.0.0.1:8080/\n",
    ],
)
def test_httpd(text):
    assert is_httpd(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "events {}\nhttp { server { listen 80; } }\n",
        "user www-data;\nworker_processes auto;\ninclude /etc/nginx/modules-enabled/*.conf;\n",
        "# Listen 80\nevents {}\n",
        "http {\n  log_format main '$remote_addr'\n    '<x>';\n  keepalive_timeout 65;\n}\n",
    ],
)
def test_nginx(text):
    assert not is_httpd(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        ConfigError, match=r"cannot be read: No such file.*Name an nginx\.conf or httpd\.conf"
    ):
        load_front(tmp_path / "missing.conf")


class Hello:
    """A site that says which address it was asked at."""

    def decide(self, request):
        return FixedAnswer(200, str(request.exchange.connection.local[1]).encode(), "text/plain")

    def decide_error(self, request, status, answer_headers=()):
        return None

    def log_line(self, request, facts):
        return ()


@pytest.mark.socket
def test_a_front_on_several_addresses(tmp_path):
    path = str(tmp_path / "front.sock")
    listens = (FrontListen("127.0.0.1", 0), FrontListen("127.0.0.1", 0), FrontListen("", 0, path))
    for _ in range(2):  # the second one finds the socket's file of the first gone
        server = FrontServer(Settings(), FrontConfig(Hello(), listens))
        server.start()
        try:
            for address in server.addresses[:2]:
                with urllib.request.urlopen(address, timeout=10) as answer:
                    assert answer.read().decode() == address.rpartition(":")[2]
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(path)
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                assert sock.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
        finally:
            server.stop()
        assert not Path(path).exists()


@pytest.mark.parametrize(
    "text",
    [
        "Listen 80\nNonsense\nJkMountt /shop lb\n",
        "events { }\nnonsense on;\nhttp { server { listen 80; proxy_pas http://a; } }\n",
    ],
)
def test_all_mistakes_are_told_at_once(tmp_path, text):
    file = tmp_path / "front.conf"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_front(file)
    assert [line.split(":")[:2] for line in str(caught.value).splitlines()] == [
        [str(file), "2"],
        [str(file), "3"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Listen 80\nCustomLog {0} common\n<VirtualHost *>\nCustomLog {1} common\n</VirtualHost>\n",
        "events {{ }} http {{ server {{ listen 80;\naccess_log {0};\n\n"
        "location / {{ access_log {0}; access_log {0}$host; access_log {1};\n}} }} }}",
    ],
)
def test_logs_that_cannot_be_written_are_told_with_their_lines(tmp_path, text):
    file = tmp_path / "front.conf"
    file.write_text(text.format(tmp_path, tmp_path / "logs" / "good.log"))
    config = load_front(file)
    assert not (tmp_path / "logs").exists()  # `was check` makes nothing
    with pytest.raises(ConfigError) as caught:
        config.check_logs()
    first, *others = str(caught.value).splitlines()
    assert first.startswith(f"{file}:2:")
    assert f"the access log {tmp_path} cannot be written: Is a directory. Name another file, or " in first
    assert not others
    assert (tmp_path / "logs" / "good.log").exists()


@pytest.mark.socket
@pytest.mark.parametrize(("parameter", "ipv6_only"), [("", 1), ("ipv6only=on", 1), ("ipv6only=off", 0)])
def test_every_address_of_ipv6_leaves_those_of_ipv4_to_another_listen(tmp_path, parameter, ipv6_only):
    file = tmp_path / "nginx.conf"
    file.write_text(f"events {{ }} http {{ server {{ listen [::]:1 {parameter}; }} }}")
    (listen,) = load_front(file).listens
    assert str(listen) == "[::]:1"
    try:
        listeners = FrontListeners([replace(listen, port=0)], 1)
    except ConfigError as error:
        pytest.skip(str(error))  # a machine without IPv6
    try:
        assert listeners.plain[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == ipv6_only
    finally:
        listeners.close()


@pytest.mark.socket
@pytest.mark.parametrize("text", ["Listen 80", "Listen *:80", "Listen [::]:80"])
@pytest.mark.parametrize("beside", ["", "Listen [::]:80", "Listen 0.0.0.0:80", "Listen 80"])
def test_httpd_listens_over_both_families_once(tmp_path, text, beside):
    if not has_ipv6():
        pytest.skip("a machine without IPv6")
    file = tmp_path / "httpd.conf"
    file.write_text(f"{text}\n{beside}\n")
    listens = load_front(file).listens
    assert sorted(map(str, listens)) == ["0.0.0.0:80", "[::]:80"]
    assert all(listen.ipv6_only for listen in listens)


def test_httpd_listens_over_ipv4_where_there_is_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("container.front.configuration.has_ipv6", lambda: False)
    file = tmp_path / "httpd.conf"
    file.write_text("Listen 80\nListen 0.0.0.0:81\n")
    assert [str(listen) for listen in load_front(file).listens] == ["0.0.0.0:80", "0.0.0.0:81"]


@pytest.mark.socket
def test_an_address_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = FrontListen("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(
            ConfigError, match=f"^listen {listen}: address already in use: .* another port\\.$"
        ):
            FrontServer(Settings(), FrontConfig(Hello(), (FrontListen("127.0.0.1", 0), listen)))


@pytest.mark.socket
def test_what_was_taken_before_an_address_that_is_taken_is_given_back(tmp_path):
    kept, new = str(tmp_path / "kept"), str(tmp_path / "new")
    before = FrontListeners([FrontListen("", 0, kept)], 1)
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            wanted = [FrontListen("", 0, kept), FrontListen("", 0, new)]
            with pytest.raises(ConfigError, match="address already in use"):
                FrontListeners([*wanted, FrontListen("127.0.0.1", taken.getsockname()[1])], 1, before)
        assert Path(kept).exists()
        assert not Path(new).exists()
    finally:
        before.close()
        before.remove_paths()


@pytest.mark.socket
def test_a_successor_keeps_its_unix_socket(tmp_path):
    listen = FrontListen("", 0, str(tmp_path / "s"))
    before = FrontListeners([listen], 1)
    before.close()  # it still has requests to answer
    after = FrontListeners([listen], 1)
    before.remove_paths()
    assert Path(listen.path).exists()
    after.close()
    after.remove_paths()
    assert not Path(listen.path).exists()


@pytest.mark.socket
def test_a_unix_socket_that_is_taken(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(path)
        taken.listen()
        with pytest.raises(ConfigError, match="another program listens there"):
            FrontServer(Settings(), FrontConfig(Hello(), (FrontListen("", 0, path),)))
    # Whoever listened there has died.
    FrontServer(Settings(), FrontConfig(Hello(), (FrontListen("", 0, path),))).stop()
