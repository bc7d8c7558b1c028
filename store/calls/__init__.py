"""Attempts: claims, events, deliveries, and whose turn it is to dial."""
