"""What every test is held to: no environment variable, thread or child process may outlive it."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = {"PYTEST_CURRENT_TEST", "PYTEST_VERSION"}


@pytest.fixture(autouse=True)
def _leaves_nothing_behind() -> Iterator[None]:
    """Fail a test that leaks an environment variable or a thread (unclosed sockets and files warn, and warnings fail)."""
    environment = {key: value for key, value in os.environ.items() if key not in OURS}
    threads = set(threading.enumerate())
    yield
    left = {key: value for key, value in os.environ.items() if key not in OURS}
    changed = {key for key in environment.keys() | left.keys() if environment.get(key) != left.get(key)}
    assert changed == set(), f"the test changed environment variables: {sorted(changed)}"
    deadline = time.monotonic() + 2
    while _alive(threads) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _alive(threads) == [], "the test left threads running"


def _alive(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
