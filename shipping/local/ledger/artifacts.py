"""Artifacts: what was announced, where its bytes are, and finding them again by glob."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shipping.local.ledger.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """``secret`` is the unguessable part of its address: agents upload and download without a token.

    ``destination`` and ``url`` are set where the agent keeps the bytes elsewhere (an S3 bucket of its own).
    """

    id: str
    build: str
    job: str
    batch: str
    place: int
    path: str
    absolute_path: str
    glob_path: str
    size: int
    sha1: str
    sha256: str
    content_type: str
    destination: str
    url: str
    secret: str
    state: str
    created_at: float
    received: int = 0


COLUMNS = tuple(one.name for one in fields(Artifact))


class Artifacts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def announce(self, batch: Sequence[Artifact]) -> list[str]:
        """Keep a batch and return its ids; a batch announced again (the answer was lost) gets the ids it had."""
        with self._database.transaction():
            job, name = batch[0].job, batch[0].batch
            known = self._database.rows(
                "SELECT id FROM artifacts WHERE job = ? AND batch = ? ORDER BY place", job, name
            )
            if known:
                return [row["id"] for row in known]
            marks = ", ".join("?" * len(COLUMNS))
            for artifact in batch:
                self._database.run(
                    f"INSERT INTO artifacts ({', '.join(COLUMNS)}) VALUES ({marks})",  # noqa: S608 - our own field names
                    *(getattr(artifact, name) for name in COLUMNS),
                )
        return [artifact.id for artifact in batch]

    def get(self, artifact_id: str) -> Artifact | None:
        return self._one("SELECT * FROM artifacts WHERE id = ?", artifact_id)

    def by_secret(self, secret: str) -> Artifact | None:
        return self._one("SELECT * FROM artifacts WHERE secret = ?", secret)

    def received(self, artifact_id: str) -> None:
        self._database.run("UPDATE artifacts SET received = 1 WHERE id = ?", artifact_id)

    def conclude(self, artifact_id: str, state: str) -> None:
        self._database.run("UPDATE artifacts SET state = ? WHERE id = ?", state, artifact_id)

    def of_build(self, build: str) -> list[Artifact]:
        rows = self._database.rows("SELECT * FROM artifacts WHERE build = ? ORDER BY created_at, rowid", build)
        return [Artifact(**row) for row in rows]

    def search(self, build: str, *, query: str, jobs: Collection[str], state: str) -> list[Artifact]:
        """Return the artifacts of these jobs whose path the glob matches, newest upload of each path last."""
        wanted = glob(query)
        return [
            one
            for one in self.of_build(build)
            if one.job in jobs and (not state or one.state == state) and wanted.fullmatch(one.path)
        ]

    def _one(self, query: str, value: str) -> Artifact | None:
        row = self._database.row(query, value)
        return None if row is None else Artifact(**row)


def glob(pattern: str) -> re.Pattern[str]:
    """Return Buildkite's download glob: ``*`` matches over the whole path, slashes too; a leading ``./`` says nothing.

    What stands between two stars is taken where it is first found and not tried again (the atomic groups): a pattern
    of many stars would otherwise keep us busy for ever.
    """
    first, *others = re.split(r"\*+", pattern.removeprefix("./"))
    if not others:
        return re.compile(_literal(first))
    between = "".join(f"(?>.*?{_literal(part)})" for part in others[:-1])
    return re.compile(f"{_literal(first)}{between}.*{_literal(others[-1])}", re.DOTALL)


def _literal(part: str) -> str:
    """Translate what has no star in it: ``?`` and ``{a,b}`` are left."""
    return "".join(_translated(piece) for piece in re.split(r"(\?|\{[^{}]*\})", part))


def _translated(piece: str) -> str:
    if piece == "?":
        return "."
    if piece.startswith("{") and piece.endswith("}"):
        return "(?:" + "|".join(re.escape(word) for word in piece[1:-1].split(",")) + ")"
    return re.escape(piece)
