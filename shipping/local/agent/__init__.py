"""Where the Buildkite agent comes from: `find` looks for one, `build` makes one with Go when there is none."""

from shipping.local.agent.find import Agent, find, where

__all__ = ["Agent", "find", "where"]
