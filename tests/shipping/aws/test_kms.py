"""A key that never leaves KMS, against a KMS on loopback."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, UsageError
from shipping.aws import kms
from shipping.signing import Signer, Trusted, verify
from shipping.signing.opening import open_key
from tests.kms import SECRET, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Serve KMS with a signing key, `alias/slug-main`, and one of another kind, `alias/rsa`."""
    with serving({"slug-main": kms.SPEC, "rsa": "RSA_2048"}) as found:
        yield found


def test_it_signs_what_a_public_key_verifies(environment: dict[str, str]) -> None:
    """The public half is asked for once; whoever has it needs no AWS."""
    key = open_key("kms:alias/slug-main", kms=lambda name: kms.connect(name, environment=environment))
    signer = Signer(app="inbox", purpose="main", key=key)

    signed = signer.sign(b"body", commit="a" * 40).encode()

    trusted = Trusted(keys=(("main", key.public),))
    assert verify(b"body", signed, trusted=trusted, app="inbox", purposes=("main",), what="it").commit == "a" * 40
    assert str(key.public).startswith("ecdsa-p256:")


def test_a_key_of_another_kind(environment: dict[str, str]) -> None:
    """Is refused with the command that makes one."""
    with pytest.raises(UsageError, match="of the kind") as caught:
        open_key("kms:alias/rsa", kms=lambda name: kms.connect(name, environment=environment))
    assert kms.SPEC in (caught.value.hint or "")


def test_a_key_that_is_not_there(environment: dict[str, str]) -> None:
    """Says which, and no secret."""
    with pytest.raises(UsageError, match="cannot sign with the KMS key 'alias/none': NotFoundException") as caught:
        kms.connect("alias/none", environment=environment).sign(b"m")
    assert SECRET not in str(caught.value)


def test_aws_is_away(environment: dict[str, str]) -> None:
    """Safe to retry."""
    with socket.socket() as taken:  # bound, never listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        away = {**environment, "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{taken.getsockname()[1]}"}
        with pytest.raises(InfraError, match="could not read the KMS key 'alias/slug-main'"):
            kms.connect("alias/slug-main", environment=away).public_der()


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("AccessDeniedException", InfraError, "kms:Sign"),
        ("DisabledException", UsageError, "describe-key"),
        ("ThrottlingException", InfraError, "could not sign with"),
    ],
)
def test_what_kms_says_is_said(code: str, kind: type[Exception], said: str) -> None:
    error = kms._failure("sign with", "alias/x", code)

    assert isinstance(error, kind)
    assert said in str(error)
    assert code in str(error)
