"""Run a part with pytest: one process for the whole part, told by its event stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.testrun.incident import in_flight, judge
from shipping.testrun.ran import Ran

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_gen.config import Suite
    from pipeline_gen.suites.parts import Part
    from shipping.testrun.run import Run, Runner


@dataclass(frozen=True, slots=True)
class PytestParts:
    """A `PartRunner` of suites that pytest runs."""

    runner: Runner

    @property
    def suite(self) -> Suite:
        return self.runner.suite

    @property
    def say(self) -> Callable[[str], None]:
        return self.runner.say

    def set_up(self) -> float:
        return self.runner.set_up()

    def run_part(self, part: Part, *, name: str) -> Ran:
        run = self.runner.run(part, name=name)
        if name == "first":
            self._say_versions(run)
        return told_by(run, part, hang=self.suite.hang)

    def _say_versions(self, run: Run) -> None:
        session = run.trace.session
        if not session:
            return
        lacks = [
            f"without {name}: {meaning}"
            for name, key, meaning in (("pytest-xdist", "xdist", "tests run one after another"),)
            if session.get(key) is None
        ]
        self.say("; ".join([f"Python {session['python']}, pytest {session['pytest']}", *lacks]))


def told_by(run: Run, part: Part, *, hang: float) -> Ran:
    """Return what a pytest process showed of a part."""
    trace, incident = run.trace, judge(run, hang=hang)
    dying = in_flight(trace, incident) if incident else []
    dealt = {test for tests in part.dealt.values() for test in tests}
    collected = tuple(trace.collected)
    return Ran(
        seconds=run.ended.seconds,
        collected=collected,
        results=(*trace.results, *dying),
        # Only a process that collected can say that a test is gone.
        vanished=tuple(sorted(dealt - set(collected))) if trace.collections and not trace.broken else (),
        seen={file: tuple(ids) for file, ids in trace.seen.items()},
        files=trace.files,
        ignored=tuple(sorted(trace.ignored)),
        incident=incident,
        session_seconds=trace.start_seconds + trace.session_seconds,
        versions=trace.session,
    )
