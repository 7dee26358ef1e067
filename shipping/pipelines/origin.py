"""Where the repository stands, and the URL that agents clone it from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline_gen.errors import UsageError

if TYPE_CHECKING:
    from pipeline_gen.shell import Shell


def root_of(shell: Shell, folder: Path) -> Path:
    """Return the root of the git repository that ``folder`` stands in. Raises UsageError outside of one."""
    done = shell.run(["git", "-C", str(folder), "rev-parse", "--show-toplevel"])
    if done.code != 0:
        raise UsageError(f"cannot find a git repository at {str(folder.resolve())!r}", hint="git init")
    return Path(done.text.strip())


def origin(shell: Shell, root: Path) -> str:
    """Return the URL of the remote `origin`. Raises UsageError where there is none, or it holds a secret."""
    done = shell.run(["git", "-C", str(root), "remote", "get-url", "origin"])
    url = done.text.strip()
    if done.code != 0 or not url:
        raise UsageError(
            f"cannot tell what agents clone: {str(root)!r} has no remote 'origin'",
            hint="name its URL: ship buildkite sync --repository git@github.com:acme/inbox.git",
        )
    parts = urlsplit(url) if "://" in url else None
    if parts is not None and (parts.password or (parts.username and parts.scheme.startswith("http"))):
        raise UsageError(
            f"cannot use the URL of 'origin' ({parts.hostname}): it holds a password, which everyone would read",
            hint="give agents a key of their own and name a URL without: --repository URL",
        )
    return url
