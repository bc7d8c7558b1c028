"""Postgres: tables, repositories with one transaction per verb, migrations."""
