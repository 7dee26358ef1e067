"""What the patterns of a layer name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import Refused
from shipping.slug.tree import Entry, covers, expand, stays_inside

if TYPE_CHECKING:
    from pathlib import Path

FILES = (
    "app/a.py",
    "app/.hidden",
    "app/sub/b.py",
    "app/sub/deep/c.txt",
    "bin/run",
    "app.py",
    "vendor/x/y.so",
    ".git/HEAD",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "bin/run").chmod(0o700)
    (tmp_path / "app/empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["vendor"], ["vendor/x/y.so"]),
        (["app.py"], ["app.py"]),
        (["*.py"], ["app.py"]),
        (["**/*.py"], ["app.py", "app/a.py", "app/sub/b.py"]),
        (["app/*"], ["app/.hidden", "app/a.py", "app/empty", "app/sub/b.py", "app/sub/deep/c.txt"]),
        (["app/**"], ["app/.hidden", "app/a.py", "app/empty", "app/sub/b.py", "app/sub/deep/c.txt"]),
        (["app/**/c.txt"], ["app/sub/deep/c.txt"]),
        (["app/s?b/*.py"], ["app/sub/b.py"]),
        (["[ab]*/*.py"], ["app/a.py"]),
        (["bin", "bin/run", "bin/**"], ["bin/run"]),
        (["nothing", "app.py/below", "no/**"], []),
        (
            ["."],
            [
                "app.py",
                "app/.hidden",
                "app/a.py",
                "app/empty",
                "app/sub/b.py",
                "app/sub/deep/c.txt",
                "bin/run",
                "vendor/x/y.so",
            ],
        ),
    ],
)
def test_patterns(root: Path, patterns: list[str], expected: list[str]) -> None:
    """Paths come once each, in the order of their bytes; history is never among them."""
    found = expand(root, patterns)

    assert [entry.path for entry in found] == expected


@pytest.mark.parametrize(
    "pattern", ["vendor", "*.py", "**/*.py", "app/*", "app/**", "app/**/c.txt", "app/s?b/*.py", "[ab]*/*.py", "."]
)
def test_covers_agrees_with_the_disk(root: Path, pattern: str) -> None:
    """What `expand` finds is what `covers` says it would find."""
    found = {entry.path for entry in expand(root, [pattern])}
    everything = [entry.path for entry in expand(root, ["."])]

    assert {path for path in everything if covers([pattern], path)} == found


def test_modes_are_two(root: Path) -> None:
    """What the owner may execute, and the rest."""
    (root / "app.py").chmod(0o600)

    assert expand(root, ["app.py", "bin"]) == (
        Entry("app.py", "file", 0o644, 6),
        Entry("bin/run", "file", 0o755, 7),
    )


def test_links_are_kept_as_links(root: Path) -> None:
    """A link to a folder is not walked into."""
    (root / "current").symlink_to("app/sub")

    assert expand(root, ["current"]) == (Entry("current", "link", 0o777, 0, "app/sub"),)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "app/../../x", "app/../bin"])
def test_links_out_are_refused(root: Path, target: str) -> None:
    """By name, with what to do; a detour may lead out by another link."""
    (root / "bad").symlink_to(target)

    with pytest.raises(Refused, match="'bad'"):
        expand(root, ["bad"])


def test_what_no_slug_can_hold(root: Path) -> None:
    """A pipe, a socket, a device."""
    os.mkfifo(root / "pipe")

    with pytest.raises(Refused, match="'pipe'"):
        expand(root, ["*"])


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True),
        ("a", "./b/c", True),
        ("x/y/a", "../../b", True),
        ("x/y/a", "../../../b", False),
        ("a", "..", False),
        ("x/a", "..", True),
        ("a", "/b", False),
        ("x/a", "b/../c", False),
        ("a", "", False),
    ],
)
def test_stays_inside(path: str, target: str, *, inside: bool) -> None:
    """Leading '..' only, and no more of them than there are folders above the link."""
    assert stays_inside(path, target) is inside
