"""What a world is brought up with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.cli.local.running import _needs
from shipping.local.world.repository import Needs
from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("text", ["app: [", "app: 3\n"])
def test_a_wrong_configuration_does_not_keep_a_world_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """It is told, whether it is no YAML or says what it may not; the queues and buckets it would name are left out."""
    repository = Repository.create(tmp_path)
    repository.write({".buildkite/shipping.yml": text})

    assert _needs(repository.root) == Needs()
    assert "left out the queues, buckets and hosts of the configuration: cannot " in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_no_repository(tmp_path: Path) -> None:
    """A typing error is not passed over."""
    with pytest.raises(UsageError, match="cannot find the folder"):
        _needs(tmp_path / "nowhere")
