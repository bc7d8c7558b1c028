"""Batches as files."""
