"""A control plane per test, in this process, on a free port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shipping.local.control import ControlInfo, running
from tests.integration.local.clients import FakeAgent, Rest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlInfo]:
    with running(tmp_path / "state") as info:
        yield info


@pytest.fixture
def rest(control: ControlInfo) -> Rest:
    return Rest(control)


@pytest.fixture
def agent(control: ControlInfo) -> FakeAgent:
    return FakeAgent.register(control)
