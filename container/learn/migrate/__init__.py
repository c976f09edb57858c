"""``was migrate``: what becomes of a Java web app here, and a skeleton of it in Python.

folder, .war ──open_files──> Files ──survey──> Report ──as_text, as_json──> what a person reads
               .java ──> JavaSources ──┘          └──write──> folder as `was new` makes it

war.py       the files, read where they are
java.py      classes of .java files: bases, methods, annotations
survey.py    sorts what is there: works here, needs a class, has no counterpart; known.py has the words
naming.py    Java's names -> Python's
skeleton.py  classes.py   what --output writes
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from container.errors import ConfigError
from container.learn.migrate.java import JavaClass, JavaSources, read_java
from container.learn.migrate.report import Report, as_json, as_text
from container.learn.migrate.skeleton import write
from container.learn.migrate.survey import PAGES, survey
from container.learn.migrate.war import Files, open_files, read

__all__ = ["Report", "as_json", "as_text", "migrate"]

MAVEN = ("src", "main", "webapp")


def migrate(path: Path, sources: Path | None = None, output: Path | None = None) -> Report:
    """Look through the web app at path and, with output, write its skeleton. Raises ConfigError.

    path is its folder, a .war, or a Maven project. sources: where its .java files are, if neither in it nor
    in src/main/java beside it.
    """
    path = _web_app(path)
    if sources is None and path.parts[-3:] == MAVEN and (java := path.parent / "java").is_dir():
        sources = java
    with open_files(path) as files:
        if not any(name.startswith("WEB-INF/") or name.endswith(PAGES) for name in files.names):
            raise ConfigError(
                f"{path}: no Java web app is here: it has no WEB-INF folder and no JSP. "
                "Name the folder that has it, or a .war."
            )
        classes = list(_java(files))
        if sources is not None:
            with open_files(sources) as more:
                classes += _java(more)
        report = survey(files, _name(path), JavaSources(classes))
        if output is not None:
            write(report, files, output)
    return report


def _web_app(path: Path) -> Path:
    maven = path.joinpath(*MAVEN)
    return maven if maven.is_dir() and not (path / "WEB-INF").is_dir() else path


def _name(path: Path) -> str:
    """The folder below webapps/, which says the context path: without the version of Tomcat's shop##12."""
    absolute = path.absolute()
    name = absolute.parents[2].name if absolute.parts[-3:] == MAVEN else absolute.name
    name = re.sub(r"\.war$", "", name, flags=re.IGNORECASE).partition("##")[0]
    return re.sub(r"[^\w.#-]", "-", name, flags=re.ASCII).strip(".-") or "webapp"


def _java(files: Files) -> Iterator[JavaClass]:
    for name in files.names:
        if name.endswith(".java") and not name.endswith(("package-info.java", "module-info.java")):
            yield from read_java(read(files, name), f"{files.shown}/{name}")
