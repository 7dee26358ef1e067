"""Find the tests that RSpec runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shipping.adopt.found import FoundSuite, Setup

if TYPE_CHECKING:
    from shipping.adopt.tree import Tree

COMMAND = "bundle exec rspec --format progress --format RspecJunitFormatter --out {junit} {files}"
FORMATTER = "rspec_junit_formatter"


def find_rspec(tree: Tree) -> FoundSuite | None:
    """Return the suite under `spec`, None where there is none, or no Gemfile that would bring its runner."""
    specs = [name for name in tree.tracked if re.search(r"(?:^|/)spec/(?:.*/)?[^/]+_spec\.rb$", name)]
    if not specs or not tree.has("Gemfile"):
        return None
    gems = tree.text("Gemfile") + tree.text("Gemfile.lock")
    argv = (
        ("bundle", "install")
        if tree.base == "."
        else ("env", f"BUNDLE_GEMFILE={tree.at('Gemfile')}", "bundle", "install")
    )
    command = COMMAND if tree.base == "." else f"env BUNDLE_GEMFILE={tree.at('Gemfile')} {COMMAND}"
    return FoundSuite(
        name="rspec",
        tests=len(specs),
        why=f"RSpec: {tree.at('Gemfile')}",
        setup=Setup(argv=argv, why=tree.at("Gemfile.lock") if tree.has("Gemfile.lock") else ""),
        command=command,
        files=(f"{tree.at('spec')}/**/*_spec.rb",),
        notes=() if FORMATTER in gems else (f"needs a gem: bundle add {FORMATTER} --group test",),
    )
