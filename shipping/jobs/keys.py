"""The keys of a configuration, for jobs and for people: what signs, and who is trusted. None where it names no keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.aws import kms
from shipping.signing import opening

if TYPE_CHECKING:
    from pipeline_gen.config import Config
    from shipping.records.signature import Purpose
    from shipping.signing import Signer, Trusted


def signer(config: Config, purpose: Purpose) -> Signer | None:
    """Return what signs for ``purpose``. Raises where the key cannot be used, or nobody would trust it."""
    if config.slug is None or config.slug.keys is None:
        return None
    return opening.open_signer(config.slug.keys, purpose, app=config.app, kms=kms.connect)


def trusted(config: Config) -> Trusted | None:
    """Return whom the configuration trusts."""
    if config.slug is None or config.slug.keys is None:
        return None
    return opening.trusted(config.slug.keys)
