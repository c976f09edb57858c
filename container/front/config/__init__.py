"""Configurations as people know them, each read into a Site."""
