from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.conftest import Host


@pytest.mark.parametrize(
    ("process", "checked"),
    [("web", ["settings", "database", "server", "pages"]), ("worker", ["settings", "database", "delivery"])],
)
def test_a_process_that_can_start_passes(migrated: Host, process: str, checked: list[str]) -> None:
    boot = migrated.run("-m", "inbox.boot", process)

    assert (boot.returncode, boot.stderr) == (0, "")
    assert [line.split()[1].rstrip(":") for line in boot.stdout.splitlines()] == checked


def test_a_missing_database_is_named_and_not_made(host: Host, tmp_path: Path) -> None:
    boot = host.run("-m", "inbox.boot", "web")

    assert boot.returncode == 1
    assert "there is no database at" in boot.stderr
    assert list(tmp_path.glob("*.sqlite3*")) == []


def test_an_old_schema_is_named(host: Host, tmp_path: Path) -> None:
    (tmp_path / "inbox.sqlite3").touch()

    boot = host.run("-m", "inbox.boot", "worker")

    assert boot.returncode == 1
    assert "the schema is at version 0, 4 is needed; run: python -m inbox.migrate expand" in boot.stderr


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("INBOX_DELIVER_TO", "ftp://desk.test", "cannot deliver to 'ftp://desk.test'"),
        ("INBOX_POLL", "0", "cannot use INBOX_POLL='0'"),
    ],
)
def test_a_wrong_setting_is_named(migrated: Host, name: str, value: str, reason: str) -> None:
    migrated.environ[name] = value

    boot = migrated.run("-m", "inbox.boot", "worker")

    assert boot.returncode == 1
    assert reason in boot.stderr


def test_an_unknown_process_is_a_wrong_call(host: Host) -> None:
    boot = host.run("-m", "inbox.boot", "cron")

    assert (boot.returncode, boot.stderr) == (2, "usage: python -m inbox.boot web|worker\n")


def test_importing_the_package_imports_nothing_else(host: Host) -> None:
    """A process loads what it needs: the worker no templates, the boot check no server."""
    loaded = host.run(
        "-c", "import sys, inbox.worker; print([name for name in sys.modules if name.startswith('inbox.')])"
    )

    assert "inbox.outbox" in loaded.stdout
    assert "inbox.rendering" not in loaded.stdout
    assert "inbox.pages" not in loaded.stdout
