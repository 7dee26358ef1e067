"""The sample app as a git repository of its own, with our plugins vendored as an adopter vendors them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError

if TYPE_CHECKING:
    from pipeline_gen.shell import Shell

SOURCE = Path(__file__).parents[2]
AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test")


def variables(folder: Path) -> dict[str, str]:
    """Return what the app is given on hosts and in deploys: data below ``folder`` that all share, limits for one visitor."""
    return {
        "INBOX_DATABASE": str(folder / "inbox.sqlite3"),
        "INBOX_DELIVER_TO": f"file:{folder / 'outbox'}",
        "INBOX_COMMENTS_PER_MINUTE": "100000",  # for each visitor, and here all come from one address
        "INBOX_POLL": "0.5",
        "INBOX_WEB_WORKERS": "1",
    }


@dataclass(frozen=True, slots=True)
class SampleRepository:
    """The sample app's repository at ``root``: `origin` of every checkout the agents make."""

    shell: Shell
    root: Path

    @classmethod
    def create(cls, shell: Shell, root: Path) -> SampleRepository:
        """Copy the sample app to ``root``, which must not exist, and commit it. Raises UsageError outside a source checkout."""
        app, plugins = SOURCE / "tests" / "sample_app", SOURCE / "plugins"
        if not app.is_dir():
            raise UsageError(
                f"cannot find the sample app at {str(app)!r}: it comes with the source, not with the package",
                hint="clone the repository and run: make demo",
            )
        unwanted = shutil.ignore_patterns("__pycache__", "*.pyc", ".venv", ".pytest_cache")
        shutil.copytree(app, root, ignore=unwanted)
        shutil.copytree(plugins, root / ".buildkite" / "plugins", ignore=unwanted)
        repository = cls(shell, root)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.commit("Inbox: customers write comments, a worker sends them")
        return repository

    def commit(self, message: str) -> str:
        """Commit everything and return the commit's id."""
        self.git("add", "--all")
        self.git(*AUTHOR, "commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace the one occurrence of a text in a file."""
        file = self.root / path
        text = file.read_text()
        if text.count(old) != 1:
            raise InfraError(f"could not change {path!r} of the sample app: {old!r} is there {text.count(old)} times")
        file.write_text(text.replace(old, new))

    def merge(self, branch: str, message: str) -> str:
        """Merge a branch into main, as a pull request is merged, and return main's new commit."""
        self.git("checkout", "--quiet", "main")
        self.git(*AUTHOR, "merge", "--quiet", "--no-ff", "-m", message, branch)
        return self.git("rev-parse", "HEAD")

    def revert(self) -> str:
        """Undo the last commit by another, and return that one's id."""
        self.git(*AUTHOR, "revert", "--no-edit", "HEAD")
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        done = self.shell.run(["git", "-C", str(self.root), *arguments])
        if done.code != 0:
            raise InfraError(f"could not run git {arguments[0]!r} in {str(self.root)!r}: {done.complaint}")
        return done.text.strip()
