from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline_gen import config
from pipeline_gen.context import Context
from pipeline_gen.errors import UsageError
from pipeline_gen.generate import generate
from pipeline_gen.preview import explain, preview
from pipeline_gen.suites.composing import Surroundings, failed_key
from pipeline_gen.suites.coverage_map import TestRecord, build_map, encode, map_key
from pipeline_gen.suites.durations import durations_key
from pipeline_gen.suites.imports import read_imports
from pipeline_gen.version import version
from shipping.memory import MemoryStore
from tests.oracle import assert_valid
from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_gen.plan import StoredPlan

SHIPPING = "app: inbox\nbucket: ship-us\nsuites: [{name: unit, paths: [tests], target: 10s, select: SELECT}]\n"
NO_BUCKET = "app: inbox\nsuites: [{name: unit, paths: [tests], target: 10s}]\n"
FILES = {
    "inbox/__init__.py": "",
    "inbox/text.py": "def clean(text):\n    return text.strip()\n",
    "inbox/mail.py": "def send(text):\n    return text\n",
    "tests/test_text.py": "from inbox.text import clean\n\ndef test(): assert clean(' a ') == 'a'\n",
    "tests/test_mail.py": "from inbox.mail import send\n\ndef test(): assert send('a') == 'a'\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.create(tmp_path)
    made.commit("one", {".buildkite/shipping.yml": SHIPPING.replace("SELECT", "on"), **FILES})
    return made


def decide(repository: Repository, branch: str, store: MemoryStore | None = None, message: str = "") -> StoredPlan:
    git = repository.asked
    configured = config.load(config.find(repository.root))
    context = Context(build="b", step="s", commit=git.head(), branch=branch, message=message)
    around = Surroundings(git=git, root=repository.root, store=store, say=print)
    made = generate(context, configured, around, fetch=False)
    for pipeline in made.pipeline:
        assert_valid(pipeline)
    return made


def mapped(repository: Repository) -> MemoryStore:
    """Return a store with the coverage map of the commit one stands on, as recording on main leaves it."""
    git = repository.asked
    commit = git.head()
    records = [
        TestRecord(file="tests/test_text.py", ran={"inbox/text.py": ("clean",)}, loaded=("inbox/text.py",)),
        TestRecord(file="tests/test_mail.py", ran={"inbox/mail.py": ("send",)}, loaded=("inbox/mail.py",)),
    ]
    python = [path for path in git.files() if path.endswith(".py")]
    imports = {path: read_imports(path, git.show(commit, path) or b"") for path in python}
    store = MemoryStore()
    store.create(map_key("inbox", "unit", commit), encode(build_map("unit", commit, records, imports)))
    return store


def change(repository: Repository, files: dict[str, str]) -> None:
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.commit("change", files)


LEAF = {"inbox/text.py": "def clean(text):\n    return text.strip().lower()\n"}


def rules(made: StoredPlan) -> list[str]:
    return [str(decision) for decision in made.plan.decisions]


def test_main_runs_everything_and_has_a_position(repository: Repository) -> None:
    """Releases are ordered by the first-parent count of their commit."""
    made = decide(repository, "main", mapped(repository)).plan

    assert (made.main, made.position, made.base) == (True, 1, None)
    assert made.suites["unit"].files == ("tests/test_mail.py", "tests/test_text.py")
    assert [decision.rule for decision in made.decisions] == ["main runs everything"]


def test_a_pull_request_runs_what_its_change_can_break(repository: Repository) -> None:
    """The other file is left out, the plan and `explain` say why."""
    store = mapped(repository)
    change(repository, LEAF)

    made = decide(repository, "topic", store)

    assert made.plan.suites["unit"].files == ("tests/test_text.py",)
    assert made.plan.suites["unit"].left_out == ("tests/test_mail.py",)
    (why,) = explain(made.plan, "tests/test_text.py")
    assert why.included
    assert "inbox/text.py" in why.evidence
    assert "left out: 1 files" in preview(made)


def test_in_shadow_everything_runs_and_the_choice_is_kept_beside(repository: Repository) -> None:
    """`tests-complete` can then say what selection would have missed."""
    repository.commit("two", {".buildkite/shipping.yml": SHIPPING.replace("SELECT", "shadow")})
    store = mapped(repository)
    change(repository, LEAF)

    made = decide(repository, "topic", store).plan.suites["unit"]

    assert (len(made.files), made.left_out, made.shadow_left_out) == (2, (), ("tests/test_mail.py",))


def test_a_test_that_failed_before_on_the_branch_runs_again(repository: Repository) -> None:
    """Whatever the last push changed."""
    store = mapped(repository)
    store.create(failed_key("inbox", "unit", "topic"), json.dumps(["tests/test_mail.py"]).encode())
    change(repository, LEAF)

    assert decide(repository, "topic", store).plan.suites["unit"].left_out == ()


@pytest.mark.parametrize(
    ("message", "store", "said"),
    [
        ("fix\n\nShip: run everything", True, "asked for"),
        ("fix", False, "no coverage map (the bucket was not asked)"),
    ],
)
def test_what_makes_everything_run_is_said(repository: Repository, message: str, said: str, *, store: bool) -> None:
    """A person's wish, or a map that is not there."""
    filled = mapped(repository) if store else None
    change(repository, LEAF)

    made = decide(repository, "topic", filled, message)

    assert len(made.plan.suites["unit"].files) == 2
    assert said in rules(made)[0]


def test_a_change_to_documents_alone_runs_no_test_and_says_so(repository: Repository) -> None:
    """The step stays, skipped, with its reason."""
    store = mapped(repository)
    change(repository, {"docs/a.md": "# A"})

    made = decide(repository, "topic", store)

    assert made.plan.suites["unit"].parts == ()
    assert "skipped: no test file is affected by the change" in preview(made)
    assert any("docs/a.md" in rule for rule in rules(made))


def test_a_suite_without_tests_is_refused_before_anything_is_written(repository: Repository) -> None:
    """The suite, its paths and what was looked for are named."""
    repository.commit(
        "two", {".buildkite/shipping.yml": SHIPPING.replace("[tests]", "[inbox]").replace("SELECT", "off")}
    )

    with pytest.raises(UsageError, match="cannot find tests of suite 'unit'"):
        decide(repository, "main")


def test_the_same_commit_gives_the_same_plan(repository: Repository) -> None:
    """Nothing depends on the hour, the machine or the order of a dictionary."""
    assert decide(repository, "main").encode() == decide(repository, "main").encode()


def seconds(made: StoredPlan) -> dict[str, float]:
    """Return the predicted seconds by file; each file is a part of its own."""
    return {part.files[0]: part.seconds for part in made.plan.suites["unit"].parts}


def test_committed_durations_deal_the_tests_where_there_is_no_bucket(repository: Repository) -> None:
    """In pytest-split's format, at the root; what is no duration is said and left out."""
    known = {"tests/test_text.py::test": 9.0, "tests/test_mail.py::test": 8.0, "tests/test_mail.py::x": "slow"}
    repository.commit("times", {".test_durations": json.dumps(known), ".buildkite/shipping.yml": NO_BUCKET})

    assert seconds(decide(repository, "main")) == {"tests/test_text.py": 9.0, "tests/test_mail.py": 8.0}


def test_the_buckets_durations_come_before_the_committed_ones(repository: Repository) -> None:
    """A build of main refreshed them; the file fills what they lack."""
    known = {"tests/test_text.py::test": 9.0, "tests/test_mail.py::test": 8.0}
    repository.commit("times", {".test_durations": json.dumps(known)})
    store = MemoryStore()
    store.create(durations_key("inbox", "unit"), b'{"tests/test_text.py::test": 7.0}')

    assert seconds(decide(repository, "main", store)) == {"tests/test_text.py": 7.0, "tests/test_mail.py": 8.0}


@pytest.mark.parametrize("body", ["[", "7", '{"tests/test_text.py::test": -1}'])
def test_committed_durations_that_are_none_stop_nobody(
    repository: Repository, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit("times", {".test_durations": body})

    made = decide(repository, "main")

    assert made.plan.suites["unit"].files == ("tests/test_mail.py", "tests/test_text.py")
    assert "left out of '.test_durations': " in capsys.readouterr().out


def test_the_plan_says_which_ship_made_it(repository: Repository) -> None:
    """For agents whose ship is older than its schema."""
    assert json.loads(decide(repository, "main").encode())["ship"] == version()
