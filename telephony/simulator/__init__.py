"""Stand-in for a telephony provider: a service of its own that speaks the providers' contracts."""
