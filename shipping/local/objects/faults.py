"""What the front does wrong on purpose, chosen by operation, bucket and key, and a record of what was asked."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, get_args

from pipeline_gen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["409", "412", "500", "503", "delay", "cut-before", "cut-after", "cut-half", "unconditional"]
Operation = Literal["put", "part", "begin", "complete", "abort", "get", "head", "list", "delete", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the faults see it. ``key`` is empty where the request is about the bucket."""

    method: str
    operation: Operation
    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule. It lets ``skip`` matching requests pass, then strikes ``times`` of them (None: all that follow).

    409, 412, 500 and 503 are answered without doing anything. ``cut-before`` resets the connection before the request is done,
    ``cut-after`` after it is done, ``cut-half`` in the middle of the answer's body; ``delay`` waits ``seconds``, then goes on.
    ``unconditional`` drops the write's condition, as servers do that know S3's calls and not its conditional writes.
    ``operation``, ``method``, ``bucket`` and ``key`` are globs.
    """

    kind: Kind
    operation: str = "*"
    method: str = "*"
    bucket: str = "*"
    key: str = "*"
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.0

    def matches(self, request: Request) -> bool:
        return all(
            fnmatchcase(getattr(request, name), getattr(self, name))
            for name in ("operation", "method", "bucket", "key")
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """Raises UsageError on a kind or a field that does not exist."""
        if not isinstance(data, dict):
            raise UsageError(f"cannot add the fault: {data!r} is not a mapping")
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown or data.get("kind") not in get_args(Kind):
            wrong = f"field {unknown[0]!r}" if unknown else f"kind {data.get('kind')!r}"
            raise UsageError(f"cannot add the fault: unknown {wrong}; kinds: {', '.join(get_args(Kind))}")
        return cls(**data)


class Faults:
    """The rules in force and the requests seen, shared by the threads of the front."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rules: list[Fault] = []
        self._seen: list[Request] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """Forget the rules and the requests seen."""
        with self._lock:
            self._rules.clear()
            self._seen.clear()

    def seen(self, operation: str = "*", *, bucket: str = "*", key: str = "*") -> list[Request]:
        """Return the requests so far that match, whatever became of them."""
        rule = Fault(kind="delay", operation=operation, bucket=bucket, key=key)
        with self._lock:
            return [request for request in self._seen if rule.matches(request)]

    @property
    def pending(self) -> int:
        """Count the rules that have not struck as often as they should; a test ends with none."""
        with self._lock:
            return len([rule for rule in self._rules if rule.times is not None])

    def strike(self, request: Request) -> Fault | None:
        """Note the request; return the first rule that strikes it."""
        with self._lock:
            self._seen.append(request)
            for index, rule in enumerate(self._rules):
                if not rule.matches(request):
                    continue
                if rule.skip:
                    self._rules[index] = replace(rule, skip=rule.skip - 1)
                    continue
                self._use(index, rule)
                return rule
        return None

    def _use(self, index: int, rule: Fault) -> None:
        if rule.times is None:
            return
        if rule.times > 1:
            self._rules[index] = replace(rule, times=rule.times - 1)
        else:
            del self._rules[index]
