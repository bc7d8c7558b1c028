"""The whole stack on one machine, from wheels: Postgres, Temporal, simulator, worker, API."""
