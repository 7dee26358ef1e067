"""Which host a word means, and a host's logs as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.local.hosts.published import RunningHost
from shipping.local.world.folder import Folder
from shipping.local.world.hosts import HostLog, of_region, one_of
from tests.shipping.local.hosts.site import open_site

if TYPE_CHECKING:
    from collections.abc import Iterator


def there(app: str, region: str, name: str) -> RunningHost:
    return RunningHost(app=app, region=region, name=name, addresses={}, folder=Path("/nowhere"), pid=1)


HOSTS = (
    there("inbox", "us", "web-1"),
    there("inbox", "eu", "web-1"),
    there("mail", "us", "web-1"),
    there("mail", "us", "web-2"),
)


def find(word: str) -> RunningHost:
    return one_of(HOSTS, word, command="ship local host log", there=" --state S")


def test_a_host_is_named_as_long_as_it_must_be() -> None:
    """By its name where only one has it, else with its region, else with its app."""
    assert find("web-2") is HOSTS[3]
    assert find("eu/web-1") is HOSTS[1]
    assert find("mail/us/web-1") is HOSTS[2]


def test_a_word_that_means_several_is_refused_with_one_that_does_not() -> None:
    """The hint can be pasted."""
    with pytest.raises(UsageError, match="cannot tell which host 'web-1' is: inbox/us/web-1, eu/web-1") as told:
        find("web-1")

    assert told.value.hint == "ship local host log inbox/us/web-1 --state S"


def test_a_word_that_means_none_is_refused_with_the_nearest() -> None:
    """And where there are no hosts at all, with how one gets some."""
    with pytest.raises(UsageError, match=r"cannot find the host 'wev-2'.*web-2"):
        find("wev-2")
    with pytest.raises(UsageError, match="cannot find hosts in the region 'au'"):
        of_region(HOSTS, "au")
    with pytest.raises(UsageError) as told:
        one_of((), "web-1", command="", there="")
    assert "fleet: {hosts:" in str(told.value.hint)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[HostLog, Path]]:
    folder = Folder(tmp_path)
    folder.prepare()
    with open_site(tmp_path) as site:
        group = site.start("sleep", "600")
        one = RunningHost(app="inbox", region="us", name="us-1", addresses={}, folder=site.place.srv, pid=1)
        yield (
            HostLog(folder=folder, host=one, process="worker", there=""),
            site.place.srv / "run" / "groups" / group / "output.log",
        )


def test_a_log_is_told_once_line_by_line_and_anew_where_it_was_cut(log: tuple[HostLog, Path]) -> None:
    """A line that is not whole yet waits; a keeper that bounds its log begins it again."""
    shown, file = log
    told: list[str] = []
    for text in ("one\ntw", "one\ntwo\n", "anew\n"):
        file.write_text(text)
        assert not shown.look(told.append)  # no world holds the folder

    name = file.parent.name
    assert told == [f"{name} | one\n", f"{name} | two\n", f"{name} | anew\n"]


def test_a_process_that_is_not_there_is_refused_with_those_that_are(log: tuple[HostLog, Path]) -> None:
    shown, file = log
    wrong = HostLog(folder=shown.folder, host=shown.host, process="workers", there="")

    with pytest.raises(UsageError, match="cannot find the process 'workers' on host 'us-1'") as told:
        wrong.look(print)

    assert told.value.hint == f"there are: worker, {file.parent.name}"
