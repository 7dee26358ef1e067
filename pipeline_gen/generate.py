"""From a context to a plan, as a list of passes. Reads git, the checkout and the store through what it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline_gen import changes, steps
from pipeline_gen.config import resolved
from pipeline_gen.decisions import Decision
from pipeline_gen.errors import UsageError
from pipeline_gen.lint import lint
from pipeline_gen.pipelines import app
from pipeline_gen.plan import Plan, StoredPlan
from pipeline_gen.policy import JOBS_PER_CHUNK
from pipeline_gen.suites.composing import Surroundings, committed_durations, compose
from pipeline_gen.version import version

if TYPE_CHECKING:
    from pipeline_gen.config import Config
    from pipeline_gen.context import Context


def generate(context: Context, config: Config, around: Surroundings, *, fetch: bool) -> StoredPlan:
    """Decide the whole build. Raises UsageError before anything is written where the pipeline would not be sound.

    ``fetch`` lets git ask origin for the branch that changes are counted from.
    """
    git = around.git
    around = replace(around, committed=committed_durations(around.root, around.say))
    base = changes.find_base(context, git, main_branch=config.main_branch, fetch=fetch)
    main = context.is_main(config.main_branch)
    tracked = git.files(context.commit)
    composed = {suite.name: compose(suite, config, context, base, tracked, around) for suite in config.suites}
    plan = Plan(
        app=config.app,
        build=context.build,
        step=context.step,
        commit=context.commit,
        branch=context.branch,
        main=main,
        base=base.commit,
        position=git.position(context.commit) if main else None,
        source=resolved(config),
        decisions=(
            *(why for suite in composed.values() for why in suite.decisions),
            *_slug(config),
            *_release(config, main=main),
        ),
        suites={name: suite.plan for name, suite in composed.items()},
    )
    return StoredPlan(plan=plan, pipeline=render(plan), ship=version())


def render(plan: Plan) -> tuple[dict[str, Any], ...]:
    """Return the uploads of a plan's pipeline. Raises UsageError naming every problem lint finds."""
    cut = steps.chunks(app.steps(plan), limit=JOBS_PER_CHUNK)
    pipeline = tuple(steps.render(chunk) for chunk in cut)
    problems = lint(pipeline)
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise UsageError(f"cannot upload this pipeline: {len(problems)} problem(s){listed}", hint="ship pipeline lint")
    return pipeline


def _slug(config: Config) -> tuple[Decision, ...]:
    if config.slug is None:
        return ()
    layers = ", ".join(layer.name for layer in config.slug.layers)
    return (Decision(subject=app.SLUG, included=True, rule="always built", evidence=f"layers {layers}"),)


def _release(config: Config, *, main: bool) -> tuple[Decision, ...]:
    regions = ", ".join(region.name for region in config.deploying)
    if not regions:
        return ()
    return (
        Decision(
            subject=app.CONCLUDE,
            included=main,
            rule="released from the main branch only",
            evidence=f"to {regions}, once the tests are proven and the slug is there",
        ),
    )
