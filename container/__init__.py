"""A servlet container in Python: web.xml, servlets, filters and sessions as in Jakarta Servlet 6.1.

The folders retell the journey of a request:

    mpm/          who accepts, in how many processes and threads; TLS; the threads that requests run on
    connectors/   sockets and protocols -> an Exchange  (protocols/ has the bytes, at either end of the wire)
    front/        static files, routing, balancing; front/config/ reads nginx.conf and httpd.conf
    engine/       the container proper: Container -> Context -> pipeline -> your servlet
    servlet/      the API that web apps import
    session/  security/  views.py  descriptor/  files.py    what the engine is made of
    filters/      Tomcat's own filters, under their names
    learn/        what shows how it works: explain, X-ray, lab; what checks, migrates and begins web apps
    server.py     puts it all together; topology.py a front and containers; cli.py is the ``was`` command,
                  wsgi.py the application for other WSGI servers
    keeper.py  report.py    what a server does from time to time; what it says when it is ready
    testing/      fixtures and strategies for tests of web apps
    config.py  trace.py  errors.py    settings; what X-ray and access log are told; mistakes with their places

Nothing imports to its left: cli | wsgi | testing > topology > server > keeper > report > learn > engine |
front > connectors > session | security | views | mpm | filters > servlet | descriptor | protocols | files >
config > trace > errors.

    app = container.make_application(webapps="webapps", log_level="debug")    # a started container, PEP 3333
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from container.server import make_application as make_application

__all__ = ["__version__", "make_application"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Late, so that a web app that imports container.servlet does not load the servers.
    if name == "make_application":
        from container.server import make_application

        return make_application
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
