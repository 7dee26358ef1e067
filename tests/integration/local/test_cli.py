"""`ship local` as a person types it, against a real control plane over HTTP; a scripted agent does the work."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shipping.cli import run
from shipping.local.control import ControlInfo, running
from shipping.local.world.folder import Folder
from shipping.local.world.hold import held
from tests.integration.local.clients import FakeAgent, Rest, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent.parent
WRONG = yaml.safe_load((ROOT / "cases" / "local" / "wrong.yml").read_text())
SHIP = [sys.executable, "-m", "shipping.cli", "local"]
BLOCKS = [{"block": "One?", "key": "one"}, {"block": "Two?", "key": "two", "depends_on": []}]
ASK = {
    "input": "Where?",
    "key": "ask",
    "fields": [
        {
            "select": "Region",
            "key": "region",
            "options": [{"label": "US", "value": "us"}, {"label": "EU", "value": "eu"}],
        },
        {"text": "Why", "key": "why", "required": False},
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A world without processes of its own: this one holds its folder and serves it."""

    info: ControlInfo
    state: Path
    rest: Rest
    agent: FakeAgent
    capture: pytest.CaptureFixture[str]

    def ship(self, *words: str) -> tuple[int, str, str]:
        """Call `ship local` in this process; return its exit status, output and errors."""
        self.capture.readouterr()
        code = run(["local", words[0], "--state", str(self.state), *words[1:]])
        said = self.capture.readouterr()
        return code, said.out, said.err


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Place]:
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(tmp_path / "outside")
    folder = Folder(tmp_path / "state")
    with held(folder), running(folder.root) as info:
        folder.publish({"pid": os.getpid(), "url": info.url, "agents": []})
        yield Place(info=info, state=folder.root, rest=Rest(info), agent=FakeAgent.register(info), capture=capsys)


def work(place: Place, **exits: int) -> None:
    """Run every job that is ready, each with its exit status."""
    while (job := place.agent.accept()) is not None:
        assert job.call("PUT", "/start", {}).status == 200
        key = job.env["BUILDKITE_STEP_KEY"]
        job.log(1, f"this is {key}\n")
        assert job.finish(exits.get(key, 0)).status == 200


def furnished(place: Place) -> None:
    """What `wrong.yml` says there is."""
    place.rest.pipeline(*BLOCKS, slug="inbox")
    place.rest.build(message="Blocked")
    for keys in (["work"], ["bad", "worse"]):
        steps = [{"key": key, "command": key} for key in keys]
        place.rest.call("PATCH", "/pipelines/inbox", {"configuration": json.dumps({"steps": steps})})
        place.rest.build(message=f"Do {keys[0]}")
        work(place, bad=1, worse=2)
    place.rest.pipeline(ASK, {"key": "act", "command": "act", "depends_on": "ask"}, slug="ops")
    place.rest.build(slug="ops", message="Operate")


def test_each_verb_called_wrongly_says_what_helps(place: Place) -> None:
    """One message: what was attempted, the value in quotes, and a command; nothing is done."""
    furnished(place)
    before = [place.rest.read(number) for number in (1, 2, 3)]

    for case in WRONG:
        code, out, said = place.ship(*case["call"].split())

        assert (code, case["says"] in said, out) == (case["exit"], True, ""), (case, said)
        assert case.get("hint", "") in said, (case, said)
        assert "Traceback" not in said
    assert [place.rest.read(number) for number in (1, 2, 3)] == before


@pytest.mark.parametrize("verb", ["ls", "show", "watch", "log", "unblock", "retry", "cancel", "open"])
def test_no_world_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """Every verb says how to start one."""
    assert run(["local", verb, "--state", str(tmp_path / "state")]) == 2

    said = capsys.readouterr().err
    assert "cannot find a running local world" in said
    assert f"ship local up --detach --state {tmp_path / 'state'}" in said


def test_no_world_runs_for_a_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether the repository is one is not asked before."""
    assert run(["local", "build", "--state", str(tmp_path / "state"), "--repo", str(tmp_path)]) == 2

    assert "ship local up --detach" in capsys.readouterr().err


def test_builds_are_listed_newest_first(place: Place) -> None:
    """Of all pipelines or of one; without a terminal nothing is cut."""
    furnished(place)
    long = "A subject that is much longer than any terminal is wide " * 3
    place.rest.build(slug="ops", message=f"{long}\n\nBody", branch="feature/x")

    _, out, _ = place.ship("ls")
    rows = [line.split()[:2] for line in out.splitlines()]
    assert rows == [
        ["ops/2", "blocked"],
        ["ops/1", "blocked"],
        ["inbox/3", "failed"],
        ["inbox/2", "passed"],
        ["inbox/1", "blocked"],
    ]
    assert long.strip() in out
    assert [line.split()[0] for line in place.ship("ls", "--pipeline", "inbox", "--limit", "2")[1].splitlines()] == [
        "inbox/3",
        "inbox/2",
    ]
    assert place.ship("ls", "--branch", "feature/x")[1].startswith("ops/2 ")
    assert [one["number"] for one in json.loads(place.ship("ls", "--pipeline", "inbox", "--json")[1])] == [3, 2, 1]
    assert place.ship("ls", "--branch", "none") == (
        0,
        "",
        f"no builds yet; make one: ship local build --state {place.state}\n",
    )


def test_a_build_is_shown_by_any_of_its_names(place: Place) -> None:
    """Its number, with its pipeline, by its page's address, or as the newest."""
    furnished(place)

    names = [
        ["inbox/3"],
        ["3", "--pipeline", "inbox"],
        [f"{place.info.url}/local/inbox/builds/3#x"],
        ["--pipeline", "inbox"],
    ]
    shown = [place.ship("show", *words)[1].splitlines() for words in names]

    assert shown[0][0].startswith("build 3 of inbox: failed (")
    assert [" ".join(line.split()[1:3]) for line in shown[0][4:]] == ["bad failed", "worse failed"]
    assert shown[0][4].endswith("exit status 1")
    assert all(one[1:4] == shown[0][1:4] for one in shown)
    assert json.loads(place.ship("show", "inbox/3", "--json")[1])["number"] == 3
    assert "ship local unblock inbox/1 --job one" in place.ship("show", "inbox/1")[1]


def test_where_one_stands_says_whose_newest(place: Place, tmp_path: Path) -> None:
    """A build that was triggered in another pipeline is not what one has just made."""
    root = repository(tmp_path / "inbox")
    furnished(place)

    assert place.ship("show", "--repo", str(root))[1].startswith("build 3 of inbox:")
    assert place.ship("show", "2", "--repo", str(root))[1].startswith("build 2 of inbox:")
    assert place.ship("show")[1].startswith("build 1 of ops:")


def test_a_question_is_answered(place: Place) -> None:
    """The only one needs no name; several answers of one key; what was answered is meta-data."""
    furnished(place)

    code, out, said = place.ship("unblock", "ops/1", "--field", "region=eu", "--field", "why=a=b", "--json")

    assert (code, json.loads(out)["state"]) == (0, "unblocked")
    assert said.endswith(f"follow it: ship local watch ops/1 --state {place.state}\n")
    assert place.rest.read(1, slug="ops")["meta_data"] == {"region": "eu", "why": "a=b"}
    assert place.ship("unblock", "inbox/1", "--job", "two")[0] == 0
    assert place.rest.states(1)["two"] == "unblocked"


def test_a_build_is_started_with_its_answers(place: Place, tmp_path: Path) -> None:
    """`build --field` fills the question that the pipeline begins with; the pipeline keeps its own steps and repository."""
    furnished(place)
    root = repository(tmp_path / "repo")
    words = ["build", "--repo", str(root), "--pipeline"]

    code, out, said = place.ship(*words, "ops", "--field", "region=us", "--json")

    assert (code, json.loads(out)["number"]) == (0, 2), said
    assert place.rest.read(2, slug="ops")["meta_data"] == {"region": "us", "why": ""}
    assert place.rest.call("GET", "/pipelines/ops").json["repository"] == "git@git.example:inbox.git"
    code, _, said = place.ship(*words, "inbox", "--field", "region=us")
    assert (code, "cannot answer 'region': the pipeline 'inbox' does not begin with a question" in said) == (2, True)
    assert place.ship("ls", "--pipeline", "inbox", "--limit", "1")[1].startswith("inbox/3 ")
    code, _, said = place.ship(*words, "ops", "--field", "region=mars")
    assert (code, "ship local unblock ops/3 --job ask --field region=us --field why=VALUE" in said) == (1, True), said


def test_failed_jobs_are_retried(place: Place) -> None:
    """The one that is named, or all; soft failures are none."""
    furnished(place)

    assert place.ship("retry", "inbox/3", "--job", "worse")[0] == 0
    assert place.rest.states(3) == {"bad": "failed", "worse": "scheduled"}
    work(place, bad=1, worse=1)
    code, out, said = place.ship("retry", "inbox/3", "--all", "--json")
    assert (code, [job["step_key"] for job in json.loads(out)]) == (0, ["bad", "worse"])
    assert said == "retried 'bad' of build 3\nretried 'worse' of build 3\n"
    work(place)
    assert place.rest.read(3)["state"] == "passed"
    assert "attempt 1" in place.ship("show", "inbox/3")[1]


def test_builds_and_jobs_are_canceled(place: Place) -> None:
    """One job, then all that is left."""
    steps = [{"key": "one", "command": "x"}, {"key": "two", "command": "y"}]
    place.rest.start(*steps)

    assert place.ship("cancel", "1", "--job", "two") == (0, "", "canceled 'two' of build 1\n")
    assert place.rest.states() == {"one": "scheduled", "two": "canceled"}
    code, out, said = place.ship("cancel", "--json")
    assert (code, json.loads(out)["state"], said) == (0, "canceled", "canceled build 1 of 'inbox'\n")


@contextlib.contextmanager
def started(place: Place, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`ship local` as a process of its own, without a terminal."""
    argv = [*SHIP, words[0], "--state", str(place.state), *words[1:]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.kill()


def test_a_log_is_followed(place: Place) -> None:
    """What an agent has sent is there before the job ends; the end of the job is the end of the command."""
    place.rest.start({"key": "slow", "command": "x"})
    job = place.agent.begin()
    job.log(1, "first\n")
    with started(place, "log", "-f", "--job", "slow") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        job.log(2, "second\nhalf a ")
        assert process.stdout.readline() == "second\n"
        job.log(3, "line")
        job.finish(0)
        rest = process.stdout.read()

    assert (process.wait(), rest) == (0, "half a line")


def test_logs_of_several_jobs_are_told_apart(place: Place) -> None:
    """Each line under its job's name, also of a job that comes later."""
    place.rest.start({"key": "one", "command": "x", "parallelism": 2}, "wait", {"key": "last", "command": "y"})
    with started(place, "log", "-f") as process:
        jobs = [agent.begin() for agent in (place.agent, FakeAgent.register(place.info, name="other"))]
        for job in jobs:
            job.log(1, f"share {job.env['BUILDKITE_PARALLEL_JOB']}\npart")
        for job in jobs:
            job.finish(0)
        last = place.agent.begin()
        last.log(1, "the end\n")
        last.finish(0)
        out, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert sorted(out.splitlines()) == sorted(
        ["one/1 | share 0", "one/1 | part", "one/2 | share 1", "one/2 | part", "last | the end"]
    )


def test_watch_tells_each_change_in_a_line(place: Place) -> None:
    """Without a terminal; the exit status is the build's."""
    place.rest.start({"key": "one", "label": ":rocket: The one", "command": "x"})
    with started(place, "watch", "--json") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "  The one: scheduled\n"
        job = place.agent.begin()
        assert any(line == "  The one: running\n" for line in process.stderr)
        job.finish(0)
        out, said = process.communicate(timeout=30)

    assert (process.returncode, json.loads(out)["state"]) == (0, "passed")
    assert said.endswith("  The one: passed (exit status 0)\nbuild 1 of 'inbox' has passed\n")


class Terminal:
    """A command in a terminal of 80 columns; ``said`` is all that it has written there."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            # A shell that starts us in the background has SIGINT ignored, and so would the command.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(argv[0], argv, env)  # noqa: S606 - a shell is not missed
        fcntl.ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.said = ""

    def until(self, text: str) -> None:
        while text not in self.said:
            self.said += os.read(self._handle, 65536).decode()

    def press(self, keys: bytes) -> None:
        os.write(self._handle, keys)

    def end(self) -> int:
        """Read to the end; return the exit status."""
        with contextlib.suppress(OSError):  # the terminal's end, as Linux tells it
            while read := os.read(self._handle, 65536):
                self.said += read.decode()
        os.close(self._handle)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def in_a_terminal(place: Place, *words: str, **env: str) -> Terminal:
    argv = [*SHIP, words[0], "--state", str(place.state), *words[1:]]
    return Terminal(argv, {**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", **env})


def test_watch_redraws_a_tree_on_a_terminal(place: Place) -> None:
    """The same lines again and again, with colours; what is left at the end is the whole tree."""
    place.rest.start(
        {"key": "one", "command": "x"}, {"group": "Checks", "key": "checks", "steps": [{"key": "two", "command": "y"}]}
    )
    terminal = in_a_terminal(place, "watch")
    terminal.until("scheduled")
    work(place, two=3)

    code = terminal.end()

    last = terminal.said.rpartition("\x1b[2K")[2]
    assert code == 1
    assert "\x1b[2K" in terminal.said
    assert [line.split()[:2] for line in last.splitlines()[4:7]] == [["✓", "one"], ["✗", "checks"], ["✗", "two"]]
    assert "\x1b[32mpassed" in last
    assert "exit status 3" in last


def test_ctrl_c_leaves_the_build_alone(place: Place) -> None:
    """Only the watching ends: 130, the cursor is back, no stack trace."""
    place.rest.start({"key": "one", "command": "x"})
    terminal = in_a_terminal(place, "watch")
    terminal.until("scheduled")

    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert "\x1b[?25h" in terminal.said
    assert "Traceback" not in terminal.said
    assert place.rest.states() == {"one": "scheduled"}


def test_no_colour_where_none_is_wanted(place: Place) -> None:
    """NO_COLOR, on a terminal as anywhere; lines fit into it."""
    place.rest.start({"key": "one", "label": "word " * 40, "command": "x"}, message="subject " * 30)

    terminal = in_a_terminal(place, "show", NO_COLOR="1")

    assert terminal.end() == 0
    assert "\x1b[3" not in terminal.said
    assert all(len(line) <= 80 for line in terminal.said.splitlines())
    assert "…" in terminal.said


def test_a_terminal_is_not_told_what_a_message_says(place: Place) -> None:
    """An escape sequence in a commit's subject or a label is text without its escape."""
    place.rest.start({"key": "one", "label": "a\x1b]0;owned\x07b", "command": "x"}, message="c\x1b[2Jd")

    for words in (["show"], ["ls"]):
        _, out, _ = place.ship(*words)
        assert "\x1b" not in out
        assert "c [2Jd" in out


def test_the_page_is_opened_on_a_terminal_only(place: Place, tmp_path: Path) -> None:
    """BROWSER is started with the address; into a pipe goes the address, and nothing else happens."""
    place.rest.start({"command": "x"})
    opened = tmp_path / "opened"
    script = tmp_path / "my browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}.new"; mv "{opened}.new" "{opened}"\n')
    script.chmod(0o755)
    address = f"{place.info.url}/local/inbox/builds/1"

    with started(place, "open", "1") as process:
        assert process.communicate(timeout=30)[0] == f"{address}\n"
    terminal = in_a_terminal(place, "open", "1", BROWSER=f"'{script}' %s:other")

    assert (terminal.end(), terminal.said) == (0, f"{address}\r\n")
    until(opened.exists)
    assert opened.read_text() == address
    terminal = in_a_terminal(place, "open", BROWSER=str(tmp_path / "missing"))
    assert (terminal.end(), "no browser was started: cannot run" in terminal.said) == (0, True)


def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.02)


def repository(root: Path, files: dict[str, str] | None = None) -> Path:
    from tests.repository import Repository

    made = Repository.create(root)
    made.commit("First", files or {"file": "text"})
    return root


def jobs_of(shown: dict[str, Any]) -> list[str]:
    return [job["command"] for job in shown["jobs"]]


def test_what_a_build_begins_with_follows_from_the_commit(place: Place, tmp_path: Path) -> None:
    """The repository's pipeline, an app's own, or the generator's step where there is only a configuration."""
    steps = "steps: [{command: a}]\n"
    configuration = "app: {}\nsuites: [{{name: unit, paths: [tests], target: 3m}}]\n"
    cases = {
        "yaml": ({".buildkite/pipeline.yaml": steps}, [], "buildkite-agent pipeline upload"),
        "both": (
            {".buildkite/pipeline.yml": steps, ".buildkite/pipeline.both.yml": steps},
            [],
            "buildkite-agent pipeline upload .buildkite/pipeline.both.yml",
        ),
        "only": ({".buildkite/shipping.yml": configuration.format("only")}, [], "ship pipeline upload"),
        "apps": (
            {
                ".buildkite/shipping.web.yml": configuration.format("web"),
                ".buildkite/shipping.api.yml": configuration.format("api"),
                ".buildkite/ship": "#!/bin/sh\n",
            },
            ["--pipeline", "web"],
            ".buildkite/ship pipeline upload --app web",
        ),
    }
    for name, (files, more, command) in cases.items():
        root = repository(tmp_path / name, files)
        code, out, said = place.ship("build", "--repo", str(root), "--json", *more)
        assert (code, jobs_of(json.loads(out))) == (0, [command]), said
    assert place.ship("build", "--repo", str(tmp_path / "apps"))[2].splitlines() == [
        "ship: cannot tell which pipeline to build: the repository has the pipelines api, web",
        "hint: ship local build --pipeline api",
    ]


def test_a_repository_with_nothing_to_upload(place: Place, tmp_path: Path) -> None:
    """What is missing is named, and nothing is created; what is only not committed is said to be that."""
    root = repository(tmp_path / "bare")
    words = ["build", "--repo", str(root)]

    code, _, said = place.ship(*words)
    assert (code, "has no .buildkite/pipeline.yml" in said, "hint: write one" in said) == (2, True, True)
    (root / ".buildkite").mkdir()
    (root / ".buildkite" / "pipeline.yml").write_text("steps: [{command: a}]\n---\nsteps: [{command: b}]\n")
    code, _, said = place.ship(*words)
    assert (code, "hint: commit it, or: ship local build --worktree" in said) == (2, True)
    assert place.rest.call("GET", "/pipelines").json == []

    code, _, said = place.ship(*words, "--worktree")
    assert (code, "note: .buildkite/pipeline.yml has 2 documents" in said) == (0, True), said
    (root / ".buildkite" / "pipeline.yaml").write_text("steps: [{command: a}]\n")
    code, _, said = place.ship(*words, "--worktree")
    assert (code, "and the agent takes only one" in said) == (2, True)


def test_uncommitted_work_is_lent_to_one_build(place: Place, tmp_path: Path) -> None:
    """The build's jobs are told the shadow; the pipeline names the repository again, for the page and the next build."""
    root = repository(tmp_path / "repo", {".buildkite/pipeline.yml": "steps: [{command: a}]\n"})
    (root / "file").write_text("new")

    code, out, said = place.ship("build", "--repo", str(root), "--worktree", "--json")
    job: Work = place.agent.begin()

    assert code == 0, said
    assert job.env["BUILDKITE_REPO"].startswith(f"{place.state}/worktrees/repo-")
    assert (job.env["BUILDKITE_COMMIT"], job.env["BUILDKITE_BRANCH"]) == (json.loads(out)["commit"], "main")
    assert json.loads(out)["message"] == "Uncommitted work on: First"
    assert place.rest.call("GET", "/pipelines/repo").json["repository"] == str(root)
    assert place.ship("build", "--repo", str(root), "--worktree", "--json", "--message", "Mine")[1].count("Mine") == 1


def test_builds_started_at_once_do_not_mix(place: Place, tmp_path: Path) -> None:
    """Committed and uncommitted work of one pipeline: each build is told the repository that has its commit."""
    root = repository(tmp_path / "repo", {".buildkite/pipeline.yml": "steps: [{command: a}]\n"})
    (root / "file").write_text("new")
    options = [["--worktree"], [], ["--worktree"], [], ["--worktree"]]

    with contextlib.ExitStack() as stack:
        words = ["build", "--repo", str(root), "--json"]
        processes = [stack.enter_context(started(place, *words, *more)) for more in options]
        said = [process.communicate(timeout=60) for process in processes]

    assert [process.returncode for process in processes] == [0] * 5, said
    shown = [json.loads(out) for out, _ in said]
    shadowed = ["/worktrees/" in build["pipeline"]["repository"] for build in shown]
    assert shadowed == [bool(more) for more in options]
    assert [one["commit"] == shown[1]["commit"] for one in shown] == [False, True, False, True, False]
    assert place.rest.call("GET", "/pipelines/repo").json["repository"] == str(root)
