"""What an answer of S3 means to a writer, and the message a person gets where it is final. No request is made here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pipeline_gen.errors import InfraError, ShipError, UsageError


class Answer(Enum):
    """The kinds of answers that call for different actions."""

    ABSENT = auto()  # no such object
    SAME = auto()  # the object is still the version that the reader named
    LOST = auto()  # the condition does not hold: somebody else wrote
    CONFLICT = auto()  # two conditional writes at once: this one was not done, ask again
    BUSY = auto()  # not done, ask again later
    BROKEN = auto()  # no answer: a write may have been done or not
    DENIED = auto()
    NO_BUCKET = auto()
    NO_UPLOAD = auto()  # the multipart upload is finished or was aborted
    UNSET = auto()  # nothing was sent: the machine has no credentials or no region
    OTHER = auto()


AGAIN = frozenset({Answer.CONFLICT, Answer.BUSY, Answer.BROKEN})

_CODES = {
    "NoSuchKey": Answer.ABSENT,
    "NoSuchBucket": Answer.NO_BUCKET,
    "NoSuchUpload": Answer.NO_UPLOAD,
    "PreconditionFailed": Answer.LOST,
    "SlowDown": Answer.BUSY,
    "RequestTimeout": Answer.BROKEN,  # a 400: the body did not arrive in time
    "ExpiredToken": Answer.DENIED,  # a 400 too
}
_STATUSES = {
    304: Answer.SAME,
    403: Answer.DENIED,
    404: Answer.ABSENT,
    409: Answer.CONFLICT,
    412: Answer.LOST,
    429: Answer.BUSY,
    503: Answer.BUSY,
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the service said: the kind of answer, and its own words."""

    answer: Answer
    detail: str


NEVER = Told(Answer.OTHER, "it was never tried")


class Answered(Exception):
    """One request did not do what was asked.

    Loops keep ``told``, never the exception: its traceback would keep their frame alive, and with it the connection.
    """

    def __init__(self, answer: Answer, detail: str) -> None:
        super().__init__(detail)
        self.told = Told(answer, detail)

    @property
    def answer(self) -> Answer:
        return self.told.answer


def read(error: Exception) -> Answered:
    """Classify what botocore raised. Anything it did not foresee is raised again: a bug."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _refusal(error.response)
    if isinstance(error, _unset()):
        return Answered(Answer.UNSET, str(error))
    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return Answered(Answer.BROKEN, str(error))
    if isinstance(error, exceptions.IncompleteReadError | exceptions.ResponseStreamingError):
        return Answered(Answer.BROKEN, str(error))
    raise error


def _unset() -> tuple[type[Exception], ...]:
    from botocore import exceptions

    return (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.NoAuthTokenError,
        exceptions.NoRegionError,
        exceptions.ProfileNotFound,
        exceptions.SSOError,
        exceptions.TokenRetrievalError,
        exceptions.MetadataRetrievalError,
    )


def _refusal(response: dict[str, Any]) -> Answered:
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", status))
    answer = _CODES.get(code) or _STATUSES.get(status) or (Answer.BROKEN if status >= 500 else Answer.OTHER)
    return Answered(answer, f"{status} {code}")


def failure(told: Told, *, action: str, bucket: str, endpoint: str) -> ShipError:
    """Return the error for a person: what was attempted, on which bucket, at which endpoint. Credentials are never named."""
    where = f"bucket {bucket!r} at {endpoint!r}"
    match told.answer:
        case Answer.DENIED:
            return InfraError(
                f"cannot {action} in {where}: the credentials were refused ({told.detail})",
                hint="aws sts get-caller-identity   # says who you are; the role needs read, write and list on the bucket",
            )
        case Answer.NO_BUCKET:
            return UsageError(
                f"cannot {action} in {where}: there is no such bucket",
                hint=f"correct 'bucket' in .buildkite/shipping.yml, or: aws s3 mb s3://{bucket}",
            )
        case Answer.UNSET:
            return InfraError(
                f"cannot {action} in {where}: {told.detail}",
                hint="aws configure   # or give the agent a role; AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL_S3 are read",
            )
        case _:
            return InfraError(f"could not {action} in {where}: {told.detail}")
