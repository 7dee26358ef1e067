"""Where generated steps take our plugins from: a folder of the repository, or a version of a git repository elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.config import values

if TYPE_CHECKING:
    from pipeline_gen.config.section import Section

FOLDER = "plugins"
# The agent finds the end of the repository by `.git`, and what follows is the plugin's folder. No user name with a
# password: the address is shown on every page of the build.
_ADDRESS = re.compile(
    r"(https|file)://[^\s#@:?]*(:\d+)?/[^\s#@:?]*\.git|ssh://([\w.-]+@)?[^\s#@:?]+(:\d+)?/[^\s#@:?]*\.git"
)
_REVISION = re.compile(r"[A-Za-z0-9][\w./+-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """``version`` is set where ``source`` is a git address: a tag, or a commit; ``directory`` is where they lie in there."""

    source: str = ".buildkite/plugins"
    version: str | None = None
    directory: str = FOLDER

    def of(self, name: str) -> str:
        """Return how a step names the plugin."""
        if self.version is None:
            return f"./{self.source}/{name}"
        inside = "" if self.directory == "." else f"{self.directory}/"
        return f"{self.source}/{inside}{name}#{self.version}"


def parse_plugins(section: Section | None) -> Plugins:
    """Read the section `plugins`."""
    if section is None:
        return Plugins()
    source = section.optional("source", _source, Plugins().source)
    version = section.optional("version", _revision, None)
    directory = section.optional("directory", values.path, FOLDER)
    section.close()
    if "://" in source:
        if "version" not in section.data:
            section.fault("version", None, "a tag or a commit: what a branch holds may change between two jobs")
    else:
        for key in ("version", "directory"):
            if key in section.data:
                section.fault(key, section.data[key], "nothing: it belongs to a git address, and source is a path")
    return Plugins(source=source, version=version, directory=directory)


def _source(value: object) -> str:
    if isinstance(value, str) and ("://" in value or "@" in value):
        if _ADDRESS.fullmatch(value):
            return value
        raise values.Wrong(
            value, 'a git address that ends in .git, without a password, such as "https://git.example/acme/ship.git"'
        )
    return values.path(value)


def _revision(value: object) -> str:
    if isinstance(value, str) and _REVISION.fullmatch(value):
        return value
    raise values.Wrong(value, "a tag or a commit, as text")
