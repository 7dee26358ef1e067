"""What a host is given: the daemon's own reader takes it; addresses stay; another object store finds it new."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.host import config
from shipping.host.config import HostConfig
from shipping.local.hosts.ending import RUN
from shipping.local.hosts.place import FIRST_PORT, LAST_PORT, Place, addresses, read_env
from shipping.local.hosts.running import running
from shipping.signing import Trusted
from tests.shipping.local.hosts.site import host, open_site

if TYPE_CHECKING:
    from pathlib import Path

AWKWARD = {"PATH": "/bin", "QUOTED": 'a "b" \\ c', "CONTROL": "\t\x01\x7f", "WIDE": "é \U0001f600"}
KEY = "main ed25519:jO81cmkWqnRLGxhCwM6FNOVeQW0n0YvyFH7sHLBLVwk="


def test_the_daemon_reads_what_is_written(tmp_path: Path) -> None:
    """Whatever the values hold; and nobody else can."""
    place = Place(state=tmp_path, host=host())

    place.prepare({"web": "127.0.0.1:20001"}, AWKWARD, store="one")

    assert config.load(place.configuration) == HostConfig(
        app="inbox",
        environment="us",
        bucket="b",
        folder=place.srv,
        host="us-1",
        spread=1.0,
        poll=1.0,
        listen={"web": ("127.0.0.1", 20001)},
        env=AWKWARD,
    )
    assert place.configuration.stat().st_mode & 0o777 == 0o600


def test_a_host_with_keys_is_told_whom_to_trust(tmp_path: Path) -> None:
    """The file is one that daemons read."""
    place = Place(state=tmp_path, host=replace(host(), trusted=(KEY,)))

    place.prepare({}, {}, store="one")

    keys = config.load(place.configuration).keys
    assert keys is not None
    assert Trusted.read(keys) is not None


def test_a_host_lives_on_with_its_store_and_is_new_with_another(tmp_path: Path) -> None:
    """What it runs is ended then: it is of lanes that are gone, and its tokens would refuse the new ones."""
    with open_site(tmp_path) as site:
        group = site.start("sleep", "600")
        site.remember("complete")

        site.place.prepare({}, {}, store="one")
        assert [one.id for one in running(site.place.srv).groups] == [group]
        site.place.prepare({}, {}, store="another")

        assert not (site.place.srv / RUN).exists()
        assert running(site.place.srv).commit is None


def test_an_address_stays_unless_somebody_has_it(tmp_path: Path) -> None:
    """Each host and each type that takes requests has one, below the ports that connections get by themselves."""
    hosts = (host("us-1"), host("us-2"))

    first = addresses(tmp_path, hosts)

    ports = [int(found["web"].rpartition(":")[2]) for found in first.values()]
    assert list(first) == ["inbox.us.us-1", "inbox.us.us-2"]
    assert len(set(ports)) == 2
    assert all(FIRST_PORT <= port < LAST_PORT for port in ports)
    assert addresses(tmp_path, (*hosts, host("us-3"))).items() >= first.items()
    with socket.create_server(("127.0.0.1", ports[0])):
        again = addresses(tmp_path, hosts)
    assert again["inbox.us.us-1"] != first["inbox.us.us-1"]
    assert again["inbox.us.us-2"] == first["inbox.us.us-2"]


def test_variables_are_read_line_by_line(tmp_path: Path) -> None:
    """Values are taken as they are; a line that is none is named by its number, for it may hold a secret."""
    file = tmp_path / "env"
    file.write_text("# desk\n\nURL=http://a/?b=c\nEMPTY=\n")
    assert read_env(file) == {"URL": "http://a/?b=c", "EMPTY": ""}

    for text in ("A=1\nsecret\n", "A=1\nSHIP_COMMIT=x\n"):
        file.write_text(text)
        with pytest.raises(UsageError, match=f"cannot read line 2 of '{file}'"):
            read_env(file)
    with pytest.raises(UsageError, match="cannot read the variables in"):
        read_env(tmp_path / "none")
