"""The part of pytest's configuration that says which files are tests, read as pytest reads it but without pytest."""

from __future__ import annotations

import configparser
import posixpath
import shlex
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Reader = Callable[[str], Mapping[str, Any] | None]

DEFAULT_PYTHON_FILES = ("test_*.py", "*_test.py")
DEFAULT_NO_RECURSE = (
    "*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}", "__pycache__",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestIni:
    """The options of the one configuration file that pytest would use; ``source`` names it."""

    source: str
    options: Mapping[str, Any]

    def words(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return an option of pytest's type ``args`` as words."""
        value = self.options.get(name)
        if value is None:
            return default
        if isinstance(value, list):
            return tuple(str(word) for word in value)
        try:
            return tuple(shlex.split(str(value), comments=True))
        except ValueError as error:
            raise UsageError(f"cannot read {name!r} in {self.source!r}: {error}") from error


def read_ini(root: Path, paths: Sequence[str]) -> PytestIni:
    """Return the configuration pytest finds for these folders: in their common ancestor, or the nearest folder above it.

    A folder's files are asked in pytest's order; the first that is about pytest wins, and files are never merged.
    """
    for folder in _upwards(posixpath.commonpath(paths) if paths else "."):
        for name, read in _READERS.items():
            file = root / folder / name
            if file.is_file() and (options := _read(file, read, posixpath.normpath(f"{folder}/{name}"))) is not None:
                return PytestIni(source=posixpath.normpath(f"{folder}/{name}"), options=options)
    return PytestIni(source="pytest's defaults", options={})


def _upwards(folder: str) -> Iterator[str]:
    while folder not in ("", "."):
        yield folder
        folder = posixpath.dirname(folder)
    yield "."


def _read(file: Path, read: Reader, name: str) -> Mapping[str, Any] | None:
    try:
        return read(file.read_text(encoding="utf-8"))
    except (configparser.Error, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read pytest's configuration in {name!r}: {error}") from error


def _from_ini(section: str, *, always: bool) -> Reader:
    def read(text: str) -> Mapping[str, Any] | None:
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        parser.read_string(text)
        if parser.has_section(section):
            return dict(parser.items(section))
        return {} if always else None

    return read


def _from_pyproject(text: str) -> Mapping[str, Any] | None:
    table = tomllib.loads(text).get("tool", {}).get("pytest")
    if not isinstance(table, dict):
        return None
    options = table.get("ini_options")
    if isinstance(options, dict):
        return options
    return table or None


def _from_toml(text: str) -> Mapping[str, Any] | None:
    table = tomllib.loads(text).get("pytest", {})
    return table if isinstance(table, dict) else {}


_READERS: Mapping[str, Reader] = {
    "pytest.toml": _from_toml,
    ".pytest.toml": _from_toml,
    "pytest.ini": _from_ini("pytest", always=True),
    ".pytest.ini": _from_ini("pytest", always=True),
    "pyproject.toml": _from_pyproject,
    "tox.ini": _from_ini("pytest", always=False),
    "setup.cfg": _from_ini("tool:pytest", always=False),
}
