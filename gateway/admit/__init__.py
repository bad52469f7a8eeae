"""May it come in: rules over envelope and message, a tuple of them that reads like a table. Pure."""
