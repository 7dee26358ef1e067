"""Process types on the wire."""

from __future__ import annotations

import json

import pytest

from shipping.records import process
from shipping.records.process import ProcessType

WEB = ProcessType(
    name="web",
    command=("gunicorn", "--bind", "fd://3", "inbox.wsgi"),
    count=4,
    ready="/readyz",
    version="/version",
    drain=45.0,
    boot=("python", "-m", "inbox.boot", "web"),
)
WORKER = ProcessType(name="worker", command=("python", "-m", "inbox.worker"), order="stop-first")


def test_they_come_back_as_they_were_written() -> None:
    """By name, whatever order they were written in; fields of a newer ship are ignored."""
    data = json.loads(json.dumps(process.written([WORKER, WEB])))
    data["web"]["brand_new"] = 1

    assert process.read(data) == (WEB, WORKER)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../web"),
        ("name", "worker"),
        ("command", []),
        ("command", "gunicorn"),
        ("command", ["a\0b"]),
        ("command", [1]),
        ("count", 0),
        ("count", True),
        ("count", "4"),
        ("drain", 0),
        ("drain", -1.0),
        ("drain", float("inf")),
        ("drain", "30s"),
        ("boot", None),
        ("order", "both"),
        ("ready", "readyz"),
        ("version", 1),
    ],
)
def test_what_is_no_process_type_is_refused(field: str, value: object) -> None:
    """A host acts on these words: each has its kind."""
    data = process.written([WEB])
    data["web"][field] = value

    with pytest.raises((ValueError, TypeError)):
        process.read(data)


@pytest.mark.parametrize("field", ["name", "command", "count", "ready", "version", "drain", "boot", "order"])
def test_no_field_may_be_missing(field: str) -> None:
    """Defaults are for those who write, not for damage."""
    data = process.written([WEB])
    del data["web"][field]

    with pytest.raises(KeyError):
        process.read(data)
