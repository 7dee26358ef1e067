"""Which driver the suite of drivers runs over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from shipping.host.noted import BUILT_IN, SYSTEMD
from tests.systemd.world import a_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.systemd import World


@pytest.fixture(scope="session")
def world() -> Iterator[World | None]:
    """The systemd that hosts are run by; None for the built-in driver. ``SHIP_DRIVER`` says which, `make soak` runs both."""
    driver = os.environ.get("SHIP_DRIVER", BUILT_IN)
    assert driver in {BUILT_IN, SYSTEMD}
    if driver == BUILT_IN:
        yield None
    else:
        with a_world() as made:
            yield made
