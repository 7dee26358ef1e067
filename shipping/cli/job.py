"""`ship job NAME`: what the plugins' hooks call. Not for people."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import click

from pipeline_gen.clock import SystemClock
from pipeline_gen.shell import LocalShell

JOBS = {
    "test-shard": "shipping.jobs.test_shard",
    "tests-complete": "shipping.jobs.tests_complete",
    "slug": "shipping.jobs.slug",
    "record-coverage": "shipping.jobs.record_coverage",
    "conclude": "shipping.jobs.conclude",
    "deploy": "shipping.jobs.deploy",
}


@click.command(hidden=True)
@click.argument("name", type=click.Choice(sorted(JOBS)))
def job(*, name: str) -> int:
    """Run the job of the plugin NAME, configured by the agent's environment.

    \b
    Example (a plugin's hooks/command): ship job test-shard
    """
    from shipping.buildkite import Agent
    from shipping.jobs.context import JobContext
    from shipping.s3 import connect

    shell = LocalShell()
    context = JobContext(
        env=os.environ,
        root=Path.cwd(),
        clock=SystemClock(),
        shell=shell,
        agent=Agent(shell, os.environ),
        bucket=connect,
        say=click.echo,
    )
    status: int = import_module(JOBS[name]).run(context)
    return status
