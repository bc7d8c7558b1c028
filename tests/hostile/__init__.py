"""A provider that fails in every way a provider can, and the table that says how."""
