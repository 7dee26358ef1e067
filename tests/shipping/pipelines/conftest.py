"""A local Buildkite per test, and an organization opened on it as the real one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import parse
from shipping.buildkite.organization import Organization
from shipping.buildkite.rest import Rest
from shipping.local.control import ControlInfo, running
from shipping.pipelines.desired import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline_gen.errors import Fault


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlInfo]:
    with running(tmp_path / "state") as info:
        yield info


@pytest.fixture
def organization(control: ControlInfo) -> Iterator[Organization]:
    rest = Rest(control.api_token, base_url=f"{control.url}/v2/")
    yield Organization(rest, control.organization)
    rest.close()


@pytest.fixture
def context() -> Callable[..., Context]:
    """Makes what definitions decide from, out of the section `buildkite`."""

    def make(**buildkite: object) -> Context:
        faults: list[Fault] = []
        config = parse({"app": "inbox", "suites": [{"name": "unit"}], "buildkite": buildkite}, faults)
        assert faults == []
        return Context(config=config, repository="git@git.example:acme/inbox.git")

    return make
