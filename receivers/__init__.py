"""The way to clients' receivers: which addresses may be posted to, signatures, one post."""
