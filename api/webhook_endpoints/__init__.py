"""Webhooks out over HTTP: where an organization has its events posted, and what came of it."""
