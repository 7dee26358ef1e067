"""What the AWS_* variables say of a service's client: its endpoint, region and credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def given(service: str, environment: Mapping[str, str] | None) -> dict[str, str | None]:
    """Return what a client of the service is made with: all that these variables say; None: the process's own region.

    The rest of the process's own the SDK finds by itself. Of regions it reads AWS_DEFAULT_REGION only; agents, like other AWS
    tools, say AWS_REGION.
    """
    env = os.environ if environment is None else environment
    region = {"region_name": env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")}
    if environment is None:
        return region
    return {
        **region,
        "endpoint_url": env.get(f"AWS_ENDPOINT_URL_{service.upper()}"),
        "aws_access_key_id": env.get("AWS_ACCESS_KEY_ID"),
        "aws_secret_access_key": env.get("AWS_SECRET_ACCESS_KEY"),
        "aws_session_token": env.get("AWS_SESSION_TOKEN"),
    }
