"""What a person sees in the terminal: an API client, tables, live progress, the demo."""
