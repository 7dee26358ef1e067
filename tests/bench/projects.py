"""Real suites for the benches: click from its source distribution, and the sample app. Kept in a folder between runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config import Suite
from pipeline_gen.suites.discovery import find_test_files
from pipeline_gen.suites.parts import Part, TestPlan
from shipping.processes import ProcessTree
from shipping.testrun.history import measure
from shipping.testrun.incident import judge
from shipping.testrun.report import Phases, Report
from shipping.testrun.run import Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

CLICK = "click==8.5.1"
CACHE = Path(tempfile.gettempdir()) / "ship-bench-projects"
SAMPLE_APP = Path(__file__).parent.parent / "sample_app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A suite that can be run: where it lies, by which interpreter, with which environment."""

    name: str
    root: Path
    python: str
    env: dict[str, str] = field(default_factory=dict)

    def files(self) -> tuple[str, ...]:
        """Return the suite's test files; all files of the folder count as tracked."""
        tracked = sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())
        return find_test_files(self.root, Suite(name="unit"), tracked)


def click() -> Project:
    """Return click's own suite, at the pinned release."""
    root = CACHE / "click"
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*pip, "--dest", str(CACHE), CLICK], check=True)
        with tarfile.open(next(CACHE.glob("click-*.tar.gz"))) as packed:
            packed.extractall(CACHE / "unpacked", filter="data")
        next((CACHE / "unpacked").glob("click-*/")).rename(root)
    return Project(name="click 8.5.1", root=root, python=sys.executable, env={"PYTHONPATH": str(root / "src")})


def sample_app() -> Project:
    """Return the sample app's suite, in a copy with the environment that its own setup makes."""
    root = CACHE / "sample_app"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(SAMPLE_APP, root, ignore=shutil.ignore_patterns(".venv", "__pycache__", ".pytest_cache"))
    environment = {**os.environ, "XDG_CACHE_HOME": str(CACHE / "cache")}
    subprocess.run([str(root / "bin" / "setup")], env=environment, cwd=root, check=True, stdout=subprocess.DEVNULL)
    return Project(name="sample app", root=root, python=".venv/bin/python")


def record(project: Project) -> dict[str, float]:
    """Run the whole suite as one shard and return its durations, as a build of main would learn them."""
    files = project.files()
    report = run_part(project, Part(files=files))
    plan = TestPlan(suite="unit", target=1.0, parts=(Part(files=files),))
    return dict(measure(plan, [report]).seconds)


def run_part(project: Project, part: Part, *, options: Sequence[str] = ()) -> Report:
    """Run a part of the project's suite and return what it reported."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, **project.env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1"}
        suite = Suite(name="unit", python=project.python)
        with ProcessTree(folder=folder) as tree:
            runner = Runner(
                suite=suite,
                root=project.root,
                env=environment,
                tree=tree,
                folder=folder,
                say=lambda _line: None,
                module=("-m", "pytest", *options),
            )
            run = runner.run(part, name="bench")
    incident = judge(run, hang=suite.hang)
    assert incident is None, f"{incident.message}\n{incident.text}"
    trace = run.trace
    return Report(
        suite="unit",
        shard=0,
        job="bench",
        attempt=0,
        digest="",
        collected=tuple(trace.collected),
        results=tuple(trace.results),
        files=trace.files,
        session_seconds=trace.start_seconds + trace.session_seconds,
        versions=trace.session,
        phases=Phases(pytest=run.ended.seconds),
    )
