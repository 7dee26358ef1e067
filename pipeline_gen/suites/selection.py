"""Which test files a change can break: the rules, over the coverage map and the imports. Unsure means everything.

A rule looks at one changed path and only ever adds test files, so one more change never selects less; but for the change that
explains a new file: until something is seen to import it, a new file means everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.decisions import Decision
from pipeline_gen.suites.kinds import CONFTEST, PYTHON, is_named_as_test, kind_of
from pipeline_gen.suites.overlay import Overlay
from pipeline_gen.suites.patterns import first_match
from pipeline_gen.suites.source import UnreadableSourceError, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pipeline_gen.config import Suite
    from pipeline_gen.git import FileChange
    from pipeline_gen.suites.coverage_map import MapSearch
    from pipeline_gen.suites.source import Difference

    Read = Callable[[str], bytes | None]

OVERRIDE = "ship: run everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The test files to run and those left out, each sorted. ``everything``: a rule asked for all of them.

    ``decisions`` are about the suite, about each changed path that selects nothing, and about each test file that runs.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    everything: bool
    decisions: tuple[Decision, ...]


def overridden(message: str, labels: Iterable[str]) -> str | None:
    """Return the evidence if a person asked for everything: a label, or a line of the commit message (any case)."""
    for label in labels:
        if _plain(label) == _plain(OVERRIDE):
            return f"label {label!r}"
    for line in message.splitlines():
        if _plain(line) == _plain(OVERRIDE):
            return f"{line.strip()!r} in the commit message"
    return None


def run_everything(suite: Suite, files: Collection[str], *, rule: str, evidence: str) -> Selection:
    """Select all test files, for one stated reason."""
    return Selection(
        files=tuple(sorted(files)),
        left_out=(),
        everything=True,
        decisions=(Decision(subject=_name(suite), included=True, rule=rule, evidence=evidence),),
    )


def select(
    suite: Suite,
    *,
    files: Collection[str],
    changes: Sequence[FileChange],
    found: MapSearch,
    read_old: Read,
    read_new: Read,
    failed_before: Collection[str] = (),
    ignore: Sequence[str] = (),
) -> Selection:
    """Decide which of ``files`` run.

    ``changes`` are counted from the map's commit to the build's; ``read_old`` and ``read_new`` return a path's bytes at the
    one and the other, None where it is not there. ``failed_before``: test files that failed earlier on this branch.
    """
    if found.coverage is None:
        return run_everything(suite, files, rule="no coverage map", evidence=found.reason)
    tree = Overlay(suite, frozenset(files), changes, found.coverage, read_old, read_new)
    outcomes = [_outcome(change, tree, ignore) for change in changes]
    fatal = [outcome for outcome in outcomes if outcome.tests is None]
    if fatal:
        why = [Decision(subject=_name(suite), included=True, rule=one.rule, evidence=one.because) for one in fatal]
        return Selection(files=tuple(sorted(tree.tests)), left_out=(), everything=True, decisions=tuple(why))
    reasons: dict[str, tuple[str, str]] = {}
    for test, rule, evidence in [
        *_standing(suite, tree, failed_before),
        *((test, one.rule, one.because) for one in outcomes for test in one.tests or ()),
        *_beyond_coverage(tree, changes, ignore),
    ]:
        reasons.setdefault(test, (rule, evidence))
    harmless = [
        Decision(subject=one.path, included=False, rule=one.rule, evidence=one.evidence)
        for one in outcomes
        if not one.tests
    ]
    return _selected(suite, tree, reasons, harmless, found.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What one changed path selects. ``tests`` is None for everything."""

    rule: str
    path: str
    evidence: str = ""
    tests: frozenset[str] | None = frozenset()

    @property
    def because(self) -> str:
        return f"{self.path}: {self.evidence}" if self.evidence else self.path


def _standing(suite: Suite, tree: Overlay, failed_before: Collection[str]) -> Iterable[tuple[str, str, str]]:
    """Yield the test files that run whatever changed."""
    for test in sorted(tree.tests & frozenset(failed_before)):
        yield test, "failed before", "failed earlier on this branch"
    for test in sorted(tree.tests):
        pattern = first_match(test, suite.always)
        if pattern:
            yield test, "always", f"matches {pattern!r}"
        if test not in tree.recorded:
            yield test, "not recorded", "the coverage map does not have this test file"
        elif test in tree.coverage.unrecorded:
            yield test, "not recorded", tree.coverage.unrecorded[test]


def _beyond_coverage(
    tree: Overlay, changes: Sequence[FileChange], ignore: Sequence[str]
) -> Iterable[tuple[str, str, str]]:
    """Yield the test files that see more of the code than coverage can: they run whenever any of the code changes."""
    changed = [one.path for one in changes if one.path.endswith(".py") and not first_match(one.path, ignore)]
    if changed:
        for test in sorted(tree.tests & tree.coverage.opaque.keys()):
            yield test, "beyond coverage", f"{tree.coverage.opaque[test]}, and {changed[0]} changed"


def _outcome(change: FileChange, tree: Overlay, ignore: Sequence[str]) -> _Outcome:
    return _by_path(change, tree, ignore) or _by_source(change, tree)


def _by_path(change: FileChange, tree: Overlay, ignore: Sequence[str]) -> _Outcome | None:
    """Judge a change by its path alone; None for Python source, which must be looked into."""
    path = change.path
    fatal = first_match(path, tree.suite.everything_when)
    if fatal:
        return _Outcome(rule="everything_when", path=path, evidence=f"matches {fatal!r}", tests=None)
    if path in tree.tests:
        return _Outcome(rule="changed test", path=path, tests=(tree.graph.importers([path]) & tree.tests) | {path})
    ignored = first_match(path, ignore)
    if ignored:
        return _Outcome(rule="ignored", path=path, evidence=f"matches {ignored!r}")
    kind = "link" if change.status == "T" else kind_of(path, test_folders=tree.suite.paths)
    if kind in (PYTHON, CONFTEST):
        return None
    return _Outcome(rule=kind, path=path, evidence="changed, and what it reaches is not known", tests=None)


def _by_source(change: FileChange, tree: Overlay) -> _Outcome:
    path = change.path
    if change.status in "AD":
        return _file_set(change, tree)
    try:
        difference = compare(tree.read_old(path) or b"", tree.read_new(path) or b"")
    except UnreadableSourceError as error:
        return _Outcome(rule="cannot be parsed", path=path, evidence=str(error), tests=None)
    if not difference.at_import and not difference.bodies:
        return _Outcome(rule="comments or formatting", path=path, evidence="the code is the same")
    return _module(path, difference, tree)


def _module(path: str, difference: Difference, tree: Overlay) -> _Outcome:
    """Judge a module whose code differs."""
    if path.endswith("conftest.py"):
        return _conftest(path, "changed", tree)
    if not tree.was_known(path):
        return _unknown(path, "changed")
    if difference.at_import:
        evidence = _some(difference.at_import)
        return _Outcome(rule="runs at import", path=path, evidence=evidence, tests=tree.importing(path))
    tests = (tree.coverage.ran_by(path, difference.bodies) & tree.tests) | tree.importing_directly(path)
    return _Outcome(rule="function body", path=path, evidence=_some(difference.bodies), tests=tests)


def _file_set(change: FileChange, tree: Overlay) -> _Outcome:
    """Judge a Python file that is new or deleted; a renamed one is both, one half at a time."""
    path = change.path
    verb, direction = ("new", "from") if change.status == "A" else ("deleted", "to")
    evidence = f"renamed {direction} {change.renamed}" if change.renamed else verb
    if path.endswith("conftest.py"):
        return _conftest(path, evidence, tree)
    known = tree.is_known(path) if change.status == "A" else tree.was_known(path) or path in tree.recorded
    if not known:
        return _unknown(path, evidence)
    tests = tree.importing(path) | tree.finding_modules()
    return _Outcome(rule=f"{verb} module", path=path, evidence=evidence, tests=tests)


def _conftest(path: str, evidence: str, tree: Overlay) -> _Outcome:
    return _Outcome(rule="conftest", path=path, evidence=evidence, tests=tree.under(path) | tree.importing(path))


def _unknown(path: str, evidence: str) -> _Outcome:
    if is_named_as_test(path):
        return _Outcome(rule="test of another suite", path=path, evidence=f"{evidence}, and no test here imports it")
    no_one = f"{evidence}, and no test is known to import or load it"
    return _Outcome(rule="unknown importers", path=path, evidence=no_one, tests=None)


def _selected(
    suite: Suite, tree: Overlay, reasons: Mapping[str, tuple[str, str]], harmless: Sequence[Decision], age: str
) -> Selection:
    chosen = tuple(sorted(reasons))
    summary = Decision(
        subject=_name(suite),
        included=bool(chosen),
        rule="selection",
        evidence=f"the change can reach {len(chosen)} of {len(tree.tests)} test files; {age}",
    )
    each = [Decision(subject=test, included=True, rule=reasons[test][0], evidence=reasons[test][1]) for test in chosen]
    left_out = tuple(sorted(tree.tests - reasons.keys()))
    return Selection(files=chosen, left_out=left_out, everything=False, decisions=(summary, *harmless, *each))


def _name(suite: Suite) -> str:
    return f"suite:{suite.name}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().lower().replace(": ", ":")
