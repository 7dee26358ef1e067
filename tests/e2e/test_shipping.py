"""A merge, a red merge and a pull request of a small app, run by real agents; and what happens when something is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipping.local.world import PullRequest
from tests.e2e import killed_generator
from tests.oracle import assert_valid
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shipping.local.world import Build, World

PLUGINS = Path(__file__).parents[2] / "plugins"
PIPELINE = "steps:\n  - {label: plan, key: plan, command: ship pipeline upload, timeout_in_minutes: 5}\n"
SHIPPING = """
app: APP
bucket: e2e
suites:
  - {name: unit, python: PYTHON, paths: [tests], target: 1s, hang: 1m, shards: {min: 2, max: 2}, select: on}
slug:
  layers:
    dependencies: {inputs: [requirements.lock], run: "cp requirements.lock vendored", keep: [vendored]}
    app: {keep: ["small/**"]}
regions: {us: {bucket: e2e}, eu: {bucket: e2e-eu}}
"""
APP = {
    ".gitignore": "__pycache__/\nvendored\n",
    "requirements.lock": "nothing==1\n",
    "small/__init__.py": "",
    "small/text.py": "def clean(text):\n    return text.strip()\n",
    "small/mail.py": "def send(text):\n    return [text]\n",
    "tests/conftest.py": "",
    "tests/test_text.py": "from small.text import clean\n\n\ndef test_clean():\n    assert clean(' a ') == 'a'\n",
    "tests/test_mail.py": "from small.mail import send\n\n\ndef test_send():\n    assert send('a') == ['a']\n",
    "pytest.ini": "[pytest]\npythonpath = .\n",
}


def make(
    root: Path, app: str, files: Mapping[str, str], shipping: str = SHIPPING, pipeline: str = PIPELINE
) -> Repository:
    """Return a repository as an adopter has it, with our plugins vendored."""
    shutil.copytree(PLUGINS, root / ".buildkite" / "plugins")
    repository = Repository.create(root)
    configuration = shipping.replace("APP", app).replace("PYTHON", sys.executable)
    repository.commit("one", {".buildkite/pipeline.yml": pipeline, ".buildkite/shipping.yml": configuration, **files})
    return repository


def build(
    world: World,
    app: str,
    repository: Repository,
    *,
    branch: str = "main",
    pull_request: PullRequest | None = None,
) -> tuple[Build, dict[str, Any]]:
    world.create_pipeline(app, repository.root)
    commit = repository.git("rev-parse", "HEAD")
    started = world.build(app, branch=branch, commit=commit, pull_request=pull_request)
    return started, world.wait(started, timeout=180)


def states(shown: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for job in shown["jobs"]:
        if job["type"] == "script" and job.get("step_key"):
            found.setdefault(job["step_key"], []).append(job["state"])
    return found


def logs(world: World, of: Build, key: str) -> str:
    return "\n".join(world.log(of, job) for job in world.jobs(of, key))


def ship(world: World, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shipping.cli", *arguments],
        cwd=cwd,
        env={**os.environ, **world.environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_merge_ships_a_broken_one_is_red_and_a_pull_request_runs_what_it_can_break(
    world: World, tmp_path: Path
) -> None:
    """The whole of it: proof, slug in every bucket, the failing test named, selection with its reason."""
    repository = make(tmp_path / "repository", "small", APP)
    first, shown = build(world, "small", repository)
    assert shown["state"] == "passed", logs(world, first, "plan")
    assert states(shown) == {
        "plan": ["passed"],
        "tests-unit": ["passed", "passed"],
        "tests-complete": ["passed"],
        "slug": ["passed"],
        "record-unit": ["passed", "passed"],
    }
    assert "proven: 2 tests in 2 shards" in logs(world, first, "tests-complete")

    commit = repository.git("rev-parse", "HEAD")
    verified = ship(world, repository.root, "slug", "verify", commit, "--for", "main")
    assert verified.stdout.splitlines() == ["e2e: whole", "e2e-eu: whole"]

    repository.commit("break", {"small/text.py": "def clean(text):\n    return text\n"})
    second, shown = build(world, "small", repository)
    assert shown["state"] == "failed"
    assert "tests/test_text.py::test_clean" in "".join(one["body_html"] for one in world.annotations(second))

    repository.git("checkout", "--quiet", "-b", "topic", commit)
    repository.commit("topic", {"small/mail.py": "def send(text):\n    return list([text])\n"})
    third, shown = build(world, "small", repository, branch="topic", pull_request=PullRequest(number=7))
    assert shown["state"] == "passed", logs(world, third, "plan")
    assert "proven: 1 tests in 1 shards" in logs(world, third, "tests-complete")
    explained = ship(world, repository.root, "pipeline", "explain", "tests/test_mail.py", "--remote", "--json")
    (why,) = json.loads(explained.stdout)
    assert (why["included"], "small/mail.py" in why["evidence"]) == (True, True)
    assert "record-unit" not in states(shown)


def test_a_generator_killed_everywhere_and_retried_gives_exactly_one_set_of_steps(world: World, tmp_path: Path) -> None:
    """Each attempt dies at another point, the last one lives. 460 shards are two uploads; no agent serves their queue."""
    attempts = len(killed_generator.POINTS) + 1
    retry = f"retry: {{automatic: [{{exit_status: '*', limit: {attempts}}}]}}"
    command = json.dumps(f"{sys.executable} {killed_generator.__file__}")
    pipeline = f"steps: [{{key: plan, command: {command}, {retry}}}]\n"
    shipping = (
        SHIPPING.replace("{min: 2, max: 2}", "{min: 460, max: 460}")
        + "buildkite: {queues: {tests: none, slug: none}}\n"
    )
    tests = {f"tests/test_{number}.py": "def test(): pass\n" for number in range(460)}
    repository = make(tmp_path / "repository", "killed", {**APP, **tests}, shipping, pipeline)
    world.create_pipeline("killed", repository.root)
    started = world.build("killed")

    until(lambda: "passed" in [job["state"] for job in world.jobs(started, "plan")], seconds=120)

    shown = world.show(started)
    world.api.builds().cancel_build(world.organization, "killed", started.number)
    found = states(shown)
    shards = sorted(
        (job["step_key"], job["parallel_group_index"])
        for job in shown["jobs"]
        if "tests-unit" in str(job.get("step_key"))
    )
    assert len(shards) == len(set(shards)) == 460
    assert {key: len(jobs) for key, jobs in found.items() if not key.startswith("tests-unit")} == {
        "plan": attempts,
        "tests-complete": 1,
        "slug": 1,
        "record-unit": 400,
    }


def test_a_shard_whose_agent_is_killed_is_retried_and_the_proof_counts_the_right_attempt(
    world: World, tmp_path: Path
) -> None:
    """The job's processes die with the agent, the control plane notices, and the build is green."""
    slow = (
        "import os, subprocess\n\n\ndef test_slow():\n"
        "    if os.environ['BUILDKITE_RETRY_COUNT'] == '0':\n        subprocess.run(['sleep', '599'])\n"
    )
    shipping = SHIPPING.replace("select: on", "select: off")
    repository = make(tmp_path / "repository", "lost", {**APP, "tests/test_slow.py": slow}, shipping)
    world.create_pipeline("lost", repository.root)
    started = world.build("lost")
    victim = ""

    def slow_shard() -> bool:
        nonlocal victim
        for job in world.jobs(started, "tests-unit"):
            if job["state"] == "running" and sleepers(job["id"]):
                victim = job["agent"]["name"]
        return bool(victim)

    until(slow_shard)
    (pid,) = [agent.pid for agent in world.agents if agent.name == victim]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    shown = world.wait(started, timeout=180)

    assert shown["state"] == "passed", logs(world, started, "tests-complete")
    lost = [job for job in shown["jobs"] if job.get("exit_status") == -1]
    assert [job["step_key"] for job in lost] == ["tests-unit"]
    assert "proven: 3 tests in 2 shards" in logs(world, started, "tests-complete")
    until(lambda: not sleepers(lost[0]["id"]))


def test_a_shard_that_cannot_be_set_up_is_infrastructure(world: World, tmp_path: Path) -> None:
    """Exit status 3 with the reason, retried; the proof is red and names the shard."""
    shipping = SHIPPING.replace("paths: [tests]", "paths: [tests], setup: [cat, nowhere]")
    repository = make(tmp_path / "repository", "setup", APP, shipping)
    started, shown = build(world, "setup", repository)

    assert shown["state"] == "failed"
    assert {job["exit_status"] for job in world.jobs(started, "tests-unit")} == {3}
    assert len(world.jobs(started, "tests-unit")) == 6
    assert "nowhere" in logs(world, started, "tests-unit")
    assert "shard" in logs(world, started, "tests-complete")


def test_an_agent_that_skips_plugins_is_red(world: World, tmp_path: Path) -> None:
    """The step's own command fails."""
    from pipeline_gen.pipelines.app import DID_NOT_RUN

    pipeline = f"steps: [{{key: skipped, command: {json.dumps(DID_NOT_RUN)}, timeout_in_minutes: 1}}]\n"
    repository = make(tmp_path / "repository", "skipped", APP, pipeline=pipeline)
    started, shown = build(world, "skipped", repository)

    assert shown["state"] == "failed"
    assert "plugin did not run" in logs(world, started, "skipped")
    assert_valid(json.loads(json.dumps({"steps": [{"command": DID_NOT_RUN, "key": "skipped"}]})))


def sleepers(job: str) -> list[int]:
    """Return the sleeping children of the slow test of a job, by the job's id in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"BUILDKITE_JOB_ID={job}".encode() in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes()
                if command == b"sleep\x00599\x00":
                    found.append(int(folder.name))
        except OSError:
            continue
    return found


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.1)
