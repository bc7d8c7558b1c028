"""What providers report of calls."""
