"""The section `buildkite`: whose the pipelines are, and where their jobs run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from pipeline_gen.config import values

if TYPE_CHECKING:
    from pipeline_gen.config.section import Section

Queue = Literal["plan", "tests", "slug", "deploy"]

ACCESS = ("read_only", "build_and_read", "manage_build_and_read")
"""What a team may do with a pipeline, in Buildkite's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildkite:
    """What the pipelines must know of the organization: the queue of each kind of job, and whose they are.

    ``cluster`` is a cluster's name, ``teams`` maps team slugs to what they may do, ``prefix`` begins every pipeline slug.
    """

    queues: dict[str, str]
    organization: str | None = None
    cluster: str | None = None
    prefix: str | None = None
    teams: dict[str, str] = field(default_factory=dict)

    def queue(self, kind: Queue) -> str:
        return self.queues.get(kind, "default")

    @property
    def used(self) -> tuple[str, ...]:
        """Return every queue that a kind of job goes to, each once."""
        kinds: tuple[Queue, ...] = get_args(Queue)
        return tuple(dict.fromkeys(self.queue(kind) for kind in kinds))

    def pipeline_slug(self, name: str) -> str:
        """Return the pipeline slug of the pipeline that we call ``name``."""
        return name if self.prefix is None else f"{self.prefix}-{name}"


NOTHING = Buildkite(queues={})


def parse_buildkite(section: Section | None) -> Buildkite:
    """Return the section's values; what does not fit becomes a fault of the section."""
    if section is None:
        return NOTHING
    queues: dict[str, str] = {}
    named = section.section("queues")
    if named is not None:
        named.later("control")
        for kind in get_args(Queue):
            queue = named.optional(kind, values.text, "")
            if queue:
                queues[kind] = queue
        named.close()
    buildkite = Buildkite(
        queues=queues,
        organization=section.optional("organization", values.slug, None),
        cluster=section.optional("cluster", values.text, None),
        prefix=section.optional("prefix", values.slug, None),
        teams=_teams(section.section("teams")),
    )
    section.close()
    return buildkite


def _teams(section: Section | None) -> dict[str, str]:
    teams: dict[str, str] = {}
    if section is None:
        return teams
    for team in section.data:
        try:
            name = values.slug(team)
        except values.Wrong as wrong:
            section.fault(str(team), wrong.found, wrong.allowed)
            continue
        teams[name] = section.optional(name, values.one_of(*ACCESS), ACCESS[0])
    return teams
