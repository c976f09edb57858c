"""Sessions: who keeps them, and where."""
