"""Starting a build: its pipeline made ready, lent the repository that this build is of, and its first question."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError
from pipeline_gen.git import Git
from shipping.local.world.client import check_slug
from shipping.local.world.deploying import bring_deploys
from shipping.local.world.first_steps import first_steps, is_ours, left_out, question
from shipping.local.world.repository import apps_of, slug_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline_gen.shell import Shell
    from shipping.local.world.client import Build, PullRequest, World
    from shipping.local.world.repository import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What was asked for beside the commit. ``answers`` will be given to the step that the pipeline begins with."""

    pipeline: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str | list[str]] = field(default_factory=dict)
    pull_request: PullRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A pipeline as it is (None: not yet), and the steps that it must have for the build."""

    slug: str
    found: dict[str, Any] | None
    configuration: str


def start(world: World, shell: Shell, what: Source, asked: Start, *, say: Callable[[str], None]) -> Build:
    """Start the build. Raises UsageError before anything is created where it could not come to anything."""
    with world.folder.turn():
        wanted = _wanted(world, Git(shell, what.repository), what, asked, say)
        bring_deploys(world, what.root, _app(what.root, wanted.slug), say=say)
        return _build(world, wanted, what, asked)


def first_question(world: World, build: Build) -> dict[str, Any]:
    """Return the job of the step that the pipeline begins with, which is a question."""
    return next(job for job in world.show(build)["jobs"] if job["type"] == "manual")


def _wanted(world: World, git: Git, what: Source, asked: Start, say: Callable[[str], None]) -> Wanted:
    """Return the pipeline with somebody's own steps where it has such, else with ours, by what the commit holds."""
    slug = check_slug(asked.pipeline or slug_of(what.root))
    found = next((one for one in world.pipelines() if one["slug"] == slug), None)
    if found is not None and not is_ours(found):
        configuration = str(found["configuration"])
    else:
        first = first_steps(git, what.commit, check_slug(_app(what.root, slug)), folder=what.root)
        configuration = first.configuration
        note = left_out(git, what.commit, first.file) if first.file else ""
        if note:
            say(f"note: {note}")
    if asked.answers and question(configuration) is None:
        raise UsageError(
            f"cannot answer {', '.join(map(repr, asked.answers))}: the pipeline {slug!r} does not begin with a question",
            hint="leave --field out; once the build waits for a person: ship local unblock --field KEY=VALUE",
        )
    return Wanted(slug=slug, found=found, configuration=configuration)


def _app(root: Path, slug: str) -> str:
    """Return the app whose pipeline it is. A configuration that is wrong by now is not in the way of a named pipeline."""
    try:
        return apps_of(root).get(slug, slug)
    except UsageError:
        return slug


def _build(world: World, wanted: Wanted, what: Source, asked: Start) -> Build:
    """Create the build while the pipeline names the repository that this one is of: a build keeps what it saw.

    Afterwards it names the repository itself again, or what its owner wrote: the page's New Build is of that.
    """
    found, lent, lasting = wanted.found, str(what.repository.resolve()), str(what.root.resolve())
    if found is not None and not str(found["repository"]).startswith("/"):
        lasting = str(found["repository"])  # a path was written here; a URL is its owner's
    settings = {"repository": lent, "configuration": wanted.configuration}
    if found is None:
        world.create_pipeline(wanted.slug, what.repository, configuration=wanted.configuration)
    elif any(found[key] != value for key, value in settings.items()):
        world.api.update_pipeline(world.organization, wanted.slug, settings)
    try:
        return world.build(
            wanted.slug,
            branch=what.branch,
            commit=what.commit,
            message=what.message,
            env=asked.env,
            pull_request=asked.pull_request,
        )
    finally:
        if lent != lasting:
            world.api.update_pipeline(world.organization, wanted.slug, {"repository": lasting})
