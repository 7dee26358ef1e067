"""The REST API, under /v2, as pybuildkite calls it: one file per subject, `told` says how things look on the wire."""
