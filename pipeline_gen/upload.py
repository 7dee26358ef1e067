"""Adds a plan's steps to the running build, exactly once, however often it is killed and tried again.

In a bucket the plan is stored create-only under (build, step) before anything is uploaded, so every attempt uploads the same
bytes. An upload is atomic on Buildkite's side; one whose answer was lost shows itself as "key already used", and counts as
done when the step with that key carries our plan's digest.

Without a bucket two attempts may have made two plans. Each is kept under its digest before its first upload, and that upload
elects: who finds the digest of another attempt in the steps goes on with that attempt's plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused
from pipeline_gen.plan import StoredPlan, digest, plan_key
from pipeline_gen.ports import KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline_gen.ports import Store, Uploader

PLAN_VARIABLE = "SHIP_PLAN"


def keep(plan: StoredPlan, store: Store, *, say: Callable[[str], None]) -> StoredPlan:
    """Store the plan create-only and return the one that counts: an earlier attempt's, if there was one."""
    if store.create(plan.plan.key, plan.encode()):
        return plan
    earlier = store.get(plan.plan.key)
    if earlier is None:
        raise Refused(f"cannot read back the plan {plan.plan.key!r}: it was there, and is gone")
    say("an earlier attempt of this step made the plan: using that one")
    return StoredPlan.decode(earlier.body)


def upload(kept: StoredPlan, uploader: Uploader, store: Store, *, say: Callable[[str], None]) -> StoredPlan:
    """Add the steps of a kept plan to the build, chunk by chunk, and return the plan that was elected.

    Raises Refused where somebody else has one of its keys.
    """
    elected, done = kept, 0
    while done < len(elected.pipeline):
        elected = _add(elected, done, uploader, store, say)
        done += 1
    return elected


def _add(plan: StoredPlan, number: int, uploader: Uploader, store: Store, say: Callable[[str], None]) -> StoredPlan:
    """Upload one chunk (from 0) of a plan, and return the plan whose chunk is in the build now."""
    pipeline = plan.pipeline[number]
    try:
        uploader.upload(pipeline)
    except KeyTakenError as taken:
        found = uploader.step_env(_first_command(pipeline)).get(PLAN_VARIABLE)
        if found == digest(plan.plan):
            say(f"upload {number + 1} of {len(plan.pipeline)} is in the build already")
            return plan
        other = _of_another_attempt(plan, found, store) if number == 0 else None
        if other is None:
            raise Refused(
                f"cannot upload the pipeline: another step of this build already has the key {taken.key!r}",
                hint="rename that step in your own pipeline",
            ) from taken
        say("an earlier attempt of this step has uploaded its plan: going on with that one")
        return other
    except Refused as refused:
        triggered = _triggered(pipeline)
        if not triggered:
            raise
        # Buildkite takes no step that triggers a pipeline it does not have.
        named = ", ".join(map(repr, triggered))
        raise Refused(
            refused.message, hint=f"it triggers {named}; where one is not there yet: ship buildkite sync"
        ) from refused
    say(f"uploaded {number + 1} of {len(plan.pipeline)}")
    return plan


def _of_another_attempt(kept: StoredPlan, name: str | None, store: Store) -> StoredPlan | None:
    """Return the plan of this digest that this step made in this build, if one was kept."""
    if not name:
        return None
    plan = kept.plan
    stored = store.get(plan_key(plan.app, plan.build, plan.step, name))
    other = StoredPlan.decode(stored.body) if stored else None
    return other if other is not None and digest(other.plan) == name else None


def _triggered(pipeline: Mapping[str, Any]) -> list[str]:
    inner = (one for step in pipeline["steps"] for one in step.get("steps", [step]))
    return [str(step["trigger"]) for step in inner if "trigger" in step]


def _first_command(pipeline: Mapping[str, Any]) -> str:
    """Return the key of the first command step: every upload begins with one, alone or in a group (which has no env)."""
    step = pipeline["steps"][0]
    while "steps" in step:
        step = step["steps"][0]
    return str(step["key"])
