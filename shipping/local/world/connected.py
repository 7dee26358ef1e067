"""Asking the control plane which agents are connected: the supervisor's one question, so it needs no REST client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# No proxies: the control plane is on loopback whatever the caller's environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def connected_agents(control: Mapping[str, Any]) -> set[int]:
    """Return the pids of the connected agents; none while the control plane does not answer.

    Pids, not names: after a run that was killed, the control plane still believes in agents of the same names.
    """
    request = urllib.request.Request(  # noqa: S310 - the control plane's own address
        f"{control['url']}/v2/organizations/{control['organization']}/agents?per_page=100",
        headers={"Authorization": f"Bearer {control['api_token']}"},
    )
    try:
        with _OPENER.open(request, timeout=2) as answer:
            agents = json.load(answer)
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError):
        return set()
    return {agent["pid"] for agent in agents if agent.get("connection_state") == "connected"}
