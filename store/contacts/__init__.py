"""Contacts: lists, settlement of their attempts, times that moved."""
