"""pybuildkite made safe: against a real HTTP server that fails in every way it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from pipeline_gen.errors import InfraError, Refused, ShipError, UsageError
from shipping.buildkite.answers import Invalid
from shipping.buildkite.rest import Rest
from tests.shipping.buildkite.serving import Answer, Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "bkua_0123456789"


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def rest(served: Served, clock: ManualClock) -> Iterator[Rest]:
    rest = Rest(TOKEN, base_url=f"{served.url}/v2", clock=clock)
    yield rest
    rest.close()


def test_pybuildkites_calls_go_to_our_address(rest: Rest, served: Served) -> None:
    """With the token, a page size, and values encoded."""
    served.answers = [Answer(body=[{"number": 1}])]

    found = rest.builds().list_all_for_pipeline("acme", "inbox", commit="a b&c=d")

    assert found == [{"number": 1}]
    [asked] = served.asked
    assert asked.path == "/v2/organizations/acme/pipelines/inbox/builds"
    assert asked.query["commit"] == ["a b&c=d"]
    assert asked.query["per_page"] == ["100"]
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


def test_states_and_branches(rest: Rest, served: Served) -> None:
    """pybuildkite hands them over ready made."""
    from pybuildkite.builds import BuildState

    served.answers = [Answer(body=[])]

    rest.builds().list_all_for_pipeline(
        "acme", "inbox", states=[BuildState.RUNNING, BuildState.FAILED], branch=["main"]
    )

    assert served.asked[0].query["state[]"] == ["running", "failed"]
    assert "main" in str(served.asked[0].query)


def test_nulls_are_kept_where_they_are_meant(rest: Rest, served: Served) -> None:
    """A null clears a setting; pybuildkite's own calls leave out what was not given."""
    rest.update_pipeline("acme", "inbox", {"branch_configuration": None, "description": "x"})
    rest.pipelines().update_pipeline("acme", "inbox", description="x")

    assert served.asked[0].body == {"branch_configuration": None, "description": "x"}
    assert served.asked[1].body == {"description": "x"}


def test_clusters(rest: Rest, served: Served) -> None:
    """A pipeline is created in a cluster."""
    rest.create_pipeline(
        "acme", {"name": "inbox", "repository": "r", "cluster_id": "c-1", "configuration": "steps: []"}
    )

    assert served.asked[0].body["cluster_id"] == "c-1"
    assert (served.asked[0].method, served.asked[0].path) == ("POST", "/v2/organizations/acme/pipelines")


def test_every_page(rest: Rest, served: Served) -> None:
    """A list goes on until there is no next page."""
    link = f'<{served.url}/v2/x?page=2>; rel="next", <{served.url}/v2/x?page=9>; rel="last"'
    served.answers = [Answer(body=[{"n": 1}], headers={"Link": link}), Answer(body=[{"n": 2}])]

    assert list(rest.pages(rest.builds().list_all_for_org, "acme")) == [{"n": 1}, {"n": 2}]
    assert [asked.query["page"] for asked in served.asked] == [["1"], ["2"]]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 0])
def test_reads_are_repeated(rest: Rest, served: Served, status: int) -> None:
    """Rate limits, errors of the server and broken connections pass."""
    served.answers = [Answer(status=status), Answer(status=status), Answer(body={"number": 7})]

    assert rest.builds().get_build_by_number("acme", "inbox", 7) == {"number": 7}
    assert len(served.asked) == 3


@pytest.mark.parametrize(
    ("headers", "waited"),
    [({"Retry-After": "17"}, 17.0), ({"RateLimit-Reset": "9"}, 9.0), ({"Retry-After": "9999"}, 65.0), ({}, 0.5)],
)
def test_the_server_says_how_long(
    rest: Rest, served: Served, clock: ManualClock, headers: dict[str, str], waited: float
) -> None:
    """Within reason: the limit's window is a minute."""
    served.answers = [Answer(status=429, headers=headers), Answer()]
    before = clock.monotonic()

    rest.pipelines().get_pipeline("acme", "inbox")

    assert clock.monotonic() - before == waited


@pytest.mark.parametrize("status", [500, 502, 0])
def test_a_build_is_never_created_twice(rest: Rest, served: Served, status: int) -> None:
    """Where the answer is lost, nobody knows whether it was created."""
    served.answers = [Answer(status=status), Answer()]

    with pytest.raises(InfraError):
        rest.create_build("acme", "inbox", {"commit": "HEAD", "branch": "main"})
    assert len(served.asked) == 1


def test_a_refused_build_is_created_later(rest: Rest, served: Served) -> None:
    """429 says that nothing was done."""
    served.answers = [Answer(status=429), Answer(status=201, body={"number": 8})]

    assert rest.create_build("acme", "inbox", {"commit": "HEAD", "branch": "main"}) == {"number": 8}


def test_what_makes_something_new_is_not_repeated(rest: Rest, served: Served) -> None:
    """Although it is a PUT."""
    served.answers = [Answer(status=502)]

    with pytest.raises(InfraError):
        rest.builds().rebuild_build("acme", "inbox", 7)
    with pytest.raises(InfraError):
        rest.jobs().retry_job("acme", "inbox", 7, "j")
    assert len(served.asked) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UsageError),
        (403, UsageError),
        (404, Refused),
        (422, Refused),
        (429, InfraError),
        (500, InfraError),
        (0, InfraError),
    ],
)
def test_errors_are_ours(rest: Rest, served: Served, status: int, kind: type[ShipError]) -> None:
    """With what was asked and what was said; the token is in none of them."""
    served.answers = [Answer(status=status, body={"message": "the reason"})]

    with pytest.raises(kind) as told:
        rest.pipelines().get_pipeline("acme", "inbox")

    assert "GET '/v2/organizations/acme/pipelines/inbox'" in str(told.value)
    assert TOKEN not in str(told.value)
    assert status == 0 or "the reason" in str(told.value)


def test_an_answer_that_is_no_json(rest: Rest, served: Served) -> None:
    """A proxy's page is told by its status."""
    served.answers = [Answer(status=404, body="<html>")]

    with pytest.raises(Refused, match="404"):
        rest.pipelines().get_pipeline("acme", "inbox")


def test_no_token() -> None:
    """Exit 2, and which variable."""
    with pytest.raises(UsageError, match="there is no token"):
        Rest("")


def test_nothing_listens(clock: ManualClock) -> None:
    """Infrastructure."""
    rest = Rest(TOKEN, base_url="http://127.0.0.1:9/v2/", clock=clock)
    with pytest.raises(InfraError, match="ConnectionError"):
        rest.pipelines().get_pipeline("acme", "inbox")
    rest.close()


def test_logs_as_text(rest: Rest, served: Served) -> None:
    """What is not JSON comes as bytes, as pybuildkite's callers expect."""
    from pybuildkite.jobs import LogFormat

    served.answers = [Answer(body="line")]

    assert rest.jobs().get_job_log("acme", "inbox", 7, "j", LogFormat.TEXT) == b'"line"'
    assert served.asked[0].headers["Accept"] == "text/plain"


@pytest.mark.parametrize(
    ("user", "organization", "waited"), [("0", "80", 30.0), ("35", "0", 12.0), ("0", "0", 30.0), ("35", "80", 12.0)]
)
def test_the_limit_that_was_met_says_how_long(
    rest: Rest, served: Served, clock: ManualClock, user: str, organization: str, waited: float
) -> None:
    """Two limits count every call: the user's and the organization's."""
    headers = {
        "RateLimit-User-Remaining": user,
        "RateLimit-User-Reset": "30",
        "RateLimit-Remaining": organization,
        "RateLimit-Reset": "12",
    }
    served.answers = [Answer(status=429, headers=headers), Answer()]
    before = clock.monotonic()

    rest.pipelines().get_pipeline("acme", "inbox")

    assert clock.monotonic() - before == waited


def test_a_refused_token_is_told_the_scope(rest: Rest, served: Served) -> None:
    """By name, for this call."""
    served.answers = [Answer(status=403, body={"message": "Forbidden"})]

    with pytest.raises(UsageError, match="the scope write_builds"):
        rest.create_build("acme", "inbox", {"commit": "HEAD"})
    with pytest.raises(UsageError, match="the scope read_clusters"):
        list(rest.listed("organizations/acme/clusters"))


def test_what_is_wrong_is_told_field_by_field(rest: Rest, served: Served) -> None:
    errors = [{"field": "name", "code": "has already been taken"}, {"field": "repository", "code": "is missing"}]
    served.answers = [Answer(status=422, body={"message": "Validation Failed", "errors": errors})]

    with pytest.raises(Invalid, match=r"\(name: has already been taken; repository: is missing\)"):
        rest.create_pipeline("acme", {"name": "inbox"})


def test_calls_that_pybuildkite_does_not_have(rest: Rest, served: Served) -> None:
    """Lists of any path, page after page; bodies with their nulls."""
    link = f'<{served.url}/v2/x?page=2>; rel="next"'
    served.answers = [Answer(body=[{"n": 1}], headers={"Link": link}), Answer(body=[{"n": 2}]), Answer()]

    assert list(rest.listed("organizations/acme/clusters")) == [{"n": 1}, {"n": 2}]
    rest.call("PUT", "organizations/acme/clusters/c", {"emoji": None})
    assert served.asked[2].body == {"emoji": None}
    assert served.asked[0].path == "/v2/organizations/acme/clusters"
