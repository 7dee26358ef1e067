"""The job that decides: `ship pipeline upload`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen import context
from pipeline_gen.errors import UsageError
from pipeline_gen.generate import generate
from pipeline_gen.plan import StoredPlan, plan_key
from pipeline_gen.preview import preview
from pipeline_gen.suites.composing import Surroundings
from pipeline_gen.upload import keep, upload
from pipeline_gen.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline_gen.config import Config
    from pipeline_gen.context import Context
    from pipeline_gen.git import Git
    from pipeline_gen.plan import Plan
    from pipeline_gen.ports import Store, Uploader

# https://github.com/buildkite/agent/pull/3488: until then the folder after `.git` was cloned past.
SUBDIRECTORIES_SINCE = (3, 108, 0)


def run(
    git: Git, config: Config, *, env: Mapping[str, str], store: Store, agent: Uploader, say: Callable[[str], None]
) -> StoredPlan:
    """Make the plan, keep it, upload it; return the one that counts.

    In a bucket that is an earlier attempt's, if it got as far as being kept; without one, if it got as far as its first
    upload: to decide again takes seconds, to look for what nobody elected leads nowhere.
    """
    _must_take_plugins(config, agent)
    build = context.from_environment(env, git)
    kept = _earlier(store, config, build) or keep(_decide(git, config, build, store, say), store, say=say)
    say(preview(kept))
    if kept.plan.main:
        _open_release(store, kept.plan)
    return upload(kept, agent, store, say=say)


def _must_take_plugins(config: Config, agent: Uploader) -> None:
    """Raise UsageError where this agent would clone the plugins and silently never run them."""
    if config.plugins.version is None or agent.version() >= SUBDIRECTORIES_SINCE:
        return
    found, wanted = (".".join(map(str, one)) for one in (agent.version(), SUBDIRECTORIES_SINCE))
    raise UsageError(
        f"cannot take plugins from {config.plugins.source!r} with agent {found!r}: it clones a plugin that lies in a folder"
        f" of a repository and never runs it; agents since {wanted!r} do",
        hint="update the agents, or keep the plugins in your repository: plugins: {source: .buildkite/plugins}",
    )


def _earlier(store: Store, config: Config, build: Context) -> StoredPlan | None:
    """Return the plan that an earlier attempt of this very step kept: nothing needs to be decided again."""
    if config.bucket is None:
        return None
    kept = store.get(plan_key(config.app, build.build, build.step))
    return StoredPlan.decode(kept.body) if kept is not None else None


def _decide(git: Git, config: Config, build: Context, store: Store, say: Callable[[str], None]) -> StoredPlan:
    # A build's own artifacts know nothing of other builds.
    known = None if config.bucket is None else store
    return generate(build, config, Surroundings(git=git, root=git.root, store=known, say=say), fetch=True)


def _open_release(store: Store, plan: Plan) -> None:
    """Open the release's record: what is being shipped, in which order, with which configuration. The first build wins."""
    body = {"schema": 1, "commit": plan.commit, "position": plan.position, "plan": plan.key, "config": plan.source}
    store.create(f"{plan.app}/releases/{plan.commit}/release.json", canonical(body))
