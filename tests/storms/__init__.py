"""Storms: a whole stack on separate processes, struck at random from a seed, and held against its ledger."""
