"""click as it was released: a git repository with its own virtual environment, a real project nobody here wrote."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.config import Suite
from pipeline_gen.git import Git
from pipeline_gen.shell import LocalShell
from pipeline_gen.suites.discovery import find_test_files
from tests.bench.projects import CLICK, click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PYTEST = ("-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider")


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


def prepare(cache: Path) -> Project:
    """Make the release's source a repository, install it, run its suite once."""
    root, environment = cache / "click", cache / "venv"
    python = environment / "bin" / "python"
    if not (cache / "ready").exists():
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        shutil.copytree(click().root, root, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
        thin_out(root / "tests")
        must([sys.executable, "-m", "venv", environment])
        must([python, "-m", "pip", "install", "-q", "pytest", "coverage", "-e", root])
        must(["git", "init", "-q", root])
        must(["git", "-C", root, "add", "--all"])
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.test"]
        must(["git", "-C", root, *identity, "commit", "-q", "-m", CLICK])
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
    print(f"{CLICK}: {sum(tests.values())} tests in {len(files)} files, {wall:.1f} s")
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


def must(argv: Sequence[str | Path], cwd: Path | None = None) -> None:
    """Run a program that has to succeed."""
    subprocess.run([str(word) for word in argv], cwd=cwd, check=True, stdout=subprocess.DEVNULL)
