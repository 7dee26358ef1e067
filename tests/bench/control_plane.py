"""What the local Buildkite itself costs: how long a ready job waits for its agent, its share of the processor, its memory.

A build of 300 jobs that do nothing on four real agents: from ready to started beside the agent's own polling interval (it
asks every second, and up to a second more by its own jitter, but at once after a job); the processor time of the control
plane beside the build's wall time; its memory. Then the same state with 200 builds kept: what one event costs, what a
restart costs, and what a kept build weighs.

Run: python -m tests.bench.control_plane [JOBS] [BUILDS]
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybuildkite.builds import BuildState

from shipping.local.agent import find
from shipping.local.control import running
from shipping.local.world import Options, started
from tests.integration.local.clients import FakeAgent, Rest
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.local.world import World

AGENTS = 4
MOST_SHARE = 0.10
KEPT_JOBS = 20
TICKS = os.sysconf("SC_CLK_TCK")


def main(jobs: int = 300, builds: int = 200) -> None:
    """Run both, print what was seen; exit with 1 where the control plane takes more than a tenth of a processor."""
    with tempfile.TemporaryDirectory(prefix="ship-bench-") as name:
        share = one_build(Path(name), jobs)
        kept(Path(name) / "kept", builds)
    if share > MOST_SHARE:
        raise SystemExit(f"the control plane took {share:.1%} of the build's wall time, more than {MOST_SHARE:.0%}")


def one_build(folder: Path, jobs: int) -> float:
    """Build once under real agents; return the control plane's share of a processor."""
    repository = Repository.create(folder / "repository")
    steps = [{"label": f"{number}", "command": "true"} for number in range(jobs)]
    repository.commit("many jobs", {"README.md": "many jobs\n"})
    agent = find(os.environ, say=lambda line: print(line, file=sys.stderr)).path
    options = Options(state=folder / "state", agent=agent, agents=AGENTS)
    with started(options, say=lambda line: print(line, file=sys.stderr)) as world:
        world.create_pipeline("many", repository.root, configuration=json.dumps({"steps": steps}))
        control = world.folder.read(world.folder.control_facts) or {}
        before, begun = used(control["pid"]), time.monotonic()
        build = world.build("many")
        while not over(world):
            time.sleep(2)
        wall, after = time.monotonic() - begun, used(control["pid"])
        shown = world.show(build)
        memory = resident(control["pid"])
    share = (after - before) / wall
    waits = [gap for agent_jobs in by_agent(shown).values() for gap in gaps(agent_jobs)]
    first = [seconds(job["started_at"]) - seconds(job["scheduled_at"]) for job in firsts(shown)]
    print(f"{jobs} jobs on {AGENTS} agents: {wall:.0f} s, {wall * AGENTS / jobs:.2f} s of an agent per job")
    print(
        f"the first job of each agent, ready -> started: median {statistics.median(first):.2f} s, most {max(first):.2f} s"
    )
    print(
        f"between two jobs of an agent, end -> start: median {statistics.median(waits):.2f} s, most {max(waits):.2f} s"
    )
    print("the agent's own polling interval: 1 s and up to 1 s of jitter; after a job the jitter only")
    print(f"control plane: {after - before:.1f} s of processor time = {share:.1%} of the wall time, {memory:.0f} MB")
    return share


def over(world: World) -> bool:
    """Ask for little, what we ask costs the control plane as well: until the build has ended the answer is empty."""
    finished = [BuildState("finished")]
    return bool(world.api.builds().list_all_for_pipeline(world.organization, "many", states=finished))


def by_agent(shown: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for job in sorted(shown["jobs"], key=lambda one: str(one["started_at"])):
        found.setdefault(job["agent"]["id"], []).append(job)
    return found


def firsts(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return [jobs[0] for jobs in by_agent(shown).values()]


def gaps(jobs: Sequence[dict[str, Any]]) -> list[float]:
    return [seconds(later["started_at"]) - seconds(job["finished_at"]) for job, later in itertools.pairwise(jobs)]


def kept(folder: Path, builds: int) -> None:
    """Run builds one after the other by hand, and see whether what a job costs grows with what is kept."""
    steps = [{"key": f"k{number}", "command": "x"} for number in range(KEPT_JOBS)]
    costs: list[float] = []
    with running(folder) as info:
        rest, agent = Rest(info), FakeAgent.register(info)
        rest.pipeline(*steps, slug="kept")
        empty = resident(os.getpid())
        for _ in range(builds):
            rest.build(slug="kept")
            begun = time.process_time()
            for _ in range(KEPT_JOBS):
                agent.begin().finish()
            costs.append((time.process_time() - begun) / KEPT_JOBS)
        full = resident(os.getpid())
    tenth = max(1, builds // 10)
    early, late = statistics.median(costs[:tenth]), statistics.median(costs[-tenth:])
    print(
        f"{builds} builds of {KEPT_JOBS} jobs kept: {full - empty:.0f} MB more, {(full - empty) / builds * 1000:.0f} kB each"
    )
    print(
        f"one job (caller and server): {early * 1000:.1f} ms at first, {late * 1000:.1f} ms with all kept:"
        f" {late / early:.2f} x"
    )
    begun = time.monotonic()
    with running(folder) as info:
        Rest(info).call("GET", "/agents")
        print(f"a restart with all of them: {time.monotonic() - begun:.1f} s")
    ledger = (folder / "ledger.sqlite3").stat().st_size / 1e6
    print(f"the ledger: {ledger:.0f} MB")


def used(pid: int) -> float:
    """Return the processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """Return its memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
