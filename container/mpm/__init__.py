"""Process models and the threads that requests run on. Nothing in it knows HTTP.

What one process does, and who sees to it that there are enough:

    event.py, worker.py, prefork.py    one process; acceptor.py waits for connections, executor.py has threads
    supervisor.py     many processes: population.py says how many, scoreboard.py what each of them does
    tls.py, tls_transport.py, unix.py, waker.py, signals.py    of sockets and signals
"""
