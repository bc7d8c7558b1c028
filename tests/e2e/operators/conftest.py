"""What operators do by hand and over HTTP, on one stack."""

from tests.e2e.shared_stack import shared_stack

__all__ = ["shared_stack"]
