"""A whole Buildkite on this machine.

`client` is a running world as its users see it (start there). `supervisor` keeps the processes running (`children`,
`signals`, `sweep`: nothing is left behind), `connected` asks who has come up, `environment` says what agents and jobs are
given, `folder` and `hold` keep one world to one state folder, `launch` starts and ends one from outside, `repository` says
what a build is of.
"""

from shipping.local.hosts.published import RunningHost
from shipping.local.world.client import Build, PullRequest, RunningAgent, World, attached, started
from shipping.local.world.folder import Folder, default_state
from shipping.local.world.options import Options

__all__ = [
    "Build",
    "Folder",
    "Options",
    "PullRequest",
    "RunningAgent",
    "RunningHost",
    "World",
    "attached",
    "default_state",
    "started",
]
