"""What helps people to begin and to understand: a first web app, what is wrong with a descriptor, and why.

Nothing here serves a request, and nothing that does imports it.
"""
