"""The workflow of a contact."""
