"""From an uploaded document to steps: every fault at once, nothing ignored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from shipping.local.engine import attributes, bodies, values
from shipping.local.engine.draft import derived
from shipping.local.engine.records import Body, Command, Group, Step, Wait, parallelism
from shipping.local.engine.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from shipping.local.engine.bodies import Reading

T = TypeVar("T")

JOBS_PER_UPLOAD = 500
HIGHEST_PARALLELISM = 10_000
KINDS = ("wait", "block", "input", "trigger", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """The steps in their order (a group before its own), and what the document says for the whole build."""

    steps: tuple[Step, ...]
    env: Mapping[str, str]
    notify: tuple[Any, ...]

    def jobs(self) -> int:
        """Return how many jobs Buildkite counts: one per share, one per wait, one per group."""
        return sum(parallelism(step) or 1 for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a document comes from. ``seed`` makes its steps' ids; ``taken`` are the keys the build has already.

    ``pipelines`` are the slugs of the pipelines that its steps may trigger; None: not asked.
    """

    build: str
    seed: str
    queued_at: float
    uploader: str | None = None
    taken: frozenset[str] = frozenset()
    pipelines: Collection[str] | None = None


def expand(document: object, origin: Origin) -> Expanded:
    """Return the document's steps; raises Rejection with every fault, each naming step, attribute and reason."""
    reader = _Reader(origin=origin)
    expanded = reader.document(document)
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

    def document(self, document: object) -> Expanded:
        if isinstance(document, list):
            document = {"steps": document}
        if not isinstance(document, dict) or not isinstance(document.get("steps", []), list):
            raise Rejection("The pipeline must be a map with a list of 'steps'")
        self.blame("pipeline", attributes.refuse(document, attributes.TOP, attributes.TOP_LATER))
        env = self.read("pipeline", document, "env", values.variables)
        self.defaults = {
            "agents": self.read("pipeline", document, "agents", values.rules),
            "priority": self.read("pipeline", document, "priority", _priority),
        }
        steps: list[Step] = []
        for place, raw in enumerate(document.get("steps", []), 1):
            steps += self.step(f"step {place}", raw, None)
        return Expanded(steps=tuple(steps), env=env, notify=_notify(document))

    def step(self, where: str, raw: object, group: Step | None) -> list[Step]:
        if isinstance(raw, str):
            raw = {raw: None}
        if not isinstance(raw, dict):
            self.faults.append(f"{where}: must be a map, or the word 'wait'")
            return []
        named, faults = attributes.canonical(raw)
        where += _called(named)
        self.blame(where, faults)
        kind = _kind(named)
        if kind == "group":
            return self.group(where, named, group)
        if kind in ("block", "input"):
            return [self.asking(where, named, group, kind)]
        one = {"command": self.command, "wait": self.wait, "trigger": self.trigger}.get(kind)
        if one is not None:
            return [one(where, named, group)]
        kinds = ", ".join(map(repr, ("command", "plugins", *KINDS)))
        self.faults.append(f"{where}: cannot tell its kind: it has none of {kinds}")
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
            skip=self.read(where, named, "skip", values.skip) or _inherited_skip(group),
            signature=named.get("signature"),
            concurrency=self.read(where, named, "concurrency", values.slots),
            concurrency_group=self.read(where, named, "concurrency_group", values.concurrency_group),
            cancel_on_build_failing=self.read(where, named, "cancel_on_build_failing", values.flag),
        )
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
        return self.placed(where, named, replace(body, skip=body.skip or _inherited_skip(group)), group)

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
        skip = self.read(where, named, "skip", values.skip)
        group = self.placed(where, named, Group(skip=skip), None)
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
        explicit = named.get("depends_on") is not None or "depends_on" in named
        return Step(
            id=derived(self.origin.build, self.origin.seed, where),
            build=self.origin.build,
            body=body,
            label=self.read(where, named, "label", values.text),
            key=self.read(where, named, "key", values.key),
            group=group.id if group else None,
            uploader=self.origin.uploader,
            depends_on=self.read(where, named, "depends_on", values.dependencies) if explicit else None,
            allow_dependency_failure=self.read(where, named, "allow_dependency_failure", values.flag),
            queued_at=self.origin.queued_at,
            notify=_notify(named),
        )

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


def _kind(named: Mapping[str, Any]) -> str:
    """Return what kind of step it is, in the order in which Buildkite's own parser asks."""
    if "command" in named or "plugins" in named:
        return "command"
    kind = next((kind for kind in KINDS if kind in named), str(named.get("type")))
    return {"script": "command", "waiter": "wait", "manual": "block"}.get(kind, kind)


def _labelled(named: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the step with what stands behind its kind as its label, where it has no other."""
    return named if named.get("label") or not isinstance(named.get(kind), str) else {**named, "label": named[kind]}


def _called(named: Mapping[str, Any]) -> str:
    """Return the step's name as its author knows it, in brackets."""
    names = (named.get(word) for word in ("key", "label", "group", "block", "input", "trigger"))
    name = next((name for name in names if name), None)
    return f" ({name!r})" if isinstance(name, str) else ""


def _notify(named: Mapping[str, Any]) -> tuple[Any, ...]:
    wanted = named.get("notify")
    return tuple(wanted) if isinstance(wanted, list) else () if wanted is None else (wanted,)


def _inherited_skip(group: Step | None) -> str:
    return group.body.skip if group and isinstance(group.body, Group) else ""


def _parallelism(value: object) -> int | None:
    return None if value is None else values.number(value, least=1, most=HIGHEST_PARALLELISM)


def _minutes(value: object) -> int | None:
    return None if value is None else values.number(value, least=1, most=100_000)


def _priority(value: object) -> int:
    return 0 if value is None else values.number(value, least=-(10**9), most=10**9)
