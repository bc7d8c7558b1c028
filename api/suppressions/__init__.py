"""Suppressed numbers over HTTP."""
