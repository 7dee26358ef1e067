"""The client of Buildkite: `agent` is the running job's own `buildkite-agent`, `rest` the REST API, by pybuildkite.

`artifacts` is a store for those who have no bucket: what the jobs of one build keep for each other, as its artifacts.

`rest` is imported where it is needed: it loads an HTTP library, which no job wants to wait for.
"""

from shipping.buildkite.agent import Agent
from shipping.buildkite.artifacts import ArtifactStore

__all__ = ["Agent", "ArtifactStore"]
