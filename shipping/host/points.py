"""The named transitions of a host at which its daemon's death is tested: just after something became true on disk or in S3.

| point | what is true by then |
|---|---|
| lane-read | nothing yet |
| token-kept | the pointer's token is remembered: a lower one will be refused |
| fetch-begun | the folder of an unfinished slug is there |
| unpacked | all files are there, under the unfinished name |
| release-kept | the release is there under its own name |
| fetched-kept, fetched-acked | that is remembered, and the fleet knows |
| lane-read-again | the lane still wants it |
| triggered-kept, triggered-acked | the roll is owed, whatever happens |
| serving-kept, serving-acked | a first group of the new release serves |
| rolled | every group is replaced, nothing of that is remembered |
| complete-kept, complete-acked | what serves is remembered, and the fleet knows |
| failed-kept, failed-acked | it will not be tried again, and the fleet knows |
| beacon-written | the fleet knows what runs |
| trashed | a dropped release is out of the way, and still takes room |
| swept | its room is free |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from shipping.records.ack import State

Point = Literal[
    "lane-read",
    "token-kept",
    "fetch-begun",
    "unpacked",
    "release-kept",
    "fetched-kept",
    "fetched-acked",
    "lane-read-again",
    "triggered-kept",
    "triggered-acked",
    "serving-kept",
    "serving-acked",
    "rolled",
    "complete-kept",
    "complete-acked",
    "failed-kept",
    "failed-acked",
    "beacon-written",
    "trashed",
    "swept",
]
POINTS: tuple[Point, ...] = get_args(Point)

KEPT_AT: Mapping[State, Point] = {
    "fetched": "fetched-kept",
    "triggered": "triggered-kept",
    "serving": "serving-kept",
    "complete": "complete-kept",
    "failed": "failed-kept",
}
ACKED_AT: Mapping[State, Point] = {
    "fetched": "fetched-acked",
    "triggered": "triggered-acked",
    "serving": "serving-acked",
    "complete": "complete-acked",
    "failed": "failed-acked",
}

At = Callable[[Point], None]


def nowhere(_point: Point) -> None:
    """Go on: nobody asked to be called."""
