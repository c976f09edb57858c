"""``was explain``: a request to web apps that do not run.

    folder ── Container.examine ──> Context ── explain ──> Explanation

Descriptors are read and classes imported: those with decorators, servlets, filters, listeners, exceptions of
error pages. So what a module does when it is imported is done; nothing is instantiated, nothing called.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from container.config import Settings
from container.engine.container import Container, context_path_of, folders_of, users_realm
from container.errors import ConfigError
from container.learn.effective import web_app_of
from container.learn.explain import Explanation, explain
from container.security.realm import PasswordRealm
from container.security.users_file import User

__all__ = ["explain_unstarted"]


class _Nobody(PasswordRealm):
    """In place of a database of users, which need not be asked: nobody logs in."""

    def lookup(self, username: str) -> User | None:
        return None


def explain_unstarted(
    settings: Settings, method: str, target: str, *, web_app: Path | None = None
) -> Explanation:
    """Explain a request to one web app, or to those of the folder that the settings name.

    As with `was run` the name of its folder is a web app's context path. Raises ConfigError if there is none.
    """
    folder = None if web_app is None else web_app_of(web_app)
    webapps = settings.webapps if folder is None else folder.resolve().parent
    folders = folders_of(webapps) if folder is None else [folder.resolve()]
    if not folders:
        raise ConfigError(f"{webapps}: no web app is here. Name a folder of web apps, or one with --webapp")
    container = Container(replace(settings, session_store="memory", work=None))
    try:
        in_database = settings.users_database != "none"
        container.realm = _Nobody() if in_database else users_realm(settings, webapps)
        contexts = [container.examine(each, context_path_of(each.name)) for each in folders]
        return explain(contexts[0], method, target, folder=None if folder is None else os.fspath(folder))
    finally:
        container.stop(0)
