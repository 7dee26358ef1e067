"""Which hosts a configuration names for the local world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline_gen import config
from shipping.local.hosts.roster import Host, roster, tagged

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
app: inbox
bucket: home
slug:
  layers: {app: {keep: [a]}}
  keys:
    {main: "file:/m", pull_request: "file:/p", clearance: "file:/c", public: PUBLIC}
processes:
  web: {command: x, ready: /readyz}
  worker: {command: y}
regions:
  us: {bucket: home, fleet: {hosts: [us-1, us-2]}, spread: 5s}
  eu: {bucket: europe, fleet: {tag: "ship:fleet=inbox-eu"}}
  au: {bucket: australia}
"""
PUBLIC = {
    "main": "jO81cmkWqnRLGxhCwM6FNOVeQW0n0YvyFH7sHLBLVwk=",
    "pull_request": "A" * 43 + "=",
    "clearance": "B" * 43 + "=",
}


def read(folder: Path) -> config.Config:
    public = json.dumps({purpose: [f"ed25519:{key}"] for purpose, key in PUBLIC.items()})
    (folder / "shipping.yml").write_text(TEXT.replace("PUBLIC", public))
    return config.load(folder / "shipping.yml")


def test_each_host_of_a_list_is_one_with_what_its_daemon_must_know(tmp_path: Path) -> None:
    """The types that take requests, the spread, and whom a host trusts: never for a pull request's slug."""
    found = roster([read(tmp_path)])

    trusted = (f"main ed25519:{PUBLIC['main']}", f"clearance ed25519:{PUBLIC['clearance']}")
    assert found == tuple(
        Host(app="inbox", region="us", name=name, bucket="home", spread=5.0, listens=("web",), trusted=trusted)
        for name in ("us-1", "us-2")
    )
    assert [one.id for one in found] == ["inbox.us.us-1", "inbox.us.us-2"]
    assert tuple(Host.from_json(one.to_json()) for one in found) == found


def test_a_region_whose_hosts_have_a_tag_has_none_here_and_is_named(tmp_path: Path) -> None:
    """Only EC2 knows them."""
    assert tagged([read(tmp_path)]) == ("eu",)
