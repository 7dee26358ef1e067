"""One suite of one build, from what the world knows to a test plan: which files, chosen how, dealt to which shards."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline_gen.suites.coverage_map import MAX_AGE, MapSearch, find_map
from pipeline_gen.suites.discovery import find_test_files
from pipeline_gen.suites.durations import COMMITTED, Durations, durations_key
from pipeline_gen.suites.planning import make_test_plan
from pipeline_gen.suites.selection import Selection, overridden, run_everything, select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline_gen.changes import Base
    from pipeline_gen.config import Config, Suite
    from pipeline_gen.context import Context
    from pipeline_gen.decisions import Decision
    from pipeline_gen.git import Git
    from pipeline_gen.ports import Store
    from pipeline_gen.suites.parts import TestPlan

UNKNOWN = Durations({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a suite's plan may look at. ``store`` is None where there is no bucket, or none is to be asked (``preview``).

    ``committed`` are the durations that the repository itself brings.
    """

    git: Git
    root: Path
    store: Store | None
    say: Callable[[str], None]
    committed: Durations = UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A suite's plan, and why it is so."""

    plan: TestPlan
    decisions: tuple[Decision, ...]


def failed_key(app: str, suite: str, branch: str) -> str:
    """Return the key of the test files that failed in the last build of a branch."""
    return f"{app}/suites/{suite}/failed/{quote(branch, safe='')}.json"


def compose(
    suite: Suite, config: Config, context: Context, base: Base, tracked: Sequence[str], around: Surroundings
) -> Composed:
    """Choose and deal the suite's test files. Under ``select: shadow`` all of them run, and the choice is kept beside."""
    files = find_test_files(around.root, suite, tracked)
    durations = _durations(config.app, suite, around)
    selection = _choose(suite, config, context, base, files, around)
    if suite.select == "shadow" and not selection.everything:
        plan = make_test_plan(suite, files, durations)
        return Composed(
            plan=replace(plan, shadow_left_out=selection.left_out),
            decisions=tuple(_watched(decision) for decision in selection.decisions),
        )
    plan = make_test_plan(suite, selection.files, durations, left_out=selection.left_out)
    return Composed(plan=plan, decisions=selection.decisions)


def _choose(
    suite: Suite, config: Config, context: Context, base: Base, files: tuple[str, ...], around: Surroundings
) -> Selection:
    if context.is_main(config.main_branch):
        return run_everything(suite, files, rule="main runs everything", evidence=f"a build of {context.branch!r}")
    if suite.select == "off":
        return run_everything(suite, files, rule="select is off", evidence="the configuration")
    asked = overridden(context.message, context.labels)
    if asked is not None:
        return run_everything(suite, files, rule="asked for", evidence=asked)
    if base.commit is None:
        return run_everything(suite, files, rule="no base", evidence=base.reason)
    if around.store is None:
        return run_everything(suite, files, rule="no coverage map", evidence="the bucket was not asked")
    ancestors = around.git.first_parents(base.commit, limit=MAX_AGE + 1)
    found = find_map(around.store, config.app, suite.name, ancestors)
    return _from_map(suite, config, context, files, found, around.store, around.git)


def _from_map(
    suite: Suite,
    config: Config,
    context: Context,
    files: tuple[str, ...],
    found: MapSearch,
    store: Store,
    git: Git,
) -> Selection:
    if found.coverage is None:
        return run_everything(suite, files, rule="no coverage map", evidence=found.reason)
    mapped = found.coverage.commit
    failed = store.get(failed_key(config.app, suite.name, context.branch))
    return select(
        suite,
        files=files,
        changes=git.changes(mapped, context.commit),
        found=found,
        read_old=lambda path: git.show(mapped, path),
        read_new=lambda path: git.show(context.commit, path),
        failed_before=json.loads(failed.body) if failed is not None else (),
        ignore=config.ignore,
    )


def committed_durations(root: Path, say: Callable[[str], None]) -> Durations:
    """Return what `.test_durations` at the root of the checkout holds; nothing where there is none, or it cannot be read."""
    try:
        body = (root / COMMITTED).read_bytes()
    except FileNotFoundError:
        return UNKNOWN
    except OSError as error:
        say(f"could not read the durations in {COMMITTED!r}: {error.strerror}")
        return UNKNOWN
    return _told(Durations.parse(body), repr(COMMITTED), say)


def _durations(app: str, suite: Suite, around: Surroundings) -> Durations:
    """Return the bucket's durations, which every build of main refreshes, and the committed ones for what it lacks."""
    stored = around.store.get(durations_key(app, suite.name)) if around.store is not None else None
    if stored is None:
        return around.committed
    known = _told(Durations.parse(stored.body), f"the durations of {suite.name!r}", around.say)
    return Durations({**around.committed.seconds, **known.seconds})


def _told(durations: Durations, where: str, say: Callable[[str], None]) -> Durations:
    for fault in durations.faults:
        say(f"left out of {where}: {fault}")
    return durations


def _watched(decision: Decision) -> Decision:
    """Say of a decision that it was only watched: everything ran."""
    return replace(decision, included=True, rule=f"shadow: {'run' if decision.included else 'skip'}, {decision.rule}")
