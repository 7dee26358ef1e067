"""What a slug is, on the wire: the manifest and its layers. Reading refuses by name; unknown fields are ignored."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused, UsageError
from pipeline_gen.wire import canonical
from shipping.records import process
from shipping.slug import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.records.process import ProcessType
    from shipping.slug.keys import Domain

SCHEMA = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer: ``digest`` and ``size`` of the uncompressed tar stream, ``files`` in it.

    The compressed bytes have neither here: they differ by level, threads and library, so nothing may depend on them.
    """

    name: str
    domain: Domain
    digest: str
    size: int
    files: int

    def blob(self, app: str) -> str:
        return keys.blob(app, self.domain, self.digest)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "domain": self.domain,
            "digest": self.digest,
            "size": self.size,
            "files": self.files,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layer:
        """Raises ValueError, KeyError or TypeError where it is not a layer."""
        if not _DIGEST.fullmatch(data["digest"]) or not _NAME.fullmatch(data["name"]):
            raise ValueError("name or digest")
        return cls(
            name=data["name"],
            domain=_domain(data["domain"]),
            digest=data["digest"],
            size=int(data["size"]),
            files=int(data["files"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A slug. ``commit`` is the first it was built from: commits that change nothing in it share one slug.

    ``versions`` says what built it, and is no part of its identity.
    """

    app: str
    domain: Domain
    commit: str
    layers: tuple[Layer, ...]
    processes: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """Return the slug's id: the digest of its uncompressed content, for one app and one domain.

        The domain is part of it: the same bytes built by a pull request and by main are not trusted alike.
        """
        content = {
            "app": self.app,
            "domain": self.domain,
            "layers": [[layer.name, layer.digest] for layer in self.layers],
            "processes": dict(self.processes),
        }
        return hashlib.sha256(canonical(content)).hexdigest()

    @property
    def key(self) -> str:
        return keys.manifest(self.app, self.slug)

    @property
    def process_types(self) -> tuple[ProcessType, ...]:
        """Return what hosts run of it, by name. Raises ValueError, KeyError or TypeError; never after `decode`."""
        return process.read(self.processes)

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)

    @property
    def files(self) -> int:
        return sum(layer.files for layer in self.layers)

    def encode(self) -> bytes:
        return canonical(
            {
                "schema": SCHEMA,
                "app": self.app,
                "domain": self.domain,
                "commit": self.commit,
                "layers": [layer.to_json() for layer in self.layers],
                "processes": dict(self.processes),
                "versions": dict(self.versions),
            }
        )

    @classmethod
    def decode(cls, body: bytes, *, app: str, slug: str, where: str) -> Manifest:
        """Read the manifest of ``slug``, check that it is. Raises Refused; UsageError if a newer ship wrote it."""
        named = f"the manifest of slug {slug[:12]!r} in {where}"
        try:
            data = json.loads(body)
            if int(data["schema"]) > SCHEMA:
                raise UsageError(
                    f"cannot read {named}: it has schema {data['schema']}, this ship knows up to {SCHEMA}",
                    hint="update ship on this machine",
                )
            manifest = cls(
                app=data["app"],
                domain=_domain(data["domain"]),
                commit=data["commit"],
                layers=tuple(Layer.from_json(layer) for layer in data["layers"]),
                processes=data.get("processes", {}),
                versions=data.get("versions", {}),
            )
            process.read(manifest.processes)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refused(
                f"cannot use {named}: it is truncated or damaged ({type(error).__name__}: {error})"
            ) from error
        if manifest.app != app or manifest.slug != slug:
            raise Refused(f"cannot use {named}: its content is that of slug {manifest.slug[:12]!r} of {manifest.app!r}")
        for layer in manifest.layers:
            admit(layer, manifest.domain)
        return manifest


def _domain(found: object) -> Domain:
    if found == "main":
        return "main"
    if found == "pr":
        return "pr"
    raise ValueError(f"domain {found!r}")


def admit(layer: Layer, domain: Domain) -> None:
    """Let a layer into a slug. What a pull request built is never part of what main releases; the reverse is welcome."""
    if domain == "main" and layer.domain != "main":
        raise Refused(
            f"cannot use layer {layer.name!r} ({layer.digest[:12]}) in a slug for 'main': it was built for {layer.domain!r}"
        )
