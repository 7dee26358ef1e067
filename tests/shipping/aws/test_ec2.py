"""An inventory by tag, against an EC2 on loopback."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pipeline_gen.config import Fleet
from pipeline_gen.errors import InfraError
from shipping.aws import ec2
from shipping.aws.environment import given
from shipping.fleet.inventory import Listed, open_inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 5


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL_EC2": f"http://{host}:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
    }
    server.stop()


def test_only_running_instances_with_the_tag_are_in_service(environment: dict[str, str]) -> None:
    """Over several pages; stopped and terminated ones, and those of another fleet, are not."""
    client = boto3.client("ec2", **given("ec2", environment))  # type: ignore[no-untyped-call]

    def run(number: int, value: str) -> list[str]:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "ship:fleet", "Value": value}]}]
        # A reservation each: pages are cut between reservations by some, between instances by others.
        return [
            client.run_instances(
                ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceType="t3.micro", TagSpecifications=tags
            )["Instances"][0]["InstanceId"]
            for _ in range(number)
        ]

    ours = run(12, "inbox-us")
    run(2, "inbox-us-old")
    client.stop_instances(InstanceIds=ours[:1])
    client.terminate_instances(InstanceIds=ours[1:3])
    client.close()

    tagged = replace(ec2.connect("ship:fleet", "inbox-us", environment=environment), page=PAGE)
    none = ec2.connect("ship:fleet", "inbox-*", environment=environment)

    assert tagged.hosts() == frozenset(ours[3:])
    assert len(tagged.hosts()) > PAGE
    assert ec2.connect("ship:fleet", "inbox-us", environment=environment).hosts() == frozenset(ours[3:])
    assert "i-" not in "".join(none.hosts())


def test_an_ec2_that_does_not_answer_is_no_empty_fleet(environment: dict[str, str]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        closed = {**environment, "AWS_ENDPOINT_URL_EC2": f"http://127.0.0.1:{held.getsockname()[1]}"}
        with pytest.raises(InfraError, match="could not list the instances with the tag 'ship:fleet=inbox-us'"):
            ec2.connect("ship:fleet", "inbox-us", environment=closed).hosts()


def test_a_fleet_is_known_by_its_tag_or_by_name() -> None:
    asked: list[tuple[str, str]] = []

    def tagged(key: str, value: str) -> Listed:
        asked.append((key, value))
        return Listed(names=("i-1",))

    assert open_inventory(Fleet(hosts=("a", "b")), tagged).hosts() == frozenset("ab")
    assert open_inventory(Fleet(tag=("ship:fleet", "x")), tagged).hosts() == frozenset({"i-1"})
    assert asked == [("ship:fleet", "x")]
