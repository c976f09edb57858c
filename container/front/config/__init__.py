"""Configurations of fronts as people know them: files ──> Site."""
