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
import tarfile
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config import Suite
from pipeline_gen.git import FileChange, Git
from pipeline_gen.shell import LocalShell
from pipeline_gen.suites.coverage_map import MapSearch, build_map, encode
from pipeline_gen.suites.discovery import find_test_files
from pipeline_gen.suites.selection import select
from shipping.processes import ProcessTree
from shipping.testrun.recording import Recorder, Sources
from shipping.testrun.run import Runner
from tests.bench.mutate import Mutant, mutants_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.suites.selection import Selection

RELEASE = "click==8.5.1"
PYTEST = ("-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider")
HUNG = 4  # times what the whole suite takes
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s:]+\.py)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """click as a git repository with its own virtual environment, and what its whole suite takes, by test file."""

    root: Path
    python: Path
    commit: str
    files: tuple[str, ...]
    tests: dict[str, int]
    seconds: dict[str, float]
    wall: float


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
    report(project, verdicts, tried)
    return 0 if all(verdict.caught for verdict in verdicts) else 1


def prepare(cache: Path) -> Project:
    """Download the release's source, make it a repository, install it, run its suite once."""
    root, environment = cache / "click", cache / "venv"
    python = environment / "bin" / "python"
    if not (cache / "ready").exists():
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        must([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", cache, RELEASE])
        with tarfile.open(next(cache.glob("click-*.tar.gz"))) as packed:
            packed.extractall(cache, filter="data")
        next(cache.glob("click-*/")).rename(root)
        thin_out(root / "tests")
        must([sys.executable, "-m", "venv", environment])
        must([python, "-m", "pip", "install", "-q", "pytest", "coverage", "-e", root])
        must(["git", "init", "-q", root])
        must(["git", "-C", root, "add", "--all"])
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.test"]
        must(["git", "-C", root, *identity, "commit", "-q", "-m", RELEASE])
        (cache / "ready").touch()
    git = Git(LocalShell(), root)
    files = find_test_files(root, Suite(name="unit"), git.files())
    junit = cache / "junit.xml"
    begun = time.monotonic()
    argv: list[str | Path] = [python, *PYTEST, "-o", "junit_family=xunit1", f"--junit-xml={junit}"]
    must(argv, cwd=root)
    wall = time.monotonic() - begun
    tests: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for case in ET.parse(junit).iter("testcase"):  # noqa: S314 - pytest wrote it a moment ago
        tests[case.attrib["file"]] += 1
        seconds[case.attrib["file"]] += float(case.attrib["time"])
    print(f"{RELEASE}: {sum(tests.values())} tests in {len(files)} files, {wall:.1f} s")
    return Project(
        root=root,
        python=python,
        commit=git.head(),
        files=files,
        tests=dict(tests),
        seconds=dict(seconds),
        wall=wall,
    )


def thin_out(tests: Path) -> None:
    """Repeat the stress tests, which click's own options deselect, twice instead of 10,000 times: collecting them is slow."""
    for path in tests.rglob("test_*.py"):
        text = path.read_text()
        path.write_text(re.sub(r'parametrize\("_", range\([0-9_]+\)\)', 'parametrize("_", range(2))', text))


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
            number, mutant = waiting.get()
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
    """Run the whole suite on a mutant; None if it survives."""
    target = checkout / mutant.path
    original = target.read_bytes()
    target.write_bytes(mutant.source)
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
            read_new=lambda _path: mutant.source,
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


def report(project: Project, verdicts: Sequence[Verdict], tried: int) -> None:
    """Print, per rule, how many mutants were caught and what share of the suite ran for it."""
    total_tests, total_seconds = sum(project.tests.values()), sum(project.seconds.values())
    print(f"\n{len(verdicts)} of {tried} mutants tried fail the whole suite")
    print(f"{'rule':<16}{'mutants':>8}{'caught':>8}   {'files %':>15}{'tests %':>17}{'seconds %':>17}   (median, mean)")
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.rule].append(verdict)
    for rule, members in [*sorted(groups.items()), ("all", list(verdicts))]:
        columns = [
            [100 * len(one.selection.files) / len(project.files) for one in members],
            [100 * sum(project.tests.get(file, 0) for file in one.selection.files) / total_tests for one in members],
            [
                100 * sum(project.seconds.get(file, 0.0) for file in one.selection.files) / total_seconds
                for one in members
            ],
        ]
        shares = "".join(f"{statistics.median(one):9.1f}, {statistics.mean(one):5.1f} " for one in columns)
        print(f"{rule:<16}{len(members):>8}{sum(one.caught for one in members):>8}   {shares}")


def must(argv: Sequence[str | Path], cwd: Path | None = None) -> None:
    """Run a program that has to succeed."""
    subprocess.run([str(word) for word in argv], cwd=cwd, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
