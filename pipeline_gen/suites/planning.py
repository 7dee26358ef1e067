"""Deal a suite's test files to shards: whole files, longest first, and a file split only where balance needs it.

Longest-processing-time-first is within 4/3 of the best makespan (Graham, 1969) for any sizes, and near 1 when the sizes are
small beside a part. What spoils it is files longer than a part or nearly so; those are split by test, and each piece pays
the file's own cost again.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline_gen.suites.durations import SESSION
from pipeline_gen.suites.parts import Floor, Part, TestPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.config import Suite
    from pipeline_gen.suites.durations import Durations

# A file nobody has run yet, where nothing else is known either: some tests of a few tenths of a second.
UNKNOWN_FILE_SECONDS = 5.0
# Whole files are kept while the longest part is at most this much over the ideal: predictions are no better than that.
BALANCED = 1.02
# How full a part may be made, over the ideal, before the next file is split: tight first, then with a little room.
FILLINGS = (1.0, 1.005, 1.01)
# Where files are dear to import the ideal is out of reach; the least filling that works is then searched for by halves.
HALVINGS = 6
COUNT_TRIES = 8


def make_test_plan(
    suite: Suite, files: Sequence[str], durations: Durations, *, left_out: Sequence[str] = ()
) -> TestPlan:
    """Return the plan of a suite: the same for the same input, in O(n log n).

    The number of parts is the smallest that meets ``suite.target`` within ``suite.shards``; a test that alone takes longer
    is named as the floor, and no part is added that could not help.
    """
    units, unknown = _units(sorted(set(files)), durations)
    base = durations.shared(SESSION)
    packed = _pack_for_target(units, suite, base) if units else []
    parts = [bin_.part(base) for bin_ in packed if bin_.pieces]
    return TestPlan(
        suite=suite.name,
        target=suite.target,
        parts=tuple(sorted(parts, key=lambda part: (-part.seconds, part.touched))),
        unknown=unknown,
        floor=_floor(units, suite.target),
        left_out=tuple(sorted(left_out)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """A test file: its own cost, its known tests from longest to shortest, and its time when it runs whole."""

    file: str
    own: float
    tests: tuple[tuple[str, float], ...]
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Some tests of a file, or (``tests`` None) the whole file."""

    unit: _Unit
    tests: tuple[tuple[str, float], ...] | None
    rest: frozenset[str] | None = None

    @property
    def seconds(self) -> float:
        return self.unit.total if self.tests is None else self.unit.own + sum(seconds for _, seconds in self.tests)


@dataclass(slots=True)
class _Bin:
    """A part being filled."""

    pieces: list[_Piece] = field(default_factory=list)

    def part(self, base: float) -> Part:
        dealt = [piece for piece in self.pieces if piece.tests is not None and piece.rest is None]
        return Part(
            files=tuple(sorted(piece.unit.file for piece in self.pieces if piece.tests is None)),
            dealt={piece.unit.file: tuple(sorted(test for test, _ in piece.tests or ())) for piece in dealt},
            remainder={piece.unit.file: tuple(sorted(piece.rest)) for piece in self.pieces if piece.rest is not None},
            seconds=base + sum(piece.seconds for piece in self.pieces),
        )


def _units(files: Sequence[str], durations: Durations) -> tuple[list[_Unit], int]:
    """Return the files as units, longest first, and how many of them nobody has measured."""
    tests = durations.tests()
    known = {file: sum(tests[file].values()) + durations.shared(file) for file in files if file in tests}
    guess = sum(known.values()) / len(known) if known else UNKNOWN_FILE_SECONDS
    units = [
        _Unit(
            file=file,
            own=durations.shared(file),
            tests=tuple(sorted(tests.get(file, {}).items(), key=lambda pair: (-pair[1], pair[0]))),
            # A file that holds no tests has a cost of its own on record; that, too, is known.
            total=known.get(file, durations.shared(file) or guess),
        )
        for file in files
    ]
    unknown = sum(1 for file in files if file not in known and file not in durations.seconds)
    return sorted(units, key=lambda unit: (-unit.total, unit.file)), unknown


def _floor(units: Sequence[_Unit], target: float) -> Floor | None:
    """Name what alone takes longer than the target: a test, or a measured file that has no tests to be dealt."""
    longest = max(
        (unit.tests[0] if unit.tests else (unit.file, unit.own) for unit in units),
        key=lambda pair: (pair[1], pair[0]),
        default=None,
    )
    return Floor(test=longest[0], seconds=longest[1]) if longest and longest[1] > target else None


def _pack_for_target(units: Sequence[_Unit], suite: Suite, base: float) -> list[_Bin]:
    """Pack into the smallest number of parts whose longest meets the target, as far as the limits allow."""
    total = sum(unit.total for unit in units)
    goal = max(suite.target, base + max(_indivisible(unit) for unit in units))
    most = min(suite.shards.max, sum(max(1, len(unit.tests)) for unit in units))
    fewest = min(suite.shards.min, most)
    room = goal - base
    count = min(most, max(fewest, math.ceil(total / room) if room > 0 else most))
    packed = _pack(units, count, base)
    for _ in range(COUNT_TRIES):
        makespan = _makespan(packed, base)
        if makespan <= goal or count >= most:
            break
        count = min(most, count + max(1, math.floor(count * (makespan / goal - 1))))
        packed = _pack(units, count, base)
    return packed


def _indivisible(unit: _Unit) -> float:
    """Return the least time in which a part can do anything of this file."""
    return unit.own + unit.tests[0][1] if unit.tests else unit.total


def _makespan(bins: Sequence[_Bin], base: float) -> float:
    return base + max(sum(piece.seconds for piece in bin_.pieces) for bin_ in bins)


def _pack(units: Sequence[_Unit], count: int, base: float) -> list[_Bin]:
    """Pack whole files; where that is out of balance, the best of several fillings that split."""
    ideal = max(sum(unit.total for unit in units) / count, *map(_indivisible, units))
    whole = _fill(units, count, math.inf)
    if _makespan(whole, 0.0) <= ideal * BALANCED or count == 1:
        return whole
    tried = [whole, *(_fill(units, count, ideal * filling) for filling in FILLINGS)]
    low, high = ideal, min(_makespan(bins, 0.0) for bins in tried)
    for _ in range(HALVINGS if high > ideal * BALANCED else 0):
        limit = (low + high) / 2
        tried.append(_fill(units, count, limit))
        low, high = (low, limit) if _makespan(tried[-1], 0.0) <= limit else (limit, high)
    # Within a percent of each other, the filling with the fewest pieces wins: each costs an import and shared fixtures.
    step = max(ideal, base) / 100 or 1.0
    return min(tried, key=lambda bins: (round(_makespan(bins, 0.0) / step), sum(len(bin_.pieces) for bin_ in bins)))


def _fill(units: Sequence[_Unit], count: int, limit: float) -> list[_Bin]:
    """Give each file, longest first, to the part with most room; split it where it does not fit there."""
    bins = [_Bin() for _ in range(count)]
    heap = [(0.0, index) for index in range(count)]
    for unit in units:
        load, index = heap[0]
        if load + unit.total <= limit or len(unit.tests) < 2:
            heapq.heapreplace(heap, (load + unit.total, index))
            bins[index].pieces.append(_Piece(unit=unit, tests=None))
        else:
            _split(unit, bins, heap, limit)
    return bins


def _split(unit: _Unit, bins: list[_Bin], heap: list[tuple[float, int]], limit: float) -> None:
    """Cut a file into pieces that fill the emptiest parts up to the limit, each once."""
    cut: dict[int, list[tuple[str, float]]] = {}
    used: list[tuple[float, int]] = []
    first, last = 0, len(unit.tests)
    while first < last:
        load, index = heapq.heappop(heap)
        piece, first, last = _take(unit, first, last, limit - load - unit.own, everything=not heap)
        cut[index] = piece
        used.append((load + unit.own + sum(seconds for _, seconds in piece), index))
    for entry in used:
        heapq.heappush(heap, entry)
    if len(cut) == 1:
        bins[next(iter(cut))].pieces.append(_Piece(unit=unit, tests=None))
        return
    # The piece with most tests holds the remainder: the fewer ids are named, the smaller the plan.
    holder = max(cut, key=lambda index: (len(cut[index]), -index))
    elsewhere = frozenset(test for index, piece in cut.items() if index != holder for test, _ in piece)
    for index, piece in cut.items():
        bins[index].pieces.append(_Piece(unit=unit, tests=tuple(piece), rest=elsewhere if index == holder else None))


def _take(
    unit: _Unit, first: int, last: int, room: float, *, everything: bool
) -> tuple[list[tuple[str, float]], int, int]:
    """Take tests that fit into ``room``: from the longest on, then topped up with the shortest. At least one, always."""
    if everything:
        return list(unit.tests[first:last]), last, last
    taken = [unit.tests[first]]
    left = room - unit.tests[first][1]
    first += 1
    while first < last and unit.tests[first][1] <= left:
        left -= unit.tests[first][1]
        taken.append(unit.tests[first])
        first += 1
    while first < last and unit.tests[last - 1][1] <= left:
        last -= 1
        left -= unit.tests[last][1]
        taken.append(unit.tests[last])
    return taken, first, last
