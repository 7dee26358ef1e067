"""From the records of parallel jobs to one coverage map: each job keeps its own, the last to finish puts them together."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.suites.coverage_map import TestRecord, build_map, encode, map_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline_gen.ports import Store
    from pipeline_gen.suites.coverage_map import CoverageMap
    from pipeline_gen.suites.imports import Imports

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One suite's recording in one build, made by ``count`` jobs.

    Nobody waits and no job is special: whoever finds all records there writes the map. Two that find so at once write the
    same bytes, and a job that dies is run again by Buildkite and goes on from what it had kept.
    """

    store: Store
    app: str
    suite: str
    commit: str
    build: str
    count: int

    @property
    def is_done(self) -> bool:
        return self.store.get(map_key(self.app, self.suite, self.commit)) is not None

    def has(self, index: int) -> bool:
        """Tell whether an earlier attempt of job ``index`` kept its records."""
        return self.store.get(self._key(index)) is not None

    def keep(self, index: int, records: Sequence[TestRecord]) -> None:
        """Keep the records of job ``index``; if another attempt's are there already, those stay."""
        body = {"schema": SCHEMA, "records": [record.to_json() for record in records]}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        self.store.create(self._key(index), gzip.compress(text.encode(), mtime=0))

    def finish(self, imports: Callable[[], Mapping[str, Imports]]) -> CoverageMap | None:
        """Write the map if all records are there; return it, None where other jobs are not done yet."""
        kept = [self.store.get(self._key(index)) for index in range(self.count)]
        bodies = [stored.body for stored in kept if stored is not None]
        if len(bodies) < self.count:
            return None
        records = [TestRecord.from_json(one) for body in bodies for one in json.loads(gzip.decompress(body))["records"]]
        coverage = build_map(self.suite, self.commit, records, imports())
        self.store.create(map_key(self.app, self.suite, self.commit), encode(coverage))
        return coverage

    def _key(self, index: int) -> str:
        folder = f"{self.app}/suites/{self.suite}/recordings/{self.build}"
        return f"{folder}/{index + 1:04}-of-{self.count:04}.json.gz"
