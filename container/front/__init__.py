"""The front web server: static files, routing, balancing. Nothing in it sees a servlet.

The parts, as a request meets them:

    front.py          a Handler: asks a Site, does what its Action says; targets.py reads paths, once
    site.py           what a Site is. containers.py is one; config/ has those of nginx.conf and httpd.conf
    documents.py      files of a document root
    proxy.py          to a backend and back, with backends.py and client.py
    balancer.py       the words of balancing: upstream.py as nginx, jk.py as mod_jk, mod_proxy.py as Apache
    health.py         active checks, which checker.py makes
    status.py         what `was status` shows; admin.py has it on an address of its own

and the programs that they are put together to:

    routes.py, static.py, plans.py, redirect.py              the embedded front, in a container's process
    master.py, program.py, configuration.py, listeners.py    `was front`
    supervisor.py, fleet.py, liveness.py, table.py           the containers of `was run --containers`
"""
