"""The REST API as pybuildkite calls it."""

from __future__ import annotations

import datetime as dt
import inspect
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
import requests
from pybuildkite.buildkite import Buildkite
from pybuildkite.builds import BuildState
from pybuildkite.client import Client
from pybuildkite.jobs import LogFormat

from tests.integration.local.clients import FakeAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shipping.local.control import ControlInfo
    from tests.integration.local.clients import Rest

WORLD = "local"
STEPS = "steps:\n  - {key: a, label: A, command: x, artifact_paths: 'out/*'}\n  - wait\n  - {key: b, command: y}\n"


@pytest.fixture
def client(control: ControlInfo) -> Any:  # noqa: ANN401 - pybuildkite has no types
    found: Any = cast("Any", Buildkite)(per_page=2)
    found.base_url = f"{control.url}/v2/"
    found.set_access_token(control.api_token)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    for subject in ("first", "second"):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", subject], check=True)
    return root


def test_pipelines_are_created_listed_changed_and_deleted(client: Any) -> None:  # noqa: ANN401
    """pybuildkite's default steps are one that uploads the repository's own."""
    made = client.pipelines().create_pipeline(WORLD, "My App: main", "git@git.example:app.git")
    assert (made["slug"], made["default_branch"]) == ("my-app-main", "main")
    assert "buildkite-agent pipeline upload" in made["configuration"]

    client.pipelines().update_pipeline(
        WORLD, "my-app-main", configuration=STEPS, env={"A": "1"}, default_branch="trunk"
    )
    found = client.pipelines().get_pipeline(WORLD, "my-app-main")
    assert (found["configuration"], found["env"], found["default_branch"]) == (STEPS, {"A": "1"}, "trunk")
    assert [one["slug"] for one in client.pipelines().list_pipelines(WORLD)] == ["my-app-main"]
    assert client.pipelines().delete_pipeline(WORLD, "my-app-main") is True
    assert client.pipelines().list_pipelines(WORLD) == []


def test_steps_may_be_told_as_the_visual_editor_did(client: Any, rest: Rest) -> None:  # noqa: ANN401
    """The four kinds that pybuildkite's documentation names."""
    steps = [
        {"type": "script", "name": "Script", "command": "x"},
        {"type": "waiter"},
        {"type": "manual", "label": "Ship?"},
        {"type": "trigger", "trigger_project_slug": "deploy", "trigger_async": True, "trigger_branch": "live"},
    ]
    rest.pipeline({"command": "x"}, slug="deploy")

    client.pipelines().create_pipeline(WORLD, "visual", "git@git.example:app.git", steps)

    jobs = rest.build(slug="visual")["jobs"]
    assert [job["type"] for job in jobs] == ["script", "waiter", "manual", "trigger"]
    assert (jobs[2]["label"], jobs[3]["async"]) == ("Ship?", True)
    wrong = {"name": "y", "repository": "r", "steps": [{"type": "trigger", "trigger_colour": "red"}]}
    assert "'trigger_colour' is not known" in rest.call("POST", "/pipelines", wrong).message


def test_a_pipeline_whose_steps_could_not_run_is_refused(rest: Rest) -> None:
    body = {"name": "x", "repository": "r", "configuration": "steps: [{trigger: go, if_changed: x}]"}

    answer = rest.call("POST", "/pipelines", body)

    assert (answer.status, answer.message.startswith("step 1 ('go'): attribute 'if_changed'")) == (422, True)
    assert rest.call("POST", "/pipelines", body | {"configuration": "a: [b"}).status == 422
    assert rest.call("POST", "/pipelines", {"name": "x", "repository": "r", "colour": 1}).status == 422
    assert rest.call("GET", "/pipelines").json == []


def test_a_build_whose_meta_data_would_not_be_kept_is_refused(rest: Rest) -> None:
    """Of a value, 100 KiB."""
    rest.start({"command": "x"})

    answer = rest.call("POST", "/pipelines/inbox/builds", {"meta_data": {"k": "x" * 102_401}})

    assert (answer.status, "'k' must be at most 102400 bytes" in answer.message) == (422, True)


def test_a_build_of_a_local_branch_is_of_its_tip(client: Any, repository: Path) -> None:  # noqa: ANN401
    """The commit is resolved when the build is created, and names the build."""
    client.pipelines().create_yaml_pipeline(WORLD, "app", str(repository), STEPS)
    tip = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "main"], check=True, capture_output=True, text=True
    ).stdout.strip()

    build = client.builds().create_build(
        WORLD,
        "app",
        "HEAD",
        "main",
        env={"X": "1"},
        meta_data={"k": "v"},
        author={"name": "Ann", "email": "ann@x"},
        pull_request_id=7,
        pull_request_base_branch="main",
    )

    assert (build["number"], build["commit"], build["message"]) == (1, tip, "second")
    assert (build["env"], build["meta_data"], build["author"]["name"]) == ({"X": "1"}, {"k": "v"}, "Ann")
    assert build["pull_request"]["id"] == "7"
    assert [(job["type"], job["step_key"]) for job in build["jobs"]] == [
        ("script", "a"),
        ("waiter", None),
        ("script", "b"),
    ]
    first = client.builds().create_build(WORLD, "app", f"{tip}~1", "main")
    assert (first["number"], first["message"]) == (2, "first")


def test_a_commit_that_does_not_exist_is_refused(client: Any, repository: Path) -> None:  # noqa: ANN401
    client.pipelines().create_yaml_pipeline(WORLD, "app", f"file://{repository}", STEPS)

    with pytest.raises(requests.HTTPError) as caught:
        client.builds().create_build(WORLD, "app", "HEAD", "nobody")

    response = caught.value.response
    assert response is not None
    assert response.status_code == 422
    assert "'refs/heads/nobody'" in response.json()["message"]


def test_builds_are_listed_newest_first_a_page_at_a_time(client: Any, rest: Rest) -> None:  # noqa: ANN401
    rest.pipeline(slug="one")
    rest.pipeline(slug="two")
    for slug in ("one", "two", "one", "one", "one"):
        rest.build(slug=slug)

    def numbers(page: int) -> tuple[list[int], int | None]:
        found = client.builds().list_all_for_pipeline(WORLD, "one", page=page, with_pagination=True)
        return [build["number"] for build in found.body], found.next_page

    assert [numbers(page) for page in (0, 1, 2, 3)] == [([4, 3], 2), ([4, 3], 2), ([2, 1], None), ([], None)]
    everywhere = client.builds().list_all_for_org(WORLD, with_pagination=True)
    assert (len(everywhere.body), everywhere.next_page, everywhere.last_page) == (2, 2, 3)
    assert len(client.builds().list_all()) == 2


def test_builds_are_listed_by_state_branch_commit_meta_data_and_time(client: Any, rest: Rest) -> None:  # noqa: ANN401
    rest.pipeline({"command": "x"})
    for branch, kind in (("main", "a"), ("topic", "b"), ("other", "a")):
        rest.build(branch=branch, meta_data={"kind": kind})
    client.builds().cancel_build(WORLD, "inbox", 2)
    client.client.per_page = 100

    def numbers(**filters: object) -> list[int]:
        return [build["number"] for build in client.builds().list_all_for_pipeline(WORLD, "inbox", **filters)]

    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert numbers(states=[BuildState.CANCELED]) == [2]
    assert numbers(states=[BuildState.FINISHED]) == [2]
    assert numbers(states=[BuildState.CANCELED, BuildState.SCHEDULED]) == [3, 2, 1]
    assert numbers(branch=["main", "other"]) == [3, 1]
    assert numbers(branch="topic") == [2]
    assert numbers(commit="HEAD") == [3, 2, 1]
    assert numbers(meta_data={"kind": "a"}) == [3, 1]
    assert numbers(created_from=tomorrow) == []
    assert numbers(created_to=tomorrow) == [3, 2, 1]


def test_a_build_from_start_to_retry(client: Any, rest: Rest, agent: FakeAgent) -> None:  # noqa: ANN401
    """A failed job is retried by hand: the answer is the new job, and only that one is listed."""
    rest.pipeline({"key": "a", "command": "x", "env": {"X": "1"}}, "wait", {"key": "b", "command": "y"})
    rest.build()
    work = agent.begin()
    work.log(1, "\x1b[31mred\x1b[0m <b>\n")
    work.finish(2)
    build = client.builds().get_build_by_number(WORLD, "inbox", 1)
    assert (build["state"], [job["state"] for job in build["jobs"]]) == (
        "failed",
        ["failed", "waiting_failed", "waiting_failed"],
    )
    log = client.jobs().get_job_log(WORLD, "inbox", 1, work.id, LogFormat.TEXT)
    assert log == b"\x1b[31mred\x1b[0m <b>\n"
    assert client.jobs().get_job_log(WORLD, "inbox", 1, work.id) == b'<span class="fg1">red</span> &lt;b&gt;'
    assert client.jobs().get_job_environment_variables(WORLD, "inbox", 1, work.id)["env"]["X"] == "1"

    new = client.jobs().retry_job(WORLD, "inbox", 1, work.id)

    assert (new["state"], new["retries_count"], new["id"] == work.id) == ("scheduled", 1, False)
    listed = client.builds().get_build_by_number(WORLD, "inbox", 1)["jobs"]
    every = client.builds().get_build_by_number(WORLD, "inbox", 1, include_retried_jobs=True)["jobs"]
    assert (listed[0]["id"], len(every)) == (new["id"], 4)
    assert (every[0]["retried"], every[0]["retried_in_job_id"]) == (True, new["id"])
    for _ in range(2):
        agent.begin().finish()
    assert rest.read()["state"] == "passed"
    assert client.jobs().delete_job_log(WORLD, "inbox", 1, work.id) is True


def test_canceling_a_build_reaches_the_agent(client: Any, rest: Rest, agent: FakeAgent) -> None:  # noqa: ANN401
    rest.start({"key": "a", "command": "x"}, {"key": "b", "command": "y"})
    work = agent.begin()

    build = client.builds().cancel_build(WORLD, "inbox", 1)

    assert (build["state"], rest.states()) == ("canceling", {"a": "canceling", "b": "canceled"})
    assert work.call("GET", "").json["state"] == "canceling"
    work.finish(143, signal="SIGTERM", signal_reason="cancel")
    assert rest.read()["state"] == "canceled"
    assert rest.call("PUT", "/pipelines/inbox/builds/1/cancel").status == 422


def test_artifacts_annotations_and_agents(client: Any, rest: Rest, agent: FakeAgent) -> None:  # noqa: ANN401
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    artifact = work.keep("out/a.txt", b"content")
    work.call("POST", "/annotations", {"body": "**x** <script>alert(1)</script>", "context": "c"})

    (of_build,) = client.artifacts().list_artifacts_for_build(WORLD, "inbox", 1)
    (of_job,) = client.artifacts().list_artifacts_for_job(WORLD, "inbox", 1, work.id)
    assert of_build == of_job == client.artifacts().get_artifact(WORLD, "inbox", 1, work.id, artifact)
    assert (of_job["path"], of_job["dirname"], of_job["filename"]) == ("out/a.txt", "out", "a.txt")
    assert client.artifacts().download_artifact(WORLD, "inbox", 1, work.id, artifact) == b"content"
    (annotation,) = client.annotations().list_annotations(WORLD, "inbox", 1)
    assert annotation["body_html"] == "<p><strong>x</strong> </p>\n"
    (listed,) = client.agents().list_all(WORLD, name="fake")
    assert (listed["id"], listed["connection_state"], listed["job"]["id"]) == (agent.id, "connected", work.id)
    assert client.agents().list_all(WORLD, name="nobody") == []
    # Its own slash is doubled on the way: pybuildkite writes "agents/" + id + "/stop".
    client.agents().stop_agent(WORLD, agent.id)
    assert rest.states() == {"a": "canceling"}


def test_what_is_not_implemented_is_refused_by_name(client: Any, rest: Rest) -> None:  # noqa: ANN401
    rest.start({"command": "x"})

    actions: tuple[Callable[[], object], ...] = (lambda: client.builds().rebuild_build(WORLD, "inbox", 1),)
    for action in actions:
        with pytest.raises(requests.HTTPError) as caught:
            action()
        response = caught.value.response
        assert response is not None
        assert (response.status_code, "not implemented" in response.json()["message"]) == (422, True)


def test_what_does_not_exist_is_404_with_its_name(rest: Rest) -> None:
    rest.start({"command": "x"})

    for path in (
        "/pipelines/none",
        "/pipelines/inbox/builds/2",
        "/pipelines/inbox/builds/one",
        "/pipelines/inbox/builds/1/jobs/none/log",
        "/agents/none",
        "/nothing/at/all",
    ):
        answer = rest.call("GET", path)
        assert answer.status == 404
        assert path.rpartition("/")[2].removesuffix("log") in answer.message


def test_a_pipeline_with_a_running_build_stays(rest: Rest, agent: FakeAgent) -> None:
    """After the build has ended it goes, with builds, logs and artifacts."""
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    work.keep("a.txt", b"x")
    assert rest.call("DELETE", "/pipelines/inbox").status == 422
    work.finish()

    assert rest.call("DELETE", "/pipelines/inbox").status == 204
    assert rest.call("GET", "/builds").json == []
    rest.pipeline({"command": "x"})
    assert rest.build()["number"] == 1


def pybuildkites_calls(client: Any) -> Iterator[tuple[str, Callable[[], object]]]:  # noqa: ANN401 - pybuildkite has no types
    """Yield every call that pybuildkite can make, with as little as it asks for."""
    rooms = [
        name for name, _ in inspect.getmembers(Buildkite, inspect.isfunction) if not name.startswith(("_", "set_"))
    ]
    for room in rooms:
        subject = getattr(client, room)()
        for name, method in inspect.getmembers(type(subject), inspect.isfunction):
            if name.startswith("_") or name in vars(Client):
                continue
            asked = list(inspect.signature(method).parameters.values())[1:]
            given = [
                WORLD if one.name == "organization" else "1" for one in asked if one.default is inspect.Parameter.empty
            ]
            yield f"{room}.{name}", partial(getattr(subject, name), *given)


def test_every_call_of_pybuildkite_is_answered(client: Any) -> None:  # noqa: ANN401
    """By what is asked for, or with what is not there; never that there is no such endpoint."""
    unanswered, calls = [], dict(pybuildkites_calls(client))
    for name, call in calls.items():
        try:
            call()
        except requests.HTTPError as error:
            said = "" if error.response is None else error.response.json()["message"]
            if not said or said.startswith(("Not Found:", "Method Not Allowed:")):
                unanswered.append(name)

    assert unanswered == []
    assert len(calls) >= 35


def test_a_retry_is_refused_in_buildkites_words(rest: Rest, agent: FakeAgent) -> None:
    """400 for what has not failed, 422 for a canceled build, and for a job that has been retried before."""
    rest.start({"key": "a", "command": "x"}, {"key": "b", "command": "y"})
    path = "/pipelines/inbox/builds/1"
    ids = {job["step_key"]: job["id"] for job in rest.read()["jobs"]}

    early = rest.call("PUT", f"{path}/jobs/{ids['a']}/retry")
    assert (early.status, early.message) == (400, "Only failed, timed out or canceled jobs can be retried")

    agent.begin().finish(1)
    new = rest.call("PUT", f"{path}/jobs/{ids['a']}/retry")
    assert (new.status, new.json["retries_count"], new.json["state"]) == (200, 1, "scheduled")
    again = rest.call("PUT", f"{path}/jobs/{ids['a']}/retry")
    assert (again.status, new.json["id"] in again.message) == (422, True)

    assert rest.call("PUT", f"{path}/cancel").status == 200
    late = rest.call("PUT", f"{path}/jobs/{new.json['id']}/retry")
    assert (late.status, late.message) == (422, "Jobs from canceled builds cannot be retried")


def test_a_job_that_its_group_holds_back_is_scheduled_for_rest_and_for_nobody_else(
    rest: Rest, agent: FakeAgent
) -> None:
    """Buildkite's REST API has no other word for it; agents are not offered it."""
    steps = ({"key": key, "command": "x", "concurrency": 1, "concurrency_group": "g"} for key in "ab")
    rest.start(*steps)
    work = agent.begin()
    other = FakeAgent.register(agent.info, name="other")

    assert rest.states() == {"a": "running", "b": "scheduled"}
    assert rest.read()["jobs"][1]["runnable_at"] is None
    assert other.ping() is None
    work.finish()
    assert other.ping() is not None


def test_a_build_that_fails_tells_the_agents_of_fast_failing_jobs_to_stop(rest: Rest, agent: FakeAgent) -> None:
    rest.start({"key": "a", "command": "x"}, {"key": "b", "command": "y", "cancel_on_build_failing": True})
    first, second = agent.begin(), FakeAgent.register(agent.info, name="other").begin()

    first.finish(1)

    assert second.call("GET", "").json["state"] == "canceling"
    second.finish(143, signal="SIGTERM", signal_reason="cancel")
    assert (rest.states(), rest.read()["state"]) == ({"a": "failed", "b": "canceled"}, "failed")
