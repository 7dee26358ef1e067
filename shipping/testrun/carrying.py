"""Which records of the last map still hold: those of test files that nothing changed since then can reach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline_gen.suites.coverage_map import MAX_AGE, find_map
from pipeline_gen.suites.selection import select

if TYPE_CHECKING:
    from pipeline_gen.config import Config, Suite
    from pipeline_gen.git import Git
    from pipeline_gen.plan import Plan
    from pipeline_gen.ports import Store
    from pipeline_gen.suites.coverage_map import TestRecord

# Every record is made anew after so many maps, so that what selection got wrong does not stay wrong.
MOST_CARRIED = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Records to hand on, by test file, and the words for the log."""

    records: dict[str, TestRecord]
    reason: str


def carry(plan: Plan, config: Config, suite: Suite, store: Store, git: Git) -> Carried:
    """Return what need not be recorded at the plan's commit: by the rules that let a pull request leave test files out."""
    ancestors = git.first_parents(plan.commit, limit=MAX_AGE + 1)[1:]
    found = find_map(store, plan.app, suite.name, ancestors)
    if found.coverage is None:
        return Carried(records={}, reason=f"recording everything: {found.reason}")
    mapped = found.coverage.commit
    selection = select(
        suite,
        files=plan.suites[suite.name].files,
        changes=git.changes(mapped, plan.commit),
        found=found,
        read_old=lambda path: git.show(mapped, path),
        read_new=lambda path: git.show(plan.commit, path),
        ignore=config.ignore,
    )
    known = found.coverage.records()
    held = {file: replace(known[file], age=known[file].age + 1) for file in selection.left_out}
    return Carried(
        records={file: record for file, record in held.items() if record.age <= MOST_CARRIED},
        reason=str(selection.decisions[0]),
    )
