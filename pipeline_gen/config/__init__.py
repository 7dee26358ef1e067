"""The team's `.buildkite/shipping.yml`: strict, typed, every fault told at once.

`document` reads YAML, `section` reads one mapping and collects faults, `values` parses single values; `plugins`, `buildkite`,
`keys`, `processes`, `fleet` and `release` read a section each, `schema` says what a configuration is, `records` writes it into
a record and reads it back. Unknown keys are faults here; wire records, which other versions write, do the opposite.
"""

from pipeline_gen.config.buildkite import Buildkite
from pipeline_gen.config.document import find, load, read
from pipeline_gen.config.fleet import FailedHosts, Fleet
from pipeline_gen.config.keys import Keys, PublicKeys
from pipeline_gen.config.plugins import Plugins
from pipeline_gen.config.processes import Process
from pipeline_gen.config.records import from_resolved, resolved
from pipeline_gen.config.release import Deploy, Release
from pipeline_gen.config.schema import (
    Config,
    Layer,
    Region,
    Selection,
    ShardLimits,
    Slug,
    Suite,
    parse,
)

__all__ = [
    "Buildkite",
    "Config",
    "Deploy",
    "FailedHosts",
    "Fleet",
    "Keys",
    "Layer",
    "Plugins",
    "Process",
    "PublicKeys",
    "Region",
    "Release",
    "Selection",
    "ShardLimits",
    "Slug",
    "Suite",
    "find",
    "from_resolved",
    "load",
    "parse",
    "read",
    "resolved",
]
