"""The front web server: static files, routing, balancing."""
