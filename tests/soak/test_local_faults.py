"""Agents and the control plane are killed (-9) at random while builds run: each effect happens once, every build ends right.

SHIP_SOAK_KILLS says how many kills there are (100), SHIP_SOAK_SEED makes them the same again as far as time allows.
Run with `-s` to see the counts; they are kept in tests/soak/results/local_faults.json.
"""

from __future__ import annotations

import json
import os
import platform
import random
import signal
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError
from shipping.local.world import Options, started
from tests.repository import Repository
from tests.soak.effects import CHILD, CHILD_JOBS, LINES, Counts, child, configuration, count, files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shipping.local.world import Build, World

KILLS = int(os.environ.get("SHIP_SOAK_KILLS", "100"))
SEED = int(os.environ.get("SHIP_SOAK_SEED", "5"))
RESULTS = Path(__file__).parent / "results" / "local_faults.json"
AGENTS = 4
JOBS = 60
LOST_AFTER = 6.0
# The supervisor takes a child that ends five times within a minute for broken; we are to find other faults than that.
PER_MINUTE = 4
PATIENCE = 600.0
CONTROL = "control"
OVER = ("passed", "failed", "canceled")


@dataclass(slots=True, kw_only=True)
class Killer:
    """Kills one of the world's children at a time, never one so often that it would be given up."""

    world: World
    left: int
    chance: random.Random
    effects: Path
    killed: Counter[str] = field(default_factory=Counter)
    recent: dict[str, deque[float]] = field(default_factory=dict)
    next_at: float = 0.0
    next_effects: int = 0

    def look(self) -> None:
        """Kill somebody if it is time to: after so many more effects, and a moment that is nobody's beat."""
        now = time.monotonic()
        if self.left == 0 or now < self.next_at or len(lines(self.effects)) < self.next_effects:
            return
        name, pid = self.chance.choice(list(self._victims(now)) or [("", None)])
        if pid is None:
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.left -= 1
        self.killed[CONTROL if name == CONTROL else "agents"] += 1
        self.recent.setdefault(name, deque(maxlen=PER_MINUTE)).append(now)
        self.next_at = now + self.chance.uniform(0.05, 1.5)
        self.next_effects = len(lines(self.effects)) + self.chance.randint(0, 3)

    def _victims(self, now: float) -> Iterator[tuple[str, int | None]]:
        control = self.world.folder.read(self.world.folder.control_facts) or {}
        everyone = [(agent.name, agent.pid) for agent in self.world.agents] + [(CONTROL, control.get("pid"))] * 2
        for name, pid in everyone:
            times = self.recent.get(name, deque())
            if pid is not None and (len(times) < PER_MINUTE or now - times[0] > 62):
                yield name, pid


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def insist(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever REST answers
    """Ask until there is an answer: the control plane may be down, and comes back."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except InfraError:
            assert time.monotonic() < deadline, "the control plane did not come back"


def run(world: World, killer: Killer) -> tuple[Build, dict[str, Any]]:
    """Build once, killing on the way; return the build as it ended."""
    build = world.build("soak", message="soak", env={"EFFECTS": str(killer.effects)})
    deadline = time.monotonic() + PATIENCE
    while True:
        killer.look()
        shown = insist(lambda: world.show(build))
        if shown["state"] in OVER and all(one["state"] in OVER for one in triggered(world)):
            return build, shown
        assert time.monotonic() < deadline, states(shown)


def triggered(world: World) -> list[dict[str, Any]]:
    """Return the newest builds that were triggered: two of each build."""
    found: list[dict[str, Any]] = insist(
        lambda: world.api.builds().list_all_for_pipeline(world.organization, CHILD, include_retried_jobs=True)
    )
    return found[:2]


def states(shown: dict[str, Any]) -> str:
    return f"{shown['state']}: {Counter(job['state'] for job in shown['jobs'])}"


def check(world: World, build: Build, shown: dict[str, Any], effects: Path) -> Counts:
    """Ask everything that must be true of an ended build."""
    children = triggered(world)
    assert [one["state"] for one in children] == ["passed", "passed"]
    everything = [*shown["jobs"], *(job for one in children for job in one["jobs"])]
    assert [one["state"] for one in shown["jobs"] if one["type"] == "trigger"] == ["passed", "passed"]
    attempts = [job for job in everything if job["type"] == "script" and job["step_key"]]
    counts = count(attempts, effects)
    assert (counts.doubled, counts.missing, counts.strange) == ((), (), ())
    last = [one for one in attempts if not one["retried"]]
    assert len(last) == JOBS + 2 * CHILD_JOBS
    wrong = [one for one in last if one["state"] != ("failed" if one["step_key"].startswith("soft") else "passed")]
    assert [(one["step_key"], one["state"], one["exit_status"], one["web_url"]) for one in wrong] == []
    assert shown["state"] == "passed"
    expected = [f"line {number}" for number in range(1, LINES + 1)]
    own = {one["id"] for one in shown["jobs"]}
    for one in last:
        if one["id"] not in own:
            continue
        found = [line for line in world.log(build, one).splitlines() if line.startswith("line ")]
        assert expected == found, f"{one['step_key']} lost lines of its log"
    return counts


def test_each_effect_happens_once_and_every_build_ends_right(
    agent_program: Path, short_folder: Callable[[], Path]
) -> None:
    """Whoever is killed, whenever: running jobs go on, lost ones run again as a new attempt, and no line is lost."""
    folder = short_folder()
    chance = random.Random(SEED)
    repository = Repository.create(folder / "repository")
    repository.commit("sixty jobs", files())
    told: list[dict[str, Any]] = []
    options = Options(state=folder / "state", agent=agent_program, agents=AGENTS, lost_after=LOST_AFTER)
    with started(options, say=print) as world:
        world.create_pipeline("soak", repository.root, configuration=configuration())
        world.create_pipeline(CHILD, repository.root, configuration=child())
        killer = Killer(world=world, left=KILLS, chance=chance, effects=folder / "effects")
        while killer.left or not told:
            killer.effects = folder / f"effects-{len(told) + 1}"
            killer.next_effects = 0
            before = Counter(killer.killed)
            begun = time.monotonic()
            build, shown = run(world, killer)
            counts = check(world, build, shown, killer.effects)
            one = {"killed": dict(killer.killed - before), "seconds": round(time.monotonic() - begun), **asdict(counts)}
            told.append(one)
            print(json.dumps(one))
    keep(told)


def keep(told: list[dict[str, Any]]) -> None:
    """Write the counts down, with date, machine and command."""
    sums = Counter[str]()
    for one in told:
        sums.update({name: value for name, value in one.items() if isinstance(value, int)} | one["killed"])
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "command": f"SHIP_SOAK_KILLS={KILLS} SHIP_SOAK_SEED={SEED} python -m pytest -s tests/soak/test_local_faults.py",
        "sums": {"builds": len(told), **sums},
        "builds": told,
    }
    print(json.dumps(facts["sums"]))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
