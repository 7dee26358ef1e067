"""Running one shard's part and proving that all parts together are the suite.

`pytest_plugin` is the one file that runs in the suite's interpreter; it writes an event stream. `events` reads that stream,
`run` starts pytest around it, `incident` judges how it ended, `retry` runs failed tests once more, `report` is the shard's
record, `proof` what all reports must show together. `junit` and `annotation` are for people, `history` is what main keeps in a
bucket. `proven` reads a finished build back from its artifacts, `committed` refreshes the repository's own durations from it.
"""
