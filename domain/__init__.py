"""The ground floor: every rule of the business, on the standard library alone.

Nothing here reads the clock, the environment or a random source; callers pass them in.
"""
