"""What the jobs of a finished build kept for each other as artifacts, read from outside through the REST API."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError
from shipping.buildkite.artifacts import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shipping.buildkite.organization import Organization

OVER = frozenset({"passed", "failed", "canceled", "blocked"})
# A main that has not been proven for so many builds has other worries than how long its tests take.
LOOKED_AT = 20


class KeptByBuild:
    """The keys under which an `ArtifactStore` of the build kept something, and what it kept. Nothing is asked twice."""

    def __init__(self, organization: Organization, pipeline: str, number: int) -> None:
        self.number = number
        self._rest = organization.rest
        self._where = (organization.slug, pipeline, number)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with ``prefix``, in ascending order."""
        return sorted(key for key in self._kept if key.startswith(prefix))

    def get(self, key: str) -> bytes | None:
        """Return what lies under a key; None where there is nothing, also not with a job that was retried since."""
        artifact = self._kept.get(key) or self._of_retried.get(key)
        if artifact is None:
            return None
        body = self._rest.artifacts().download_artifact(*self._where, artifact["job_id"], artifact["id"])
        if not isinstance(body, bytes):
            raise InfraError(f"could not download the artifact {artifact['path']!r} of build {self.number}")
        return body

    @cached_property
    def _kept(self) -> dict[str, dict[str, Any]]:
        return _by_key(self._rest.pages(self._rest.artifacts().list_artifacts_for_build, *self._where))

    @cached_property
    def _of_retried(self) -> dict[str, dict[str, Any]]:
        """Artifacts of jobs that were tried again: a list of a build's artifacts leaves them out."""
        build = self._rest.builds().get_build_by_number(*self._where, include_retried_jobs=True)
        retried = [job["id"] for job in build["jobs"] if job.get("retried_in_job_id")]
        listed = self._rest.artifacts().list_artifacts_for_job
        return _by_key(artifact for job in retried for artifact in self._rest.pages(listed, *self._where, job))


def ended_builds(organization: Organization, pipeline: str, branch: str) -> Iterator[dict[str, Any]]:
    """Yield the newest builds of a branch that are over, newest first."""
    rest = organization.rest
    listed = rest.pages(rest.builds().list_all_for_pipeline, organization.slug, pipeline, branch=branch)
    return islice((build for build in listed if build["state"] in OVER), LOOKED_AT)


def _by_key(artifacts: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        artifact["path"].removeprefix(f"{ROOT}/"): artifact
        for artifact in artifacts
        if artifact["path"].startswith(f"{ROOT}/") and artifact["state"] == "finished"
    }
