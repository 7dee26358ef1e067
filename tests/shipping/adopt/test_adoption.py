"""What `ship init` finds and writes, in repositories made of data files; every configuration is read back and planned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipeline_gen import config, context
from pipeline_gen.errors import Faults, Refused, UsageError
from pipeline_gen.generate import generate
from pipeline_gen.suites.composing import Surroundings
from shipping.adopt.adoption import Wanted, adopt, main_branch
from shipping.adopt.place import NewFile, place
from shipping.adopt.text import PluginsFrom, scalar
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.adopt.adoption import Adoption
    from shipping.adopt.found import FoundApp

CASES = sorted((Path(__file__).parents[2] / "cases" / "adopt").glob("*.yml"))
PLAIN = {"pytest.ini": "[pytest]\n", "tests/test_a.py": ""}


def repository_of(folder: Path, files: Mapping[str, str]) -> Repository:
    repository = Repository.create(folder / "checkout")
    repository.commit("as it was", files)
    return repository


def adoption(repository: Repository, *apps: str) -> Adoption:
    return adopt(repository.asked, Wanted(apps=apps), launcher=())


def told(app: FoundApp, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return of each suite what the case asks for."""
    found: dict[str, dict[str, Any]] = {}
    for suite in app.suites:
        lines = suite.setup.script.lines if suite.setup.script else ()
        known = {
            "paths": list(suite.paths),
            "command": suite.command,
            "files": list(suite.files),
            "notes": list(suite.notes),
            "setup": list(suite.setup.argv),
            "python": suite.setup.python,
            "script": lines[-3] if lines else None,  # then come a comment and pytest
            "script_before": lines[-4] if lines else None,
        }
        found[suite.name] = {key: known[key] for key in wanted.get(suite.name, known)}
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_what_is_found_and_written(tmp_path: Path, case: Path) -> None:
    """Suites, how they are run and set up; then the written file is what the configuration's own reader takes."""
    wanted = yaml.safe_load(case.read_text())
    repository = repository_of(tmp_path, wanted["files"])
    beside = wanted.get("beside", {})

    found = adoption(repository)

    (app,) = found.apps
    assert (app.name, told(app, wanted["suites"])) == (wanted["app"], wanted["suites"])
    assert {one.name: told(one, beside[one.name]) for one in found.others} == beside
    place(repository.root, found.files)
    if wanted["suites"]:
        assert planned(repository) == {suite.name: suite.tests for suite in app.suites}
    else:
        with pytest.raises(Faults, match="at least one suite"):
            config.load(config.find(repository.root))


def planned(repository: Repository, app: str | None = None) -> dict[str, int]:
    """Return how many test files a build of the commit would run, by suite."""
    git = repository.asked
    read = config.load(config.find(repository.root, app))
    around = Surroundings(git=git, root=git.root, store=None, say=print)
    plan = generate(context.from_checkout(git), read, around, fetch=False).plan
    return {name: len(suite.files) for name, suite in plan.suites.items()}


def test_each_app_of_a_repository_has_files_of_its_own(tmp_path: Path) -> None:
    """Chosen by name or by folder; what both need is written once, and a second init adds to the first."""
    files = yaml.safe_load((CASES[0].parent / "monorepo.yml").read_text())["files"]
    repository = repository_of(tmp_path, files)

    place(repository.root, adoption(repository, "api").files)
    second = place(repository.root, adoption(repository, "apps/web").files)

    assert planned(repository, "api") == {"unit": 1}
    assert planned(repository, "web") == {"js": 1}
    assert ".buildkite/plugins/test-shard/hooks/command" in second.kept
    assert second.written == (".buildkite/pipeline.web.yml", ".buildkite/shipping.web.yml")
    assert "pipeline upload --app web" in (repository.root / ".buildkite/pipeline.web.yml").read_text()


def test_a_repository_of_apps_only_asks_which(tmp_path: Path) -> None:
    files = {f"{app}/{name}": text for app in ("apps/a", "apps/b") for name, text in PLAIN.items()}
    projects = {f"apps/{app}/pyproject.toml": f'[project]\nname = "{app}"\n' for app in "ab"}
    repository = repository_of(tmp_path, {**files, **projects})

    with pytest.raises(UsageError, match=r"apps of this repository: a \(apps/a\), b \(apps/b\)") as raised:
        adoption(repository)
    with pytest.raises(UsageError, match=r"cannot find the app 'aa': there is .*did you mean 'a'"):
        adoption(repository, "aa")

    assert raised.value.hint is not None
    assert raised.value.hint.endswith("ship init --app a --app b")


def test_nothing_that_is_there_is_overwritten_and_all_of_it_is_named(tmp_path: Path) -> None:
    """Nor is anything else written then. What is there with the same bytes is no obstacle."""
    mine = {".buildkite/pipeline.yml": "steps: []\n", ".buildkite/setup": "mine\n"}
    repository = repository_of(tmp_path, {**PLAIN, **mine})
    found = adoption(repository)

    with pytest.raises(Refused, match="cannot write what is there already") as raised:
        place(repository.root, found.files)

    assert raised.value.message.splitlines()[1:] == ["  .buildkite/pipeline.yml", "  .buildkite/setup"]
    assert not (repository.root / ".buildkite/shipping.yml").exists()
    assert (repository.root / ".buildkite/setup").read_text() == "mine\n"


def test_a_link_leads_no_file_out_of_the_repository(tmp_path: Path) -> None:
    """Neither a folder that is a link, nor a file that is one, even to nowhere."""
    repository = repository_of(tmp_path, PLAIN)
    (tmp_path / "elsewhere").mkdir()
    (repository.root / "away").symlink_to(tmp_path / "elsewhere")
    (repository.root / "dangling").symlink_to(tmp_path / "elsewhere" / "new")

    for path in ("away/file", "dangling"):
        with pytest.raises(Refused, match=path):
            place(repository.root, [NewFile(path=path, body=b"x")])

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_written_programs_can_be_run_and_no_half_file_stays(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, PLAIN)

    placed = place(repository.root, adoption(repository).files)

    programs = [path for path in placed.written if (repository.root / path).stat().st_mode & 0o111]
    assert ".buildkite/setup" in programs
    assert all(path == ".buildkite/setup" or "/hooks/" in path for path in programs)
    there = {path.relative_to(repository.root).as_posix() for path in repository.root.glob(".buildkite/**/*")}
    assert {path for path in there if (repository.root / path).is_file()} == set(placed.written)


def test_plugins_may_come_from_a_git_address(tmp_path: Path) -> None:
    repository = repository_of(tmp_path, PLAIN)
    wanted = Wanted(plugins=PluginsFrom(source="https://git.example/acme/ship.git", version="v1.2"))

    found = adopt(repository.asked, wanted, launcher=())
    place(repository.root, found.files)

    assert not (repository.root / ".buildkite/plugins").exists()
    read = config.load(config.find(repository.root))
    assert read.plugins.of("test-shard") == "https://git.example/acme/ship.git/plugins/test-shard#v1.2"


def test_the_main_branch_is_origins_else_a_usual_name(tmp_path: Path) -> None:
    """And it is written only where it is not the default."""
    repository = repository_of(tmp_path, PLAIN)
    repository.git("branch", "-m", "master")
    assert main_branch(repository.asked) == "master"
    repository.git("checkout", "-q", "-b", "topic")
    assert main_branch(repository.asked) == "master"
    repository.git("update-ref", "refs/remotes/origin/develop", "HEAD")
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")

    assert main_branch(repository.asked) == "develop"
    place(repository.root, adoption(repository).files)
    assert config.load(config.find(repository.root)).main_branch == "develop"


@pytest.mark.parametrize("text", ["true", "No", "a b", "1.5", "*.js", "a: b", "#x", "- x", "ü", "[a]", '"', "~", "{a}"])
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"[{scalar(text)}]") == [text]
