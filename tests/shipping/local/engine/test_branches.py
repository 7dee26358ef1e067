"""Branch patterns as Buildkite documents them: https://buildkite.com/docs/pipelines/configure/workflows/branch-configuration"""

from __future__ import annotations

import time

import pytest

from shipping.local.engine.branches import allows


@pytest.mark.parametrize(
    ("patterns", "yes", "no"),
    [
        ("", ["main", "x/y"], []),
        ("*", ["main", "x/y"], []),
        ("main", ["main"], ["main2", "xmain", "Main"]),
        ("!production", ["main"], ["production"]),
        ("main features/*", ["main", "features/x", "features/"], ["feature", "features"]),
        ("*-test", ["rails-update-test", "-test"], ["test", "x-test-y"]),
        ("stages/* !stages/production", ["stages/demo"], ["stages/production", "main"]),
        ("v*.0", ["v1.0", "v.0"], ["v1.1", "x1.0", "v.00x"]),
        ("v* !v1.*", ["v2.3", "v1"], ["v1.1"]),
        ("a*b*c", ["abc", "axbxc", "abbc"], ["ac", "acb", "ab"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("*a*", ["a", "xay"], ["b"]),
        ("+.[]", ["+.[]"], ["+x[]"]),
    ],
)
def test_patterns(patterns: str, yes: list[str], no: list[str]) -> None:
    """Any positive one must match, and no negative one may; a star is any text, nothing else is special."""
    assert yes == [branch for branch in (*yes, *no) if allows(patterns, branch)]


def test_a_pattern_of_many_stars_does_not_keep_us_busy() -> None:
    begun = time.process_time()

    assert not allows("*a" * 50 + "b", "a" * 5000)

    assert time.process_time() - begun < 1
