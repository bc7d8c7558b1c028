"""Batches followed by event streams."""
