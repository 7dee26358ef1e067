"""All that a step waits for, directly or through others; `dependencies` says whether it may run, this says behind whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Block, Group, Input, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shipping.local.engine.records import Build, Step

ORDERING = (Wait, Block)
"""Kinds that stand, without an explicit dependency, behind all before them and in front of all behind them."""


class Needs:
    """The steps of one build, as far as they stand in each other's way."""

    def __init__(self, build: Build, steps: Mapping[str, Step]) -> None:
        self._by_id = steps
        self._named: dict[str, Step] = {}
        self._children: dict[str, list[Step]] = {}
        self._uploaded: dict[str, list[Step]] = {}
        self._before: dict[str, list[Step]] = {}
        scopes: dict[str | None, list[Step]] = {}
        for step_id in build.order:
            step = steps[step_id]
            self._named |= {name: step for name in (step.id, step.key) if name}
            self._index(step, scopes.setdefault(step.group, []))

    def of(self, step: Step) -> set[str]:
        """Return the ids of all steps that must be over before this one may run."""
        found: set[str] = set()
        queue = list(self._direct(step))
        while queue:
            one = queue.pop()
            if one.id not in found:
                found.add(one.id)
                queue += self._direct(one)
        return found

    def _index(self, step: Step, scope: list[Step]) -> None:
        if isinstance(step.body, Input):
            # It stands beside the others: nothing holds it back, and no wait waits for it.
            self._before[step.id] = []
        elif _orders(step):
            self._before[step.id] = list(scope)
            scope.append(step)
        else:
            self._before[step.id] = [one for one in reversed(scope) if _orders(one)][:1]
            scope.append(step)
        if step.group:
            self._children.setdefault(step.group, []).append(step)
        if step.uploader:
            self._uploaded.setdefault(step.uploader, []).append(step)

    def _direct(self, step: Step) -> Iterator[Step]:
        group = self._by_id[step.group] if step.group else None
        for owner in (step, group):
            for dependency in (owner.depends_on or ()) if owner else ():
                yield from self._whole(dependency.step, step)
        if isinstance(step.body, Group):
            # Who waits for a group waits for its steps, but for the inputs: where those count, they are named.
            yield from (child for child in self._children.get(step.id, ()) if not isinstance(child.body, Input))
        if step.depends_on is None:
            yield from self._before[step.id]
            if group is not None and group.depends_on is None and not isinstance(step.body, Input):
                yield from self._before[group.id]
            if step.uploader and (group is None or group.depends_on is None):
                yield self._by_id[step.uploader]

    def _whole(self, name: str, asking: Step) -> Iterator[Step]:
        """Yield the step of this name, what is in it and what it uploaded, but for the upload that the asking one is of."""
        queue = [self._named[name]] if name in self._named else []
        seen = {one.id for one in queue}
        while queue:
            one = queue.pop()
            yield one
            uploaded = self._uploaded.get(one.id, [])
            if any(asking.id in (it.id, it.group) or asking.group == it.id for it in uploaded):
                continue
            inner = [it for it in (*uploaded, *self._children.get(one.id, ())) if it.id not in seen]
            seen |= {it.id for it in inner}
            queue += inner


def _orders(step: Step) -> bool:
    return isinstance(step.body, ORDERING) and step.omitted is None
