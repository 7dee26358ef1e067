"""A running world from outside: pipelines, builds and logs through its REST API, agents and variables from its state folder."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from pipeline_gen.errors import InfraError, UsageError
from shipping.local.hosts.published import published
from shipping.local.processes import this_process
from shipping.local.world.environment import client_environment
from shipping.local.world.folder import Folder
from shipping.local.world.launch import launch, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from shipping.buildkite.rest import Rest
    from shipping.local.hosts.published import RunningHost
    from shipping.local.world.options import Options

# The first step of a pipeline as Buildkite suggests it: it uploads what `.buildkite/pipeline.yml` of the commit says.
UPLOAD = 'steps:\n  - label: ":pipeline: upload"\n    command: "buildkite-agent pipeline upload"\n'
OVER = frozenset({"passed", "failed", "canceled", "skipped", "not_run"})
POLL = 0.3  # seconds
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TIMESTAMP = re.compile(r"\x1b_bk;t=\d+\x07")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build of a world: which one, and its page."""

    pipeline: str
    number: int
    url: str

    @property
    def name(self) -> str:
        """The words by which commands name it."""
        return f"{self.pipeline}/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What makes a build one of a pull request."""

    number: int
    base: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningAgent:
    """An agent of the world. ``pid`` is None for the moment between its end and its restart."""

    name: str
    pid: int | None


class World:
    """A running world. As a context manager it closes its connections, and ends the world if it was made by `started`."""

    def __init__(self, folder: Folder) -> None:
        """Raises UsageError where no world runs."""
        self.folder = folder
        facts = folder.read(folder.world_facts)
        control = folder.read(folder.control_facts)
        if folder.holder() is None or facts is None or control is None:
            raise UsageError(
                f"cannot find a running local world in {str(folder.root)!r}",
                hint=f"start one with `ship local up --detach {folder.option}`",
            )
        self.organization = str(control["organization"])
        self._token = str(control["api_token"])
        self._facts = facts
        self._rest: Rest | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._rest is not None:
            self._rest.close()
            self._rest = None

    @property
    def url(self) -> str:
        """The address of the page."""
        return str(self._facts["url"])

    @property
    def api(self) -> Rest:
        """The REST client, opened on first use."""
        if self._rest is None:
            from shipping.buildkite.rest import Rest

            self._rest = Rest(self._token, base_url=f"{self.url}/v2/")
        return self._rest

    @property
    def supervisor(self) -> int:
        return int(self._facts["pid"])

    @property
    def agents(self) -> tuple[RunningAgent, ...]:
        """The agents as they run now; a restart changes the pid."""
        facts = self.folder.read(self.folder.world_facts) or self._facts
        return tuple(RunningAgent(name=agent["name"], pid=agent["pid"]) for agent in facts["agents"])

    @property
    def hosts(self) -> tuple[RunningHost, ...]:
        """The hosts as they are now; a restart changes the daemon's pid."""
        return published(self.folder.root)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 and the AWS tools reach the world's object store."""
        objects = self.folder.read(self.folder.objects_facts)
        if objects is None:
            raise InfraError(f"could not find the object store of the local world in {str(self.folder.root)!r}")
        return client_environment(objects)

    def create_pipeline(self, slug: str, repository: Path, *, configuration: str = UPLOAD) -> dict[str, Any]:
        """Create the pipeline, or return the one that has this slug, its repository and first steps made these."""
        settings = {"name": check_slug(slug), "repository": str(repository.resolve()), "configuration": configuration}
        found = next((one for one in self.pipelines() if one["slug"] == slug), None)
        if found is None:
            return self.api.create_pipeline(self.organization, settings)
        changed = {key: value for key, value in settings.items() if found.get(key) != value}
        return self.api.update_pipeline(self.organization, slug, changed) if changed else found

    def pipelines(self) -> Iterator[dict[str, Any]]:
        return self.api.pages(self.api.pipelines().list_pipelines, self.organization)

    def build(
        self,
        pipeline: str,
        *,
        branch: str = "main",
        commit: str = "HEAD",
        message: str = "",
        env: Mapping[str, str] | None = None,
        pull_request: PullRequest | None = None,
    ) -> Build:
        """Start a build of a pipeline that exists."""
        fields: dict[str, Any] = {"branch": branch, "commit": commit, "message": message, "env": dict(env or {})}
        if pull_request is not None:
            fields |= {"pull_request_id": pull_request.number, "pull_request_base_branch": pull_request.base}
        created = self.api.create_build(self.organization, pipeline, fields)
        return Build(pipeline=pipeline, number=int(created["number"]), url=str(created["web_url"]))

    def builds(
        self, pipeline: str | None = None, *, branch: str | None = None, limit: int = 20
    ) -> Iterator[dict[str, Any]]:
        """Yield the newest builds as REST shows them, of one pipeline or of all."""
        api = self.api.builds()
        chosen = {} if branch is None else {"branch": branch}
        if pipeline is None:
            found = self.api.pages(api.list_all_for_org, self.organization, **chosen)
        else:
            found = self.api.pages(api.list_all_for_pipeline, self.organization, pipeline, **chosen)
        return itertools.islice(found, limit)

    def find(self, pipeline: str, number: int) -> Build | None:
        """Return the build, None where there is none of this number."""
        from shipping.buildkite.answers import Absent

        try:
            shown = self.api.builds().get_build_by_number(self.organization, pipeline, number)
        except Absent:
            return None
        return Build(pipeline=pipeline, number=number, url=str(shown["web_url"]))

    def unblock(self, build: Build, job: str, fields: Mapping[str, str | list[str]]) -> dict[str, Any]:
        """Unblock a block or input step with the answers to its fields."""
        api, where = self.api.jobs(), (self.organization, build.pipeline, build.number)
        done: dict[str, Any] = api.unblock_job(*where, job, dict(fields))
        return done

    def retry(self, build: Build, job: str) -> dict[str, Any]:
        """Retry a job; return the new one."""
        new: dict[str, Any] = self.api.jobs().retry_job(self.organization, build.pipeline, build.number, job)
        return new

    def cancel(self, build: Build, job: str | None = None) -> None:
        """Cancel the build, or one job of it."""
        if job is None:
            self.api.builds().cancel_build(self.organization, build.pipeline, build.number)
        else:
            self.api.cancel_job(self.organization, build.pipeline, build.number, job)

    def show(self, build: Build) -> dict[str, Any]:
        """Return the build with its jobs, retried ones included, as REST shows it."""
        shown: dict[str, Any] = self.api.builds().get_build_by_number(
            self.organization, build.pipeline, build.number, include_retried_jobs=True
        )
        return shown

    def wait(
        self, build: Build, *, timeout: float = 300.0, each: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Return the build when it is over (or blocked: then it waits for a person); ``each`` is told every look at it.

        Raises InfraError after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            shown = self.show(build)
            if each is not None:
                each(shown)
            if shown["state"] in OVER or shown.get("blocked"):
                return shown
            if time.monotonic() > deadline:
                what = f"build {build.number} of {build.pipeline!r}"
                raise InfraError(
                    f"could not see the end of {what} within {timeout:g} s: it is {shown['state']!r}",
                    hint=f"look at {build.url}",
                )
            time.sleep(POLL)

    def jobs(self, build: Build, key: str | None = None) -> list[dict[str, Any]]:
        """Return the build's command jobs, retried ones included; with ``key`` those of one step, or the job of that id."""
        jobs = [job for job in self.show(build)["jobs"] if job["type"] == "script"]
        return [job for job in jobs if key is None or key in {job["id"], job.get("step_key")}]

    def log(self, build: Build, job: Mapping[str, Any]) -> str:
        """Return a job's log without the agent's time stamps."""
        found = self.api.jobs().get_job_log(
            self.organization, build.pipeline, build.number, job["id"], log_format="application/json"
        )
        return TIMESTAMP.sub("", str(found["content"]))

    def annotations(self, build: Build) -> Sequence[dict[str, Any]]:
        return list(
            self.api.pages(self.api.annotations().list_annotations, self.organization, build.pipeline, build.number)
        )


def check_slug(slug: str) -> str:
    """Return the pipeline slug if Buildkite would take it. Raises UsageError."""
    if not SLUG.fullmatch(slug):
        raise UsageError(
            f"cannot call a pipeline {slug!r}",
            hint="a pipeline slug is lower-case letters and digits, joined by hyphens",
        )
    return slug


@contextlib.contextmanager
def attached(state: Path) -> Iterator[World]:
    """Open the world that runs in a state folder; it runs on afterwards. Raises UsageError where none runs."""
    with World(Folder(state)) as world:
        yield world


@contextlib.contextmanager
def started(options: Options, *, say: Callable[[str], None], env: Mapping[str, str] | None = None) -> Iterator[World]:
    """Start a world and end it with the block, and with this process, however that ends."""
    owned = replace(options, owner=this_process())
    supervisor = launch(owned, env=os.environ if env is None else env, say=say)
    folder = Folder(owned.state)
    try:
        with World(folder) as world:
            yield world
    finally:
        stop(folder)
        supervisor.wait()
