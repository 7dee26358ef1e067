"""The files of a repository as git tracks them, read without running anything of them."""

from __future__ import annotations

import configparser
import json
import posixpath
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Some tracked files of a repository: those of one project, whose folder is ``base`` (``.``: the repository's root).

    ``top`` are the names at the root, whosever they are: a workspace has its lockfile there. Paths given and returned are
    from the root. A file that cannot be read or parsed reads as empty: it is looked at for signs, and whoever runs it will
    say what is wrong with it.
    """

    root: Path
    tracked: tuple[str, ...]
    base: str = "."
    top: frozenset[str] = frozenset()

    def at(self, name: str) -> str:
        """Return the path of a file that lies in the base folder."""
        return posixpath.normpath(posixpath.join(self.base, name))

    def has(self, name: str) -> bool:
        return self.at(name) in self.tracked

    def first(self, *names: str) -> str | None:
        """Return the first of these names that is there, as it was given."""
        return next((name for name in names if self.has(name)), None)

    def text(self, name: str) -> str:
        """Return the text of a file in the base folder; empty where there is none."""
        file = self.root / self.at(name)
        try:
            if not file.is_file() or file.stat().st_size > LARGEST:
                return ""
            return file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def toml(self, name: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text(name))
        except tomllib.TOMLDecodeError:
            return {}

    def json(self, name: str) -> dict[str, Any]:
        try:
            read = json.loads(self.text(name) or "{}")
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    def ini(self, name: str) -> configparser.RawConfigParser:
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            parser.read_string(self.text(name))
        except configparser.Error:
            return configparser.RawConfigParser()
        return parser


def parents(name: str) -> list[str]:
    """Return the folders that a file lies in, outermost first; the root is not among them."""
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def table(data: object, *keys: str) -> dict[str, Any]:
    """Return the table under a path of keys; empty where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
