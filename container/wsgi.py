"""``container.wsgi:application``: the web apps for any WSGI server, with settings from WAS_* and ./was.toml.

    gunicorn --threads 8 container.wsgi:application
    WAS_WEBAPPS=/srv/webapps waitress-serve container.wsgi:application

The settings of sockets and threads are without effect: those are the WSGI server's. Sessions live in the
memory of one process: with several worker processes a browser would lose its session now and then.
"""

from __future__ import annotations

import atexit
import os

from container.config import load
from container.keeper import Keeper
from container.server import start_container

__all__ = ["application"]

application = start_container(load({}, os.environ))
Keeper(application).start()
atexit.register(application.stop)
