"""Reading from outside what the jobs of a build kept, by REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline_gen.clock import ManualClock
from shipping.buildkite.kept import KeptByBuild, ended_builds
from shipping.buildkite.organization import Organization
from shipping.buildkite.rest import Rest
from tests.shipping.buildkite.serving import Answer, Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAN = "inbox/plans/b/s/d.json"
BUILD = "/v2/organizations/acme/pipelines/inbox/builds/7"


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def acme(served: Served) -> Iterator[Organization]:
    rest = Rest("token", base_url=f"{served.url}/v2/", clock=ManualClock())
    yield Organization(rest, "acme")
    rest.close()


def artifact(path: str, *, job: str = "j1", state: str = "finished") -> dict[str, Any]:
    return {"id": f"a-{job}", "job_id": job, "path": path, "state": state}


def test_what_was_kept_is_found_by_key_and_downloaded_when_asked_for(acme: Organization, served: Served) -> None:
    """Other artifacts, and those whose upload never ended, are none of ours; the list is asked for once."""
    listed = [artifact(f"ship/{PLAN}"), artifact("junit/unit-0.xml"), artifact("ship/inbox/plans/b/s/x", state="new")]
    served.answers = [Answer(body=listed), Answer(body={"schema": 1})]
    kept = KeptByBuild(acme, "inbox", 7)

    assert kept.keys("inbox/plans/") == [PLAN]
    assert kept.keys("outbox/") == []
    assert kept.get(PLAN) == b'{"schema": 1}'
    assert [asked.path for asked in served.asked] == [
        f"{BUILD}/artifacts/",
        f"{BUILD}/jobs/j1/artifacts/a-j1/download/",
    ]


def test_what_a_retried_job_kept_is_looked_for_with_that_job(acme: Organization, served: Served) -> None:
    """The generator that made the plan may have died after it; lists of a build leave such jobs out."""
    jobs = [{"id": "dead", "retried_in_job_id": "alive"}, {"id": "alive", "retried_in_job_id": None}]
    served.answers = [
        Answer(body=[]),
        Answer(body={"jobs": jobs}),
        Answer(body=[artifact(f"ship/{PLAN}", job="dead")]),
        Answer(body="plan"),
    ]

    assert KeptByBuild(acme, "inbox", 7).get(PLAN) == b'"plan"'
    assert served.asked[1].query["include_retried_jobs"] == ["True"]
    assert [asked.path for asked in served.asked[2:]] == [
        f"{BUILD}/jobs/dead/artifacts/",
        f"{BUILD}/jobs/dead/artifacts/a-dead/download/",
    ]


def test_nothing_kept(acme: Organization, served: Served) -> None:
    served.answers = [Answer(body=[]), Answer(body={"jobs": []})]

    assert KeptByBuild(acme, "inbox", 7).get(PLAN) is None


def test_builds_that_are_over_newest_first(acme: Organization, served: Served) -> None:
    """However they ended: the proof says whether the tests did well. Not without end."""
    states = ["running", "passed", "failed", "scheduled", *["passed"] * 30]
    served.answers = [Answer(body=[{"number": 99 - place, "state": state} for place, state in enumerate(states)])]

    found = [build["number"] for build in ended_builds(acme, "inbox", "main")]

    assert found[:3] == [98, 97, 95]
    assert len(found) == 20
    assert served.asked[0].query["branch"] == ["main"]
