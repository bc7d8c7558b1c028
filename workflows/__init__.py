"""Workflows: order, timers and messages; no I/O, no vendor, no SQL, no personal data."""
