from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_gen.errors import InfraError, Refused, UsageError
from pipeline_gen.plan import StoredPlan, digest, read_plan
from pipeline_gen.ports import KeyTakenError
from pipeline_gen.upload import keep, upload
from shipping.memory import MemoryStore
from tests.pipeline_gen.test_pipelines_app import plan, uploads

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Build:
    """A build as Buildkite keeps it: an upload is taken whole or refused, and keys are unique.

    ``lose`` names the upload (from 1) whose answer is lost after it was taken.
    """

    steps: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    uploads: int = 0
    lose: int = 0

    def upload(self, pipeline: Mapping[str, Any]) -> None:
        new = {one["key"]: one for step in pipeline["steps"] for one in [step, *step.get("steps", [])]}
        taken = [key for key in new if key in self.steps]
        if taken:
            raise KeyTakenError(taken[0])
        self.steps |= new
        self.uploads += 1
        if self.uploads == self.lose:
            raise InfraError("could not hear the answer")

    def step_env(self, key: str) -> Mapping[str, str]:
        env: dict[str, str] = self.steps.get(key, {}).get("env", {})
        return env

    def version(self) -> tuple[int, int, int]:
        return (3, 83, 1)


def stored(shards: int = 1350, *, bucket: str | None = "ship-us") -> StoredPlan:
    made = plan(shards={"unit": shards})
    made = replace(made, source={**made.source, "bucket": bucket, **({} if bucket else {"slug": None})})
    return StoredPlan(plan=made, pipeline=tuple(uploads(made)))


def attempt(plan: StoredPlan, store: MemoryStore, build: Build) -> StoredPlan:
    kept = keep(plan, store, say=quiet)
    return upload(kept, build, store, say=quiet)


def quiet(line: str) -> None:
    assert line


@pytest.mark.parametrize("lost", range(5))
def test_a_lost_answer_at_any_upload_still_ends_in_one_set_of_steps(lost: int) -> None:
    """The retry finds its own digest in the steps that are there, and goes on."""
    made, build, store = stored(), Build(lose=lost), MemoryStore()
    if lost:
        with pytest.raises(InfraError):
            attempt(made, store, build)
    attempt(made, store, build)

    assert build.uploads == len(made.pipeline) == 4
    assert "tests-complete" in build.steps


def test_a_retry_uploads_the_plan_that_was_stored_first() -> None:
    """Durations may have changed between two attempts: the first plan counts."""
    store, build = MemoryStore(), Build()
    first = attempt(stored(3), store, build)
    second = attempt(stored(5), store, build)

    assert second == first
    assert build.steps["tests-unit"]["parallelism"] == 3
    assert read_plan(store, first.plan.key, digest(first.plan)) == first.plan


@pytest.mark.parametrize("lost", range(5))
def test_without_a_bucket_the_first_upload_elects_the_plan(lost: int) -> None:
    """Each attempt decides for itself, as nothing is create-only; who comes second goes on with what is in the build."""
    store, build = MemoryStore(), Build(lose=lost)
    first, second = stored(1350, bucket=None), stored(5, bucket=None)
    assert first.plan.key != second.plan.key
    if lost:
        with pytest.raises(InfraError):
            attempt(first, store, build)
    else:
        keep(first, store, say=quiet)  # and no further: nothing of it is in the build

    elected = attempt(second, store, build)

    assert elected == (first if lost else second)
    assert build.uploads == len(elected.pipeline)
    assert "tests-complete" in build.steps
    assert {step["env"]["SHIP_PLAN"] for step in build.steps.values() if step.get("env")} == {digest(elected.plan)}
    assert read_plan(store, elected.plan.key, digest(elected.plan)) == elected.plan


def test_a_digest_in_the_steps_that_names_no_plan_of_this_step_is_somebody_elses() -> None:
    """Another generator's steps are not taken over."""
    build = Build(steps={"tests-unit": {"key": "tests-unit", "env": {"SHIP_PLAN": "0" * 64}}})

    with pytest.raises(Refused, match="already has the key 'tests-unit'"):
        attempt(stored(2, bucket=None), MemoryStore(), build)


def test_a_key_that_somebody_else_took_is_refused() -> None:
    """A step of the team's own with our key is not ours."""
    build = Build(steps={"slug": {"key": "slug", "env": {}}})

    with pytest.raises(Refused, match="already has the key 'slug'"):
        attempt(stored(2), MemoryStore(), build)


def test_a_plan_that_is_not_the_one_the_step_names_is_refused() -> None:
    """A job runs what was uploaded, or nothing."""
    store = MemoryStore()
    made = attempt(stored(2), store, Build()).plan

    with pytest.raises(Refused, match="its digest is"):
        read_plan(store, made.key, "0" * 64)
    with pytest.raises(Refused, match=r"cannot find the plan 'inbox/plans/b1/other\.json'"):
        read_plan(store, "inbox/plans/b1/other.json", digest(made))


def test_a_stored_plan_is_the_same_bytes_each_time_and_survives() -> None:
    """The digest is of canonical JSON."""
    made = stored(4)

    assert StoredPlan.decode(made.encode()) == made
    assert StoredPlan.decode(made.encode()).encode() == made.encode()


def test_a_plan_of_a_newer_ship_is_refused_with_the_way_out() -> None:
    """Exit status 2: found, wanted, how to update."""
    body = replace(stored(1), ship="9.0.0").encode().replace(b'"schema":1', b'"schema":99')

    with pytest.raises(UsageError, match=r"schema 99, made by ship '9\.0\.0': this ship is '\d.*' and knows up to 1"):
        StoredPlan.decode(body)


@dataclass
class Lacking(Build):
    """A Buildkite that does not have the pipelines which steps trigger."""

    def upload(self, pipeline: Mapping[str, Any]) -> None:
        raise Refused(f"cannot upload the pipeline of {len(pipeline['steps'])} steps: 422")


@pytest.mark.parametrize(("deploys", "hint"), [(("us",), "it triggers 'inbox-deploy-us'"), ((), "None")])
def test_a_pipeline_that_is_not_there_yet_is_named(deploys: tuple[str, ...], hint: str) -> None:
    """The fix is a command; other refusals stay as they are."""
    made = plan(shards={"unit": 1}, deploys=deploys)

    with pytest.raises(Refused) as told:
        attempt(StoredPlan(plan=made, pipeline=tuple(uploads(made))), MemoryStore(), Lacking())
    assert hint in str(told.value.hint)
