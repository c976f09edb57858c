"""What the access log says of a request, and that it neither loses lines nor waits for its disk."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from container.connectors.access_log import FORMATS, AccessLog, Lines
from container.errors import ConfigError
from container.trace import Answered

ANSWERED = Answered(
    peer="127.0.0.1",
    user=None,
    time_s=1795435268.25,
    duration_s=0.0123456,
    request_line=b"GET /shop/?q=1 HTTP/1.1",
    status=200,
    body_bytes=2326,
    referer=b"http://example.com/",
    user_agent=b"test/1.0",
    host=b"localhost",
    request_id="1-1",
)


def line(format: str, **changes: object) -> str:
    line = FORMATS[format](Lines(), ANSWERED._replace(**changes))
    return re.sub(r"\[2[34]/Nov/2026:\d\d:\d\d:08 [+-]\d{4}\]", "[TIME]", line)


def test_common() -> None:
    expected = '127.0.0.1 - - [TIME] "GET /shop/?q=1 HTTP/1.1" 200 2326'
    assert line("common") == expected


def test_combined_adds_referer_and_user_agent() -> None:
    assert line("combined") == line("common") + ' "http://example.com/" "test/1.0"'
    assert line("combined", referer=None, user_agent=None) == line("common") + ' "-" "-"'


def test_missing_values_are_dashes_and_a_client_that_left_is_499() -> None:
    text = line("common", peer="", user="ann", request_line=b"", status=0, body_bytes=0)
    assert text == '- - ann [TIME] "-" 499 0'


def test_a_client_cannot_write_lines_of_its_own() -> None:
    text = line("combined", request_line=b'GET /"\n\\ HTTP/1.1', user_agent=b"\xff\x1b[2J", user='a "\n')
    assert '"GET /\\x22\\x0A\\x5C HTTP/1.1"' in text
    assert '"\\xFF\\x1B[2J"' in text
    assert " a\\x20\\x22\\x0A [" in text
    assert "\n" not in text


def test_json_is_one_object_with_units_in_its_names() -> None:
    assert json.loads(line("json")) == {
        "time": "2026-11-23T12:01:08.250Z",
        "id": "1-1",
        "peer": "127.0.0.1",
        "user": None,
        "request": "GET /shop/?q=1 HTTP/1.1",
        "status": 200,
        "body_bytes": 2326,
        "duration_s": 0.012346,
        "host": "localhost",
        "referer": "http://example.com/",
        "user_agent": "test/1.0",
    }
    assert json.loads(line("json", request_line=b"\xff\xc3\xa4"))["request"] == "\\xff\u00e4"


def test_every_line_is_in_the_file_when_the_log_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "access.log"
    with AccessLog(str(file), "common") as log:
        for number in range(1000):
            log(ANSWERED._replace(request_id=str(number)))
    assert file.read_text().count("\n") == 1000


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    log = AccessLog(str(file), "common")
    file.rename(tmp_path / "access.log.1")
    log(ANSWERED)
    log.close()
    assert file.read_text().count("\n") == 1
    assert (tmp_path / "access.log.1").read_text() == ""


def test_a_file_that_cannot_be_written_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^access log .*/file/access\.log: cannot be written"):
        AccessLog(str(tmp_path / "file" / "access.log"), "common")
