"""A servlet container in Python: web.xml, servlets, filters and sessions as in Jakarta Servlet 6.1.

The folders retell the journey of a request:

    connectors/   sockets and protocols -> an Exchange      (protocols/ has the bytes, mpm/ the processes and threads)
    front/        static files, routing, balancing
    engine/       the container proper: Container -> Context -> pipeline -> your servlet
    servlet/      the API that web apps import
    session/  security/  views.py  descriptor/  files.py    what the engine is made of
    server.py     puts it all together; cli.py is the ``was`` command

Nothing imports to its left: cli > server > learn | manager | testing > engine | front > connectors > session | security
| views | mpm > servlet | descriptor | protocols | files > config > trace > errors.
"""

__version__ = "0.1.0"
