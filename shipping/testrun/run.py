"""Run a part in the suite's own interpreter: one pytest process, its arguments in a file, our plugin beside it."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import UsageError
from shipping.processes import Ended, Watch
from shipping.testrun.events import Trace, read_trace
from shipping.testrun.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline_gen.config import Suite
    from pipeline_gen.suites.parts import Part
    from shipping.processes import ProcessTree

PYTEST = ("-m", "pytest")
PLUGIN = "ship_shard_plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pytest process: how it ended, and what it told before."""

    ended: Ended
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """What every pytest process of a job has in common.

    ``folder`` takes our plugin, argument files and event streams; nothing is written into the checkout. ``module`` is how
    pytest is started in the interpreter: ``-m pytest``, or that behind ``-m coverage run ...``.
    """

    suite: Suite
    root: Path
    env: Mapping[str, str]
    tree: ProcessTree
    folder: Path
    say: Callable[[str], None]
    module: tuple[str, ...] = PYTEST

    def set_up(self) -> float:
        """Do what the suite needs once per job; see `set_up`."""
        return set_up(self.suite, self.tree, root=self.root, env=self.env, say=self.say)

    def run(self, part: Part, *, name: str) -> Run:
        """Run a part to its end, or until nothing has moved for the suite's ``hang``. ``name`` tells processes apart.

        Raises UsageError where the interpreter, or pytest in it, is missing: the configuration or its setup is wrong.
        """
        python = self.interpreter()
        folder = self.folder / name
        folder.mkdir()
        events = folder / "events.jsonl"
        arguments = folder / "arguments.txt"
        arguments.write_text("".join(f"{file}\n" for file in part.touched), encoding="utf-8")
        # Ours come last and win: a shard runs its whole part, whatever the suite prefers when it runs as one.
        options = ["-p", PLUGIN, "--continue-on-collection-errors", "--maxfail=0", *self._color()]
        ended = self.tree.run(
            [python, *self.module, *options, f"@{arguments}"],
            cwd=self.root,
            env=self._environment(folder, part, events),
            output=self.say,
            watch=Watch(path=events, seconds=self.suite.hang),
        )
        if ended.cause == "missing":
            raise UsageError(f"cannot run {python!r}: {ended.message}")
        trace = read_trace(events)
        if trace.stage == "start":
            self._explain_no_start(python, ended)
        if trace.refused:
            raise UsageError(f"cannot run suite {self.suite.name!r}: {trace.refused}")
        return Run(ended=ended, trace=trace)

    def interpreter(self) -> str:
        """Return the suite's interpreter; raises UsageError where it is not there."""
        named = self.suite.python
        path = self.root / named if "/" in named else None
        found = shutil.which(str(path) if path else named, path=self.env.get("PATH"))
        if found is None:
            where = f"{str(path)!r} is not a program" if path else "it is not on this agent's PATH"
            raise UsageError(
                f"cannot find the interpreter {named!r} of suite {self.suite.name!r}: {where}",
                hint=f"suites/{self.suite.name}/python names it; its setup, which ran, is what may create it",
            )
        # Not resolved: a virtual environment's python is a symbolic link, and is what it is by where it lies.
        return found

    def _environment(self, folder: Path, part: Part, events: Path) -> dict[str, str]:
        plugins = folder / "plugin"
        plugins.mkdir()
        shutil.copyfile(Path(__file__).with_name("pytest_plugin.py"), plugins / f"{PLUGIN}.py")
        told = {
            "root": os.path.realpath(self.root),
            "paths": list(self.suite.paths),
            "events": str(events),
            "begun": time.time(),
            **part.to_json(),
        }
        (folder / "shard.json").write_text(json.dumps(told), encoding="utf-8")
        path = os.pathsep.join(entry for entry in (str(plugins), self.env.get("PYTHONPATH", "")) if entry)
        return {**self.env, "PYTHONPATH": path, "SHIP_SHARD": str(folder / "shard.json"), "PYTHONUNBUFFERED": "1"}

    def _color(self) -> tuple[str, ...]:
        return () if self.env.get("NO_COLOR") else ("--color=yes",)

    def _explain_no_start(self, python: str, ended: Ended) -> None:
        """Raise where pytest is not there; a pytest that died before its first word is a crash for others to judge."""
        if "No module named" in ended.tail and "pytest" in ended.tail.splitlines()[-1]:
            raise UsageError(
                f"cannot find pytest in the interpreter {python!r} of suite {self.suite.name!r}",
                hint=f"suites/{self.suite.name}/setup installs what the suite needs, pytest 8.2 or newer included",
            )
