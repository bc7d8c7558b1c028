"""What is checked on the way in: phone numbers, time zones, rows of contacts."""
