"""Settings: where they come from, what wins, and what a person reads who wrote one wrong."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from container import config
from container.config import OPTIONS, Settings
from container.errors import ConfigError


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(toml: str = "", /, **flags: str) -> Settings:
    if toml:
        Path("was.toml").write_text(toml, encoding="utf-8")
    return config.load(flags, {})


def test_flag_beats_environment_beats_config_file_beats_was_toml_beats_default() -> None:
    file = Path("other.toml")
    file.write_text("port = 3\nthreads = 3\nqueue = 3\n")
    Path("was.toml").write_text("port = 4\nthreads = 4\nqueue = 4\nbacklog = 4\n")
    environ = {"WAS_PORT": "2", "WAS_THREADS": "2"}

    settings = config.load({"port": "1"}, environ, file)
    assert (settings.port, settings.threads, settings.queue, settings.backlog) == (1, 2, 3, 511)

    settings = config.load({}, {})
    assert (settings.port, settings.backlog) == (4, 4)
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("flag", "text", "value"),
    [
        ("max_body_bytes", "64k", 65536),
        ("max_body_bytes", "1.5M", 1572864),
        ("max_body_bytes", "1g", 1024**3),
        ("max_body_bytes", "0", 0),
        ("stop_timeout_s", "500ms", 0.5),
        ("stop_timeout_s", "2m", 120.0),
        ("request_buffering", "off", False),
        ("request_buffering", "on", True),
        ("dev", "true", True),
        ("webapps", "a/b", Path("a/b")),
    ],
)
def test_text_is_read_with_its_unit(flag: str, text: str, value: object) -> None:
    assert getattr(load(**{flag: text}), flag) == value


def test_a_file_may_use_toml_types_or_text_and_both_spellings_of_a_name() -> None:
    settings = load('max-body-bytes = "64k"\nmax_form_bytes = 1000\ndev = true\nidle-timeout-s = 5\n')
    assert settings.max_body_bytes == 65536
    assert settings.max_form_bytes == 1000
    assert settings.dev is True
    assert settings.idle_timeout_s == 5.0


@pytest.mark.parametrize(
    ("toml", "paths"),
    [
        ('tls-key = "a.pem"', ["a.pem"]),
        ('tls-key = "a.pem , /b.pem"', ["a.pem", "/b.pem"]),
        ('tls-key = ["a, b.pem", "b.pem"]', ["a, b.pem", "b.pem"]),
        ("tls-key = []", []),
        ('tls-key = "none"', []),
    ],
)
def test_a_list_of_paths(toml: str, paths: list[str]) -> None:
    assert load(toml).tls_key == tuple(map(Path, paths))


def test_paths_of_a_list_in_a_file_are_relative_to_that_file_too() -> None:
    Path("etc").mkdir()
    Path("etc/was.toml").write_text('tls-certificate = ["a.pem", "/b.pem"]\n')
    settings = config.load({"tls_key": "a.key"}, {}, Path("etc/was.toml"))
    assert settings.tls_certificate == (Path("etc/a.pem"), Path("/b.pem"))
    assert settings.tls_key == (Path("a.key"),)
    with pytest.raises(ConfigError, match="tls-key = 5: not a list of paths"):
        load("tls-key = 5")


def test_where_clients_are_sent_who_need_tls() -> None:
    assert Settings().secure_port is None
    assert Settings(tls_port=8443).secure_port == 8443
    assert Settings(tls_port=8443, redirect_port=443).secure_port == 443


def test_a_relative_path_in_a_file_is_relative_to_that_file() -> None:
    folder = Path("etc")
    folder.mkdir()
    (folder / "was.toml").write_text('webapps = "apps"\nusers = "/abs/users.xml"\n')
    settings = config.load({}, {}, folder / "was.toml")
    assert settings.webapps == Path("etc/apps")
    assert settings.users == Path("/abs/users.xml")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '\n# size\nmax-body-bytes = "x"\n',
            'was.toml:3: max-body-bytes = "x": not a number of bytes; '
            "write for example 200m, also with k, m, g.",
        ),
        (
            "[server]\nport = 80\n",
            "was.toml:1: [server]: there are no tables here. Settings stand by themselves: remove this line, "
            "and keep those below it.",
        ),
        ("port = 70000\n", "was.toml:1: port = 70000: too large; the most is 65535."),
        ("port = true\n", "was.toml:1: port = true: not a number; write for example 80."),
        ("threads = 1.5\n", "was.toml:1: threads = 1.5: not a whole number; write for example 200."),
        (
            'executor = "pol"\n',
            'was.toml:1: executor = "pol": unknown; did you mean pool? write auto or pool or per-request.',
        ),
        (
            "\nmax-boddy-bytes = 1\n",
            "was.toml:2: max-boddy-bytes: there is no such setting; "
            "did you mean max-body-bytes? remove it or correct it.",
        ),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as e:
        load(toml)
    assert str(e.value) == message


def test_broken_toml_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"^was\.toml:2: .*key = value"):
        load("port = 1\nthreads == 2\n")


def test_a_file_that_is_not_there_is_an_error_only_if_it_was_asked_for() -> None:
    assert config.load({}, {}).port == 8080
    with pytest.raises(ConfigError, match=r"^no\.toml: cannot be read"):
        config.load({}, {}, Path("no.toml"))


def test_all_mistakes_are_told_at_once_each_with_its_place() -> None:
    Path("was.toml").write_text("queue = -1\n")
    with pytest.raises(ConfigError) as e:
        config.load({"port": "http"}, {"WAS_THREADS": "many"})
    assert str(e.value).splitlines() == [
        "was.toml:1: queue = -1: too small; the least is 0.",
        "WAS_THREADS=many: not a number of threads; write for example 200.",
        "--port http: not a number; write for example 80.",
    ]


def test_settings_made_by_a_program_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="port=-1: too small"):
        Settings(port=-1)
    assert Settings(webapps="apps").webapps == Path("apps")  # type: ignore[arg-type]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: o.name)
def test_every_setting_has_help_and_an_example_that_works(option: config.Option) -> None:
    assert option.help
    assert not option.help.endswith(".")
    assert option.convert(option.example) != option.default
    if option.default is not None:
        assert option.convert(option.spell(option.default)) == option.default
    if option.name.endswith(("_s", "_bytes")):  # the unit is in the name, too
        assert option.unit == option.name.rpartition("_")[2]


@pytest.mark.parametrize(
    ("toml", "networks"),
    [
        ('trusted_proxies = ["10.0.0.0/8", "::1"]', ("10.0.0.0/8", "::1")),
        ('trusted-proxies = "10.0.0.0/8, ::1"', ("10.0.0.0/8", "::1")),
        ('trusted-proxies = "10.0.0.0/8 ::1"', ("10.0.0.0/8", "::1")),
        ('trusted-proxies = "unix:, ::1"', ("unix:", "::1")),
        ('trusted-proxies = "none"', ()),
        ("trusted-proxies = []", ()),
    ],
)
def test_a_list_of_networks(toml: str, networks: tuple[str, ...]) -> None:
    assert load(toml).trusted_proxies == networks


def test_a_network_that_is_none_is_named_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"was\.toml:1: trusted-proxies = .*'proxy' does not appear to be"):
        load('trusted-proxies = ["10.0.0.0/8", "proxy"]')


def test_texts_that_may_be_missing_and_have_a_form() -> None:
    assert (load().route, load(route="none").route, load(route="n1.b-c").route) == (None, None, "n1.b-c")
    for wrong in ("", "a b", "a;b"):
        with pytest.raises(ConfigError, match="--route"):
            load(route=wrong)


def test_a_variable_that_is_nearly_a_setting_is_told_of() -> None:
    environ = {"WAS_PRT": "80", "WAS_PORT": "80", "WAS_HOME": "/opt", "PORTS": "1"}
    assert list(config.misspelt(environ)) == [
        "WAS_PRT: there is no such setting, so it does not count; did you mean WAS_PORT?"
    ]


def test_a_folder_that_may_not_be_entered_has_no_was_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*args: object, **kwargs: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", "was.toml")

    monkeypatch.setattr("os.stat", denied)
    assert load() == Settings()


def test_what_is_kept_from_the_running_settings_and_what_that_hides() -> None:
    running, fresh = Settings(port=1, threads=2), Settings(port=3, threads=4)
    assert config.keep(fresh, running, ["host", "port"]) == (Settings(port=1, threads=4), ["port"])
