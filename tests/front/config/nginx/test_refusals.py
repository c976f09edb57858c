"""What is refused, with the line and the cure: by nginx as well, or only here."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import programs
import pytest

from container.errors import ConfigError
from container.front.config.mistakes import BadConfiguration
from container.front.config.nginx.conf import Config, check

BOTH = [  # nginx refuses them too, at the same line
    ("server {\n  rooot /srv;\n}", 2, 'unknown directive "rooot". Did you mean "root"?'),
    ("server {\n  root /srv;\n  root /other;\n}", 3, '"root" directive is duplicate'),
    (
        "server {\n  location / {\n    root /a;\n    alias /b;\n  }\n}",
        4,
        '"root" directive was specified earlier',
    ),
    ("server {\n  location /a { }\n  location /a { }\n}", 3, 'duplicate location "/a"'),
    ("server {\n  location = /a { }\n  location = /a { }\n}", 3, 'duplicate location "/a"'),
    ("server {\n  location /a/ {\n    location /b { }\n  }\n}", 3, 'location "/b" is outside location "/a/"'),
    ("server {\n  location = /a {\n    location /a/b { }\n  }\n}", 3, 'inside the exact location "/a"'),
    ("server {\n  location /a {\n    location @b { }\n  }\n}", 3, "can be on the server level only"),
    ("server {\n  location ! /a { }\n}", 2, 'invalid location modifier "!"'),
    ("server {\n  location ~ a(b { }\n}", 2, 'the regular expression "a(b" cannot be used'),
    ("server {\n  return;\n}", 2, 'invalid number of arguments in "return" directive'),
    ("server {\n  return abc;\n}", 2, 'invalid return code "abc"'),
    ("server {\n  return 1000;\n}", 2, 'invalid return code "1000"'),
    ("server {\n  listen 80 what;\n}", 2, 'invalid parameter "what"'),
    ("server {\n  listen 127.0.0.1:99999;\n}", 2, "invalid port"),
    ("server {\n  listen 8080;\n  listen 8080;\n}", 3, "a duplicate listen 0.0.0.0:8080"),
    ("server {\n  return 200 $nothing;\n}", 2, 'unknown "nothing" variable'),
    ("server {\n  set nothing 1;\n}", 2, 'invalid variable name "nothing"'),
    ("server {\n  rewrite ^ /x sometimes;\n}", 2, 'invalid parameter "sometimes"'),
    ("server {\n  if ($a = ) { }\n}", 2, "invalid condition"),
    ("server {\n  error_page 200 /x;\n}", 2, "must be between 300 and 599"),
    ("server {\n  error_page /x;\n}", 2, 'invalid number of arguments in "error_page" directive'),
    ("server {\n  try_files $uri;\n}", 2, "try_files"),
    ("server {\n  client_max_body_size lots;\n}", 2, 'invalid size "lots"'),
    ("server {\n  proxy_read_timeout soon;\n}", 2, 'invalid time "soon"'),
    ("server {\n  etag maybe;\n}", 2, 'invalid value "maybe" in "etag" directive, it must be "on" or "off"'),
    ("server {\n  access_log logs/a.log none;\n}", 2, 'unknown log format "none"'),
    ("log_format a b;\nlog_format a c;\nserver { }", 2, 'duplicate "log_format" name "a"'),
    ("server {\n  add_header A b sometimes;\n}", 2, 'invalid parameter "sometimes"'),
    ("server {\n  location / {\n    proxy_pass app:80;\n  }\n}", 3, "invalid URL prefix"),
    ("server {\n  location ~ x {\n    proxy_pass http://127.0.0.1/base;\n  }\n}", 3, "cannot have URI part"),
    ("server {\n  location @x {\n    proxy_pass http://127.0.0.1/;\n  }\n}", 3, "cannot have URI part"),
    ("server {\n  location / {\n    proxy_pass http://no-such-group.invalid;\n  }\n}", 3, "host not found"),
    ("server {\n  proxy_pass http://127.0.0.1;\n}", 2, '"proxy_pass" directive is not allowed here'),
    ("server {\n  proxy_next_upstream error sometimes;\n}", 2, 'invalid value "sometimes"'),
    ("server {\n  proxy_http_version 3;\n}", 2, 'invalid value "3"'),
    ("upstream a {\n  server 127.0.0.1 weight=x;\n}\nserver { }", 2, 'invalid number "x"'),
    ("upstream a {\n  server 127.0.0.1 wait=1;\n}\nserver { }", 2, 'invalid parameter "wait=1"'),
    ("upstream a {\n  server no-such-host.invalid;\n}\nserver { }", 2, "host not found in upstream"),
    (
        "upstream a {\n  server 127.0.0.1;\n}\nupstream a {\n  server 127.0.0.1;\n}\nserver { }",
        4,
        "duplicate upstream",
    ),
    ("map $uri {\n}\nserver { }", 1, 'invalid number of arguments in "map" directive'),
    ("map $uri $x {\n  a 1;\n  a 2;\n}\nserver { }", 3, 'conflicting parameter "a"'),
    ("server {\n  allow somebody;\n}", 2, 'invalid parameter "somebody"'),
    ("server {\n  proxy_set_header A;\n}", 2, 'invalid number of arguments in "proxy_set_header" directive'),
    ("server {\n  types { a b; }\n  include none.conf;\n}", 3, "none.conf"),
]
ONLY_HERE = [  # or with another line
    ("server {\n  location @a { }\n  location @a { }\n}", 3, 'duplicate location "@a"'),
    ("server {\n  server_name a*b.test;\n}", 2, "invalid server name or wildcard"),
    ("server {\n  listen 80\n  root /srv;\n}", 2, "invalid parameter"),
    ("server {\n  location / { \n}", 4, 'unexpected end of file, expecting "}"'),
    (
        "server {\n  location /img {\n    alias /data/img/;\n  }\n}",
        3,
        "climb out of the folder. Write location /img/.",
    ),
    (
        "server {\n  location / {\n    fastcgi_pass 127.0.0.1:9000;\n  }\n}",
        3,
        '"fastcgi_pass" is not supported',
    ),
    ("server {\n  location / {\n    auth_basic on;\n  }\n}", 3, "Declare a <security-constraint> in web.xml"),
    ("server {\n  autoindex on;\n}", 2, '"autoindex on" is not supported'),
    ("server {\n  dav_methods PUT;\n}", 2, '"dav_methods" is not supported'),
    ("server {\n  proxy_cache_purge x;\n}", 2, '"proxy_cache_purge" is not supported'),
    (
        "upstream shop { server 127.0.0.1; }\nserver {\n  location / {\n    proxy_pass http://shpo;\n  }\n}",
        4,
        'Did you mean the upstream "shop"?',
    ),
    (
        "upstream shop { server 127.0.0.1; }\nserver { location / {\n    proxy_pass http://shop:8080;\n} }",
        3,
        "may not have port 8080",
    ),
    ("server {\n  listen 443 ssl;\n}", 1, 'no "ssl_certificate" is defined'),
    (
        "upstream a {\n  server 127.0.0.1;\n  sticky learn create=$c lookup=$d zone=x:1m;\n}",
        3,
        "sticky cookie NAME",
    ),
    (
        "upstream a {\n  server 127.0.0.1;\n  sticky cookie c samesite=no;\n}",
        3,
        'invalid parameter "samesite=no"',
    ),
    (
        "upstream a {\n  ip_hash;\n  server 127.0.0.1;\n  server 127.0.0.2 backup;\n}\nserver { }",
        1,
        'does not support parameter "backup"',
    ),
    ("upstream a {\n}\nserver { }", 1, 'no servers are inside upstream "a"'),
]


def refuse(configure: Callable[..., Config], text: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        configure(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(("text", "line", "message"), BOTH + ONLY_HERE)
def test_refused_with_its_line(
    configure: Callable[..., Config], tmp_path: Path, text: str, line: int, message: str
) -> None:
    problems = refuse(configure, text)
    assert problems[0].startswith(f"{tmp_path}/nginx.conf:{line + 2}: ")
    assert message in problems[0]
    if not re.search(r'invalid number of arguments|it must be "on" or "off"', problems[0]):  # that says it
        assert re.search(r"\. [A-Z].+[.?] \[WAS801\]$", problems[0]), "there is no cure"


@pytest.mark.program("nginx")
@pytest.mark.parametrize(("text", "line", "message"), BOTH)
def test_nginx_refuses_it_as_well(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = tmp_path / "nginx.conf"
    file.write_text(f"events {{ }}\nhttp {{\n{text}\n}}\n")
    command = [programs.find("nginx") or "", "-t", "-p", str(tmp_path), "-c", str(file), "-e", "stderr"]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 1
    places = re.findall(rf"\[emerg\].*{re.escape(str(file))}:(\d+)", tested.stderr)
    if places:  # of an unknown variable nginx does not say where
        assert places[0] == str(line + 2)
    else:
        assert message in tested.stderr


def test_all_problems_are_told_at_once(configure: Callable[..., Config]) -> None:
    problems = refuse(configure, "server {\n  rooot /a;\n  location / {\n    return;\n  }\n  listen 1 2;\n}")
    assert len(problems) >= 1
    problems = refuse(configure, "server {\n  etag on;\n  etag off;\n  location / {\n    alias x y;\n  }\n}")
    assert len(problems) == 1  # crossplane's come before ours


def test_what_has_no_effect_is_told(configure: Callable[..., Config], tmp_path: Path) -> None:
    configure("sendfile on;\nserver {\n  gunzip on;\n  location / { sendfile off; }\n}")
    notes = [str(note) for note in check(str(tmp_path / "nginx.conf"))]
    assert [re.sub(r".*nginx.conf", "", note).partition(" has no")[0] for note in notes] == [
        ':3: warning: "sendfile"',
        ':5: warning: "gunzip"',
    ]


def test_who_is_to_run_it_and_what_it_speaks_is_told(configure: Callable[..., Config]) -> None:
    text = "user www-data;\nevents { }\nhttp { server { listen 127.0.0.1:8443 http2; } }"
    notes = [str(note) for note in configure(text, main=True).notes]
    assert "start it as that user" in notes[0]
    assert '"listen ... http2" has no effect here: the front speaks HTTP/1.1' in notes[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http { server { } }", 'no "events" section in configuration'),
        ("events { }", "there is no server"),
        ("events { }\nevents { }\nhttp { server { } }", '"events" directive is duplicate'),
        ("worker_processes many;\nevents { }\nhttp { server { } }", 'invalid number "many"'),
        ("events { }\nstream { }\nhttp { server { } }", '"stream" is not supported'),
        ("events { }\nhttp { server { }", 'unexpected end of file, expecting "}"'),
        ("worker.list=n1\n", 'unexpected end of file, expecting ";" or "}". End each directive with ";".'),
        (
            "events { }\nhttp { location / { } }",
            '"location" directive is not allowed here. Its place is in server or',
        ),
        ("events { }\nhttp { include no-such-file; }", "No such file or directory. Correct its path, or"),
        (
            "server {\n  listen 80;\n}",
            '"server" directive is not allowed here: this is a part of a configuration',
        ),
    ],
)
def test_main(configure: Callable[..., Config], text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        configure(text, main=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "map $b $a { default 1; }\nmap $a $b { default 1; }\nserver { }",
            "a cycle of map variables: $a -> $b",
        ),
        ("server { return 200 $ssl_client_s_dn; }", 'the variable "ssl_client_s_dn" is not supported'),
    ],
)
def test_variables(configure: Callable[..., Config], text: str, message: str) -> None:
    assert (
        message in refuse(configure, text)[0]
        or message.replace("$a -> $b", "$b -> $a") in refuse(configure, text)[0]
    )


def test_includes_that_include_themselves(configure: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "again.conf").write_text("include again.conf;\n")
    with pytest.raises(ConfigError, match="is included by itself"):
        configure("include again.conf; server { }")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        check(str(tmp_path / "none.conf"))


def test_conflicting_names_are_noted(configure: Callable[..., Config]) -> None:
    config = configure("server { server_name a; }\nserver { server_name a; }")
    assert 'conflicting server name "a" on 0.0.0.0:80, ignored' in str(config.notes[0])
