"""What a configuration is: the typed values of `.buildkite/shipping.yml`, their defaults and the rules between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pipeline_gen.config import values
from pipeline_gen.config.buildkite import NOTHING, Buildkite, parse_buildkite
from pipeline_gen.config.fleet import Fleet, parse_fleet
from pipeline_gen.config.keys import Keys, parse_keys
from pipeline_gen.config.plugins import Plugins, parse_plugins
from pipeline_gen.config.processes import Process, parse_process
from pipeline_gen.config.release import Deploy, Release, parse_deploy, parse_release
from pipeline_gen.config.runners import PYTEST, RUNNERS, check_runner
from pipeline_gen.config.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline_gen.errors import Fault

Selection = Literal["off", "shadow", "on"]

DEFAULT_IGNORE = ("*.md", "docs/**")
DEFAULT_PLUGINS = Plugins()
NO_RELEASE = Release()
DEFAULT_TARGET = 180.0
DEFAULT_HANG = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardLimits:
    """How few and how many shards a suite may have."""

    min: int = 1
    max: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A set of tests and how it is run. ``target`` and ``hang`` in seconds; ``setup`` is one argv, run once per job.

    ``command`` (an argv with placeholders) and ``files`` (patterns) are what ``runner: command`` runs instead of pytest.
    """

    name: str
    runner: str = PYTEST
    command: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    python: str = "python3"
    setup: tuple[str, ...] = ()
    paths: tuple[str, ...] = ("tests",)
    target: float = DEFAULT_TARGET
    hang: float = DEFAULT_HANG
    shards: ShardLimits = ShardLimits()
    select: Selection = "off"
    always: tuple[str, ...] = ()
    everything_when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of the slug: what it is made from (``inputs``, None: the whole commit), by what, and which paths are kept."""

    name: str
    inputs: tuple[str, ...] | None = None
    run: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug:
    """The deployable: its layers, in the order they are built, and the keys that sign it (None: it is not signed)."""

    layers: tuple[Layer, ...]
    keys: Keys | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region and the bucket that its deploys read. With neither ``deploy`` nor ``fleet`` the slug is brought there, and that
    is all.

    ``fleet`` are the hosts that our daemon runs there, ``deploy`` the team's own way; never both.
    """

    name: str
    bucket: str
    fleet: Fleet | None = None
    deploy: Deploy | None = None

    @property
    def deploys(self) -> bool:
        """True where releases are told to run."""
        return self.deploy is not None or self.fleet is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One app's configuration, checked. A stage that is absent here is absent from the pipeline."""

    app: str
    main_branch: str = "main"
    bucket: str | None = None
    home: str | None = None
    ignore: tuple[str, ...] = DEFAULT_IGNORE
    plugins: Plugins = DEFAULT_PLUGINS
    buildkite: Buildkite = NOTHING
    suites: tuple[Suite, ...] = ()
    slug: Slug | None = None
    processes: tuple[Process, ...] = ()
    release: Release = NO_RELEASE
    regions: tuple[Region, ...] = ()

    def suite(self, name: str) -> Suite | None:
        return next((suite for suite in self.suites if suite.name == name), None)

    def region(self, name: str) -> Region | None:
        return next((region for region in self.regions if region.name == name), None)

    @property
    def deploying(self) -> tuple[Region, ...]:
        """Return the regions that releases are deployed to."""
        return tuple(region for region in self.regions if region.deploys)

    @property
    def slug_buckets(self) -> tuple[str, ...]:
        """Return every bucket the slug is published to: the home bucket first, then the regions', each once."""
        named = [self.bucket, *(region.bucket for region in self.regions)]
        return tuple(dict.fromkeys(bucket for bucket in named if bucket))


def parse(data: object, faults: list[Fault]) -> Config:
    """Read the whole document; what does not fit is appended to ``faults``, and the result is then not to be used."""
    top = Section(data, "", faults)
    top.later("gates", "preprod", "heartbeats", "pager", "announce", "flags")
    config = Config(
        app=top.required("app", values.name, "app"),
        main_branch=top.optional("main_branch", values.text, "main"),
        bucket=top.optional("bucket", values.bucket, None),
        home=top.optional("home", values.name, None),
        ignore=top.optional("ignore", values.several(values.pattern), DEFAULT_IGNORE),
        plugins=parse_plugins(top.section("plugins")),
        buildkite=parse_buildkite(top.section("buildkite")),
        suites=tuple(_suite(section) for section in top.listed("suites")),
        slug=_slug(top.section("slug")),
        processes=tuple(parse_process(name, section) for name, section in top.named("processes")),
        release=parse_release(top.section("release")),
        regions=tuple(_region(name, section) for name, section in top.named("regions")),
    )
    top.close()
    _rules(config, top)
    return config


def _suite(section: Section) -> Suite:
    limits = section.section("shards")
    suite = Suite(
        name=section.required("name", values.name, "suite"),
        runner=section.optional("runner", values.one_of(*RUNNERS), PYTEST),
        command=section.optional("command", values.command, ()),
        files=section.optional("files", values.one_or_several(values.pattern), ()),
        python=section.optional("python", values.text, "python3"),
        setup=section.optional("setup", values.argv, ()),
        paths=section.optional("paths", values.several(values.path), ("tests",)),
        target=section.optional("target", values.seconds, DEFAULT_TARGET),
        hang=section.optional("hang", values.seconds, DEFAULT_HANG),
        shards=_limits(limits),
        select=cast("Selection", section.optional("select", values.one_of("off", "shadow", "on"), "off")),
        always=section.optional("always", values.several(values.pattern), ()),
        everything_when=section.optional("everything_when", values.several(values.pattern), ()),
    )
    check_runner(section, suite.runner, suite.command)
    section.close()
    return suite


def _limits(section: Section | None) -> ShardLimits:
    if section is None:
        return ShardLimits()
    limits = ShardLimits(
        min=section.optional("min", values.count, ShardLimits().min),
        max=section.optional("max", values.count, ShardLimits().max),
    )
    section.close()
    if limits.min > limits.max:
        section.fault("min", limits.min, f"at most max ({limits.max})")
    return limits


def _slug(section: Section | None) -> Slug | None:
    if section is None:
        return None
    keys = parse_keys(section.section("keys"))
    layers = tuple(_layer(name, layer) for name, layer in section.named("layers"))
    if not layers:
        section.fault("layers", section.data.get("layers"), 'at least one layer, such as app: {keep: ["src/**"]}')
    section.close()
    return Slug(layers=layers, keys=keys)


def _layer(name: str, section: Section) -> Layer:
    layer = Layer(
        name=_checked_name(name, section),
        inputs=section.optional("inputs", values.several(values.pattern), None),
        run=section.optional("run", values.command, ()),
        keep=section.required("keep", values.several(values.pattern), ()),
    )
    section.close()
    return layer


def _region(name: str, section: Section) -> Region:
    region = Region(
        name=_checked_name(name, section),
        bucket=section.required("bucket", values.bucket, ""),
        fleet=parse_fleet(section),
        deploy=parse_deploy(section.section("deploy")),
    )
    section.later("approval")
    if "fleet" in section.data and "deploy" in section.data:
        section.fault("fleet", section.data["fleet"], "one of fleet and deploy: our daemon, or a command of your own")
    section.close()
    return region


def _checked_name(name: str, section: Section) -> str:
    try:
        return values.name(name)
    except values.Wrong as wrong:
        section.fault("", wrong.found, wrong.allowed)
        return name


def _rules(config: Config, top: Section) -> None:
    """Check what one key alone cannot show."""
    for index, suite in enumerate(config.suites):
        if suite.select != "off" and config.bucket is None:
            top.fault(
                f"suites/{index}/select",
                suite.select,
                "off, as long as there is no bucket for the coverage map",
            )
    _once([suite.name for suite in config.suites], "suites", top)
    if config.slug is not None and config.bucket is None:
        top.fault("bucket", None, "a bucket: slug needs one to publish to")
    for region in config.regions:
        if region.fleet is not None and not config.processes:
            written = top.data["regions"][region.name]["fleet"]
            top.fault(f"regions/{region.name}/fleet", written, "nothing without 'processes'")
        if region.deploy is not None and config.slug is None:
            top.fault(f"regions/{region.name}/deploy", "no slug", "a section slug: what is deployed is the slug")
    if config.processes and config.slug is None:
        top.fault("processes", list(top.data["processes"]), "nothing without 'slug': they run what is in it")
    if not config.suites and config.slug is None:
        top.fault("suites", top.data.get("suites"), "at least one suite, or a slug")


def _once(names: Iterable[str], key: str, top: Section) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            top.fault(f"{key}/{index}/name", name, "a name that no other has")
        seen.add(name)
