"""Where everything of a slug lies in a bucket."""

from __future__ import annotations

from typing import Literal

Domain = Literal["main", "pr"]


def blob(app: str, domain: Domain, digest: str) -> str:
    """Return the key of a layer's bytes; the two digits in front spread the load over S3's partitions."""
    return f"{app}/blobs/{domain}/{digest[:2]}/{digest}.tar.zst"


def layer(app: str, domain: Domain, name: str, inputs: str) -> str:
    """Return the key of the record that says which layer was made from these inputs. Create-only, in the home bucket."""
    return f"{app}/layers/{domain}/{name}/{inputs}.json"


def manifest(app: str, slug: str) -> str:
    """Return the key of what names a slug's layers. Written after all of them."""
    return f"{app}/manifests/{slug}.json"


def release(app: str, commit: str) -> str:
    """Return the key of the record that says which slug a commit of main is released as. Create-only, in the home bucket."""
    return f"{app}/releases/{commit}/slug"
