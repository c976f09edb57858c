"""Protocols without sockets: bytes in, events out, and back."""
