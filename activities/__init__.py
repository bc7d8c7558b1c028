"""Thin hands of the workflows: unpack, call a port, translate failures."""
