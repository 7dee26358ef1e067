"""Broken set-ups, each broken in one way: named, with its fix. The healthy one has nothing to be said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from shipping.launcher import LAUNCHER, LOCK, launcher
from shipping.local.control import running
from shipping.local.objects.faults import Fault
from tests.shipping.doctor.clinic import Clinic, healthy, make_executable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket


@pytest.fixture
def clinic(tmp_path: Path, bucket: Bucket, objects: ObjectServer) -> Iterator[Clinic]:
    with running(tmp_path / "state") as control:
        yield healthy(tmp_path / "repository", control, bucket, objects)


def test_a_healthy_set_up(clinic: Clinic) -> None:
    """All is well; only that this machine has no agent is said, and is no fault."""
    findings = clinic.examined()

    assert [str(one) for one in findings if one.state != "ok"] == [
        str(one) for one in findings if (one.check, one.state) == ("agent", "unknown")
    ]
    assert len(findings) > 15


def no_pipeline(clinic: Clinic) -> None:
    clinic.pipeline.unlink()
    clinic.repository.commit("gone")


def a_pipe(clinic: Clinic) -> None:
    clinic.pipeline.write_text("steps: [{command: '.buildkite/ship pipeline upload | tee log'}]\n")
    clinic.repository.commit("piped")


def another_step(clinic: Clinic) -> None:
    clinic.pipeline.write_text("steps: [{command: 'buildkite-agent pipeline upload'}]\n")
    clinic.repository.commit("another")


def launcher_closed(clinic: Clinic) -> None:
    (clinic.repository.root / LAUNCHER).chmod(0o644)
    clinic.repository.commit("closed")


def launcher_gone(clinic: Clinic) -> None:
    (clinic.repository.root / LAUNCHER).unlink()
    clinic.repository.commit("gone")


def lock_gone(clinic: Clinic) -> None:
    (clinic.repository.root / LOCK).unlink()
    clinic.repository.commit("gone")


def launcher_of_another_version(clinic: Clinic) -> None:
    (clinic.repository.root / LAUNCHER).write_text(launcher("9.9.9"))
    clinic.repository.commit("newer")


def hook_closed(clinic: Clinic) -> None:
    (clinic.repository.root / ".buildkite/plugins/test-shard/hooks/command").chmod(0o644)
    clinic.repository.commit("closed")


def unused_agent_queue(clinic: Clinic) -> None:
    clinic.dismiss()
    clinic.agent("queue=uploaders")


def old_agents_and_plugins_from_git(clinic: Clinic) -> None:
    clinic.edit("suites:", "plugins: {source: 'https://git.example/acme/ship.git', version: v1}\nsuites:")


def old_agent_here(clinic: Clinic) -> None:
    program = clinic.repository.root.parent / "buildkite-agent"
    make_executable(program, "#!/bin/sh\necho buildkite-agent version 3.50.0+x.1\n")
    clinic.env = {"SHIP_BUILDKITE_AGENT": str(program), "PATH": "/usr/bin:/bin"}


def broken_agent_here(clinic: Clinic) -> None:
    program = clinic.repository.root.parent / "buildkite-agent"
    make_executable(program, "#!/bin/sh\necho no such option >&2\nexit 1\n")
    clinic.env = {"SHIP_BUILDKITE_AGENT": str(program), "PATH": "/usr/bin:/bin"}


def few_scopes(clinic: Clinic) -> None:
    organization = clinic.organization()
    asked = {"description": "x", "scopes": ["read_pipelines", "write_pipelines", "read_clusters", "read_agents"]}
    clinic.token = organization.rest.call("POST", "access-token", asked)["token"]
    organization.rest.close()


def revoked(clinic: Clinic) -> None:
    clinic.token = "bkua_revoked"


def drifted(clinic: Clinic) -> None:
    organization = clinic.organization()
    organization.update_pipeline("inbox", {"cancel_running_branch_builds_filter": "*"})
    organization.rest.close()


def archived(clinic: Clinic) -> None:
    organization = clinic.organization()
    organization.rest.pipelines().archive_pipeline("local", "inbox")
    organization.rest.close()


def team_without_access(clinic: Clinic) -> None:
    organization = clinic.organization()
    (team,), pipeline = organization.teams(), organization.pipeline("inbox")
    assert pipeline is not None
    organization.change_access(team["id"], pipeline["id"], "read_only")
    organization.rest.close()


def nobody_may_build(clinic: Clinic) -> None:
    team_without_access(clinic)
    clinic.edit("build_and_read", "read_only")


def conditions_ignored(clinic: Clinic) -> None:
    clinic.server.faults.add(Fault(kind="unconditional", operation="put", bucket=clinic.bucket.name, skip=1, times=1))


def not_versioned(clinic: Clinic) -> None:
    clinic.bucket.ask("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"})


def open_to_the_public(clinic: Clinic) -> None:
    clinic.bucket.ask("delete_public_access_block")


def clock_behind(clinic: Clinic) -> None:
    clinic.clock = ManualClock()


def to(before: str, after: str) -> Callable[[Clinic], None]:
    """Break the configuration."""
    return lambda clinic: clinic.edit(before, after)


BROKEN = [
    (
        to("suites: [{name: unit}]", "suites: [{name: unit, tarte: 3m}]"),
        "wrong configuration",
        "'tarte'",
        "edit .buildk",
    ),
    (to("app: inbox", "app: Inbox"), "wrong configuration", "app: found 'Inbox'", "edit .buildkite/shipping.yml"),
    (no_pipeline, "wrong pipeline.yml", "pipeline.yml", "ship init"),
    (a_pipe, "wrong pipeline.yml", "in a pipe", "command: ship pipeline upload"),
    (another_step, "wrong pipeline.yml", "no step that runs", "command: ship pipeline upload"),
    (launcher_closed, "wrong launcher", "not executable", "git update-index --chmod=+x .buildkite/ship"),
    (launcher_gone, "wrong launcher", "which is not there", "ship init"),
    (lock_gone, "warn launcher", "to no agent that has none", "ship init --lock"),
    (launcher_of_another_version, "warn ship", "the launcher pins 9.9.9", "pip install buildkite-ship==9.9.9"),
    (hook_closed, "wrong plugins", "test-shard/hooks/command is not executable", "ship init --vendor"),
    (to("suites:", "slug: {layers: {app: {keep: [x]}}}\nsuites:"), "wrong plugins", "slug is not there", "--vendor"),
    (lambda clinic: clinic.pipeline.write_text("steps: []\n"), "warn committed", "pipeline.yml", "git add .buildkite"),
    (old_agent_here, "warn agent", "3.50.0 is older", "3.83.1 or newer"),
    (broken_agent_here, "wrong agent", "does not tell its version", "reinstall"),
    (revoked, "wrong token", "was refused", "export BUILDKITE_API_TOKEN"),
    (few_scopes, "wrong token", "lacks read_teams, write_teams", "scopes[]=write_teams"),
    (few_scopes, "unknown teams", "scope read_teams", "add it to the token"),
    (to("app: inbox", "app: outbox"), "wrong pipeline outbox", "is not in 'local'", "ship buildkite sync"),
    (drifted, "warn pipeline inbox", 'filter: "*" -> "!main"', "ship buildkite sync"),
    (archived, "wrong pipelines", "it is archived", "unarchive it"),
    (unused_agent_queue, "wrong queue tests", "no agent serves it", "buildkite-agent start --tags queue=tests"),
    (old_agents_and_plugins_from_git, "wrong agents", "never runs them", "update agents to 3.108.0"),
    (to("cluster: main", "cluster: man"), "wrong cluster", "there is no 'man' (there: main)", "create it"),
    (to("tests: tests", "tests: big"), "wrong queue big", "the cluster 'main' has no such queue", "queues: {plan:"),
    (to("{engineers: ", "{ingeneers: "), "wrong teams", "did you mean 'engineers'?", "create it"),
    (team_without_access, "wrong teams of inbox", "engineers has read_only, not build", "ship buildkite sync"),
    (nobody_may_build, "warn teams of inbox", "no team may build", "build_and_read"),
    (to("bucket: test-", "bucket: toast-"), "wrong bucket toast-", "there is no such bucket", "aws s3 mb"),
    (conditions_ignored, "wrong bucket test-", "ignores conditional writes", "honours If-None-Match"),
    (not_versioned, "warn bucket test-", "off: what is overwritten", "Status=Enabled"),
    (open_to_the_public, "warn bucket test-", "not blocked", "aws s3api put-public-access-block"),
    (clock_behind, "wrong clock", "behind Buildkite", "timedatectl"),
]


@pytest.mark.parametrize(
    ("harm", "what", "text", "fix"), BROKEN, ids=[f"{number}-{what}" for number, (_, what, _, _) in enumerate(BROKEN)]
)
def test_a_broken_set_up_is_named_with_its_fix(
    clinic: Clinic, harm: Callable[[Clinic], None], what: str, text: str, fix: str
) -> None:
    """One line; whatever else there is to say of it follows from it."""
    harm(clinic)

    findings = clinic.examined()

    state, _, check = what.partition(" ")
    named = [one for one in findings if one.state == state and one.check.startswith(check) and text in one.text]
    assert len(named) == 1, "\n".join(str(one) for one in findings if one.state != "ok")
    assert fix in named[0].fix
    assert "\n" not in str(named[0])
    assert all(one.fix for one in findings if one.state != "ok")


def test_without_a_bucket_the_repository_must_know_what_tests_take(clinic: Clinic) -> None:
    clinic.edit(f"bucket: {clinic.bucket.name}\n", "")
    said = {one.check: one for one in clinic.examined()}

    assert (said["durations"].state, said["durations"].fix) == ("warn", "ship suites record")
    assert said["bucket"].state == "ok"
    clinic.repository.commit("recorded", {".test_durations": "{}\n"})
    assert {one.check: one for one in clinic.examined()}["durations"].state == "ok"
