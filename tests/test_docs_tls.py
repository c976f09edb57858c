"""docs/tls.md: what it tells people to write is what works."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from container import config
from container.config import OPTIONS
from container.mpm.tls import CertificateFiles, ServerTls

PAGE = Path(__file__).parents[1].joinpath("docs", "tls.md").read_text(encoding="utf-8")


def test_its_settings_can_be_read(tmp_path: Path) -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "was.toml"
    file.write_text(toml)
    settings = config.load({}, {}, file)
    assert settings.tls_certificate == (tmp_path / "shop.pem", tmp_path / "blog.pem")
    assert len(settings.tls_key) == 2
    assert settings.secure_port == 443
    assert settings.tls_redirect


def test_its_flags_and_settings_exist() -> None:
    flags = {option.flag for option in OPTIONS}
    for line in re.findall(r"was run (.*)", PAGE):
        assert set(re.findall(r"--[a-z-]+", line)) <= flags
    keys = {option.key for option in OPTIONS}
    named = set(re.findall(r"`((?:tls|drain|stop|redirect|trusted)-[a-z-]+)`", PAGE))
    assert {"tls-key", "tls-redirect", "drain-s", "redirect-port"} <= named <= keys
    assert {option.key for option in OPTIONS if option.group in ("TLS", "Health")} <= set(
        re.findall(r"[a-z]+(?:-[a-z]+)+", PAGE)
    )


@pytest.mark.program("openssl")
def test_its_command_makes_a_certificate(tmp_path: Path) -> None:
    (command,) = re.findall(r"    (openssl .*)", PAGE)
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert ServerTls([CertificateFiles(tmp_path / "cert.pem", tmp_path / "key.pem")]).names == ["localhost"]
