"""Merges on their way to a region, by real agents: the team's command in the slug, locks, newer releases, a lost agent."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

from shipping.lane.ledger import Ledger
from shipping.s3 import connect
from tests.e2e.test_shipping import APP, build, logs, make, ship, sleepers, until

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.world import Build, World
    from shipping.records.history import Entry
    from tests.repository import Repository

SHIPPING = """
app: APP
bucket: e2e
suites:
  - {name: unit, python: PYTHON, paths: [tests], target: 1m, hang: 1m}
slug:
  keys: KEYS
  layers:
    app: {keep: ["small/**", "bin/**"]}
release: {before: "bin/before {commit}"}
regions:
  us: {bucket: e2e, deploy: {command: "bin/deploy {slug} {commit} {region} {previous}"}}
"""
# It runs in the slug, which has no `tests`: what it writes down says so.
DEPLOY = """#!/bin/sh
echo "deploy $2 $3 after ${4:-nothing}, $(cat small/release), $(ls | tr '\\n' ' ')" >> LOG
"""
SLOW = DEPLOY + '[ "$BUILDKITE_RETRY_COUNT" != 0 ] || sleep 599\n'
BEFORE = '#!/bin/sh\necho "before $1" >> LOG\n'


def adopt(world: World, folder: Path, app: str) -> Repository:
    """Return a repository that signs what it releases, and whose pipelines `ship buildkite sync` made."""
    files = {**APP, **scripts(folder, DEPLOY), "small/release": "one"}
    repository = make(folder / "repository", app, files, SHIPPING.replace("KEYS", json.dumps(keys(world, folder))))
    repository.git("config", "user.name", "Someone")  # who locks is who git says
    synced = ship(world, repository.root, "buildkite", "sync", "--local", "--state", str(world.folder.root))
    assert synced.returncode == 0, synced.stderr
    return repository


def keys(world: World, folder: Path) -> dict[str, Any]:
    """Return the section `keys`, with keys that `ship slug keygen` made."""
    made = {}
    for purpose in ("main", "pull_request", "clearance"):
        done = ship(world, folder, "slug", "keygen", f"file:{folder}/{purpose}.pem", "--for", purpose, "--json")
        assert done.returncode == 0, done.stderr
        made[purpose] = json.loads(done.stdout)
    public = {purpose: facts["public"] for purpose, facts in made.items()}
    return {**{purpose: facts["key"] for purpose, facts in made.items()}, "public": public}


def scripts(folder: Path, deploy: str) -> dict[str, str]:
    """Return the team's commands. They are committed executable: `make` and `commit` keep the modes of files."""
    return {
        name: text.replace("LOG", str(folder / "log"))
        for name, text in (("bin/deploy", deploy), ("bin/before", BEFORE))
    }


def merge(world: World, repository: Repository, app: str, files: dict[str, str]) -> tuple[str, Build, dict[str, Any]]:
    """Merge, and wait for the build of main; return the commit and the build."""
    repository.write(files)
    for script in (repository.root / "bin").iterdir():
        script.chmod(0o755)
    commit = repository.commit("merge")
    return (commit, *build(world, app, repository))


def deploy_of(world: World, app: str, commit: str, *, state: str = "passed") -> Build:
    """Return the deploy build of a commit, once it is over."""
    found: list[Build] = []

    def there() -> bool:
        shown = [one for one in world.builds(f"{app}-deploy-us") if one["commit"] == commit]
        found[:] = [one for one in [world.find(f"{app}-deploy-us", int(each["number"])) for each in shown] if one]
        return bool(found)

    until(there)
    assert world.wait(found[0], timeout=180)["state"] == state, logs(world, found[0], "deploy")
    return found[0]


def wait_at(world: World, build: Build, key: str, *, told: str) -> None:
    """See that a build waits at a block, green, and that the block says why."""
    shown = world.show(build)
    (block,) = [job for job in shown["jobs"] if job.get("step_key") == key]
    assert (shown["blocked"], shown["state"], block["state"]) == (True, "passed", "blocked")
    assert told in block["label"]


def unblock(world: World, build: Build, key: str) -> None:
    """Unblock a step as a person does, and wait for what follows."""
    (block,) = [job for job in world.show(build)["jobs"] if job.get("step_key") == key]
    world.api.jobs().unblock_job(world.organization, build.pipeline, build.number, block["id"], {})
    assert world.wait(build, timeout=60)["state"] == "passed"


def history(world: World, app: str) -> list[Entry]:
    with connect("e2e", environment=world.environment) as bucket:
        return Ledger(bucket, app=app, environment="us").history()


def test_merges_come_to_the_region_in_order_unless_somebody_locked_it(world: World, tmp_path: Path) -> None:
    """Cleared, deployed, told what was there before; locked, unlocked; an older commit and a red one go nowhere."""
    repository = adopt(world, tmp_path, "goes")
    log = tmp_path / "log"

    one, first, shown = merge(world, repository, "goes", {"small/release": "one"})
    assert shown["state"] == "passed", logs(world, first, "conclude")
    assert f"release {one[:12]} at position 2: cleared" in logs(world, first, "conclude")
    assert "the first release there" in logs(world, deploy_of(world, "goes", one), "deploy")
    two, _, _ = merge(world, repository, "goes", {"small/release": "two"})
    deploy_of(world, "goes", two)
    assert log.read_text().splitlines() == [
        f"before {one}",
        f"deploy {one} us after nothing, one, bin small ",
        f"before {two}",
        f"deploy {two} us after {one}, two, bin small ",
    ]

    assert ship(world, repository.root, "lock", "--region", "us", "--reason", "mail is late").returncode == 0
    three, _, _ = merge(world, repository, "goes", {"small/release": "three"})
    held = deploy_of(world, "goes", three)
    assert "us is locked by Someone" in logs(world, held, "deploy")
    assert "mail is late" in ship(world, repository.root, "status").stdout
    wait_at(world, held, "locked-us-1", told="mail is late")
    newest = merge(world, repository, "goes", {"small/release": "four"})[0]
    waits = deploy_of(world, "goes", newest)

    unblock(world, held, "locked-us-1")
    assert f"{newest[:12]} is newer and cleared" in logs(world, held, "deploy-us-1")
    assert world.show(held)["blocked"] is False
    unblock(world, waits, "locked-us-1")
    wait_at(world, waits, "locked-us-2", told="mail is late")
    state = str(world.folder.root)
    unlocked = ship(world, repository.root, "unlock", "--region", "us", "--local", "--state", state)
    assert f"unblocked build {waits.number}, which waited for this" in unlocked.stdout, unlocked.stderr
    assert "deployed in" in (world.wait(waits) and logs(world, waits, "deploy-us-2"))
    three = newest
    older = world.build("goes-deploy-us", commit=one)
    assert "superseded" in (world.wait(older) and logs(world, older, "deploy"))

    with connect("e2e", environment=world.environment) as bucket:
        assert bucket.size(f"goes/clearances/{three}.json.sig") is not None
    red, last, shown = merge(world, repository, "goes", {"small/text.py": "def clean(text):\n    return text\n"})
    assert shown["state"] == "failed"
    assert "tests: FAIL" in logs(world, last, "conclude")
    refused = world.build("goes-deploy-us", commit=red)
    assert world.wait(refused)["state"] == "failed"
    assert "it has no clearance in bucket 'e2e'" in logs(world, refused, "deploy")
    assert [entry.transition.commit for entry in history(world, "goes") if entry.transition.kind == "flip"] == [
        one,
        two,
        three,
    ]
    assert f"wants {three[:12]}" in ship(world, repository.root, "status").stdout


def test_a_deploy_whose_agent_is_killed_in_the_command_is_the_same_deploy_again(world: World, tmp_path: Path) -> None:
    """The command dies with the agent; the retry finds its own flip, and runs the command with the same previous release."""
    repository = adopt(world, tmp_path, "killed-deploy")
    one, _, _ = merge(world, repository, "killed-deploy", {"small/release": "one"})
    deploy_of(world, "killed-deploy", one)
    two, _, _ = merge(world, repository, "killed-deploy", {"small/release": "two", **scripts(tmp_path, SLOW)})
    victim: dict[str, Any] = {}

    def sleeping() -> bool:
        for shown in world.builds("killed-deploy-deploy-us"):
            deploying = world.find("killed-deploy-deploy-us", int(shown["number"]))
            for job in world.jobs(deploying, "deploy") if deploying else []:
                if job["state"] == "running" and sleepers(job["id"]):
                    victim.update(job)
        return bool(victim)

    until(sleeping)
    (pid,) = [agent.pid for agent in world.agents if agent.name == victim["agent"]["name"]]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not sleepers(victim["id"]))

    done = deploy_of(world, "killed-deploy", two)

    assert [job["exit_status"] for job in world.jobs(done, "deploy")] == [-1, 0]
    assert (tmp_path / "log").read_text().splitlines()[2:] == [
        f"before {two}",
        f"deploy {two} us after {one}, two, bin small ",
        f"deploy {two} us after {one}, two, bin small ",
    ]
    assert [entry.transition.commit for entry in history(world, "killed-deploy")] == [one, two]
