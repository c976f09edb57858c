"""The process-model lab: prefork, worker and event under the same load, side by side.

    servers.py   the three servers, processes of their own (`was run --mpm ...`) with the web app of webapps/
    load.py      a process that asks all three the same, and plays the clients that one can switch on
    bench.py     Bench: starts them, measures twice a second, switches, kills, and ends it all
    experiment.py   what is measured, and which sentences follow from it: values only
    page.py      the page /lab; report.py `was lab --once`, for terminals and tests

Everything is on 127.0.0.1, bounded in processes, connections, requests and time, and ends with Bench.
"""
