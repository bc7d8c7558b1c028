"""The web console: pages for people, which speak only the public REST API with their visitor's token."""
