"""`ship buildkite sync --local` and `ship doctor --local` beside real agents and a real object store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.e2e.test_shipping import APP, build, logs, make, ship

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.world import World

SHIPPING = """
app: APP
bucket: e2e
buildkite: {cluster: synced, teams: {sre: build_and_read}}
suites: [{name: unit, python: PYTHON, paths: [tests], target: 1s, hang: 1m}]
"""


def test_a_synced_pipeline_builds_and_the_doctor_finds_nothing_wrong(world: World, tmp_path: Path) -> None:
    """Sync, build, sync: a build changes no setting. Then a setting drifts, is found and mended."""
    repository = make(tmp_path / "repository", "synced", APP, SHIPPING)

    def run(*words: str) -> Any:  # noqa: ANN401 - JSON
        done = ship(world, repository.root, *words, "--local", "--json", "--state", str(world.folder.root))
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def sync(*more: str) -> tuple[str, list[str]]:
        (pipeline,) = run("buildkite", "sync", *more)["pipelines"]
        return pipeline["action"], [change["field"] for change in pipeline["changes"]]

    assert sync("--dry-run")[0] == sync()[0] == "create"
    first, shown = build(world, "synced", repository)
    assert shown["state"] == "passed", logs(world, first, "plan")
    assert sync() == ("none", [])
    said = {one["check"]: (one["state"], one["text"]) for one in run("doctor")["findings"]}
    assert {state for state, _ in said.values()} <= {"ok", "warn", "unknown"}
    assert said["bucket e2e"] == ("ok", "read, written, and conditional writes are honoured")
    assert said["queue default"] == ("ok", f"{len(world.agents)} agents")

    world.api.update_pipeline(world.organization, "synced", {"skip_queued_branch_builds_filter": None})
    drifted = {one["check"]: one["state"] for one in run("doctor")["findings"]}
    assert drifted["pipeline synced"] == "warn"
    assert sync() == ("update", ["skip_queued_branch_builds_filter"])
    assert sync() == ("none", [])
