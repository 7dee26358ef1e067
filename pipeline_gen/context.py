"""What is known of the build before anything is decided. The only place that reads Buildkite's environment variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.git import Git

REQUIRED = ("BUILDKITE_BUILD_ID", "BUILDKITE_STEP_ID", "BUILDKITE_COMMIT", "BUILDKITE_BRANCH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One build, seen by its generator. ``base_branch`` is what a pull request wants to merge into, None elsewhere."""

    build: str
    step: str
    commit: str
    branch: str
    message: str = ""
    pull_request: str | None = None
    base_branch: str | None = None
    labels: tuple[str, ...] = ()

    def is_main(self, main_branch: str) -> bool:
        """Tell whether this build is of the main branch itself; a fork's pull request may come from a branch of that name."""
        return self.branch == main_branch and self.pull_request is None


def from_environment(env: Mapping[str, str], git: Git) -> Context:
    """Read the variables of a Buildkite job. Raises Faults naming every one that is missing."""
    missing = [name for name in REQUIRED if not env.get(name)]
    if missing:
        raise Faults(
            "the environment",
            [Fault(path=name, found="nothing", allowed="what the Buildkite agent sets in a job") for name in missing],
            hint="outside Buildkite, look at the pipeline with: ship pipeline preview",
        )
    pull_request = env.get("BUILDKITE_PULL_REQUEST", "false")
    is_pull_request = pull_request not in ("", "false")
    return Context(
        build=env["BUILDKITE_BUILD_ID"],
        step=env["BUILDKITE_STEP_ID"],
        commit=git.resolve(env["BUILDKITE_COMMIT"]),
        branch=env["BUILDKITE_BRANCH"],
        message=env.get("BUILDKITE_MESSAGE", ""),
        pull_request=pull_request if is_pull_request else None,
        base_branch=(env.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH") or None) if is_pull_request else None,
        labels=tuple(label for label in env.get("BUILDKITE_PULL_REQUEST_LABELS", "").split(",") if label),
    )


def from_checkout(git: Git) -> Context:
    """Describe the commit one stands on as if it were built now, for `preview`, `explain` and `lint`."""
    commit = git.head()
    return Context(
        build="preview", step="preview", commit=commit, branch=git.branch() or "HEAD", message=git.message(commit)
    )
