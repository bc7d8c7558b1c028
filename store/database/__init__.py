"""One pool of connections to Postgres: transactions, time limits, failures, its clock."""
