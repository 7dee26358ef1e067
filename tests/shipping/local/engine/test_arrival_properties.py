"""Whose message comes first makes no difference, as long as they are messages of different agents."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipping.local.engine import events
from tests.shipping.local.engine.drawing import KEYS, SLUGS, UPLOADED, documents
from tests.shipping.local.engine.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("SHIP_PROPERTY_EXAMPLES", "80"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_order_in_which_messages_of_different_agents_arrive_changes_nothing(data: st.DataObject) -> None:
    """Ends, uploads, pings and signs of life of several agents come in any order: in the end all is the same."""
    document = data.draw(documents(calm=True))
    ends = {key: data.draw(st.sampled_from([0, 0, 0, 1])) for key in (*KEYS, *"".join(UPLOADED))}
    first, second = (_prepared(document) for _ in range(2))
    messages = [*_messages(data, first, ends)]
    for world, order in ((first, messages), (second, data.draw(st.permutations(messages)))):
        for event in order:
            world.tell(replace(event, at=world.at))
        world.drain(ends)

    assert _outcome(first) == _outcome(second)


def _prepared(document: list[Any]) -> World:
    """Return a world in which four agents run what they could get."""
    world = World()
    agents = [world.join() for _ in range(4)]
    world.create("inbox", {"steps": document})
    for agent in agents:
        world.begin(agent)
    return world


def _messages(data: st.DataObject, world: World, ends: dict[str, int]) -> Iterator[Any]:
    """Yield one message per agent: the end of its job, an upload by it, a ping, or a sign of life."""
    uploaded = False
    taken = {job.agent: job for job in world.taken()}
    for agent in world.state.agents:
        job = taken.get(agent)
        kind = data.draw(st.sampled_from(["end", "end", "upload", "seen"]))
        if job is None:
            yield events.AgentPinged(at=0, agent=agent)
        elif kind == "end":
            key = world.state.steps[job.build][job.step].key or ""
            yield events.JobFinished(at=0, job=job.id, exit_status=ends.get(key, 0))
        elif kind == "upload" and not uploaded:
            # One at most: a later upload stands before an earlier one, and queues behind it in concurrency groups.
            uploaded = True
            steps = data.draw(documents(UPLOADED[-1], calm=True))
            yield events.PipelineUploaded(
                at=0, job=job.id, uuid=world.draw(), document={"steps": steps}, pipelines=SLUGS
            )
        else:
            yield events.AgentSeen(at=0, agent=agent)


def _outcome(world: World) -> list[Any]:
    """Return what people see in the end: each build's state, and each attempt's."""
    steps = world.state.steps
    return sorted(
        (build.pipeline.slug, build.number, build.state, [steps[build.id][one].key or "" for one in build.order], jobs)
        for build in world.state.builds.values()
        for jobs in [
            sorted((job.step, job.index, job.attempt, job.state) for job in world.state.jobs[build.id].values())
        ]
    )
