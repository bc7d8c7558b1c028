"""Attempts: claims, events, deliveries, caller IDs and reserved instants."""
