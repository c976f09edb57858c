"""The commands as a person meets them: arguments in, text and exit code out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import container
from container.config import OPTIONS

# The package under test, also where it is not installed.
ENVIRON = {
    "PATH": os.defpath,
    "PYTHONPATH": str(Path(container.__file__).parents[1]),
    "COLUMNS": "100",
}
GOOD = '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"/>'
BAD = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet-mapping>
    <servlet-name>cart</servlet-name>
    <url-pattern>cart</url-pattern>
  </servlet-mapping>
</web-app>
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def python(*arguments: str, cwd: str = ".", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**ENVIRON, **environ},
    )


def was(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "container", *arguments, **environ)


def web_app(folder: str, web_xml: str = GOOD) -> None:
    path = Path(folder, "WEB-INF", "web.xml")
    path.parent.mkdir(parents=True)
    path.write_text(web_xml, encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [(), ("run",), ("new",), ("check",), ("explain",), ("container",), ("migrate",), ("reload",), ("lab",)],
)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = was(*command, "--help")
    assert result.returncode == 0
    assert "Examples:\n    was " in result.stdout


def test_help_of_run_shows_every_setting_with_type_unit_default_and_example() -> None:
    text = " ".join(was("run", "--help").stdout.split())
    for option in OPTIONS:
        assert f"{option.flag} {option.kind}" in text
        assert f"default: {option.spell(option.default)}; e.g. {option.example}]" in text
        assert option.unit in text


def test_a_wrong_setting_is_named_where_it_was_written() -> None:
    Path("was.toml").write_text("\nport = 99999\n")
    result = was("run", "--threads", "many", WAS_QUEUE="-1")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "was.toml:2: port = 99999: too large; the most is 65535.",
        "WAS_QUEUE=-1: too small; the least is 0.",
        "--threads many: not a number of threads; write for example 200.",
    ]


def test_windows_is_refused_in_a_sentence() -> None:
    code = (
        "import sys; from container.cli import main; sys.platform = 'win32'; sys.argv[1:] = ['run']; main()"
    )
    result = python("-c", code)
    assert result.returncode == 2
    assert result.stderr.startswith("`was run` needs Linux or macOS")


# was migrate


def test_migrate_reports_and_writes_a_skeleton() -> None:
    web_app("shop")
    result = was("migrate", "shop", "--output", "python/shop")
    assert result.returncode == 0
    assert result.stdout.startswith("Maps cleanly\n  nothing\n")
    assert result.stderr.splitlines() == [
        "shop: maps cleanly: 0, classes to write: 0, pages to write: 0, without a counterpart: 0",
        "python/shop: made; python/shop/TODO.md says how to go on",
    ]
    again = was("migrate", "shop", "--output", "python/shop")
    assert (again.returncode, again.stderr) == (
        2,
        "python/shop: is there already, and nothing is overwritten. Name a new folder.\n",
    )
    assert json.loads(was("migrate", "shop", "--json").stdout)["name"] == "shop"


def test_migrate_tells_a_wrong_descriptor_from_a_sound_one() -> None:
    web_app("shop", BAD)
    result = was("migrate", "shop")
    assert result.returncode == 1
    assert result.stdout.startswith("Wrong in any container\n  shop/WEB-INF/web.xml:")


# was check


def test_check_says_nothing_but_a_summary_of_a_sound_web_app() -> None:
    web_app("shop")
    result = was("check", "shop")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "1 web app: no problem\n"


@pytest.mark.parametrize(
    "path", ["webapps", "webapps/shop", "webapps/shop/WEB-INF", "webapps/shop/WEB-INF/web.xml"]
)
def test_check_prints_each_problem_with_its_place(path: str) -> None:
    web_app("webapps/shop", BAD)
    result = was("check", path)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        'webapps/shop/WEB-INF/web.xml:4:5: error WAS201: <url-pattern> "cart" can never match: paths begin '
        'with "/". Write "/cart" (§12.2).',
        "    4 |     <url-pattern>cart</url-pattern>",
        "      |     ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
        'webapps/shop/WEB-INF/web.xml:4:5: error WAS208: <servlet-mapping> of "cart" names the unknown '
        'servlet "cart". Declare it with <servlet-name>cart</servlet-name>.',
        "    4 |     <url-pattern>cart</url-pattern>",
        "      |     ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
    ]
    assert result.stderr == "1 web app: 2 errors\n"


def test_check_inside_of_web_inf() -> None:
    web_app("shop", BAD)
    result = python("-m", "container", "check", "web.xml", cwd="shop/WEB-INF")
    assert result.returncode == 1
    assert result.stderr.startswith("1 web app: ")
    assert "shop/WEB-INF/web.xml:4:5: " in result.stdout


def test_check_exits_with_1_for_errors_and_if_it_is_strict_for_warnings() -> None:
    web_app("shop", GOOD.replace("/>", "><distributable>no</distributable></web-app>"))
    assert was("check", "shop").returncode == 0
    assert was("check", "--strict", "shop").returncode == 1
    assert was("check", "--strict", "--ignore", "WAS122", "shop").returncode == 0
    assert was("check", "--strict", "--select", "WAS2", "shop").returncode == 0
    result = was("check", "--select", "WAS999", "shop")
    assert (result.returncode, result.stdout) == (2, "")
    assert "WAS999: no such code" in result.stderr


def test_check_as_json() -> None:
    web_app("shop", BAD)
    result = was("check", "--format", "json", "shop")
    assert (result.returncode, result.stderr) == (1, "")
    found = json.loads(result.stdout)
    assert [problem["code"] for problem in found["problems"]] == ["WAS201", "WAS208"]


def test_check_explains_a_code_without_a_path() -> None:
    result = was("check", "--explain", "was203")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("WAS203 (warning): ")
    assert was("check", "--explain", "WAS9").returncode == 2
    assert "### WAS822: " in was("check", "--explain", "all").stdout


def test_check_has_colours_on_a_terminal_only() -> None:
    web_app("shop", BAD)
    command = [sys.executable, "-m", "container", "check", "shop"]
    for environ, has_colours in (({}, True), ({"NO_COLOR": "1"}, False)):
        leader, follower = os.openpty()
        subprocess.run(
            command, stdout=follower, stderr=follower, timeout=120, env={**ENVIRON, **environ}, check=False
        )
        os.close(follower)
        assert (b"\033[" in os.read(leader, 100_000)) == has_colours
        os.close(leader)


def test_check_of_an_nginx_configuration() -> None:
    Path("nginx.conf").write_text("events {\n}\nhttp {\n  gunzip on;\n  server {\n    listen 8080;\n  }\n}\n")
    result = was("check", "nginx.conf")
    assert (result.returncode, result.stderr) == (0, "1 nginx configuration: 1 warning\n")
    assert result.stdout.startswith('nginx.conf:4: warning WAS802: "gunzip" has no effect here: ')
    Path("nginx.conf").write_text("events {\n}\nhttp {\n  gunzip on;\n  server {\n    rooot /srv;\n  }\n}\n")
    result = was("check", "nginx.conf")
    assert (result.returncode, result.stderr) == (1, "1 nginx configuration: 1 error, 1 warning\n")
    assert 'nginx.conf:6: error WAS801: unknown directive "rooot". Did you mean "root"' in result.stdout


def test_check_of_a_file_in_no_web_app_judges_it_alone() -> None:
    Path("web-fragment.xml").write_text(FRAGMENT)
    assert was("check", "web-fragment.xml").stderr == "1 descriptor: no problem\n"
    Path("draft.xml").write_text(BAD)
    result = was("check", "draft.xml")
    assert (result.returncode, result.stdout.splitlines()[0].split(":")[:2]) == (1, ["draft.xml", "4"])


def test_check_of_a_folder_reads_every_web_app() -> None:
    web_app("webapps/a", BAD)
    web_app("webapps/b", BAD)
    web_app("webapps/c")
    result = was("check", "webapps")
    places = [line for line in result.stdout.splitlines() if line.startswith("webapps/")]
    assert {line.split("/")[1] for line in places} == {"a", "b"}
    assert result.stderr.startswith("3 web apps: ")


def test_check_of_nothing_is_a_usage_error() -> None:
    Path("empty").mkdir()
    assert was("check", "empty").returncode == 2
    assert "no web app is here" in was("check", "empty").stderr
    assert was("check", "missing").returncode == 2


EFFECTIVE = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet><servlet-name>s</servlet-name><servlet-class>a.B</servlet-class></servlet>
  <data-source><name>d</name><password>hush</password></data-source>
</web-app>
"""


@pytest.mark.parametrize("path", ["shop", "shop/WEB-INF", "shop/WEB-INF/web.xml"])
def test_check_effective_prints_one_descriptor_and_who_says_what(path: str) -> None:
    web_app("shop", EFFECTIVE)
    result = was("check", "--effective", path)
    assert result.returncode == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert "<servlet>  <!-- shop/WEB-INF/web.xml:2 -->" in lines
    assert "<servlet-class>a.B</servlet-class>" in lines
    assert "hush" not in result.stdout
    assert result.stderr.startswith("shop/WEB-INF/web.xml:3:3: warning: <data-source>")
    Path("shop/WEB-INF/web.xml").write_text(result.stdout)
    assert "WAS1" not in was("check", "--ignore", "WAS129", "shop").stdout  # it is a web.xml


DECORATED = """
from container.servlet import HttpServlet, WebInitParam, WebServlet

@WebServlet("/cart", name="cart", loadOnStartup=2, initParams=WebInitParam("size", "9"))
class Cart(HttpServlet):
    def doGet(self, request, response): pass
"""
NAMED = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"><distributable/>
  <servlet><servlet-name>cart</servlet-name></servlet>
</web-app>
"""
FRAGMENT = """<web-fragment xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"><distributable/>
  <servlet><servlet-name>cart</servlet-name><async-supported>true</async-supported></servlet>
</web-fragment>
"""


def test_check_knows_fragments_and_decorators_and_effective_puts_them_together() -> None:
    web_app("shop", NAMED)
    for name, text in (("classes/shop.py", DECORATED), ("lib/tags/META-INF/web-fragment.xml", FRAGMENT)):
        path = Path("shop/WEB-INF", name)
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert was("check", "shop").stderr == "1 web app: no problem\n"
    result = was("check", "--effective", "shop")
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line.strip() for line in result.stdout.splitlines()]
    decorated = "  <!-- shop/WEB-INF/classes/shop.py:5 -->"
    fragment = "  <!-- shop/WEB-INF/lib/tags/META-INF/web-fragment.xml:2 -->"
    assert "<servlet>  <!-- shop/WEB-INF/web.xml:2 -->" in lines
    assert f"<servlet-class>shop.Cart</servlet-class>{decorated}" in lines
    assert f"<load-on-startup>2</load-on-startup>{decorated}" in lines
    assert f"<async-supported>true</async-supported>{fragment}" in lines
    assert f"<init-param>{decorated}" in lines
    assert f"<servlet-mapping>{decorated}" in lines
    assert "<distributable/>" in lines


def test_check_effective_of_errors_and_of_nothing() -> None:
    web_app("shop", BAD)
    Path("empty").mkdir()
    assert was("check", "--effective", "shop").returncode == 1
    result = was("check", "--effective", "empty")
    assert (result.returncode, result.stdout) == (2, "")
    assert "no web app is here" in result.stderr


# was new


def test_new_web_app_is_sound() -> None:
    result = was("new", "shop-2")
    assert result.returncode == 0
    assert "shop-2/webapps/shop-2/WEB-INF/web.xml" in result.stdout
    assert was("check", "shop-2/webapps").stderr == "1 web app: no problem\n"
    assert not any(
        "NAME-OF" in p.name or "NAME-OF" in p.read_text() for p in Path("shop-2").rglob("*.*") if p.is_file()
    )


def test_the_test_of_a_new_web_app_passes() -> None:
    assert was("new", "shop").returncode == 0
    plugin = "container.testing.plugin"  # where the package is installed it is there by itself
    result = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin, cwd="shop")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout


def test_new_overwrites_nothing() -> None:
    Path("shop").mkdir()
    result = was("new", "shop")
    assert result.returncode == 2
    assert "nothing is overwritten" in result.stderr
    assert list(Path("shop").iterdir()) == []


@pytest.mark.parametrize("name", ["", "a b", "../x", "1st", "WEB-INF", "root", "a#b", "ä"])
def test_new_checks_the_name(name: str) -> None:
    result = was("new", "--", name)
    assert result.returncode == 2
    assert "not a name for a web app" in result.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("address", ["8081x", "host", "host:", "unix"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    result = was("container", "--http", address)
    assert result.returncode == 2
    assert f"--http {address}: write HOST:PORT or unix:PATH" in result.stderr
    assert f"--ajp {address}: write HOST:PORT, for" in was("container", "--ajp", address).stderr


def test_ajp_on_any_free_port_is_refused() -> None:  # 0 is no AJP at all, and nobody could find the port
    result = was("container", "--ajp", "127.0.0.1:0")
    assert result.returncode == 2
    assert "--ajp 127.0.0.1:0: name a port, for example --ajp 127.0.0.1:8009" in result.stderr


def test_a_container_is_told_of_its_address_by_the_flag_that_it_has() -> None:
    Path("webapps/shop/WEB-INF").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = was("container", "--http", f"127.0.0.1:{port}").stderr
        assert f"--http {port}: address already in use" in said
        assert said.endswith("choose another --http.\n")
        said = was("container", "--http", "127.0.0.1:0", "--ajp", f"127.0.0.1:{port}").stderr
        assert said.endswith("choose another --ajp.\n")


@pytest.mark.parametrize(
    ("command", "cure"),
    [
        (("run", "shop"), "shop: a file or folder needs its flag. Write --webapps FOLDER."),
        (("container", "--dev", "on", "shop"), "Write --webapps FOLDER."),
        (
            ("front", "--config", "a.conf", "b.conf"),
            "Write --config FILE.",
        ),
    ],
)
def test_a_folder_without_its_flag(command: tuple[str, ...], cure: str) -> None:
    result = was(*command)
    assert result.returncode == 2
    assert cure in result.stderr


def test_looking_for_servers_makes_no_folder() -> None:
    assert was("status", "--work", "missing").returncode == 1
    assert was("reload", "--work", "missing").returncode == 2
    assert not Path("missing").exists()


def test_reload_needs_a_server(tmp_path: Path) -> None:
    result = was("reload", "--work", str(tmp_path))
    assert result.returncode == 2
    assert "no server of yours runs. " in result.stderr


def test_a_work_folder_that_cannot_be_made_is_said_in_a_sentence() -> None:
    web_app("webapps/shop")
    Path("file").touch()
    result = was("run", "--port", "0", "--work", "file/work")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "--work file/work: " in result.stderr
    assert "cannot be made: Not a directory. Name a folder of your own" in result.stderr


def test_check_of_a_site_that_an_nginx_configuration_includes() -> None:
    Path("default").write_text("server {\n  listen 8080;\n  root /srv;\n}\n")
    result = was("check", "default")
    assert result.stdout.splitlines()[0] == (
        'default:1: error WAS801: "server" directive is not allowed here: this is a part of a configuration. '
        "Name the nginx.conf that includes it, or write events {} and http { } around it."
    )


def test_check_of_a_project_names_its_folder_of_web_apps() -> None:
    web_app("project/webapps/shop")
    result = was("check", "project")
    assert result.returncode == 2
    assert result.stderr.endswith("There are some in project/webapps: name that.\n")


def test_check_of_a_web_app_without_web_inf_says_what_is_misplaced() -> None:
    Path("webapps/shop").mkdir(parents=True)
    Path("webapps/shop/web.xml").write_text(GOOD)
    for path in ("webapps", "webapps/shop"):
        result = was("check", path)
        assert (
            "webapps/shop/web.xml: warning WAS136: is not in WEB-INF, so it does not count" in result.stdout
        )


def test_a_web_app_is_not_taken_for_a_folder_of_them() -> None:
    web_app("webapps/shop")
    result = was("run", "--port", "0", "--webapps", "webapps/shop")
    assert result.returncode == 2
    assert "webapps/shop: is a web app itself, not a folder of them. Name the folder" in result.stderr
    assert "--webapps webapps." in result.stderr


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("webapps/shop/WEB-INF", "webapps/shop/WEB-INF: is the inside of a web app. Name the folder"),
        (".", ".: holds webapps, which is a folder of web apps, and no web app. Write --webapps webapps."),
    ],
)
def test_what_nobody_is_to_see_is_no_folder_of_web_apps(folder: str, said: str) -> None:
    web_app("webapps/shop")
    Path("conf").mkdir()
    result = was("run", "--port", "0", "--webapps", folder)
    assert result.returncode == 2
    assert said in result.stderr


def test_a_module_that_everybody_can_download() -> None:
    Path("webapps/shop").mkdir(parents=True)
    Path("webapps/shop/app.py").write_text("PASSWORD = 'secret'\n")
    assert "webapps/shop/app.py: warning WAS136: is not in WEB-INF/classes" in was("check", "webapps").stdout


INTERRUPTED = """
import sys
from importlib.abc import MetaPathFinder

class CtrlC(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "container.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
from container.__main__ import main
main()
"""


def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_traceback() -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
