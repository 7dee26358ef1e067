"""Running one shard's part and proving that all parts together are the suite.

`ran` says what running a part is, whatever runs it; there are two who do. For pytest, `pytest_plugin` is the one file that
runs in the suite's interpreter and writes an event stream; `events` reads it, `run` starts pytest around it, `incident` judges
how it ended, `pytest_part` puts that together. The room `command` does the same with any command that writes JUnit.

Then all is one: `shard` runs a part, `retry` what failed once more, `report` is the shard's record, `proof` what all reports
must show together. `junit` and `annotation` are for people, `history` is what main keeps in a bucket.
`proven` reads a finished build back from its artifacts, `committed` refreshes the repository's own durations from it.
"""
