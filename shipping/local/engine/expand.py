"""From an uploaded document to steps: every fault at once, nothing ignored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from shipping.local.engine import attributes, bodies, filters, matrix, notices, values
from shipping.local.engine.conditions import condition, facts
from shipping.local.engine.documents import plain
from shipping.local.engine.draft import derived
from shipping.local.engine.kinds import Body, Command, Group, Wait
from shipping.local.engine.records import Build, Step, shares
from shipping.local.engine.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from shipping.local.engine.bodies import Reading

T = TypeVar("T")

JOBS_PER_UPLOAD = 500
HIGHEST_PARALLELISM = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """The steps in their order (a group before its own), and what the document says for the whole build."""

    steps: tuple[Step, ...]
    env: Mapping[str, str]
    notify: tuple[Any, ...]

    def jobs(self) -> int:
        """Return how many jobs Buildkite counts: one per share, one per wait, one per group."""
        return sum(shares(step) for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a document comes from. ``seed`` makes its steps' ids; ``taken`` are the keys the build has already.

    ``pipelines`` are the slugs of the pipelines that its steps may trigger, ``asked`` is the build that conditions and
    branch filters ask about; None: both are read, and not asked.
    """

    build: str
    seed: str
    queued_at: float
    uploader: str | None = None
    taken: frozenset[str] = frozenset()
    pipelines: Collection[str] | None = None
    asked: Build | None = None


def expand(document: object, origin: Origin) -> Expanded:
    """Return the document's steps; raises Rejection with every fault, each naming step, attribute and reason."""
    reader = _Reader(origin=origin)
    expanded = reader.document(plain(document))
    reader.check_keys(expanded.steps)
    if reader.faults:
        raise Rejection("\n".join(reader.faults))
    if expanded.jobs() > JOBS_PER_UPLOAD:
        raise Rejection(
            f"The upload has {expanded.jobs()} jobs, more than the {JOBS_PER_UPLOAD} that one upload may have"
        )
    return expanded


@dataclass(slots=True, kw_only=True)
class _Reader:
    origin: Origin
    faults: list[str] = field(default_factory=list)
    defaults: dict[str, Any] = field(default_factory=dict)
    facts: facts.Facts = facts.NOTHING

    def document(self, document: object) -> Expanded:
        if isinstance(document, list):
            document = {"steps": document}
        if not isinstance(document, dict) or not isinstance(document.get("steps", []), list):
            raise Rejection("The pipeline must be a map with a list of 'steps'")
        self.blame("pipeline", attributes.refuse(document, attributes.TOP, attributes.TOP_LATER))
        env = self.read("pipeline", document, "env", values.variables)
        if self.origin.asked is not None:
            self.facts = facts.of_build(self.origin.asked, env)
        self.defaults = {
            "agents": self.read("pipeline", document, "agents", values.rules),
            "priority": self.read("pipeline", document, "priority", _priority),
        }
        steps: list[Step] = []
        for place, raw in enumerate(document.get("steps", []), 1):
            steps += self.step(f"step {place}", raw, None)
        return Expanded(steps=tuple(steps), env=env, notify=self.read("pipeline", document, "notify", notices.of_build))

    def step(self, where: str, raw: object, group: Step | None) -> list[Step]:
        if isinstance(raw, str):
            raw = {raw: None}
        if not isinstance(raw, dict):
            self.faults.append(f"{where}: must be a map, or the word 'wait'")
            return []
        named, faults = attributes.canonical(attributes.unnested(raw))
        where += _called(named)
        self.blame(where, faults)
        kind = attributes.kind(named)
        if kind == "group":
            return self.group(where, named, group)
        if kind in ("block", "input"):
            return [self.asking(where, named, group, kind)]
        one = {"command": self.command, "wait": self.wait, "trigger": self.trigger}.get(kind)
        if one is not None:
            return [one(where, named, group)]
        kinds = ", ".join(map(repr, ("plugins", *attributes.KINDS)))
        self.faults.append(f"{where}: cannot tell its kind: it has none of {kinds}, or a wrong 'type'")
        return []

    def command(self, where: str, named: dict[str, Any], group: Step | None) -> Step:
        self.blame(where, attributes.refuse(named, attributes.COMMAND, attributes.COMMAND_LATER))
        automatic, manual = self.read(where, named, "retry", values.retry)
        body = Command(
            command=self.read(where, named, "command", values.lines),
            env=self.read(where, named, "env", values.variables),
            agents=self.read(where, named, "agents", values.rules) or self.defaults["agents"],
            plugins=self.read(where, named, "plugins", values.plugins),
            artifact_paths=self.read(where, named, "artifact_paths", values.paths),
            parallelism=self.read(where, named, "parallelism", _parallelism),
            automatic=automatic,
            manual=manual,
            soft_fail=self.read(where, named, "soft_fail", values.soft_fail),
            timeout_in_minutes=self.read(where, named, "timeout_in_minutes", _minutes),
            priority=self.read(where, named, "priority", _priority)
            if "priority" in named
            else self.defaults["priority"],
            signature=named.get("signature"),
            concurrency=self.read(where, named, "concurrency", values.slots),
            concurrency_group=self.read(where, named, "concurrency_group", values.concurrency_group),
            cancel_on_build_failing=self.read(where, named, "cancel_on_build_failing", values.flag),
            matrix=self.read(where, named, "matrix", matrix.read),
        )
        self.blame(where, list(matrix.faults(str(named.get("label")), body)))
        self.read(where, named, "concurrency_method", values.concurrency_method)
        self.blame(where, values.unpaired(named))
        return self.placed(where, named, body, group)

    def wait(self, where: str, named: dict[str, Any], group: Step | None) -> Step:
        self.blame(where, attributes.refuse(named, attributes.WAIT, attributes.WAIT_LATER))
        body = Wait(continue_on_failure=self.read(where, named, "continue_on_failure", values.flag))
        return self.placed(where, named, body, group)

    def asking(self, where: str, named: dict[str, Any], group: Step | None, kind: str) -> Step:
        known, later = (
            (attributes.BLOCK, attributes.BLOCK_LATER)
            if kind == "block"
            else (attributes.INPUT, attributes.INPUT_LATER)
        )
        self.blame(where, attributes.refuse(named, known, later))
        reading = self.reading(where, named)
        body = bodies.block(reading) if kind == "block" else bodies.asking(reading)
        return self.placed(where, _labelled(named, kind), body, group)

    def trigger(self, where: str, named: dict[str, Any], group: Step | None) -> Step:
        self.blame(where, attributes.refuse(named, attributes.TRIGGER, attributes.TRIGGER_LATER))
        if named.get("trigger") is None:
            self.faults.append(f"{where}: attribute 'trigger' must be the slug of a pipeline")
        body = bodies.trigger(self.reading(where, named), self.origin.pipelines)
        return self.placed(where, named, body, group)

    def reading(self, where: str, named: Mapping[str, Any]) -> Reading:
        def read(name: str, reader: Callable[[object], T], /) -> T:
            return self.read(where, named, name, reader)

        return read

    def group(self, where: str, named: dict[str, Any], outer: Step | None) -> list[Step]:
        self.blame(where, attributes.refuse(named, attributes.GROUP, attributes.GROUP_LATER))
        if outer is not None:
            self.faults.append(f"{where}: attribute 'group' cannot stand inside a group")
            return []
        named = _labelled(named, "group")
        group = self.placed(where, named, Group(), None)
        inner = named.get("steps")
        if not isinstance(inner, list) or not inner:
            self.faults.append(f"{where}: attribute 'steps' must be a list of at least one step")
            return [group]
        steps = [group]
        for place, raw in enumerate(inner, 1):
            steps += self.step(f"{where}, step {place}", raw, group)
        return steps

    def placed(self, where: str, named: dict[str, Any], body: Body, group: Step | None) -> Step:
        """Return the step with what every kind has. Its id follows from where it stands in its document."""
        omission = self.omission(where, named, group)
        return Step(
            id=derived(self.origin.build, self.origin.seed, where),
            build=self.origin.build,
            body=body,
            label=self.read(where, named, "label", values.text),
            key=self.read(where, named, "key", values.key),
            group=group.id if group else None,
            uploader=self.origin.uploader,
            depends_on=self.read(where, named, "depends_on", values.dependencies) if "depends_on" in named else None,
            allow_dependency_failure=self.read(where, named, "allow_dependency_failure", values.flag),
            queued_at=self.origin.queued_at,
            notify=self.read(where, named, "notify", notices.of_step),
            condition=str(named.get("if") or "").strip(),
            omitted=omission.state,
            reason=omission.reason,
        )

    def omission(self, where: str, named: Mapping[str, Any], group: Step | None) -> filters.Omission:
        """Return what the step's filters make of it, and its group's."""
        if named.get("if") is not None and named.get("branches") is not None:
            self.faults.append(f"{where}: attribute 'branches' cannot be used together with 'if'")

        def answered(value: object) -> filters.Omission:
            own = filters.Filters(condition=condition.read(value), branches=branches, skip=skip)
            branch = self.origin.asked.branch if self.origin.asked else None
            return filters.omission(own, group, self.facts, branch)

        branches = self.read(where, named, "branches", filters.patterns)
        skip = self.read(where, named, "skip", values.skip)
        return self.read(where, named, "if", answered)

    def read(self, where: str, named: Mapping[str, Any], name: str, reader: Callable[[object], T]) -> T:
        """Return the attribute's value, or what the reader makes of nothing: where it is absent, and after a fault."""
        try:
            return reader(named.get(name))
        except ValueError as error:
            self.faults.append(f"{where}: attribute {name!r} {error}, not {named[name]!r}")
            return reader(None)

    def blame(self, where: str, faults: list[str]) -> None:
        self.faults += [f"{where}: {fault}" for fault in faults]

    def check_keys(self, steps: tuple[Step, ...]) -> None:
        counts = Counter(step.key for step in steps if step.key)
        for key, count in counts.items():
            if count > 1 or key in self.origin.taken:
                # Word for word Buildkite's: generators look for this sentence.
                self.faults.append(f'The key "{key}" has already been used by another step in this build')


def _labelled(named: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the step with what stands behind its kind as its label, where it has no other."""
    return named if named.get("label") or not isinstance(named.get(kind), str) else {**named, "label": named[kind]}


def _called(named: Mapping[str, Any]) -> str:
    """Return the step's name as its author knows it, in brackets."""
    names = (named.get(word) for word in ("key", "label", "group", "block", "input", "trigger"))
    name = next((name for name in names if name), None)
    return f" ({name!r})" if isinstance(name, str) else ""


def _parallelism(value: object) -> int | None:
    return None if value is None else values.number(value, least=1, most=HIGHEST_PARALLELISM)


def _minutes(value: object) -> int | None:
    return None if value is None else values.number(value, least=1, most=100_000)


def _priority(value: object) -> int:
    return 0 if value is None else values.number(value, least=-(10**9), most=10**9)
