"""Rules that campaigns and batches share, on the wire."""
