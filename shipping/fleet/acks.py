"""What hosts said of tokens. An ack is a key without a body: one LIST gives a thousand of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.lane import keys
from shipping.records.ack import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline_gen.ports import Store
    from shipping.records.ack import State
    from shipping.records.lane import Lane, Token

    Acks = Mapping[Token, Mapping[State, frozenset[str]]]


def read(
    store: Store, app: str, environment: str, tokens: Iterable[Token], *, states: Sequence[State] = STATES
) -> dict[Token, dict[State, frozenset[str]]]:
    """Return the hosts that acked each of these states of each token. Raises InfraError."""
    return {token: {state: _hosts(store, app, environment, token, state) for state in states} for token in tokens}


def _hosts(store: Store, app: str, environment: str, token: Token, state: State) -> frozenset[str]:
    prefix = keys.acks(app, environment, token, state)
    return frozenset(key.removeprefix(prefix) for key in store.list(prefix))


def since(lane: Lane, token: Token) -> tuple[Token, ...]:
    """Return the token, and those of the pointers that replaced it: a host that follows one of them is past it."""
    moved = {one.token for one in lane.transitions if one.kind in {"flip", "rollback"} and one.token > token}
    if lane.pointer is not None and lane.pointer.token > token:
        moved.add(lane.pointer.token)  # so long ago that the lane tells no more of its transition
    return (token, *sorted(moved))
