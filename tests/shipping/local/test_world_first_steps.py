"""The first step of a pipeline, by what its commit holds. Real git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from pipeline_gen.errors import UsageError
from shipping.local.world.client import UPLOAD
from shipping.local.world.first_steps import PLACES, first_steps, is_ours, left_out, question
from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path


def command(tmp_path: Path, *names: str, slug: str = "inbox") -> str:
    repository = Repository.create(tmp_path / "repository")
    repository.commit("First", dict.fromkeys(names, "steps: []\n"))
    configuration = first_steps(repository.asked, "HEAD", slug, folder=repository.root).configuration
    assert is_ours({"configuration": configuration})
    (step,) = yaml.safe_load(configuration)["steps"]
    return str(step["command"])


@pytest.mark.parametrize("place", PLACES)
def test_each_place_where_the_agent_looks(tmp_path: Path, place: str) -> None:
    """The agent finds it by itself."""
    assert command(tmp_path, place) == "buildkite-agent pipeline upload"


@pytest.mark.parametrize("suffix", ["yml", "yaml", "json"])
def test_an_app_s_own_file_goes_first(tmp_path: Path, suffix: str) -> None:
    """Before the repository's; another app's is nothing to it."""
    own = f".buildkite/pipeline.inbox.{suffix}"

    assert command(tmp_path, own, ".buildkite/pipeline.yml") == f"buildkite-agent pipeline upload {own}"


def test_a_configuration_is_enough(tmp_path: Path) -> None:
    """By the launcher where the repository has one."""
    assert command(tmp_path, ".buildkite/shipping.yml") == "ship pipeline upload"
    assert command(tmp_path, ".buildkite/shipping.inbox.yml") == "ship pipeline upload --app inbox"
    assert command(tmp_path, ".buildkite/ship") == ".buildkite/ship pipeline upload --app inbox"


def test_two_files_are_one_too_many(tmp_path: Path) -> None:
    """As the agent says it, but before anything runs."""
    with pytest.raises(UsageError, match=r"has buildkite\.yml and \.buildkite/pipeline\.json"):
        command(tmp_path, "buildkite.yml", ".buildkite/pipeline.json")


def test_nothing_to_upload(tmp_path: Path) -> None:
    """Another app's files are not this one's."""
    with pytest.raises(UsageError, match=r"cannot build 'inbox': commit \w+ has no \.buildkite/pipeline\.yml\n"):
        command(tmp_path, ".buildkite/pipeline.web.yml", ".buildkite/shipping.web.yml", "deep/.buildkite/pipeline.yml")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("steps: []\n", 1),
        ("---\nsteps: []\n", 1),
        ("# what it is\n---\nsteps: []\n", 1),
        ("steps: []\n---\nsteps: []\n", 2),
        ("---\nsteps: []\n---\nsteps: []\n--- # three\nsteps: []\n", 3),
        ("steps: [{command: 'a\n\n  --- b'}]\n", 1),
    ],
)
def test_documents_that_the_agent_leaves_out_are_counted(tmp_path: Path, text: str, count: int) -> None:
    """They would be missing without a word."""
    repository = Repository.create(tmp_path / "repository")
    repository.commit("First", {".buildkite/pipeline.yml": text})

    file = first_steps(repository.asked, "HEAD", "inbox", folder=repository.root).file
    assert file is not None
    note = left_out(repository.asked, "HEAD", file)

    assert note.startswith(f".buildkite/pipeline.yml has {count} documents") == (count > 1)
    assert count == len(list(yaml.safe_load_all(text)))


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("steps: [{input: Where}]", "input"),
        ("steps: [{block: Sure}, {command: a}]", "block"),
        ("- {type: input, label: Where}", "input"),
        ("steps: [{command: a}, {input: Where}]", None),
        ("steps: [wait]", None),
        ("steps: []", None),
        ("steps: {", None),
        (UPLOAD, None),
    ],
)
def test_a_pipeline_that_begins_with_a_question(configuration: str, expected: str | None) -> None:
    """Only that one can be answered when a build is made."""
    assert question(configuration) == expected


def test_steps_of_somebody_else_are_theirs() -> None:
    """They are not written over."""
    assert is_ours({"configuration": UPLOAD})
    assert not is_ours({"configuration": "steps: [{command: buildkite-agent pipeline upload}]"})
