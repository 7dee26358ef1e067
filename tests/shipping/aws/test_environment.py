"""Clients of what an agent's own AWS_* variables say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shipping.aws.environment import given


@pytest.mark.parametrize(
    ("opened", "name"), [("ec2.connect('ship:fleet', 'inbox-us')", "ec2"), ("kms.connect('k')", "kms")]
)
def test_a_client_opens_where_only_the_variable_of_agents_names_the_region(opened: str, name: str) -> None:
    """AWS_REGION: the SDK by itself does not read it."""
    program = f"from shipping.aws import {name}; {opened}; print('opened')"
    env = {"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}

    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("opened\n", 0), done.stderr


def test_each_service_has_its_own_endpoint() -> None:
    env = {"AWS_ENDPOINT_URL_KMS": "http://kms", "AWS_ENDPOINT_URL_EC2": "http://ec2", "AWS_DEFAULT_REGION": "eu"}

    assert [given(service, env)["endpoint_url"] for service in ("kms", "ec2")] == ["http://kms", "http://ec2"]
    assert given("kms", env)["region_name"] == "eu"
