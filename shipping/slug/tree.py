"""What a layer keeps: the files, links and empty folders that patterns name below a root."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pipeline_gen.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Kind = Literal["file", "link", "folder"]
NEVER = frozenset({".git"})  # at the root: history is not deployed


@dataclass(frozen=True, slots=True)
class Entry:
    """One path, relative to the root with '/'. Modes are normalised: 0755 for what its owner may execute, else 0644."""

    path: str
    kind: Kind
    mode: int = 0o644
    size: int = 0
    target: str = ""


def expand(root: Path, patterns: Iterable[str]) -> tuple[Entry, ...]:
    """Return what the patterns name, once each, in the order of the paths' bytes.

    A pattern is a path from the root; ``*`` and ``?`` stay within a name, ``**`` is any number of folders, dot files
    included; a folder stands for all below it. Links are kept as links. Raises Refused on what cannot be in a slug.
    """
    found: dict[str, Entry] = {}
    for pattern in patterns:
        for path, seen in _matches(str(root), "", pattern.split("/")):
            for entry in _entries(str(root), path, seen):
                found[entry.path] = entry
    return tuple(sorted(found.values(), key=lambda entry: os.fsencode(entry.path)))


def covers(patterns: Iterable[str], path: str) -> bool:
    """Tell whether the patterns name ``path``, or a folder above it, without looking at the disk."""
    return any(_regex(pattern).fullmatch(path) for pattern in patterns)


def _matches(root: str, folder: str, steps: list[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each path below ``folder`` that the pattern's steps lead to."""
    step, rest = steps[0], steps[1:]
    if step == "**":
        if not rest:
            yield from ((path, seen) for path, seen in _children(root, folder))
            return
        yield from _matches(root, folder, rest)
        for path, seen in _children(root, folder):
            if stat.S_ISDIR(seen.st_mode):
                yield from _matches(root, path, steps)
        return
    for path, seen in _named(root, folder, step):
        if not rest:
            yield path, seen
        elif stat.S_ISDIR(seen.st_mode):
            yield from _matches(root, path, rest)


def _named(root: str, folder: str, step: str) -> Iterator[tuple[str, os.stat_result]]:
    if step == ".":
        yield from _children(root, folder)
    elif any(wild in step for wild in "*?["):
        yield from (
            (path, seen) for path, seen in _children(root, folder) if fnmatchcase(path.rpartition("/")[2], step)
        )
    else:
        path = f"{folder}/{step}" if folder else step
        try:
            yield path, os.lstat(f"{root}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return


def _children(root: str, folder: str) -> list[tuple[str, os.stat_result]]:
    prefix = f"{folder}/" if folder else ""
    try:
        with os.scandir(f"{root}/{folder}" if folder else root) as entries:
            return [
                (f"{prefix}{entry.name}", entry.stat(follow_symlinks=False))
                for entry in entries
                if folder or entry.name not in NEVER
            ]
    except PermissionError as error:
        raise Refused(f"cannot read {folder!r}: {error.strerror}") from error


def _entries(root: str, path: str, seen: os.stat_result) -> Iterator[Entry]:
    mode = seen.st_mode
    if stat.S_ISREG(mode):
        yield Entry(path, "file", 0o755 if mode & stat.S_IXUSR else 0o644, seen.st_size)
    elif stat.S_ISLNK(mode):
        target = os.readlink(f"{root}/{path}")  # noqa: PTH115 - Path would tidy it up
        if not stays_inside(path, target):
            raise Refused(
                f"cannot keep the link {path!r}: it points to {target!r}, out of the slug or by a detour",
                hint="make it relative, '..' first, to a path below the repository's root, or leave it out of 'keep'",
            )
        yield Entry(path, "link", 0o777, 0, target)
    elif stat.S_ISDIR(mode):
        children = _children(root, path)
        if not children:
            yield Entry(path, "folder", 0o755)
        for child, child_seen in children:
            yield from _entries(root, child, child_seen)
    else:
        raise Refused(f"cannot keep {path!r}: it is neither a file, a link nor a folder")


def stays_inside(path: str, target: str) -> bool:
    """Tell whether a link at ``path`` leads to a place below the root, whatever links lie on the way.

    Only leading '..' are allowed: they are taken from the folder the link really lies in, so their number is exact, while a
    '..' after a name may follow another link first.
    """
    steps = [step for step in target.split("/") if step != "."]
    ups = 0
    while ups < len(steps) and steps[ups] == "..":
        ups += 1
    return bool(target) and not target.startswith("/") and ".." not in steps[ups:] and ups <= path.count("/")


@lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    for piece in re.split(r"(\*\*/?|\*|\?|\[[^]]+\])", "**" if pattern == "." else pattern):
        known = {"**/": "(?:[^/]+/)*", "**": ".+", "*": "[^/]*", "?": "[^/]"}
        if piece in known:
            parts.append(known[piece])
        elif piece.startswith("[") and piece.endswith("]"):
            parts.append("[" + piece[1:-1].replace("\\", r"\\").replace("!", "^", 1) + "]")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts) + "(?:/.*)?", re.DOTALL)
