"""Which scope a call needs, beside Buildkite's documentation of each page."""

from __future__ import annotations

import pytest

from shipping.buildkite.scopes import SCOPES, scope_of

PIPELINE = "/organizations/acme/pipelines/inbox"
JOB = f"{PIPELINE}/builds/1/jobs/j"


@pytest.mark.parametrize(
    ("call", "scope"),
    [
        ("GET /access-token", None),
        ("GET /meta", None),
        ("GET /user", "read_user"),
        ("GET /organizations", "read_organizations"),
        ("GET /organizations/acme", "read_organizations"),
        ("GET /organizations/acme/pipelines", "read_pipelines"),
        ("POST /organizations/acme/pipelines/", "write_pipelines"),
        (f"PATCH {PIPELINE}", "write_pipelines"),
        (f"POST {PIPELINE}/archive", "write_pipelines"),
        (f"GET {PIPELINE}/schedules", "read_pipelines"),
        (f"PUT {PIPELINE}/schedules/x", "write_pipelines"),
        ("GET /builds", "read_builds"),
        ("GET /organizations/acme/builds", "read_builds"),
        (f"POST {PIPELINE}/builds", "write_builds"),
        (f"PUT {PIPELINE}/builds/1/cancel", "write_builds"),
        (f"GET {PIPELINE}/builds/1/annotations", "read_builds"),
        (f"PUT {JOB}/unblock", "write_builds"),
        (f"PUT {JOB}/retry", "write_builds"),
        (f"GET {JOB}/log", "read_build_logs"),
        (f"DELETE {JOB}/log", "write_build_logs"),
        (f"GET {JOB}/env", "read_job_env"),
        (f"GET {PIPELINE}/builds/1/artifacts", "read_artifacts"),
        (f"GET {JOB}/artifacts/a/download", "read_artifacts"),
        ("GET /organizations/acme/agents", "read_agents"),
        ("PUT /organizations/acme/agents/a/stop", "write_agents"),
        ("GET /organizations/acme/clusters/c/queues", "read_clusters"),
        ("POST /organizations/acme/clusters/c/tokens", "write_clusters"),
        ("GET /organizations/acme/teams", "read_teams"),
        ("POST /organizations/acme/teams/t/pipelines", "write_teams"),
        # A name may be any word, that of a collection too.
        ("GET /organizations/agents", "read_organizations"),
        ("PATCH /organizations/acme/pipelines/teams", "write_pipelines"),
    ],
)
def test_the_scope_of_a_call(call: str, scope: str | None) -> None:
    """By its method and the last collection that its path names."""
    method, _, path = call.partition(" ")

    assert scope_of(method, path) == scope
    assert scope is None or scope in SCOPES
