"""Drivers of connections: a socket's life on one side, Exchanges on the other."""
