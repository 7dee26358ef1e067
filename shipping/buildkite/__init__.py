"""The client of Buildkite: `agent` is the running job's own `buildkite-agent`, `rest` the REST API, by pybuildkite.

`rest` is imported where it is needed: it loads an HTTP library, which no job wants to wait for.
"""

from shipping.buildkite.agent import Agent

__all__ = ["Agent"]
