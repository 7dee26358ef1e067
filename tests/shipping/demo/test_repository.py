from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from pipeline_gen.shell import LocalShell
from shipping.demo.repository import SampleRepository
from shipping.demo.story import EDITS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> SampleRepository:
    return SampleRepository.create(LocalShell(), tmp_path / "inbox")


def test_the_sample_app_becomes_a_repository_with_our_plugins_vendored(repository: SampleRepository) -> None:
    """What an adopter has: the two files, the plugins, the app, everything committed."""
    files = set(repository.git("ls-files").splitlines())

    assert {".buildkite/pipeline.yml", ".buildkite/shipping.yml", "inbox/wsgi.py", "bin/vendor"} <= files
    assert ".buildkite/plugins/test-shard/hooks/command" in files
    assert repository.git("status", "--porcelain") == ""


def test_every_edit_of_the_story_fits_the_sample_app(repository: SampleRepository) -> None:
    """The demo must not fail half way because the app was changed under it."""
    for edit in EDITS:
        repository.replace(*edit)

    assert set(repository.git("diff", "--name-only").splitlines()) == {path for path, _, _ in EDITS}


def test_an_edit_that_does_not_fit_is_told(repository: SampleRepository) -> None:
    """With the file and the text."""
    with pytest.raises(InfraError, match=r"'inbox/text\.py' of the sample app: 'no such text' is there 0 times"):
        repository.replace("inbox/text.py", "no such text", "")


def test_a_commit_is_undone_by_another(repository: SampleRepository) -> None:
    """Main only grows."""
    before = repository.git("rev-parse", "HEAD^{tree}")
    (repository.root / "greeting.py").touch()
    repository.commit("Greet customers")

    undone = repository.revert()

    assert repository.git("rev-parse", f"{undone}^{{tree}}") == before
    assert repository.git("rev-list", "--count", "HEAD") == "3"
