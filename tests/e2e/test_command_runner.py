"""A Node suite and a pytest suite of one app, by real agents: the same plan, second run and proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.test_shipping import APP, build, logs, make, states

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.world import World

SHIPPING = """
app: APP
suites:
  - {name: unit, python: PYTHON, paths: [tests], target: 1m}
  - name: js
    runner: command
    command: "node --test --test-reporter=junit --test-reporter-destination={junit} {file}"
    files: "web/**/*.test.js"
    target: 1s
    shards: {min: 2, max: 2}
"""
ADDS = "const {test} = require('node:test');\ntest('adds', () => require('node:assert').equal(1 + 1, %d));\n"
# Red in the first process that runs it, whichever attempt that is; the file is not part of the commit.
ROUND = (
    "const {test} = require('node:test'); const fs = require('node:fs');\n"
    "test('comes round', () => { const first = !fs.existsSync('seen'); fs.writeFileSync('seen', '');"
    " if (first) throw new Error('not yet'); });\n"
)


def test_suites_of_two_runners_are_planned_run_and_proven_alike(world: World, tmp_path: Path) -> None:
    """Green with a flaky file said so; then red, with the file and the test inside it on the build's page."""
    files = {**APP, "web/adds.test.js": ADDS % 2, "web/deep/round.test.js": ROUND}
    repository = make(tmp_path / "repository", "twofold", files, SHIPPING)
    first, shown = build(world, "twofold", repository)

    assert shown["state"] == "passed", logs(world, first, "tests-js") + logs(world, first, "tests-complete")
    assert states(shown)["tests-js"] == ["passed", "passed"]
    proof = logs(world, first, "tests-complete")
    assert "unit: proven: 2 tests in 1 shards" in proof
    assert "js: proven: 2 tests in 2 shards" in proof
    assert "flaky: web/deep/round.test.js" in proof

    repository.commit("break", {"web/adds.test.js": ADDS % 3})
    second, shown = build(world, "twofold", repository)

    assert shown["state"] == "failed"
    page = "".join(one["body_html"] for one in world.annotations(second))
    assert "web/adds.test.js" in page
    assert "✗ adds" in page
    assert "js: NOT proven" in logs(world, second, "tests-complete")
