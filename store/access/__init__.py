"""Organizations, their tokens, and the requests they repeat."""
