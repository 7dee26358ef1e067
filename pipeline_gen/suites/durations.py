"""How long tests take, in pytest-split's own format: a JSON object of test id to seconds.

Two keys more, which pytest-split ignores: a test file's path holds what it costs to import the file and set up what its
tests share, and ``.`` what every part pays once (fixtures of the whole session). A part pays for a file once, a file that
is split pays in each of its parts: that is why the times are kept apart.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SESSION = "."
COMMITTED = ".test_durations"

# One slow agent must not turn the plan over, a change that lasts must arrive within a few builds.
WEIGHT_OF_NEW = 0.4


def durations_key(app: str, suite: str) -> str:
    """Return the key of a suite's durations."""
    return f"{app}/suites/{suite}/durations.json"


def file_of(test: str) -> str:
    """Return the file of a test id: what stands before the first ``::``."""
    return test.partition("::")[0]


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds by test id, by file and for ``.``. ``faults`` says which entries of the document could not be used."""

    seconds: Mapping[str, float]
    faults: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Durations:
        """Read the document, leaving out what is not a duration: durations are advice, never a reason to stop."""
        try:
            data = json.loads(body)
        except ValueError as error:
            return cls({}, (f"not JSON: {error}",))
        if isinstance(data, list):
            data = _from_pairs(data)
        if not isinstance(data, dict):
            return cls({}, (f"not an object of test id to seconds, but {type(data).__name__}",))
        found: dict[str, float] = {}
        faults: list[str] = []
        for key, value in data.items():
            if _is_duration(value) and _is_text(key):
                found[key] = float(value)
            else:
                faults.append(f"{key!r}: {value!r} is not a number of seconds")
        return cls(found, tuple(faults))

    def encode(self) -> bytes:
        """Return the document, sorted, as pytest-split writes it."""
        rounded = {key: round(value, 6) for key, value in self.seconds.items()}
        return json.dumps(rounded, sort_keys=True, indent=4).encode()

    def tests(self) -> dict[str, dict[str, float]]:
        """Return the known tests by file."""
        found: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for key, value in self.seconds.items():
            if "::" in key:
                found[file_of(key)][key] = value
        return dict(found)

    def shared(self, file: str) -> float:
        """Return what the file itself costs each part that runs tests of it; ``.``: what each part pays once."""
        return self.seconds.get(file, 0.0)


def merge(
    old: Durations, new: Mapping[str, float], *, seen: Mapping[str, Collection[str]], files: Collection[str]
) -> Durations:
    """Take one build's measurements into what is known.

    ``new`` holds what was measured, tests that were skipped left out: their milliseconds say nothing. ``seen`` holds, for
    each file that was run whole, the ids found in it: others of that file are gone. ``files`` are the suite's test files:
    entries of others are dropped.
    """
    known = {
        key: value
        for key, value in old.seconds.items()
        if key == SESSION or (file_of(key) in files and _still_there(key, seen))
    }
    for key, value in new.items():
        if not _is_duration(value):
            continue
        before = known.get(key)
        known[key] = value if before is None else before + WEIGHT_OF_NEW * (value - before)
    return Durations(known)


def _still_there(key: str, seen: Mapping[str, Collection[str]]) -> bool:
    ids = seen.get(file_of(key))
    return ids is None or "::" not in key or key in ids


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_text(key: str) -> bool:
    """False for lone surrogates, which JSON can write and UTF-8 cannot: such a key could not be stored in a plan."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_pairs(data: list[Any]) -> object:
    """Read pytest-split's format before 0.3: a list of pairs."""
    if all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in data):
        return {pair[0]: pair[1] for pair in data}
    return data
