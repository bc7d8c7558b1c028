"""The workflow that keeps house for a deployment."""
