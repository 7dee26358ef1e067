"""Unit files in systemd's own escaping; tests/soak/test_systemd.py asks a real systemd to read the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_gen.errors import UsageError
from shipping.host import kept, units

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
GROUP = units.Run(
    name="inbox:us",
    group="web@0-abc",
    process="web",
    description="inbox:us web@0-abc of 1f2e",
    folder=Path("/srv/100%/run/groups/web@0-abc"),
    program=("/usr/bin/python3", "-c", "print('$HOME %n')"),
    user="inbox",
    stop=30,
    sockets=True,
)
NAME, ID = "inbox:us", "web@0-1f2e3d4c5b6a"
# The files of docs/host.md.
RECIPE = {
    "shared": units.shared_socket(name=NAME, process="web", address=("10.0.0.5", 8000)),
    "holder": units.holder(name=NAME, process="web"),
    "private": units.private_socket(name=NAME, group=ID, port=43210),
    "service": units.service(
        units.Run(
            name=NAME,
            group=ID,
            process="web",
            description=f"{NAME} {ID} of 8d1c0f7e",
            folder=Path("/srv/inbox/run/groups") / ID,
            program=(
                *("/opt/ship/bin/python", "-I", "-S", "-c", kept.BEGIN.format("take_sockets")),
                *("/opt/ship/lib/python3.11/site-packages", "/srv/inbox/releases/4be1", "shared:private"),
                *("PATH,DATABASE_URL,SHIP_COMMIT,SHIP_PROCESS,SHIP_GROUP,SHIP_DRAIN,SHIP_READY", "--"),
                *("gunicorn", "--threads", "8", "inbox.wsgi"),
            ),
            user="inbox",
            stop=30,
            sockets=True,
        )
    ),
}


def unquoted(line: str) -> str:
    """Read one quoted word of an ExecStart line by the rules of systemd.service(5) and systemd.syntax(7)."""
    assert line[0] == line[-1] == '"'
    inner, out, at = line[1:-1], "", 0
    while at < len(inner):
        pair = inner[at : at + 2]
        if pair == "\\x":
            out += chr(int(inner[at + 2 : at + 4], 16))
            at += 4
        elif pair in {'\\"', "\\\\", "%%", "$$"}:
            out += pair[1]
            at += 2
        else:
            assert inner[at] not in '"\\%$', f"{inner[at]!r} alone means something else to systemd"
            out += inner[at]
            at += 1
    return out


@given(TEXT)
def test_any_argument_is_one_word_on_one_line(text: str) -> None:
    """Nothing in it is a specifier, a variable, a quote or the end of a line."""
    written = units.word(text)

    assert not any(ord(one) < ord(" ") for one in written)
    assert unquoted(written) == text


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_any_drain_is_a_time_that_ends(drain: float) -> None:
    """systemd takes 0 for a time without an end, and falls back to its own where it cannot read a number."""
    written = units.seconds(drain)

    assert 0 < float(written.removesuffix("s")) <= units.LONGEST
    assert "e" not in written


def test_a_path_that_a_unit_file_cannot_hold_is_refused() -> None:
    """A path goes to the end of its line, so it cannot hold one."""
    for folder in ("/srv/a\nb", "/srv/a ", "/srv/a\\"):
        with pytest.raises(UsageError, match="cannot write"):
            units.path(Path(folder))
    assert units.path(Path("/srv/100%/a b")) == "/srv/100%%/a b"
    assert units.path(Path("/srv/[a]*"), pattern=True) == "/srv/\\[a]\\*"


def test_a_group_takes_both_sockets_and_is_told_to_end_within_its_drain() -> None:
    """SIGTERM to the command, its time, then SIGKILL to all; as its user; never started a second time."""
    lines = units.service(GROUP).splitlines()

    assert [
        line
        for line in (
            "Sockets=inbox:us:web.socket inbox:us:web@0-abc.socket",
            "Requires=inbox:us:web@0-abc.socket",
            "ConditionPathExists=/srv/100%%/run/groups/web@0-abc/group.json",
            "User=inbox",
            "KillMode=mixed",
            "TimeoutStopSec=30.000s",
            "Restart=no",
            "NoNewPrivileges=yes",
            "EnvironmentFile=/srv/100%%/run/groups/web@0-abc/environment",
            """ExecStart="/usr/bin/python3" "-c" "print('$$HOME %%n')\"""",
        )
        if line not in lines
    ] == []
    assert not any(line.startswith("Environment=") for line in lines)


def test_the_shared_socket_starts_nothing_and_is_never_closed_for_being_looked_at() -> None:
    """Its service is one that runs all the while."""
    lines = units.shared_socket(name="inbox:us", process="web", address=("::", 8000)).splitlines()

    wanted = ["ListenStream=[::]:8000", "Service=inbox:us:web.service", "NoDelay=yes", "TriggerLimitIntervalSec=0"]
    assert [line for line in wanted if line not in lines] == []
    assert "RemainAfterExit=yes" in units.holder(name="inbox:us", process="web").splitlines()


@pytest.mark.parametrize("which", RECIPE)
def test_the_unit_files_in_the_docs_are_those_that_are_written(which: str) -> None:
    """An operator finds on a host what the page shows."""
    page = (Path(__file__).parents[3] / "docs" / "host.md").read_text()

    assert f"```ini\n{RECIPE[which]}```\n" in page
