"""Everything that has to be green before a change goes in: what .ci/run runs, from anywhere.

It works on clean checkouts of the last commit in a temporary folder and needs what a fresh machine has:
Python 3.11 or newer with pip, git, and the way to a package index. The two command lines are those of
README.md, taken from below the markers "run" and "test", so what the README says is what is tested. All
steps run, also after one has failed; the exit code is 0 if all have passed. A step with a skipped test has
not passed: a program is missing. Up to three failed tests are run once more, alone, since a machine under
load may upset a test that starts programs; what passes only then is named in the summary, to be mended.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEP_LIMIT_S = 18 * 60
START_LIMIT_S = 5 * 60
STOP_LIMIT_S = 30
LAST_LINES = 60
REPEATS = 3
OLDEST = (3, 11)
PROGRAMS = [
    "nginx-light",
    "apache2",
    "libapache2-mod-jk",
    "haproxy",
    "tomcat10",
    "chromium",
    "tomcat10-examples",
    "openjdk-17-jre-headless",
    "curl",
    "openssl",
]

ENVIRON = {
    **os.environ,
    "CI": "true",
    "DEBIAN_FRONTEND": "noninteractive",
    "PYTEST_ADDOPTS": "-rfEs",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
for name in [name for name in ENVIRON if name.startswith(("WAS_", "VIRTUAL_ENV", "PYTHON"))]:
    del ENVIRON[name]


class StepError(Exception):
    """A step has failed; the message says why, the output how far it came."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


def say(text: str) -> None:
    print(text, flush=True)


def run(command: str | list[str], folder: Path) -> str:
    """Run a command, show what it prints, and return it. Raises StepError."""
    say(f"$ {command if isinstance(command, str) else ' '.join(command)}")
    process = subprocess.Popen(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env=ENVIRON,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    timer = threading.Timer(STEP_LIMIT_S, lambda: os.killpg(process.pid, signal.SIGKILL))
    timer.start()
    lines = []
    assert process.stdout
    with process.stdout:
        for line in process.stdout:
            lines.append(line)
            say(line.rstrip("\n"))
    code = process.wait()
    timer.cancel()
    if code:
        raise StepError(
            f"exit code {code}" if code > 0 else f"ended by signal {-code}, maybe for its time limit",
            "".join(lines),
        )
    return "".join(lines)


def run_tests(python: str, command: str | list[str], folder: Path) -> str:
    """Run tests, up to three failed ones once more. Return what to say of these. Raises StepError."""
    try:
        output = run(command, folder)
        repeated = ""
    except StepError as e:
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", e.output, re.MULTILINE)
        if not 1 <= len(failed) <= REPEATS:
            raise
        say(f"FAILED: {e}; once more:")
        output = run([python, "-m", "pytest", "--last-failed", "--last-failed-no-failures", "none"], folder)
        repeated = f", but only when repeated: {', '.join(failed)}"
    summary = output.rstrip().rpartition("\n")[2]
    if not re.search(r"\b\d+ passed", summary):
        raise StepError("no test has run")
    if skipped := re.search(r"\b\d+ skipped", summary):
        raise StepError(f"{skipped[0]}: see the reasons above, and install what is missing")
    return repeated


def readme_line(marker: str) -> str:
    """Return the command below <!-- marker --> in README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^<!-- {marker} -->\n```sh\n(.+)\n```$", text, re.MULTILINE)
    if not found:
        raise StepError(f"README.md has no command below <!-- {marker} -->")
    return found[1]


def check_out(folder: Path) -> Path:
    """Make a clean checkout: what is not committed is not tested."""
    run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], folder.parent)
    return folder


def pythons() -> Iterator[tuple[tuple[int, ...], str]]:
    """Find the Pythons of this machine that can make a virtual environment, each with its version."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += Path.home().glob(".pyenv/versions/*/bin")
    folders += [Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    show = "import sys, venv, ensurepip; print(*sys.version_info[:3], sys.implementation.name)"
    for path in sorted({path for folder in folders for path in folder.glob("python3*")}):
        if re.fullmatch(r"python3(\.\d+)?", path.name) and os.access(path, os.X_OK):
            try:
                result = subprocess.run([path, "-c", show], capture_output=True, text=True, timeout=20)
            except (OSError, subprocess.TimeoutExpired):
                continue
            if match := re.fullmatch(r"(\d+) (\d+) (\d+) cpython\n", result.stdout):
                yield tuple(map(int, match.groups())), str(path)


# The steps


def programs(folder: Path) -> None:
    """Install the real programs that tests run against, by Debian's names; elsewhere they must be there."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        say("not Debian, or not its administrator: what is missing is named by the tests that are skipped")
        return
    run(["apt-get", "update", "-qq"], folder)
    # Their services are not wanted: each test starts its own program.
    policy = Path("/usr/sbin/policy-rc.d")
    is_ours = not policy.exists()
    if is_ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        run(["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *PROGRAMS], folder)
    finally:
        if is_ours:
            policy.unlink()


def main_line(folder: Path) -> None:
    """Run the README's first line on a free port, look at the page it serves, and stop it."""
    command = readme_line("run")
    checkout = check_out(folder / "main")
    say(f"$ WAS_PORT=0 {command}")
    output = folder / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            command,
            shell=True,
            cwd=checkout,
            env={**ENVIRON, "WAS_PORT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = wait_for_url(process, output)
        with urllib.request.urlopen(url, timeout=30) as answer:
            page = answer.read()
            say(f"GET {url}: {answer.status}, {len(page)} bytes")
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        limit_s = time.monotonic() + STOP_LIMIT_S
        while is_there(process.pid) and time.monotonic() < limit_s:
            time.sleep(0.1)
        say(output.read_text(errors="replace"))
        if is_there(process.pid):
            raise StepError(f"it runs on {STOP_LIMIT_S} s after SIGTERM")
        if "Traceback" in output.read_text(errors="replace"):
            raise StepError("it did not stop cleanly")
    except OSError as e:
        raise StepError(f"{e}:\n{output.read_text(errors='replace')}") from None
    finally:
        if is_there(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_url(process: subprocess.Popen[bytes], output: Path) -> str:
    limit_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit_s:
        text = output.read_text(errors="replace")
        if found := re.search(r"Ready .* on (http://\S+/)", text):
            return found[1]
        if process.poll() is not None:
            raise StepError(f"exit code {process.returncode}:\n{text}")
        time.sleep(0.2)
    raise StepError(f"not ready after {START_LIMIT_S} s:\n{output.read_text(errors='replace')}")


def test_line(folder: Path) -> str:
    return run_tests(".venv/bin/python", readme_line("test"), check_out(folder / "tests"))


def linters(folder: Path) -> None:
    folder = folder / "tests"
    run([".venv/bin/python", "-m", "pip", "install", "--quiet", "--editable", ".[dev]"], folder)
    failed = []
    for command in ("ruff check", "ruff format --check", "mypy", "lint-imports", "codespell"):
        try:
            run(f".venv/bin/{command}", folder)
        except StepError:
            failed.append(command)
    if failed:
        raise StepError(", ".join(failed))


def documentation(folder: Path) -> None:
    """Build the site; a broken link, or a page that no table of contents has, is an error."""
    tests = folder / "tests"
    run([".venv/bin/python", "-m", "pip", "install", "--quiet", "--editable", ".[docs]"], tests)
    run([".venv/bin/sphinx-build", "-q", "-W", "--keep-going", "docs", str(folder / "site")], tests)


def newest_python(folder: Path) -> str:
    """Run the tests again, on the newest Python, if it is another one."""
    folder = folder / "tests"
    version, path = max(pythons(), default=((0,), ""))
    used = subprocess.run(
        [".venv/bin/python", "-c", "import sys; print(*sys.version_info[:3])"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if tuple(map(int, used.stdout.split())) >= version:
        say(f"the tests have run on the newest Python here, {'.'.join(used.stdout.split())}")
        return ""
    say(f"newest Python: {'.'.join(map(str, version))}, {path}")
    run([path, "-m", "venv", ".venv-newest"], folder)
    run([".venv-newest/bin/python", "-m", "pip", "install", "--quiet", "--editable", ".[selftest]"], folder)
    # Two at once, since end-to-end tests mostly wait, and all steps together have half an hour.
    python = ".venv-newest/bin/python"
    return run_tests(python, [python, "-m", "pytest", "-n", "2", "--dist", "loadfile"], folder)


# What a step returns is added to its "passed".
STEPS: Mapping[str, Callable[[Path], str | None]] = {
    "programs": programs,
    "README: the test line": test_line,
    "linters, types, imports": linters,
    "documentation": documentation,
    "tests on the newest Python": newest_python,
    "README: the main line": main_line,
}


def main() -> int:
    if sys.version_info < OLDEST:
        say(f"python3 is {sys.version.split()[0]}; the project needs {'.'.join(map(str, OLDEST))} or newer")
        return 1
    results: dict[str, str] = {}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="ci-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for step, function in STEPS.items():
            say(f"\n=== {step}")
            began_s = time.monotonic()
            try:
                results[step] = f"passed{function(folder) or ''}"
            except StepError as e:
                say(f"FAILED: {e}")
                results[step] = f"FAILED: {str(e).splitlines()[0]}"
                failures[step] = e.output
            results[step] += f"  ({time.monotonic() - began_s:.0f} s)"
    # Once more at the end, since whoever reads a long log reads its end.
    for step, output in failures.items():
        say(f"\n=== {step}: its last lines")
        say("\n".join(output.splitlines()[-LAST_LINES:]))
    say("\n=== Summary")
    for step, result in results.items():
        say(f"{step}: {result}")
    return 0 if all(result.startswith("passed") for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
