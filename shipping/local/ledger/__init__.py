"""What survives a restart: one SQLite file in WAL mode, written before anything is acknowledged.

`database` opens it and holds the one transaction, `codec` turns records into JSON, `records` keeps the engine's state;
`metadata`, `annotations`, `artifacts`, `logs`, `pipelines` and `settings` keep what the engine does not reason about.
"""
