"""The S3 server's front: who may enter, what it does wrong on purpose, and how it is told."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from pipeline_gen.errors import InfraError, UsageError
from shipping.local.objects import Fault, ObjectServer, Request, running
from shipping.local.objects.emulator import Emulator
from shipping.local.objects.faults import Faults
from shipping.local.objects.front import Front
from shipping.local.objects.signature import Keys, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.s3 import Bucket

PUT = Request(method="PUT", operation="put", bucket="us", key="app/lane.json")


def test_a_fault_strikes_as_often_as_it_should() -> None:
    """After so many requests that pass, so many times."""
    faults = Faults()
    faults.add(Fault(kind="503", operation="put", skip=1, times=2))

    assert [fault and fault.kind for fault in (faults.strike(PUT) for _ in range(4))] == [None, "503", "503", None]
    assert faults.pending == 0
    assert len(faults.seen("put")) == 4


@pytest.mark.parametrize(
    ("rule", "strikes"),
    [
        ({}, True),
        ({"operation": "p*"}, True),
        ({"operation": "get"}, False),
        ({"method": "PUT"}, True),
        ({"method": "GET"}, False),
        ({"bucket": "us", "key": "*/lane.json"}, True),
        ({"bucket": "eu"}, False),
        ({"key": "lane.json"}, False),
    ],
)
def test_a_fault_chooses(rule: dict[str, str], *, strikes: bool) -> None:
    """By operation, method, bucket and key."""
    assert Fault(kind="503", **rule).matches(PUT) is strikes  # type: ignore[arg-type]


def test_one_request_of_a_key_at_a_time() -> None:
    """Reads too: the emulator closes an object that is replaced under its reader. Parts of one object go side by side."""
    emulator = Emulator()
    with closing(emulator), closing_server(Front(0, keys=Keys.random(), faults=Faults(), emulator=emulator)) as front:
        reading = replace(PUT, method="GET", operation="get")

        assert front.turn(PUT) is front.turn(reading)
        assert front.turn(PUT) is not front.turn(replace(PUT, key="app/other.json"))
        assert front.turn(replace(PUT, operation="part")) is not front.turn(PUT)


@contextmanager
def closing_server(front: Front) -> Iterator[Front]:
    yield front
    front.server_close()


@pytest.mark.parametrize("data", [{"kind": "explode"}, {}, {"kind": "503", "when": "now"}])
def test_an_unknown_fault(data: dict[str, str]) -> None:
    """Is named."""
    with pytest.raises(UsageError, match=r"explode|None|when"):
        Fault.from_json(data)


def test_the_first_rule_that_fits_strikes() -> None:
    """One fault at a time."""
    faults = Faults()
    faults.add(Fault(kind="409", times=1))
    faults.add(Fault(kind="503", times=None))

    assert [fault and fault.kind for fault in (faults.strike(PUT) for _ in range(3))] == ["409", "503", "503"]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "AccessDenied"),
        ("Bearer x", "AccessDenied"),
        (
            "AWS4-HMAC-SHA256 Credential=AKIAX/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature="
            + "0" * 64,
            None,
        ),
    ],
)
def test_unsigned_requests(authorization: str, code: str | None) -> None:
    """Are refused with S3's codes."""
    found = refusal(
        Keys.random(), method="GET", url="http://h/b", headers={"authorization": authorization, "host": "h"}
    )

    assert found == (code or "InvalidAccessKeyId")


def test_a_signature_covers_what_it_says(objects: ObjectServer) -> None:
    """The key alone opens nothing: the signature is computed again from the secret."""
    header = (
        f"AWS4-HMAC-SHA256 Credential={objects.keys.access_key}/20260101/us-east-1/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'0' * 64}"
    )
    answer = requests.get(
        f"{objects.url}/bucket/key",
        headers={"Authorization": header, "X-Amz-Date": "20260101T000000Z", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"},
        timeout=10,
    )

    assert answer.status_code == 403
    assert "SignatureDoesNotMatch" in answer.text


def ask(objects: ObjectServer, method: str, data: object = None, *, token: str | None = None) -> tuple[int, object]:
    authorization = f"Bearer {objects.keys.secret_key if token is None else token}"
    answer = requests.request(
        method,
        objects.control,
        data=None if data is None else json.dumps(data),
        headers={"Authorization": authorization},
        timeout=10,
    )
    return answer.status_code, answer.json() if answer.ok else answer.text


def test_faults_over_http(objects: ObjectServer, bucket: Bucket) -> None:
    """Added, seen and forgotten by whoever has the secret."""
    assert ask(objects, "POST", {"kind": "503", "operation": "put", "bucket": bucket.name})[0] == 200
    assert bucket.create("a", b"") is True

    _, seen = ask(objects, "GET")
    assert isinstance(seen, list)
    assert [one["operation"] for one in seen if one["bucket"] == bucket.name] == ["put", "put"]
    assert ask(objects, "DELETE")[0] == 200
    assert objects.faults.seen() == []


@pytest.mark.parametrize(
    ("method", "data", "token", "status"),
    [
        ("POST", {"kind": "503"}, "wrong", 403),
        ("GET", None, "", 403),
        ("POST", {"kind": "no"}, None, 400),
        ("POST", [], None, 400),
    ],
)
def test_wrong_words_over_http(
    objects: ObjectServer, method: str, data: object, token: str | None, status: int
) -> None:
    """A wrong token, a wrong rule: an answer, no rule."""
    assert ask(objects, method, data, token=token)[0] == status
    assert objects.faults.pending == 0


def test_a_port_that_is_taken(objects: ObjectServer) -> None:
    """Named, and what to do."""
    port = int(objects.url.rpartition(":")[2])

    with pytest.raises(InfraError, match=f"'127.0.0.1:{port}'"), running(port):
        pass


def test_keys_are_of_one_run() -> None:
    """Nobody can have them from elsewhere."""
    assert Keys.random() != Keys.random()
