"""A regular expression as instructions, and how its parts become some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.local.engine.regex.fault import RegexFault

if TYPE_CHECKING:
    from shipping.local.engine.regex.letters import Letters

LONGEST = 5_000
"""Instructions; ``a{1000}`` has a thousand."""


@dataclass(frozen=True, slots=True)
class Consume:
    letters: Letters

    def takes(self, letter: str) -> bool:
        return self.letters.holds(letter)


@dataclass(frozen=True, slots=True)
class Assert:
    what: str


@dataclass(frozen=True, slots=True)
class Split:
    one: int
    two: int


@dataclass(frozen=True, slots=True)
class Jump:
    to: int


Instruction = Consume | Assert | Split | Jump


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    options: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """``most`` None: without end. Whether it is greedy makes no difference to whether there is a match."""

    part: Part
    least: int
    most: int | None


Part = Consume | Assert | Sequence | Choice | Repeat


def assemble(part: Part) -> tuple[Instruction, ...]:
    """Return the program; its end is the match. Raises RegexFault where it is too long."""
    program: list[Instruction] = []
    _add(program, part)
    return tuple(program)


def _add(program: list[Instruction], part: Part) -> None:
    if len(program) > LONGEST:
        raise RegexFault("a regular expression that is too large", 0)
    match part:
        case Sequence(parts=parts):
            for one in parts:
                _add(program, one)
        case Choice(options=options):
            _add_choice(program, options)
        case Repeat():
            _add_repeat(program, part)
        case _:
            program.append(part)


def _add_choice(program: list[Instruction], options: tuple[Part, ...]) -> None:
    ends = []
    for option in options[:-1]:
        split = _hole(program)
        _add(program, option)
        ends.append(_hole(program))
        program[split] = Split(split + 1, len(program))
    _add(program, options[-1])
    for end in ends:
        program[end] = Jump(len(program))


def _add_repeat(program: list[Instruction], part: Repeat) -> None:
    for _ in range(part.least):
        _add(program, part.part)
    if part.most is None:
        split = _hole(program)
        _add(program, part.part)
        program.append(Jump(split))
        program[split] = Split(split + 1, len(program))
        return
    splits = []
    for _ in range(part.most - part.least):
        splits.append(_hole(program))
        _add(program, part.part)
    for split in splits:
        program[split] = Split(split + 1, len(program))


def _hole(program: list[Instruction]) -> int:
    program.append(Jump(0))
    return len(program) - 1
