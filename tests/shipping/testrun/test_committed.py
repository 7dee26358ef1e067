"""Refreshing the committed durations, and reading a proven build back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline_gen.config import ShardLimits
from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.plan import StoredPlan, digest
from pipeline_gen.suites.durations import Durations
from shipping.testrun.committed import refresh
from shipping.testrun.proven import newest_proof, read_proven
from tests.builds import Build

FILES = {
    "tests/test_one.py": "def test_a(): pass\ndef test_b(): pass\n",
    "tests/test_two.py": "import pytest\n\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n): pass\n",
}


@dataclass
class Kept:
    """The artifacts of a build."""

    number: int = 7
    bodies: dict[str, bytes] = field(default_factory=dict)

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.bodies if key.startswith(prefix))

    def get(self, key: str) -> bytes | None:
        return self.bodies.get(key)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """What a green build of two shards has kept, run for real once."""
    build = Build.of(tmp_path_factory.mktemp("build"), FILES, shards=ShardLimits(min=2, max=2))
    assert build.run() == [0, 0, 0]
    store = build.store
    keys = list(store.list("inbox/plans/"))
    return Kept(bodies={key: stored.body for key in keys if (stored := store.get(key))})


def proven(kept: Kept, *suites: str) -> Any:  # noqa: ANN401 - as read_proven types it
    proof = newest_proof(kept, "inbox")
    assert proof is not None
    return read_proven(kept, proof, suites)


def test_measured_tests_come_and_those_that_are_gone_go(kept: Kept) -> None:
    """Others' entries stay: of files outside this plan that exist."""
    old = Durations(
        {
            "tests/test_one.py::test_a": 8.0,
            "tests/test_one.py::test_renamed": 1.0,
            "tests/test_deleted.py::test": 1.0,
            "web/test_other_app.py::test": 3.0,
        }
    )

    refreshed = refresh(old, proven(kept), lambda path: path == "web/test_other_app.py")

    assert refreshed.measured == 4
    assert refreshed.gone == ("tests/test_deleted.py::test", "tests/test_one.py::test_renamed")
    assert {"tests/test_one.py::test_b", "tests/test_two.py::test_n[1]"} <= set(refreshed.came)
    known = refreshed.durations.seconds
    assert known["web/test_other_app.py::test"] == 3.0
    assert 4.0 < known["tests/test_one.py::test_a"] < 5.0  # 0.4 of the way from 8 s to nothing
    assert known["."] > 0


def test_the_document_is_in_stable_order_and_pytest_split_reads_it(kept: Kept) -> None:
    refreshed = refresh(Durations({}), proven(kept, "unit"), lambda _: False)
    document = refreshed.durations.encode()

    assert list(json.loads(document)) == sorted(json.loads(document))
    assert Durations.parse(document).faults == ()
    assert refresh(Durations.parse(document), proven(kept), lambda _: False).gone == ()


def test_a_build_without_proof_or_with_a_red_one_teaches_nothing(kept: Kept) -> None:
    key = next(key for key in kept.bodies if "/proof/" in key)
    proof = json.loads(kept.bodies[key])
    red = Kept(bodies={**kept.bodies, key.replace("/0-", "/1-"): json.dumps({**proof, "verdict": "FAIL"}).encode()})

    assert newest_proof(Kept(), "inbox") is None
    with pytest.raises(Refused, match="build 7: its tests are not proven"):
        proven(red)
    with pytest.raises(Refused, match="cannot find the suite 'js' in build 7, which has unit"):
        proven(kept, "js")


def test_an_artifact_that_is_gone_is_named(kept: Kept) -> None:
    report = next(key for key in kept.bodies if "/reports/" in key)

    with pytest.raises(InfraError, match=r"could not find '.*/reports/unit/0/"):
        proven(Kept(bodies={key: body for key, body in kept.bodies.items() if key != report}))


def test_a_plan_that_is_not_the_proofs_is_refused(kept: Kept) -> None:
    (key,) = [key for key in kept.bodies if "/reports/" not in key and "/proof/" not in key]
    stored = StoredPlan.decode(kept.bodies[key])
    other = kept.bodies[key].replace(stored.plan.branch.encode(), b"other", 1)
    assert digest(StoredPlan.decode(other).plan) != digest(stored.plan)

    with pytest.raises(Refused, match="is of another plan"):
        proven(Kept(bodies={**kept.bodies, key: other}))


def test_reading_takes_the_reports_that_counted(kept: Kept) -> None:
    """One per shard, by the proof's own list."""
    found = proven(kept)

    assert [report.shard for report in found.reports["unit"]] == [0, 1]
    assert (found.number, set(found.plan.suites)) == (7, {"unit"})
