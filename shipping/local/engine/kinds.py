"""What a step is: its kind and what was written of it. Data only."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the ledger's codec reads these annotations when it runs
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    step: str
    allow_failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """One entry of ``retry.automatic``; conditions are ANDed, an empty one does not ask. ``*`` is a string here as there."""

    exit_status: tuple[int | str, ...] = ()
    signal: tuple[str, ...] = ()
    signal_reason: tuple[str, ...] = ()
    limit: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualRetry:
    allowed: bool = True
    permit_on_passed: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a command step runs. ``soft_fail`` lists exit statuses that do not fail the build, ``*`` for all.

    ``matrix`` has the values of each of its jobs, by dimension; the other attributes still name them (see `matrix`).
    ``concurrency`` is how many jobs of its ``concurrency_group`` may hold a slot when one of these takes one.
    """

    command: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    agents: tuple[str, ...] = ()
    plugins: tuple[Any, ...] = ()
    artifact_paths: tuple[str, ...] = ()
    parallelism: int | None = None
    automatic: tuple[RetryRule, ...] = ()
    manual: ManualRetry = field(default_factory=ManualRetry)
    soft_fail: tuple[int | str, ...] = ()
    timeout_in_minutes: int | None = None
    priority: int = 0
    signature: Any = None
    concurrency: int | None = None
    concurrency_group: str = ""
    cancel_on_build_failing: bool = False
    matrix: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    continue_on_failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Its steps name it in their ``group``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a block asks a person. ``kind`` is text or select; ``format`` (text) is a regular expression for all of it.

    ``default`` is what a form begins with: a value, or for ``multiple`` several.
    """

    kind: str
    key: str
    label: str = ""
    hint: str = ""
    required: bool = True
    default: str | tuple[str, ...] = ""
    format: str = ""
    options: tuple[Option, ...] = ()
    multiple: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Holds all that follows until a person unblocks it. ``allowed_teams`` is recorded: here is one person, who may all."""

    prompt: str = ""
    fields: tuple[Field, ...] = ()
    submit: str = ""
    blocked_state: str = "passed"
    allowed_teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Asks as a block does, and holds nothing: only steps that depend on it wait for the answer, and the build's end."""

    prompt: str = ""
    fields: tuple[Field, ...] = ()
    submit: str = ""
    blocked_state: str = "passed"
    allowed_teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Makes a build of another pipeline, and (but for ``asynchronous``) waits for its end. Empty: the usual value."""

    pipeline: str
    message: str = ""
    commit: str = ""
    branch: str = ""
    meta_data: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    asynchronous: bool = False
    soft_fail: bool = False
    parallelism: int | None = None


Body = Command | Wait | Group | Block | Input | Trigger
