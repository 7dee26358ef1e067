"""Find the test files of a suite that a command runs: the files of the commit that its patterns name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import UsageError
from pipeline_gen.suites.patterns import first_match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.config import Suite


def find_matching_files(suite: Suite, tracked: Sequence[str]) -> tuple[str, ...]:
    """Return the commit's files that a pattern of the suite matches, sorted.

    Raises UsageError where a pattern matches nothing (a typo would silently leave tests out), or a file's name would be
    taken for an option by the command.
    """
    matched = {name: pattern for name in tracked if (pattern := first_match(name, suite.files))}
    used = {pattern for pattern in suite.files if any(first_match(name, (pattern,)) for name in matched)}
    unused = [pattern for pattern in suite.files if pattern not in used]
    if unused:
        raise UsageError(
            f"cannot find tests of suite {suite.name!r}: no file of the commit matches {', '.join(map(repr, unused))}",
            hint=f"suites/{suite.name}/files holds globs from the repository's root, of files that git tracks",
        )
    options = sorted(name for name in matched if name.startswith("-"))
    if options:
        raise UsageError(
            f"cannot run {options[0]!r} of suite {suite.name!r}: the command would take the name for an option",
            hint="rename the file, or move it into a folder",
        )
    return tuple(sorted(matched))
