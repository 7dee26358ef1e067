"""Would selection have run a failing test? Single-line mutants of click, the whole suite beside what selection picks.

Run: python -m tests.bench.mutants [--count 100] [--seed 1] [--workers 2] [--cache FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config import Suite
from pipeline_gen.git import FileChange, Git
from pipeline_gen.shell import LocalShell
from pipeline_gen.suites.coverage_map import MapSearch, build_map, encode
from pipeline_gen.suites.overlay import Overlay
from pipeline_gen.suites.selection import select
from shipping.processes import ProcessTree
from shipping.testrun.recording import Recorder, Sources
from shipping.testrun.run import Runner
from tests.bench.mutate import Mutant, mutants_of
from tests.bench.released_click import PYTEST, Project, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pipeline_gen.suites.selection import Selection

HUNG = 4  # times what the whole suite takes
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s:]+\.py)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One mutant that the whole suite kills, and what selection made of it.

    ``failing`` are test files that fail, as far as the suite had to run to know; empty where it hung.
    """

    mutant: Mutant
    failing: frozenset[str]
    selection: Selection
    caught: bool

    @property
    def rule(self) -> str:
        rules = [one.rule for one in self.selection.decisions if one.included and not one.subject.startswith("suite:")]
        wanted = [rule for rule in rules if rule in ("function body", "runs at import")]
        return wanted[0] if wanted else "no test reached"


def main() -> int:
    """Print the table; 1 where a mutant escaped selection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "ship-bench-click")
    options = parser.parse_args()
    project = prepare(options.cache)
    found = record(project, options.cache)
    pool = [
        mutant
        for path in sorted((project.root / "src" / "click").glob("*.py"))
        for mutant in mutants_of(f"src/click/{path.name}", path.read_bytes())
    ]
    random.Random(options.seed).shuffle(pool)
    print(f"{len(pool)} mutants possible; seed {options.seed}, {options.workers} workers")
    verdicts, tried = hunt(project, pool, found, options)
    report(project, verdicts, tried, found)
    return 0 if all(verdict.caught for verdict in verdicts) else 1


def record(project: Project, cache: Path) -> MapSearch:
    """Record the coverage map as the job on main does."""
    begun = time.monotonic()
    sources = Sources(project.root, Git(LocalShell(), project.root).files())
    with tempfile.TemporaryDirectory(dir=cache) as made, ProcessTree(folder=Path(made)) as tree:
        runner = Runner(
            suite=Suite(name="unit", python=str(project.python)),
            root=project.root,
            env=dict(os.environ),
            tree=tree,
            folder=Path(made),
            say=lambda _line: None,
        )
        records = Recorder(runner=runner, sources=sources, say=lambda _line: None).record(project.files)
    coverage = build_map("unit", project.commit, records, sources.imports())
    took = time.monotonic() - begun
    print(
        f"map: {took:.1f} s = {took / project.wall:.1f} x the plain run, {len(encode(coverage)) / 1024:.0f} KiB;"
        f" not recorded: {json.dumps(dict(coverage.unrecorded))}; beyond coverage: {json.dumps(dict(coverage.opaque))}",
        flush=True,
    )
    return MapSearch(coverage=coverage, reason="recorded now")


def hunt(
    project: Project, pool: Sequence[Mutant], found: MapSearch, options: argparse.Namespace
) -> tuple[list[Verdict], int]:
    """Try mutants in their order until enough have failed the whole suite; return their verdicts and how many were tried."""
    waiting: queue.SimpleQueue[tuple[int, Mutant]] = queue.SimpleQueue()
    for numbered in enumerate(pool):
        waiting.put(numbered)
    verdicts: dict[int, Verdict] = {}
    tried: set[int] = set()

    def work(worker: int) -> None:
        checkout = options.cache / f"checkout-{worker}"
        shutil.rmtree(checkout, ignore_errors=True)
        shutil.copytree(project.root, checkout)
        while len(verdicts) < options.count:
            try:
                number, mutant = waiting.get_nowait()
            except queue.Empty:
                return
            tried.add(number)
            verdict = judge(project, checkout, mutant, found)
            if verdict is not None:
                verdicts[number] = verdict
                told = "caught" if verdict.caught else "MISSED"
                share = f"{len(verdict.selection.files)}/{len(project.files)}"
                print(f"{len(verdicts):3}/{len(tried)} {told} {share:>6} {verdict.rule:<15} {mutant}", flush=True)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(options.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whichever worker was quicker, the same mutants count.
    counted = sorted(verdicts)[: options.count]
    return [verdicts[number] for number in counted], len([number for number in tried if number <= counted[-1]])


def judge(project: Project, checkout: Path, mutant: Mutant, found: MapSearch) -> Verdict | None:
    """Run the whole suite on a mutant; None if it survives, or is none."""
    target = checkout / mutant.path
    original = target.read_bytes()
    mutated = mutant.applied(original)
    if mutated is None:
        return None
    target.write_bytes(mutated)
    try:
        # To its first failure, in its own order; only if that is not in a selected file must it go on to all of them.
        failing = run_suite(project, checkout, ("-x",))
        if failing is not None and not failing:
            return None
        selection = select(
            Suite(name="unit"),
            files=project.files,
            changes=[FileChange(path=mutant.path, status="M")],
            found=found,
            read_old=lambda _path: original,
            read_new=lambda _path: mutated,
        )
        if failing is None:  # it hung: which file did is only known by running the selected ones
            caught = bool(selection.files) and run_suite(project, checkout, selection.files) != frozenset()
        elif failing.isdisjoint(selection.files):
            failing = run_suite(project, checkout, ()) or frozenset()
            caught = not failing.isdisjoint(selection.files)
        else:
            caught = True
        return Verdict(mutant=mutant, failing=failing or frozenset(), selection=selection, caught=caught)
    finally:
        target.write_bytes(original)


def run_suite(project: Project, checkout: Path, arguments: Sequence[str]) -> frozenset[str] | None:
    """Return the failing test files, None where the suite hung."""
    env = {**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [str(project.python), *PYTEST, *arguments],
        cwd=checkout,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=HUNG * project.wall)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return None
    if process.returncode == 0:
        return frozenset()
    failing = frozenset(FAILED.findall(out))
    return failing or frozenset(project.files)  # a conftest that cannot be imported fails them all


def report(project: Project, verdicts: Sequence[Verdict], tried: int, found: MapSearch) -> None:
    """Print, per rule, how many mutants were caught and what share of the suite ran for it; and what peers would run."""
    print(f"\n{len(verdicts)} of {tried} mutants tried fail the whole suite")
    print(f"{'rule':<34}{'mutants':>8}{'caught':>8}{'files %':>17}{'tests %':>17}{'seconds %':>17}   (median, mean)")
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.rule].append(verdict)
    for rule, members in [*sorted(groups.items()), ("all", list(verdicts))]:
        caught = sum(one.caught for one in members)
        print(f"{rule:<34}{len(members):>8}{caught:>8}{shares(project, [one.selection.files for one in members])}")
    for name, choose in peers(project, found).items():
        print(f"{name:<34}{len(verdicts):>8}{'':>8}{shares(project, [choose(one.mutant.path) for one in verdicts])}")


def shares(project: Project, chosen: Sequence[Collection[str]]) -> str:
    """Return median and mean of the share of files, tests and seconds that were chosen."""
    columns: list[dict[str, float]] = [
        dict.fromkeys(project.files, 1.0),
        {file: float(count) for file, count in project.tests.items()},
        project.seconds,
    ]
    text = ""
    for weights in columns:
        percent = [100 * sum(weights.get(file, 0.0) for file in files) / sum(weights.values()) for files in chosen]
        text += f"{statistics.median(percent):9.1f}, {statistics.mean(percent):5.1f} "
    return text


def peers(project: Project, found: MapSearch) -> dict[str, Callable[[str], Collection[str]]]:
    """Return what other designs would run for a change of a file: the same recording, coarser rules."""
    if found.coverage is None:
        return {}
    coverage = found.coverage
    tree = Overlay(Suite(name="unit"), frozenset(project.files), (), coverage, lambda _: None, lambda _: None)
    return {
        "peer: coverage by file + importers": lambda path: (
            coverage.ran_by(path, coverage.ran.get(path, {})) | tree.importing_directly(path)
        ),
        "peer: transitive imports": tree.importing,
    }


if __name__ == "__main__":
    sys.exit(main())
