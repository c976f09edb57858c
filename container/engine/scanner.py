"""What a web app is declared to be: web.xml, the fragments of its libraries, the decorators of its classes.

    WEB-INF/web.xml ──────────────────────────────────┐
    WEB-INF/lib/*: META-INF/web-fragment.xml ──order──┼──merge──> Effective
    WEB-INF/classes, WEB-INF/lib/*: @WebServlet ... ──┘

Files and annotations become values of one kind first; which of them wins is descriptor/merge.py's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from container.descriptor import checks, model, reader
from container.descriptor.merge import merge
from container.descriptor.ordering import Fragment, Ordered, order
from container.engine.annotations import annotations_of, may_declare
from container.engine.archives import Archive, archives_of
from container.engine.loader import Loader
from container.errors import Problem, Source

__all__ = ["Effective", "effective", "misplaced", "packed", "read_effective", "read_web_app"]

WEB_XML = "WEB-INF/web.xml"
FRAGMENT_XML = "META-INF/web-fragment.xml"
_NOTHING = model.WebApp(Source(""), fragment=True)


@dataclass(frozen=True, slots=True)
class Effective:
    """A web app's effective descriptor, and what is wrong with what it was made of."""

    web_app: model.WebApp
    problems: tuple[Problem, ...]
    archives: tuple[Archive, ...]  # WEB-INF/classes, then the libraries that count, in order
    ordered_libraries: tuple[str, ...] | None  # None: nothing orders them (DD-ORD-29)


def read_web_app(folder: Path, shown: str = "") -> tuple[model.WebApp, list[Problem]]:
    """Read a web app's own descriptor; an empty one if there is no web.xml (DD-DOC-02, DD-DOC-03)."""
    path = folder / WEB_XML
    shown = f"{shown or folder.name}/{WEB_XML}"
    try:
        is_there = path.is_file()
    except OSError:  # a folder on the way that we may not enter: reading says why
        is_there = True
    web_app, problems = reader.read_file(path, shown) if is_there else (model.WebApp(Source(shown)), [])
    return web_app, [*problems, *misplaced(folder, shown.removesuffix(f"/{WEB_XML}"))]


def misplaced(folder: Path, shown: str) -> Iterator[Problem]:
    """What stands beside WEB-INF, or in a folder that is nearly called so, and belongs into it."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name == "web.xml" or (name == "classes" and any((folder / name).glob("*.py"))):
            message = "is not in WEB-INF, so it does not count, and everybody can download it"
            cure = f"Move it to {shown}/WEB-INF/{name}."
        elif name.endswith(".py"):
            message = "is not in WEB-INF/classes, so nothing imports it, and everybody can download it"
            cure = f"Move it to {shown}/WEB-INF/classes/{name}."
        elif name.upper() == "WEB-INF" and "WEB-INF" not in names:
            message, cure = "is not WEB-INF, so nothing in it counts", "Rename it, in capitals."
        else:
            continue
        yield Problem(Source(f"{shown}/{name}"), message, cure, "warning", code="WAS136")


def packed(webapps: Path) -> Iterator[Problem]:
    """Each .war of a folder of web apps that is not unpacked beside it."""
    for war in sorted(webapps.glob("*.war")):
        if not war.with_suffix("").is_dir():
            message = "is not served: a web app is a folder here"
            cure = f"`was migrate {war}` shows what becomes of a Java web app."
            yield Problem(Source(str(war)), message, cure, "warning", code="WAS137")


def read_effective(folder: Path, loader: Loader, shown: str = "") -> Effective:
    """Read everything that declares a web app. Imports the modules that have decorated classes.

    shown is how messages call the folder, by its name unless it is given.
    """
    web_app, problems = read_web_app(folder, shown)
    return effective(web_app, problems, shown or folder.name, loader)


def effective(web_app: model.WebApp, problems: Iterable[Problem], shown: str, loader: Loader) -> Effective:
    """Complete a web.xml by fragments and annotations, unless it says that it is complete (DD-MC).

    With an error in a descriptor nothing is imported.
    """
    found = [*problems, *checks.check(web_app, complete=False)]
    classes, libraries = archives_of(shown, loader)
    ordered, of_fragments = _ordered(web_app, libraries)
    by_name = {archive.name: archive for archive in libraries}
    counted = [*classes, *(by_name[fragment.library] for fragment in ordered.fragments)]
    ordered_libraries = tuple(fragment.library for fragment in ordered.fragments)

    annotations, fragments, unseen = _NOTHING, list(ordered.fragments), False
    if web_app.metadata_complete:
        fragments = []
    else:
        found += [*of_fragments, *ordered.problems]
        if any(problem.severity == "error" for problem in found):
            unseen = any(may_declare(source) for archive in counted for source in archive.sources())
        else:
            annotations, fragments, of_classes = _annotated(shown, fragments, classes, by_name, loader)
            found += [*of_classes, *_too_old(web_app, annotations, fragments)]
    merged, of_all = merge(web_app, annotations, fragments)
    if not unseen:  # else what seems unknown may well be declared
        found += of_all
    return Effective(
        merged,
        tuple(dict.fromkeys(found)),
        tuple(counted),
        ordered_libraries if ordered.ordering_used else None,
    )


def _ordered(web_app: model.WebApp, libraries: Iterable[Archive]) -> tuple[Ordered, list[Problem]]:
    """Read the fragments and put them in order.

    A complete web.xml needs none, but its absolute ordering still says who may initialise (DD-MC-03).
    """
    found: list[Problem] = []
    fragments: list[Fragment] = []
    needed = not web_app.metadata_complete or web_app.absolute_ordering is not None
    for archive in libraries:
        nothing = replace(_NOTHING, source=Source(archive.shown))
        descriptor = nothing
        path = archive.folder / FRAGMENT_XML
        if needed and path.is_file():  # a library without one is a nameless fragment (DD-DOC-05)
            descriptor, problems = reader.read_file(path, f"{archive.shown}/{FRAGMENT_XML}", fragment=True)
            found += [*problems, *checks.check(descriptor, complete=False)]
        fragments.append(Fragment(archive.name, descriptor, nothing))
    return order(fragments, web_app.absolute_ordering), found


def _annotated(
    shown: str,
    fragments: Iterable[Fragment],
    classes: Iterable[Archive],
    libraries: Mapping[str, Archive],
    loader: Loader,
) -> tuple[model.WebApp, list[Fragment], list[Problem]]:
    """What WEB-INF/classes declares, and the fragments with what their libraries' classes declare."""
    annotations, found = annotations_of(
        f"{shown}/WEB-INF/classes",
        (source for archive in classes for source in archive.sources()),
        loader,
        loader.given.values(),
    )
    completed = []
    for fragment in fragments:
        if not fragment.descriptor.metadata_complete:  # DD-FRG-05
            library = libraries[fragment.library]
            declared, problems = annotations_of(library.shown, library.sources(), loader)
            fragment = replace(fragment, annotations=declared)
            found += problems
        completed.append(fragment)
    return annotations, completed, found


def _too_old(
    web_app: model.WebApp, annotations: model.WebApp, fragments: Iterable[Fragment]
) -> Iterator[Problem]:
    """DD-MC-04: before 2.5 nobody could have said that the descriptor is complete."""
    parts = [annotations, *(part for f in fragments for part in (f.descriptor, f.annotations))]
    if web_app.version in ("2.2", "2.3", "2.4") and any(
        replace(p, source=_NOTHING.source) != _NOTHING for p in parts
    ):
        yield Problem(
            web_app.source,
            f"annotations and fragments count, although web.xml is of version {web_app.version}",
            'Say what is meant with version 6.1 and metadata-complete="true" or "false" (§8.1).',
            "warning",
            code="WAS135",
        )
