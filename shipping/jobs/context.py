"""What a job is given: its environment and every seam to the world. Nothing below reads them by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from pipeline_gen.shell import Shell
    from shipping.buildkite import Agent
    from shipping.s3 import Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """``root`` is the checkout; ``bucket`` opens a bucket by name; ``say`` prints one line to the job's log."""

    env: Mapping[str, str]
    root: Path
    clock: Clock
    shell: Shell
    agent: Agent
    bucket: Callable[[str], Bucket]
    say: Callable[[str], None]

    def variable(self, name: str) -> str:
        """Return a variable that the agent sets; raises UsageError outside a job."""
        value = self.env.get(name)
        if not value:
            raise UsageError(f"cannot find {name!r} in the environment: this command runs inside a Buildkite job")
        return value

    def plugin(self) -> Mapping[str, Any]:
        """Return the plugin's configuration as the agent passes it."""
        raw = self.env.get("BUILDKITE_PLUGIN_CONFIGURATION")
        if not raw:
            raise UsageError(
                "cannot find the plugin's configuration: BUILDKITE_PLUGIN_CONFIGURATION is empty",
                hint="a null anywhere in the plugin's configuration makes the agent drop all of it",
            )
        configuration: dict[str, Any] = json.loads(raw) or {}
        return configuration
