"""What a job finds in its environment, and what a step tells about itself."""

from __future__ import annotations

import json
from dataclasses import replace

from shipping.local.engine import events
from shipping.local.engine.change import describe
from shipping.local.engine.environment import Site, job_env, job_name
from shipping.local.engine.records import PullRequest
from tests.shipping.local.engine.driver import Driver, command

SITE = Site(url="http://127.0.0.1:1", organization="local")

# The agent's bootstrap ends with "Missing ..." where one of these is empty.
DEMANDED = (
    "BUILDKITE_JOB_ID",
    "BUILDKITE_BUILD_ID",
    "BUILDKITE_STEP_ID",
    "BUILDKITE_REPO",
    "BUILDKITE_COMMIT",
    "BUILDKITE_BRANCH",
    "BUILDKITE_AGENT_NAME",
    "BUILDKITE_ORGANIZATION_SLUG",
    "BUILDKITE_PIPELINE_SLUG",
    "BUILDKITE_PIPELINE_PROVIDER",
    "BUILDKITE_COMMAND",
)


def env(drive: Driver, key: str, place: int = 0) -> dict[str, str]:
    return job_env(drive.state, drive.jobs(key)[place], SITE)


def test_what_the_agent_demands_is_there() -> None:
    drive = Driver().create(command("a"))
    drive.ping(drive.agent("queue=default", "Some-Tag=x"))

    told = env(drive, "a")

    assert [name for name in DEMANDED if not told[name]] == []
    assert (told["CI"], told["BUILDKITE"], told["BUILDKITE_PULL_REQUEST"]) == ("true", "true", "false")
    assert told["BUILDKITE_AGENT_META_DATA_SOME_TAG"] == "x"
    assert "BUILDKITE_AGENT_ACCESS_TOKEN" not in told


def test_who_wins() -> None:
    """Document, then build, then step, then what Buildkite itself sets."""
    drive = Driver().create(
        command("a", env={"C": "step", "BUILDKITE_JOB_ID": "mine"}), env={"A": "top", "B": "top", "C": "top"}
    )
    build = replace(drive.build, env={"B": "build", "C": "build"})
    drive.state = replace(drive.state, builds={build.id: build})

    told = env(drive, "a")

    assert (told["A"], told["B"], told["C"]) == ("top", "build", "step")
    assert drive.jobs("a")[0].id == told["BUILDKITE_JOB_ID"]


def test_an_uploads_environment_holds_for_the_steps_not_yet_started() -> None:
    drive = Driver().create(command("up"), command("z"), env={"A": "1", "B": "1"})
    job = drive.begin(drive.agent())
    drive.upload(job, env={"A": "2"})

    assert (env(drive, "z")["A"], env(drive, "z")["B"]) == ("2", "1")


def test_parallel_shares_know_their_place() -> None:
    drive = Driver().create({"key": "a", "label": "part %n (%N of %t)", "command": "x", "parallelism": 2})

    told = env(drive, "a", 1)

    assert (
        told["BUILDKITE_PARALLEL_JOB"],
        told["BUILDKITE_PARALLEL_JOB_COUNT"],
        told["BUILDKITE_LABEL"],
    ) == ("1", "2", "part 1 (2 of 2)")
    single = Driver().create(command("a"))
    assert "BUILDKITE_PARALLEL_JOB" not in env(single, "a")


def test_plugins_artifacts_group_retry_and_time_out() -> None:
    drive = Driver().create(
        {
            "group": "G",
            "key": "g",
            "steps": [
                command(
                    "a",
                    plugins=[{"./p": {"x": [1, None]}}],
                    artifact_paths=["a/*", "b"],
                    timeout_in_minutes=5,
                    retry={"automatic": True},
                )
            ],
        }
    )
    drive.run(drive.agent(), 1)

    told = env(drive, "a", 1)

    assert json.loads(told["BUILDKITE_PLUGINS"]) == [{"./p": {"x": [1, None]}}]
    assert (
        told["BUILDKITE_ARTIFACT_PATHS"],
        told["BUILDKITE_TIMEOUT"],
        told["BUILDKITE_RETRY_COUNT"],
    ) == ("a/*;b", "5", "1")
    assert (told["BUILDKITE_GROUP_LABEL"], told["BUILDKITE_GROUP_KEY"]) == ("G", "g")


def test_a_pull_request_is_told() -> None:
    drive = Driver().create(command("a"))
    build = replace(drive.build, pull_request=PullRequest(id="12", base_branch="main", labels=("x", "y")))
    drive.state = replace(drive.state, builds={build.id: build})

    told = env(drive, "a")

    assert (
        told["BUILDKITE_PULL_REQUEST"],
        told["BUILDKITE_PULL_REQUEST_BASE_BRANCH"],
        told["BUILDKITE_PULL_REQUEST_LABELS"],
    ) == ("12", "main", "x,y")


def test_a_long_message_is_cut_at_a_letter() -> None:
    drive = Driver().create(command("a"))
    build = replace(drive.build, message="é" * 40_000)
    drive.state = replace(drive.state, builds={build.id: build})

    assert env(drive, "a")["BUILDKITE_MESSAGE"] == "é" * 32_768


def test_a_step_tells_state_and_outcome() -> None:
    filtered = command("c", **{"if": "false"})
    drive = Driver().create(
        command("a", env={"X": "1"}, soft_fail=[{"exit_status": 3}]), "wait", command("b"), filtered
    )
    agent = drive.agent()

    def told(key: str) -> tuple[str, str]:
        step = drive.state.steps[drive.build_id][drive.jobs(key)[0].step]
        described = describe(drive.state, step)
        return described["state"], described["outcome"]

    assert (told("a"), told("b")) == (("ready", "neutral"), ("waiting_for_dependencies", "neutral"))
    job = drive.begin(agent)
    assert told("a") == ("running", "neutral")
    drive.end(job, 3)
    assert (told("a"), told("b")) == (("finished", "soft_failed"), ("ready", "neutral"))
    drive.run(agent, 1)
    assert told("b") == ("finished", "hard_failed")
    assert told("c") == ("ignored", "neutral")


def test_a_label_grows_once_per_change() -> None:
    """An append that is sent again (its answer was lost) is not appended again."""
    drive = Driver().create(command("a"))
    step = drive.jobs("a")[0].step
    change = events.StepChanged(
        at=drive.at, build=drive.build_id, step=step, uuid="u", attribute="label", value=" more", append=True
    )

    drive.apply(change)
    drive.apply(change)

    assert job_name(drive.state.steps[drive.build_id][step], drive.jobs("a")[0]) == "a more"
