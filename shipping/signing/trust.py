"""Which public keys are trusted for which purpose: from the configuration, or from a host's own file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import Fault, Faults, UsageError
from shipping.records.signature import PURPOSES
from shipping.signing.public import PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from shipping.records.signature import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """``keys`` by purpose. A key has one purpose: what signs for pull requests can never sign for main."""

    keys: tuple[tuple[Purpose, PublicKey], ...]

    def of(self, purpose: Purpose) -> tuple[PublicKey, ...]:
        return tuple(key for one, key in self.keys if one == purpose)

    def purpose(self, key_id: str) -> Purpose | None:
        """Return what the key with this id is for, None where nobody trusts it."""
        return next((purpose for purpose, key in self.keys if key.id == key_id), None)

    @classmethod
    def read(cls, path: Path) -> Trusted:
        """Read a file of lines ``PURPOSE KEY``, with ``#`` before comments. Raises Faults with every fault at once."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the public keys {str(path)!r}: {error}") from error
        words = [(f"line {number}", line.partition("#")[0].split()) for number, line in enumerate(lines, start=1)]
        return cls.parse(str(path), [(where, found) for where, found in words if found])

    @classmethod
    def parse(cls, document: str, entries: Iterable[tuple[str, list[str]]]) -> Trusted:
        """Return the keys of ``entries``: where each stands, and its two words. Raises Faults."""
        keys: list[tuple[Purpose, PublicKey]] = []
        faults: list[Fault] = []
        for where, words in entries:
            try:
                keys.append(_entry(words, {str(key): one for one, key in keys}))
            except ValueError as error:
                faults.append(Fault(path=where, found=" ".join(words)[:60], allowed=str(error)))
        if not keys and not faults:
            faults.append(Fault(path="line 1", found="nothing", allowed="at least one line: PURPOSE KEY"))
        if faults:
            raise Faults(document, faults, hint="ship slug keygen --help")
        return cls(keys=tuple(keys))


def _entry(words: list[str], owners: dict[str, Purpose]) -> tuple[Purpose, PublicKey]:
    if len(words) != 2 or words[0] not in PURPOSES:
        raise ValueError(f"{' | '.join(PURPOSES)}, and a public key")
    [purpose] = [one for one in PURPOSES if one == words[0]]
    try:
        key = PublicKey.parse(words[1])
    except ValueError as error:
        raise ValueError("a public key as printed by: ship slug keygen") from error
    if owners.get(str(key), purpose) != purpose:
        raise ValueError(f"a key of its own: this one is for {owners[str(key)]!r}")
    return purpose, key
