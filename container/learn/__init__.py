"""What helps people to begin and to understand: a first web app, what is wrong with a descriptor, and why.

Nothing here serves a request of a web app, and nothing that does imports it.
"""
