"""Facts about a phone number, for every contact that has it: suppressed, on the phone, capped, claimed."""
