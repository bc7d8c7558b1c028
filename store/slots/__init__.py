"""Slots: contacts that may be dialled now."""
