"""What the documents promise: their examples are read, and the configuration's reference names every key."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from pipeline_gen import config
from pipeline_gen.config import (
    Buildkite,
    Config,
    Deploy,
    Fleet,
    Keys,
    Layer,
    Plugins,
    Process,
    Region,
    Release,
    ShardLimits,
    Suite,
)
from pipeline_gen.config.release import PLACEHOLDERS
from pipeline_gen.lint import lint
from shipping.cli.local import local
from shipping.signing import Trusted
from shipping.signing.opening import trusted
from tests import local_reference
from tests.oracle import assert_valid

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "configuration.md"


def examples(document: Path) -> Iterator[str]:
    """Yield the YAML blocks of a document."""
    yield from re.findall(r"```yaml\n(.*?)```", document.read_text(), re.DOTALL)


def read(text: str, folder: Path) -> Config:
    file = folder / "shipping.yml"
    file.write_text(text)
    return config.load(file)


def test_the_reference_is_a_configuration_that_names_every_key(tmp_path: Path) -> None:
    """The documented example is the schema: a key that is not in it is not documented."""
    (example,) = examples(REFERENCE)

    found = read(example, tmp_path)

    assert found.slug is not None
    kinds = (Config, Suite, ShardLimits, Layer, Plugins, Buildkite, Process, Region, Fleet, Release, Deploy, Keys)
    for kind in kinds:
        for field in fields(kind):
            # The name of a layer, a process type or a region is its key in the mapping.
            if (kind, field.name) not in {(Layer, "name"), (Process, "name"), (Region, "name")}:
                assert re.search(rf"\b{field.name}: ?", example), (
                    f"{kind.__name__}.{field.name} is not in the reference"
                )


def test_the_page_about_signing_can_be_followed(tmp_path: Path) -> None:
    """Its configuration is read, its public keys are keys, and its file for hosts is one that hosts read."""
    page = ROOT / "docs" / "signing.md"
    (example,) = examples(page)
    [hosts] = re.findall(r"```\n(# PURPOSE KEY\n.*?)```", page.read_text(), re.DOTALL)
    (tmp_path / "keys").write_text(hosts)

    found = read(example, tmp_path)

    assert found.slug is not None
    assert found.slug.keys is not None
    configured = trusted(found.slug.keys)
    assert Trusted.read(tmp_path / "keys").of("main") == configured.of("main")
    assert len(configured.keys) == 3


def test_what_the_readme_tells_people_to_write_works(tmp_path: Path) -> None:
    """Two files: a pipeline that Buildkite takes, a configuration that we take."""
    pipeline, shipping = examples(ROOT / "README.md")

    assert_valid(yaml.safe_load(pipeline))
    assert lint([yaml.safe_load(pipeline)]) == []
    assert read(shipping, tmp_path).app == "inbox"


def test_our_own_two_files_are_written_as_an_adopters() -> None:
    """This repository ships itself."""
    pipeline = yaml.safe_load((ROOT / ".buildkite" / "pipeline.yml").read_text())

    assert_valid(pipeline)
    assert lint([pipeline]) == []
    assert config.load(config.find(ROOT)).app == "buildkite-ship"


def test_the_page_of_the_local_buildkite_says_what_the_code_does() -> None:
    """Its tables are written from the code and the cases."""
    page = local_reference.PAGE.read_text()

    assert page == local_reference.written(page), "the tables are old: run `python -m tests.local_reference`"
    assert set(local_reference.TABLES) == set(re.findall(r"<!-- table: (\w+) -->", page))


def test_links_within_the_documents_lead_somewhere() -> None:
    """A reader who follows one arrives."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/README.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_command_of_the_local_buildkite_is_documented() -> None:
    """Each has a heading and no heading is of another; every option is one that the page, or its help, knows."""
    page = (ROOT / "docs" / "local.md").read_text()

    headings = re.findall(r"^### `ship local (\w+)`$", page, re.MULTILINE)

    assert sorted(headings) == sorted(local.commands)
    grouped = [
        one
        for command in local.commands.values()
        if isinstance(command, click.Group)
        for one in command.commands.values()
    ]
    known = {
        option for command in (*local.commands.values(), *grouped) for one in command.params for option in one.opts
    }
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", re.sub(r"ship local", "", page))) <= known


def test_the_configurations_that_the_page_of_deploys_shows_are_read(tmp_path: Path) -> None:
    """Each deploys to one region."""
    found = [read(example, tmp_path) for example in examples(ROOT / "docs" / "deploy.md")]

    assert [[region.name for region in one.deploying] for one in found] == [["us"], ["us"]]


def test_what_a_deploy_is_told_is_documented() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()

    for name in PLACEHOLDERS:
        assert f"| `{{{name}}}` | `SHIP_{name.upper()}`" in page
