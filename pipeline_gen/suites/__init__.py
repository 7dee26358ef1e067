"""Which tests a build runs and how they are dealt to shards: the test plan, durations, the coverage map, selection."""
