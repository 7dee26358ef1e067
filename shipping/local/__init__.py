"""The whole system on one machine: a local Buildkite, its agents, and an S3 server on loopback."""
