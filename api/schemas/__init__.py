"""The wire: what requests may hold and what responses show."""
