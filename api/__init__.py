"""The REST API: requests in, responses out."""
