"""A small reference model of the contract, and the real API driven beside it."""
