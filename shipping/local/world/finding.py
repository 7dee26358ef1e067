"""Which build and which job a person means: by number, by address, by key, or by there being only one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError, nearest
from shipping.local.world.client import Build

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shipping.local.world.client import World

NAMED = re.compile(r"(?:(?P<pipeline>[a-z0-9-]+)/)?#?(?P<number>[0-9]{1,9})")
ADDRESS = re.compile(r"https?://[^/]+/[^/]+/(?P<pipeline>[a-z0-9-]+)/builds/(?P<number>[0-9]{1,9})(?:[/?#].*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A person's words for a build. ``usual`` are the pipelines of where they stand; ``command`` is what they called."""

    text: str | None
    pipeline: str | None
    usual: tuple[str, ...] = ()
    command: str = "ship local show"
    options: str = ""


def find(world: World, asked: Asked) -> Build:
    """Return the build that is meant, the newest where none is named. Raises UsageError with what would help."""
    if asked.text is None:
        return _newest(world, asked)
    read = ADDRESS.fullmatch(asked.text) or NAMED.fullmatch(asked.text)
    if read is None:
        raise UsageError(
            f"cannot read {asked.text!r} as a build",
            hint=f"a number, PIPELINE/NUMBER or a page's address; the builds: ship local ls{asked.options}",
        )
    number = int(read["number"])
    pipeline = read["pipeline"] or _pipeline(world, asked, number)
    found = world.find(pipeline, number)
    if found is None:
        raise UsageError(
            f"cannot find build {number} of {pipeline!r}", hint=f"the builds: ship local ls{asked.options}"
        )
    return found


def _newest(world: World, asked: Asked) -> Build:
    """Return the newest build of the named pipeline, of those of where one stands, or of all: other's may be triggered."""
    if asked.pipeline is not None:
        check_pipeline(world, asked.pipeline, asked.options)
        likely = [asked.pipeline]
    else:
        known = {str(one["slug"]) for one in world.pipelines()}
        likely = [slug for slug in asked.usual if slug in known]
    places: list[str | None] = [*likely] or [None]
    newest = [shown for slug in places for shown in world.builds(slug, limit=1)]
    if newest:
        return build_of(max(newest, key=lambda shown: str(shown["created_at"])))
    of = f" of {asked.pipeline!r}" if asked.pipeline else ""
    raise UsageError(f"cannot find a build{of}: there is none yet", hint=f"ship local build{asked.options}")


def _pipeline(world: World, asked: Asked, number: int) -> str:
    """Return the pipeline of a bare number: the named one, that of where one stands, or the only one there is."""
    if asked.pipeline is not None:
        return check_pipeline(world, asked.pipeline, asked.options)
    known = [str(one["slug"]) for one in world.pipelines()]
    likely = [slug for slug in asked.usual if slug in known] or known
    if len(likely) == 1:
        return likely[0]
    if not likely:
        raise UsageError(
            f"cannot find build {number}: there is no pipeline yet", hint=f"ship local build{asked.options}"
        )
    raise UsageError(
        f"cannot tell which pipeline's build {number} is meant: {', '.join(likely)}",
        hint=f"{asked.command} {likely[0]}/{number}{asked.options}",
    )


def check_pipeline(world: World, slug: str, options: str) -> str:
    """Return the pipeline slug if there is such a pipeline. Raises UsageError with those there are."""
    known = [str(one["slug"]) for one in world.pipelines()]
    if slug in known:
        return slug
    raise UsageError(
        f"cannot find the pipeline {slug!r}{nearest(slug, known)}",
        hint=f"those there are: {', '.join(known)}" if known else f"ship local build --pipeline {slug}{options}",
    )


def build_of(shown: dict[str, Any]) -> Build:
    """Return which build it is that REST has shown."""
    return Build(pipeline=str(shown["pipeline"]["slug"]), number=int(shown["number"]), url=str(shown["web_url"]))


def named(address: str) -> str:
    """Return PIPELINE/NUMBER of a build's page; an address of another kind as it is."""
    read = ADDRESS.fullmatch(address)
    return f"{read['pipeline']}/{read['number']}" if read else address


def name_of(job: dict[str, Any]) -> str:
    """Return the word by which a person names the job: its step's key (with the share's number), else its id."""
    key = job.get("step_key") or job["id"]
    share = job.get("parallel_group_index")
    return f"{key}/{share + 1}" if share is not None and job.get("step_key") else str(key)


def matching(jobs: Iterable[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    """Return the jobs that a word names: an id, a step's key (all its shares), KEY/SHARE, or a label."""
    return [job for job in jobs if word in {job["id"], job.get("step_key"), name_of(job), job.get("name")}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is looked for among a build's jobs.

    ``doing`` is the command's verb, ``none`` says why nothing can be meant, ``options`` mean the same world again.
    """

    build: Build
    doing: str
    none: str
    options: str = ""

    def command(self, job: str) -> str:
        """Return the command by which the choice is not needed any more."""
        return f"ship local {self.doing} {self.build.name} --job {job}{self.options}"


def one_of(jobs: Sequence[dict[str, Any]], word: str | None, choice: Choice) -> dict[str, Any]:
    """Return the one job that is meant. Raises UsageError where there is none, or more than one."""
    where = f"build {choice.build.number} of {choice.build.pipeline!r}"
    found = list(jobs) if word is None else matching(jobs, word)
    if len(found) == 1:
        return found[0]
    names = [name_of(job) for job in (found or jobs)]
    if not names:
        raise UsageError(
            f"cannot {choice.doing} anything in {where}: {choice.none}",
            hint=f"ship local show {choice.build.name}{choice.options}",
        )
    if not found:
        raise UsageError(
            f"cannot {choice.doing} {word!r} in {where}{nearest(str(word), names)}",
            hint=f"one of {', '.join(names)}: {choice.command(names[0])}",
        )
    raise UsageError(
        f"cannot tell what to {choice.doing} in {where}: {', '.join(names)}",
        hint=choice.command(names[0]),
    )
