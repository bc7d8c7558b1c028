"""What a diagnosis asks of the rows."""
