"""Dispositions of calls."""
