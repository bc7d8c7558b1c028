"""Jambonz, in its own words."""
