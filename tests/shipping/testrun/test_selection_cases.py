"""The table of change classes: each case in tests/cases/selection changes one recorded repository and states who runs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipeline_gen.config import Suite
from pipeline_gen.suites.coverage_map import CoverageMap, MapSearch, build_map, decode, encode
from pipeline_gen.suites.discovery import find_test_files
from pipeline_gen.suites.selection import Selection, select
from shipping.processes import ProcessTree
from shipping.testrun.recording import Recorder, Sources
from shipping.testrun.run import Runner
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES = Path(__file__).parents[2] / "cases" / "selection"
NAMES = sorted(path.stem for path in CASES.glob("*.yml") if path.stem != "repository")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The repository of the cases, at its first commit, and what was recorded there."""

    repository: Repository
    commit: str
    coverage: CoverageMap


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    repository = Repository.create(tmp_path_factory.mktemp("inbox"))
    commit = repository.commit("inbox", yaml.safe_load((CASES / "repository.yml").read_text()))
    suite = Suite(name="unit", python=sys.executable)
    tracked = repository.asked.files()
    folder = tmp_path_factory.mktemp("recording")
    with ProcessTree(folder=folder) as tree:
        runner = Runner(
            suite=suite,
            root=repository.root,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            tree=tree,
            folder=folder,
            say=lambda _line: None,
        )
        sources = Sources(repository.root, tracked)
        files = find_test_files(repository.root, suite, tracked)
        records = Recorder(runner=runner, sources=sources, say=lambda _line: None).record(files)
    coverage = build_map("unit", commit, records, sources.imports())
    return Recorded(repository=repository, commit=commit, coverage=decode(encode(coverage)))


def test_a_recording_knows_what_it_cannot_see(recorded: Recorded) -> None:
    """Every test file of the repository is recorded; the one that starts a process is marked."""
    assert dict(recorded.coverage.unrecorded) == {}
    assert dict(recorded.coverage.opaque) == {"tests/test_command.py": "it starts other processes (subprocess.Popen)"}


def test_a_recording_knows_what_was_run_and_loaded(recorded: Recorded) -> None:
    """A function is recorded for each file that runs it, code behind a computed import as loaded."""
    coverage = recorded.coverage

    assert coverage.ran_by("inbox/text.py", ["shout"]) == {"tests/test_outbox.py"}
    assert coverage.ran_by("inbox/text.py", ["whisper"]) == frozenset()
    assert coverage.loaded_by("inbox/plugins/bold.py") == {"tests/test_plugins.py"}


@pytest.mark.parametrize("name", NAMES)
def test_a_class_of_change_selects_what_its_case_states(name: str, recorded: Recorded) -> None:
    case: dict[str, Any] = yaml.safe_load((CASES / f"{name}.yml").read_text())

    selection = _select(case, recorded)

    evidence = {one.subject: f"{one.rule} ({one.evidence})" for one in selection.decisions if one.included}
    skipped = {one.subject: one.rule for one in selection.decisions if not one.included and ":" not in one.subject}
    if "everything" in case:
        assert (selection.everything, selection.left_out) == (True, ())
        assert evidence["suite:unit"].startswith(case["everything"]), evidence
        return
    everybody = sorted({*selection.files, *selection.left_out})
    assert (everybody if case["selects"] == "all" else case["selects"]) == list(selection.files)
    for subject, said in case.get("because", {}).items():
        assert said in evidence[subject]
    for subject, rule in case.get("skips", {}).items():
        assert skipped[subject] == rule


def _select(case: Mapping[str, Any], recorded: Recorded) -> Selection:
    repository = recorded.repository
    repository.git("checkout", "--quiet", "--force", "--detach", recorded.commit)
    _change(repository, case)
    commit = repository.commit("change")
    git = repository.asked
    suite = Suite(
        name="unit",
        python=sys.executable,
        always=tuple(case.get("always", ())),
        everything_when=tuple(case.get("everything_when", ())),
    )
    return select(
        suite,
        files=find_test_files(repository.root, suite, git.files()),
        changes=git.changes(recorded.commit, commit),
        found=MapSearch(coverage=recorded.coverage, reason="just recorded"),
        read_old=lambda path: git.show(recorded.commit, path),
        read_new=lambda path: git.show(commit, path),
        failed_before=case.get("failed_before", ()),
        ignore=("*.md", "docs/**"),
    )


def _change(repository: Repository, case: Mapping[str, Any]) -> None:
    for old, new in case.get("rename", {}).items():
        (repository.root / old).rename(repository.root / new)
    for path in case.get("delete", ()):
        (repository.root / path).unlink()
    for path, target in case.get("link", {}).items():
        (repository.root / path).unlink()
        (repository.root / path).symlink_to(target)
    repository.write(case.get("write", {}))
    for path, edits in (case.get("edit") or {}).items():
        text = (repository.root / path).read_text()
        for before, after in edits.items():
            assert before in text, f"the case edits {before!r}, which is not in {path}"
            text = text.replace(before, after, 1)
        (repository.root / path).write_text(text)
