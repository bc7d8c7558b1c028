"""The log of accepted changes."""
