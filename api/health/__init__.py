"""Whether this process runs and is ready."""
