"""Run what failed once more, alone and in a fresh process: what passes then is flaky, not fixed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline_gen.suites.durations import file_of
from pipeline_gen.suites.parts import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.testrun.events import Result
    from shipping.testrun.incident import Incident

# When nearly everything fails it is the environment that is broken, and a green second run would only hide it.
HOPELESS_SHARE = 0.8
HOPELESS_LEAST = 5


def again(results: Sequence[Result], incident: Incident | None) -> tuple[Part | None, str]:
    """Return what to run once more as a part, or None with the reason.

    Not after an incident (a collection error, a crash, a hang): then it is not single tests that failed. Not what crashed an
    xdist worker: that is no matter of luck.
    """
    failed = [result.id for result in results if result.outcome in ("failed", "error")]
    if not failed:
        return None, ""
    if incident is not None:
        return None, f"no second run: {incident.message}"
    if len(failed) >= HOPELESS_LEAST and len(failed) > HOPELESS_SHARE * len(results):
        return None, f"no second run: {len(failed)} of {len(results)} tests failed, which is not chance"
    dealt: defaultdict[str, list[str]] = defaultdict(list)
    for test in failed:
        dealt[file_of(test)].append(test)
    return Part(dealt={file: tuple(tests) for file, tests in dealt.items()}), ""
