"""Finds and reads the configuration file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from pipeline_gen.config.schema import Config, parse
from pipeline_gen.errors import Fault, Faults, UsageError

if TYPE_CHECKING:
    from pathlib import Path

HINT = "see docs/configuration.md, or check your edit with: ship pipeline preview"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans (`on` and `off` are words here, as `select: on` needs) and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str):
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} is there twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))


def find(root: Path, app: str | None = None) -> Path:
    """Return the configuration file of the repository at ``root``: of ``app``, or the only one.

    Raises UsageError if there is none, or several and no ``app`` chooses.
    """
    folder = root / ".buildkite"
    found = sorted([*folder.glob("shipping.yml"), *folder.glob("shipping.*.yml")])
    if app is not None:
        wanted = folder / f"shipping.{app}.yml"
        single = folder / "shipping.yml"
        if wanted in found:
            return wanted
        if single in found and load(single).app == app:
            return single
        raise UsageError(
            f"cannot find the app {app!r}: there is no {str(wanted)!r}", hint="ship pipeline preview --help"
        )
    if not found:
        raise UsageError(
            f"cannot find a configuration: there is no {str(folder / 'shipping.yml')!r}",
            hint="write one: ship init",
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UsageError(f"cannot choose among {names}", hint="name one: --app NAME")
    return found[0]


def load(path: Path) -> Config:
    """Read and check the file. Raises Faults with every fault at once, UsageError where it is not YAML at all."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with fewer types, not more
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(f"cannot read {str(path)!r} as YAML{where}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"cannot read {str(path)!r} as YAML: {error}") from error
    faults: list[Fault] = []
    config = parse(data, faults)
    if faults:
        raise Faults(str(path), faults, hint=HINT)
    return config
