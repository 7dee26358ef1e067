"""What only time brings, with a clock that runs ahead."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shipping.local.control import running
from shipping.local.server.plane import Pace
from tests.integration.local.clients import FakeAgent, Rest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(slots=True)
class AheadClock:
    """The machine's clock, ``ahead`` seconds on."""

    ahead: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def test_a_job_that_takes_too_long_is_canceled_and_timed_out(tmp_path: Path) -> None:
    """Agents of today are told to cancel: they do not know the word."""
    clock = AheadClock()
    with running(tmp_path, clock=clock, pace=Pace(lost_after=1e6, tick=0.05)) as info:
        rest, agent = Rest(info), FakeAgent.register(info)
        rest.start({"key": "a", "command": "x", "timeout_in_minutes": 1})
        work = agent.begin()
        assert work.call("GET", "").json["state"] == "running"

        clock.sleep(61)

        eventually(lambda: bool(work.call("GET", "").json["state"] == "canceling"))
        work.finish(143, signal="SIGTERM", signal_reason="cancel")
        assert (rest.states(), rest.read()["state"]) == ({"a": "timed_out"}, "failed")


def test_a_silent_agents_job_is_retried_elsewhere_and_its_own_word_is_too_late(tmp_path: Path) -> None:
    """The log says what happened; heartbeats keep the other agent."""
    clock = AheadClock()
    with running(tmp_path, clock=clock, pace=Pace(lost_after=20, tick=0.05)) as info:
        rest, agent, other = Rest(info), FakeAgent.register(info), FakeAgent.register(info, name="other")
        rest.start({"key": "a", "command": "x", "retry": {"automatic": [{"exit_status": -1, "limit": 1}]}})
        work = agent.begin()

        for _ in range(2):
            clock.sleep(12)
            assert other.call("POST", "/heartbeat", {"sent_at": "x"}).json["sent_at"] == "x"

        eventually(lambda: rest.read()["jobs"][0]["state"] == "failed")
        lost = rest.read()["jobs"][0]
        assert (lost["exit_status"], lost["retried"]) == (-1, True)
        log = rest.call("GET", f"/pipelines/inbox/builds/1/jobs/{work.id}/log").json["content"]
        assert log == "The agent 'fake' was not heard of for 20 s: the job ends with exit status -1.\n"
        assert [one["name"] for one in rest.call("GET", "/agents").json] == ["other"]
        assert (work.finish(0).status, work.log(1, "late").status, work.call("GET", "").status) == (409, 401, 401)
        again = other.begin()
        assert again.env["BUILDKITE_RETRY_COUNT"] == "1"
        again.finish()
        assert rest.read()["state"] == "passed"
