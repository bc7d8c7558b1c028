"""Whom the rules let be called, and when, on one stack."""

from tests.e2e.shared_stack import shared_stack

__all__ = ["shared_stack"]
