"""Where a build's changes are counted from: the merge base, even of shallow clones; unknown is an answer too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError

if TYPE_CHECKING:
    from pipeline_gen.context import Context
    from pipeline_gen.git import Git


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The commit that changes are counted from. ``commit`` is None where it cannot be known, and ``reason`` says why."""

    commit: str | None
    reason: str


def find_base(context: Context, git: Git, *, main_branch: str, fetch: bool) -> Base:
    """Return the base of the build's changes: on main the first parent, elsewhere the merge base with the target branch.

    ``fetch`` asks origin for the target branch first: an agent's checkout keeps the tip of the day it was cloned, which would
    count main's own changes as the branch's.
    """
    if git.is_shallow():
        try:
            git.deepen()
        except InfraError as error:
            return Base(commit=None, reason=f"the clone is shallow and could not be deepened: {error.message}")
    if context.is_main(main_branch):
        return _first_parent(context, git)
    target = context.base_branch or main_branch
    tip = _tip(git, target, fetch=fetch)
    if tip is None:
        return Base(commit=None, reason=f"there is no branch {target!r} to compare with")
    base = git.merge_base(tip, context.commit)
    if base is None:
        return Base(commit=None, reason=f"the branch shares no commit with {target!r}")
    return Base(commit=base, reason=f"merge base with {target!r}")


def _first_parent(context: Context, git: Git) -> Base:
    parents = git.first_parents(context.commit, limit=2)
    if len(parents) < 2:
        return Base(commit=None, reason="the first commit of the repository")
    return Base(commit=parents[1], reason="first parent")


def _tip(git: Git, branch: str, *, fetch: bool) -> str | None:
    """Return the newest tip of a branch we can see: origin's as fetched now, as fetched once, or the local branch."""
    seen = [f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"]
    if fetch and git.fetch(branch):
        seen.insert(0, "FETCH_HEAD")
    for revision in seen:
        try:
            return git.resolve(revision)
        except UsageError:
            continue
    return None
