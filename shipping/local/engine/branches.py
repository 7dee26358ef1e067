"""Branch patterns, as steps and pipelines filter by them: ``main features/* !features/beta``."""

from __future__ import annotations

import re


def allows(patterns: str, branch: str) -> bool:
    """Return whether any positive pattern (if there is one) matches the branch and no negative one does.

    Patterns stand between spaces; ``*`` is any text, a leading ``!`` is "not". No patterns let every branch through.
    """
    words = patterns.split()
    positive = [word for word in words if not word.startswith("!")]
    negative = [word.removeprefix("!") for word in words if word.startswith("!")]
    wanted = not positive or any(_matches(word, branch) for word in positive)
    return wanted and not any(_matches(word, branch) for word in negative)


def _matches(pattern: str, branch: str) -> bool:
    # Greedy parts with nothing to choose between: a pattern of many stars must not keep us busy.
    first, *others = re.split(r"\*+", pattern)
    if not others:
        return pattern == branch
    *between, last = others
    if not branch.startswith(first):
        return False
    place = len(first)
    for part in between:
        place = branch.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return branch.endswith(last) and len(branch) - len(last) >= place
