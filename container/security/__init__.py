"""Who may do what: constraints, realms, authenticators."""
