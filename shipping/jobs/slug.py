"""The job of the plugin `slug`: builds the commit's slug, publishes it to every bucket, and says so on the build's page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, Refused, UsageError
from pipeline_gen.git import Git
from pipeline_gen.plan import config_of
from shipping.jobs import keys
from shipping.jobs.planned import planned, tell
from shipping.processes import ProcessTree, agent_of, exit_on_sigterm
from shipping.records.following import Following
from shipping.release.following import announce
from shipping.slug.assembly import assemble
from shipping.slug.layers import Workshop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.config import Config
    from pipeline_gen.plan import Plan
    from shipping.jobs.context import JobContext
    from shipping.slug.assembly import Assembled


def run(context: JobContext) -> int:
    """Build and publish. 0 where the home bucket has the slug; a region's bucket that has not is named, and mended later."""
    plan = planned(context).plan
    config = config_of(plan)
    if config.slug is None:
        raise UsageError("cannot build a slug: the plan's configuration has no 'slug'")
    dirty = _state(context, plan)
    # Before anything is built: a key that cannot be used is told in the first second, not after minutes.
    signer = keys.signer(config, "main" if plan.main else "pr")
    buckets = [context.bucket(name) for name in config.slug_buckets]
    with (
        exit_on_sigterm(),
        TemporaryDirectory(prefix="ship-") as folder,
        ProcessTree(folder=Path(folder), agent=agent_of(context.env)) as tree,
    ):
        shop = Workshop(
            app=plan.app,
            domain="main" if plan.main else "pr",
            root=context.root,
            home=buckets[0],
            shell=context.shell,
            clock=context.clock,
            say=context.say,
            run=partial(_command, context, tree),
            signer=signer,
            trusted=keys.trusted(config),
        )
        done = assemble(shop, config.slug.layers, buckets, commit=plan.commit, processes=config.processes)
    context.say(summary(done))
    for place in done.missing:
        context.say(f"missing in bucket {place.bucket!r}: {place.error}")
    _tell_hosts(context, plan, config, done)
    tell(context, "show the slug on the build's page", lambda: _show(context, done, dirty))
    return 0


def _tell_hosts(context: JobContext, plan: Plan, config: Config, done: Assembled) -> None:
    """Let hosts fetch what they will probably be told to run, while tests and gates still have a say."""
    if not plan.main or plan.position is None:
        return
    hint = Following(commit=plan.commit, slug=done.manifest.slug, position=plan.position)
    without = {place.bucket for place in done.missing}
    for region in config.deploying:
        if region.fleet is not None and region.bucket not in without:
            announced = partial(announce, context.bucket(region.bucket), config.app, region.name, hint)
            tell(context, f"let the hosts of {region.name!r} fetch the slug beforehand", announced)


def summary(done: Assembled) -> str:
    """Return one line: the slug, what was sent where, and how long it took."""
    sent = sum(place.sent for place in done.placed)
    there = len(done.placed) - len(done.missing)
    reused = [layer["name"] for layer in done.to_json()["layers"] if layer["reused"]]
    parts = [
        f"slug {done.manifest.slug[:12]} for {done.manifest.domain}",
        f"{done.manifest.size / 1e6:.1f} MB in {done.manifest.files} files",
        f"{sent / 1e6:.1f} MB sent, {there} of {len(done.placed)} buckets",
        *([f"reused: {', '.join(reused)}"] if reused else []),
        f"{done.seconds:.1f} s",
    ]
    return "; ".join(parts)


def _command(context: JobContext, tree: ProcessTree, argv: Sequence[str]) -> int:
    """Run a layer's command so that it dies with this job, and with its agent."""
    ended = tree.run(argv, cwd=context.root, env=context.env, output=context.say)
    if ended.code is None:
        raise InfraError(f"cannot run {argv[0]!r}: {ended.message or ended.cause}")
    return ended.code


def _state(context: JobContext, plan: Plan) -> tuple[str, ...]:
    """Check that the checkout is the commit; return what differs from it, which is said but does not stop anybody."""
    git = Git(context.shell, context.root)
    head = git.head()
    if head != plan.commit:
        raise Refused(
            f"cannot build the slug of commit {plan.commit[:12]!r}: the checkout is at {head[:12]!r}",
            hint="rebuild the step; a hook of this agent may check out something else",
        )
    dirty = git.dirty()
    if dirty:
        context.say(
            f"the checkout has {len(dirty)} uncommitted changes ({', '.join(dirty[:3])}{', ...' if len(dirty) > 3 else ''}): "
            f"what they touch is not as in commit {plan.commit[:12]}"
        )
    return dirty


def _show(context: JobContext, done: Assembled, dirty: tuple[str, ...]) -> None:
    """Show the slug on the build's page, and leave its id for later steps."""
    lines = [
        f"**Slug** `{done.manifest.slug}`",
        "",
        "| layer | files | MB | |",
        "|---|--:|--:|---|",
        *(
            f"| {layer['name']} | {layer['files']} | {layer['size'] / 1e6:.1f} | {'reused' if layer['reused'] else 'built'} |"
            for layer in done.to_json()["layers"]
        ),
        "",
        summary(done),
        *(f"\nmissing in `{place.bucket}`: {place.error and place.error.message}" for place in done.missing),
        *([f"\nbuilt with {len(dirty)} uncommitted changes in the checkout"] if dirty else []),
    ]
    style = "warning" if done.missing or dirty else "success"
    context.agent.annotate("\n".join(lines), context=f"slug-{done.manifest.app}", style=style)
    context.agent.set_meta_data(f"{done.manifest.app}:slug", done.manifest.slug)
