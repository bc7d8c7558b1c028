"""The tables and what their rows are made of."""
