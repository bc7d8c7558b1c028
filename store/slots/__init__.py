"""Slots: who may be dialled now."""
