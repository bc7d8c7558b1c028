"""Batches: intake, life cycle, counts, export."""
