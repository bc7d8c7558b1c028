"""Campaigns: rules, life cycle, numbers."""
