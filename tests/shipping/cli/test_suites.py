"""`ship suites record` as a person types it, where it cannot do what is asked (tests/e2e/test_no_bucket.py shows it work)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.repository import Repository
from tests.shipping.buildkite.serving import Answer, serving

if TYPE_CHECKING:
    from pathlib import Path

SHIPPING = "app: inbox\nsuites: [{name: unit}]\nbuildkite: {organization: acme}\n"


def record(root: Path, *arguments: str, url: str = "", shipping: str = SHIPPING) -> subprocess.CompletedProcess[str]:
    Repository.create(root).commit("one", {".buildkite/shipping.yml": shipping, ".test_durations": '{"a::b": 1}'})
    return subprocess.run(
        [sys.executable, "-m", "shipping.cli", "suites", "record", "--repo", str(root), *arguments],
        env={**os.environ, "BUILDKITE_API_TOKEN": "t", "BUILDKITE_REST_API_ENDPOINT": f"{url}/v2"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "shipping", "said"),
    [
        ((), SHIPPING + "bucket: ship-us\n", "durations of this app are in the bucket 'ship-us'"),
        (("--state", "x"), SHIPPING, "cannot use --state without --local"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, arguments: tuple[str, ...], shipping: str, said: str) -> None:
    """Exit status 2, before anybody is asked."""
    done = record(tmp_path, *arguments, shipping=shipping)

    assert done.returncode == 2
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_a_main_that_was_never_proven_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    """Builds without a proof of this app are passed over; how many were looked at is said."""
    with serving() as served:
        served.answers = [
            Answer(body=[{"number": 3, "state": "passed"}, {"number": 2, "state": "failed"}]),
            Answer(body=[]),
        ]
        done = record(tmp_path, url=served.url)

    assert done.returncode == 1
    assert "cannot find a proven build of 'main' in the pipeline 'inbox': looked at 2" in done.stderr
    assert (tmp_path / ".test_durations").read_text() == '{"a::b": 1}'


def test_a_build_without_proof_is_named(tmp_path: Path) -> None:
    with serving() as served:
        served.answers = [Answer(body=[])]
        done = record(tmp_path, "--build", "12", url=served.url)

    assert (done.returncode, "cannot find a proof of 'inbox' among the artifacts of build 12" in done.stderr) == (
        1,
        True,
    )
