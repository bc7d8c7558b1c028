"""What forecasts are made from."""
