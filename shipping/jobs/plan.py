"""The job that decides: `ship pipeline upload`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen import context
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


def run(
    git: Git, config: Config, *, env: Mapping[str, str], store: Store, agent: Uploader, say: Callable[[str], None]
) -> StoredPlan:
    """Make the plan, keep it, upload it. An earlier attempt's plan, if it got as far as being kept, is the one uploaded."""
    build = context.from_environment(env, git)
    kept = _earlier(store, config, build) or keep(_decide(git, config, build, store, say), store, say=say)
    say(preview(kept))
    if kept.plan.main:
        _open_release(store, kept.plan)
    upload(kept, agent, say=say)
    return kept


def _earlier(store: Store, config: Config, build: Context) -> StoredPlan | None:
    """Return the plan that an earlier attempt of this very step kept: nothing needs to be decided again."""
    kept = store.get(plan_key(config.app, build.build, build.step))
    return StoredPlan.decode(kept.body) if kept is not None else None


def _decide(git: Git, config: Config, build: Context, store: Store, say: Callable[[str], None]) -> StoredPlan:
    return generate(build, config, Surroundings(git=git, root=git.root, store=store, say=say), fetch=True)


def _open_release(store: Store, plan: Plan) -> None:
    """Open the release's record: what is being shipped, in which order, with which configuration. The first build wins."""
    body = {"schema": 1, "commit": plan.commit, "position": plan.position, "plan": plan.key, "config": plan.source}
    store.create(f"{plan.app}/releases/{plan.commit}/release.json", canonical(body))
