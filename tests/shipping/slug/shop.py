"""A small checkout and three buckets, in which the tests of this room build slugs."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import Layer, Process
from pipeline_gen.errors import InfraError
from pipeline_gen.shell import LocalShell
from shipping.slug.assembly import Assembled, assemble
from shipping.slug.layers import Workshop
from shipping.slug.manifest import Layer as Published
from shipping.slug.points import At, nowhere
from tests.objects import own_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket
    from shipping.slug.keys import Domain
    from tests.shipping.signing.keys import Ring

APP = "inbox"
INSTALL = """
import pathlib, sys
vendor = pathlib.Path("vendor")
vendor.mkdir(exist_ok=True)
(vendor / "library.py").write_text("version = " + repr(pathlib.Path("requirements.lock").read_text()))
(vendor / "blob.bin").write_bytes(bytes(range(256)) * 400)
with pathlib.Path("runs").open("a") as runs:
    runs.write("install\\n")
"""
DEPENDENCIES = Layer(
    name="dependencies", inputs=("requirements.lock",), run=(sys.executable, "-IS", "install.py"), keep=("vendor",)
)
APPLICATION = Layer(name="app", keep=("inbox/**", "bin/*"))


def checkout(root: Path) -> Path:
    """Write a small application: a lockfile, a command that installs it, sources, a script and a link."""
    for name, text in {
        "requirements.lock": "one==1",
        "install.py": INSTALL,
        "inbox/web.py": "print('web')",
        "inbox/pages/index.html": "<p>hello",
        "bin/start": "#!/bin/sh\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "bin/start").chmod(0o755)
    (root / "inbox/static").symlink_to("pages")
    return root


def run(root: Path, argv: Sequence[str]) -> int:
    """Run a layer's command."""
    try:
        return subprocess.run(argv, cwd=root, check=False).returncode
    except OSError as error:
        raise InfraError(f"cannot run {argv[0]!r}: {error.strerror}") from error


@dataclass(kw_only=True)
class Shop:
    """Builds slugs of one checkout into its buckets, the first of which is home."""

    root: Path
    buckets: list[Bucket]
    layers: tuple[Layer, ...] = (DEPENDENCIES, APPLICATION)
    processes: tuple[Process, ...] = ()
    ring: Ring | None = None
    said: list[str] = field(default_factory=list)

    def build(self, commit: str = "a" * 40, *, domain: Domain = "main", at: At = nowhere) -> Assembled:
        return assemble(
            self.workshop(domain), self.layers, self.buckets, commit=commit, processes=self.processes, at=at
        )

    def workshop(self, domain: Domain = "main") -> Workshop:
        return Workshop(
            app=APP,
            domain=domain,
            root=self.root,
            home=self.buckets[0],
            shell=LocalShell(),
            clock=SystemClock(),
            say=self.said.append,
            run=lambda argv: run(self.root, argv),
            signer=None if self.ring is None else self.ring.signer(domain),
            trusted=None if self.ring is None else self.ring.trusted,
        )

    @property
    def runs(self) -> int:
        """Count how often the dependencies were installed."""
        log = self.root / "runs"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def change(self, number: int, **layer: object) -> None:
        """Change the configuration of one layer."""
        changed = list(self.layers)
        changed[number] = replace(changed[number], **layer)  # type: ignore[arg-type]
        self.layers = tuple(changed)


@contextmanager
def open_shop(objects: ObjectServer, root: Path, *, buckets: int = 3) -> Iterator[Shop]:
    """Open a shop with buckets of its own."""
    with ExitStack() as stack:
        opened = [stack.enter_context(own_bucket(objects)) for _ in range(buckets)]
        yield Shop(root=checkout(root), buckets=opened)


def whole(buckets: list[Bucket]) -> bool:
    """Tell whether every manifest, signature, layer record and release in the buckets names only what is there."""
    for bucket in buckets:
        listed = set(bucket.list(""))
        if any(not named(bucket, key) <= listed for key in listed):
            return False
    return True


def named(bucket: Bucket, key: str) -> set[str]:
    """Return the keys that the object under ``key`` names."""
    from shipping.slug import fetch
    from shipping.slug.assembly import released

    stored = bucket.get(key)
    assert stored is not None
    if key.endswith(".sig"):
        return {key.removesuffix(".sig")}
    if "/manifests/" in key:
        slug = key.rpartition("/")[2].removesuffix(".json")
        return {layer.blob(APP) for layer in fetch.manifest(bucket, APP, slug).layers}
    if "/layers/" in key:
        return {Published.from_json(json.loads(stored.body)).blob(APP)}
    if "/releases/" in key:
        return {f"{APP}/manifests/{released(bucket, APP, key.split('/')[-2])}.json"}
    return set()
