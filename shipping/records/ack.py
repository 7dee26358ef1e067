"""What a host reports of one token: a key without a body, so that one LIST counts a fleet."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["fetched", "triggered", "serving", "complete", "failed"]
"""fetched: on disk; triggered: the roll began; serving: the first group of it serves; complete: all do; failed: none will."""

STATES: tuple[State, ...] = get_args(State)
