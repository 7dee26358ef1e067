"""The instances that have a tag and run now. Reads, and needs ec2:DescribeInstances alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from pipeline_gen.errors import InfraError, ShipError, UsageError
from shipping.aws.environment import given

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 3
SILENCE_SECONDS = 20
TRIES = 6
PAGE = 1000
_DENIED = ("UnauthorizedOperation", "AuthFailure", "InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch")


class Client(Protocol):
    """The SDK's client, as far as it is used here."""

    def describe_instances(self, **given: Any) -> Mapping[str, Any]: ...  # noqa: ANN401 - as the SDK has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The fleet of one tag. A host is named by its instance id, which its daemon must be given as its name."""

    key: str
    value: str
    client: Client
    page: int = PAGE

    def hosts(self) -> frozenset[str]:
        """Return the ids of the running instances. Raises InfraError where EC2 did not answer or refused us, UsageError."""
        filters = [
            {"Name": f"tag:{self.key}", "Values": [_literal(self.value)]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        found: set[str] = set()
        more: dict[str, str] = {}
        while True:
            page = self._ask(Filters=filters, MaxResults=self.page, **more)
            found |= {str(one["InstanceId"]) for group in page["Reservations"] for one in group["Instances"]}
            if not page.get("NextToken"):
                return frozenset(found)
            more = {"NextToken": str(page["NextToken"])}

    def _ask(self, **given: Any) -> Mapping[str, Any]:  # noqa: ANN401
        from botocore.exceptions import BotoCoreError, ClientError

        tag = f"{self.key}={self.value}"
        try:
            return self.client.describe_instances(**given)
        except ClientError as error:
            raise _failure(tag, str(error.response.get("Error", {}).get("Code", "unknown"))) from error
        except BotoCoreError as error:
            raise InfraError(
                f"could not list the instances with the tag {tag!r}: {error}",
                hint="aws sts get-caller-identity   # AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL_EC2 are read",
            ) from error


def connect(key: str, value: str, *, environment: Mapping[str, str] | None = None) -> Tagged:
    """Open the inventory of a tag; nothing is asked yet. ``environment`` holds AWS_* variables instead of the process's own.

    Raises InfraError where the machine's AWS configuration cannot be used.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(  # type: ignore[no-untyped-call]
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENCE_SECONDS,
        # A read, which EC2 throttles early: the SDK may ask again, and slows down where it is told to.
        retries={"total_max_attempts": TRIES, "mode": "adaptive"},
        user_agent_extra="buildkite-ship",
    )
    try:
        client = boto3.session.Session().client("ec2", config=config, **given("ec2", environment))  # type: ignore[no-untyped-call]
    except (BotoCoreError, ValueError) as error:
        raise InfraError(
            f"could not open EC2 for the tag '{key}={value}': {error}",
            hint="aws configure   # or give the agent a role; AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL_EC2 are read",
        ) from error
    return Tagged(key=key, value=value, client=cast("Client", client))


def _literal(value: str) -> str:
    """Return a filter that matches this value alone: EC2 reads `*` and `?` in filters as wildcards."""
    return "".join(f"\\{one}" if one in "*?\\" else one for one in value)


def _failure(tag: str, code: str) -> ShipError:
    if code in _DENIED:
        return InfraError(
            f"cannot list the instances with the tag {tag!r}: the credentials were refused ({code})",
            hint="aws sts get-caller-identity   # the role needs ec2:DescribeInstances",
        )
    if code == "InvalidParameterValue":
        return UsageError(
            f"cannot list the instances with the tag {tag!r}: {code}", hint="aws ec2 describe-instances --filters ..."
        )
    return InfraError(f"could not list the instances with the tag {tag!r}: {code}")
