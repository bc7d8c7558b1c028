"""The only room that speaks to telephony providers."""
