"""The whole examination, from the repository outwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.doctor import bucket as buckets
from shipping.doctor import files, programs, signatures
from shipping.doctor.finding import Finding, ok, unknown
from shipping.doctor.organization import Patient
from shipping.pipelines.origin import own_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from pipeline_gen.config import Config
    from pipeline_gen.shell import Shell
    from shipping.buildkite.organization import Organization
    from shipping.pipelines.desired import Desired
    from shipping.s3 import Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a set-up is looked at. ``connect`` opens a bucket by name."""

    root: Path
    env: Mapping[str, str]
    shell: Shell
    clock: Clock
    connect: Callable[[str], Bucket]


def repository(here: Surroundings, app: str | None) -> tuple[Config | None, list[Finding]]:
    """Examine what is committed and the programs of this machine; return the configuration, None if it is of no use."""
    config, findings = files.configuration(here.root, app)
    file = (config and own_pipeline(here.root, config.app)) or files.PIPELINE
    findings += files.pipeline(here.root, file)
    findings += files.launcher(here.shell, here.root, file)
    if config is not None:
        findings += [*files.plugins(here.root, config), *files.durations(here.root, config), *signatures.keys(config)]
    findings += [files.committed(here.shell, here.root), programs.ship(files.pinned(here.root))]
    return config, [*findings, programs.agent(here.shell, here.env, config)]


def organization(
    here: Surroundings, found: Organization, config: Config, pipelines: tuple[Desired, ...]
) -> Iterator[Finding]:
    """Examine the organization."""
    yield from Patient(found, config, pipelines, here.clock).examine()


def no_organization(why: str, fix: str) -> Iterator[Finding]:
    """Say what was not checked, and what it takes."""
    for check in ("token", "pipelines", "agents", "queues"):
        yield unknown(check, why, fix)


def storage(here: Surroundings, config: Config) -> Iterator[Finding]:
    """Examine every bucket that the configuration names."""
    if not config.slug_buckets:
        yield ok("bucket", "none: plans and reports are build artifacts")
    for name in config.slug_buckets:
        with here.connect(name) as bucket:
            yield from buckets.examine(bucket, config.app, here.clock)
