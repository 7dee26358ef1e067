"""Reads a whole rendered pipeline before anything is uploaded: what Buildkite would refuse, and what it would do silently.

The limits are Buildkite's (docs: platform/limits, pipelines/configure). Its own schema accepts duplicate keys, dangling
dependencies and a concurrency without a group; these are the faults that cost an evening.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.policy import JOBS_PER_BUILD, JOBS_PER_UPLOAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KEY = re.compile(r"[A-Za-z0-9_\-:.,]{1,100}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SKIP_LENGTH = 70
_GROUP_KEY_LENGTH = 200
_INTERPOLATED = ("label", "group", "concurrency_group", "branches", "if")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong: which step, which attribute, why."""

    step: str
    attribute: str
    reason: str

    def __str__(self) -> str:
        return f"{self.step}: {self.attribute}: {self.reason}"


def lint(pipelines: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Return every problem of a build's uploads, in the order they are uploaded."""
    named = [list(_walk(pipeline.get("steps", []), "steps")) for pipeline in pipelines]
    steps = [step for upload in named for step in upload]
    problems = [problem for name, step in steps for problem in _step(name, step)]
    problems += _keys(steps)
    problems += _dependencies(steps)
    problems += _budget(pipelines)
    return problems


def _walk(steps: Sequence[Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, step in enumerate(steps):
        if not isinstance(step, dict):
            continue
        yield str(step.get("key") or step.get("label") or step.get("group") or f"{path}/{index}"), step
        yield from _walk(step.get("steps", []), f"{path}/{index}/steps")


def _step(name: str, step: Mapping[str, Any]) -> Iterator[Problem]:
    def problem(attribute: str, reason: str) -> Problem:
        return Problem(step=name, attribute=attribute, reason=reason)

    key = step.get("key")
    if key is not None and not _KEY.fullmatch(str(key)):
        yield problem("key", f"{key!r} is not 1 to 100 of letters, digits and _ - : . ,")
    if key is not None and _UUID.fullmatch(str(key)):
        yield problem("key", f"{key!r} looks like a UUID, which Buildkite refuses")
    skip = step.get("skip")
    if isinstance(skip, str) and len(skip) > _SKIP_LENGTH:
        yield problem("skip", f"the reason has {len(skip)} characters, at most {_SKIP_LENGTH} are shown")
    if ("concurrency" in step) != ("concurrency_group" in step):
        yield problem("concurrency", "concurrency and concurrency_group go together")
    if len(str(step.get("concurrency_group", ""))) > _GROUP_KEY_LENGTH:
        yield problem("concurrency_group", f"longer than {_GROUP_KEY_LENGTH} characters")
    for attribute in _INTERPOLATED:
        if "$" in str(step.get(attribute, "")):
            yield problem(attribute, "holds a '$', which an upload with interpolation would fill with nothing")
    if _is_command(step):
        yield from _command(name, step)


def _is_command(step: Mapping[str, Any]) -> bool:
    return any(attribute in step for attribute in ("command", "commands", "plugins"))


def _command(name: str, step: Mapping[str, Any]) -> Iterator[Problem]:
    if "timeout_in_minutes" not in step:
        yield Problem(
            step=name, attribute="timeout_in_minutes", reason="missing: a stuck job would hold its agent for ever"
        )
    if "parallelism" in step and not (isinstance(step["parallelism"], int) and step["parallelism"] >= 1):
        yield Problem(
            step=name, attribute="parallelism", reason=f"{step['parallelism']!r} is not a whole number of at least 1"
        )
    retry = step.get("retry")
    rules = retry.get("automatic", []) if isinstance(retry, dict) else []
    if isinstance(rules, list):
        yield from _retries(name, rules)


def _retries(name: str, rules: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    for index, rule in enumerate(rules):
        limit = rule.get("limit", 2)
        if not (isinstance(limit, int) and 0 <= limit <= 10):
            yield Problem(
                step=name, attribute=f"retry/automatic/{index}", reason=f"limit {limit!r} is not within 0 to 10"
            )
        shadowed = [one for one in rules[:index] if _covers(one, rule)]
        if shadowed:
            yield Problem(
                step=name,
                attribute=f"retry/automatic/{index}",
                reason=f"never applies: the first match wins, and {shadowed[0]} matches all of it",
            )


def _covers(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> bool:
    """Tell whether the earlier rule matches everything that the later one does ('*' is 1 to 255: never -1, never 0)."""
    for attribute in ("exit_status", "signal", "signal_reason"):
        wide, narrow = earlier.get(attribute), later.get(attribute)
        if wide is None or wide == narrow:
            continue
        if wide == "*" and narrow not in (None, -1, 0):
            continue
        return False
    return True


def _keys(steps: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Problem]:
    counts = Counter(str(step["key"]) for _, step in steps if step.get("key"))
    return [
        Problem(step=key, attribute="key", reason=f"{count} steps have this key; keys are unique in a build")
        for key, count in counts.items()
        if count > 1
    ]


def _needs(step: Mapping[str, Any]) -> list[str]:
    wanted = step.get("depends_on") or []
    items = wanted if isinstance(wanted, list) else [wanted]
    return [str(item["step"] if isinstance(item, dict) else item) for item in items]


def _dependencies(steps: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Problem]:
    problems: list[Problem] = []
    graph: dict[str, list[str]] = {}
    keys = {str(step["key"]) for _, step in steps if step.get("key")}
    for name, step in steps:
        needs = _needs(step)
        graph[name] = [*needs, *(str(inner["key"]) for inner in step.get("steps", []) if inner.get("key"))]
        for need in needs:
            if need not in keys:
                reason = f"{need!r} is not a key of this pipeline: Buildkite would wait for ever or not at all"
                problems.append(Problem(step=name, attribute="depends_on", reason=reason))
    cycle = _cycle(graph)
    if cycle:
        problems.append(Problem(step=cycle[0], attribute="depends_on", reason=f"a circle: {' -> '.join(cycle)}"))
    return problems


def _cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Return one circle of the graph, or nothing. Iterative: plans may be deep."""
    done: set[str] = set()
    for start in graph:
        trail: list[str] = []
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            node, depth = stack.pop()
            del trail[depth:]
            if node in trail:
                return [*trail[trail.index(node) :], node]
            if node in done:
                continue
            trail.append(node)
            following = [one for one in graph.get(node, ()) if one in graph]
            if all(one in done for one in following):
                done.add(node)
            stack.extend((one, depth + 1) for one in following)
        done.update(trail)
    return []


def _jobs(step: object) -> int:
    if not isinstance(step, dict):
        return 0
    inner = step.get("steps")
    if isinstance(inner, list):
        return 1 + sum(_jobs(one) for one in inner)
    parallelism = step.get("parallelism", 1)
    return parallelism if isinstance(parallelism, int) else 1


def _budget(pipelines: Sequence[Mapping[str, Any]]) -> list[Problem]:
    counts = [sum(_jobs(step) for step in pipeline.get("steps", [])) for pipeline in pipelines]
    problems = [
        Problem(
            step=f"upload {number}", attribute="steps", reason=f"{count} jobs, at most {JOBS_PER_UPLOAD} in one upload"
        )
        for number, count in enumerate(counts, start=1)
        if count > JOBS_PER_UPLOAD
    ]
    if sum(counts) > JOBS_PER_BUILD:
        reason = f"{sum(counts)} jobs, at most {JOBS_PER_BUILD} in one build, retries included: lower shards.max"
        problems.append(Problem(step="the build", attribute="steps", reason=reason))
    return problems
