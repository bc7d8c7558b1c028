"""What holds of a phone number, whoever is called on it: suppressed, on the phone, capped, claimed."""
