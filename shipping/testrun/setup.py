"""Do what a suite needs once per job, before its tests run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError
from shipping.testrun.ending import how

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline_gen.config import Suite
    from shipping.processes import ProcessTree

HINT_LINES = 25


def set_up(suite: Suite, tree: ProcessTree, *, root: Path, env: Mapping[str, str], say: Callable[[str], None]) -> float:
    """Run the suite's setup; what it starts lives until the job ends. Returns seconds.

    Raises InfraError: packages and services come from outside, and another try may find them.
    """
    if not suite.setup:
        return 0.0
    ended = tree.run(suite.setup, cwd=root, env=env, output=say, linger=True)
    command = " ".join(suite.setup)
    if ended.cause == "missing":
        raise UsageError(
            f"cannot run the setup {command!r} of suite {suite.name!r}: {ended.message}",
            hint=f"suites/{suite.name}/setup names a program that this agent must have",
        )
    if ended.code != 0:
        last = "\n".join(ended.tail.splitlines()[-HINT_LINES:])
        raise InfraError(f"could not set up suite {suite.name!r}: {command!r} {how(ended)}; its last lines:\n{last}")
    return ended.seconds
