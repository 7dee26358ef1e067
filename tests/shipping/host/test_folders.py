"""Notes and folders that are there whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shipping.host import folders

if TYPE_CHECKING:
    from pathlib import Path


def test_a_note_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Nothing else is left beside it."""
    note = tmp_path / "note.json"
    assert folders.read_note(note) is None
    folders.write_note(note, {"a": 1})
    folders.write_note(note, {"b": 2})

    assert folders.read_note(note) == {"b": 2}
    assert list(tmp_path.iterdir()) == [note]


def test_a_folder_is_made_with_its_notes_and_never_over_another(tmp_path: Path) -> None:
    """What is there stays."""
    place = tmp_path / "group"
    folders.make_folder(place, {"group.json": {"a": 1}})
    with pytest.raises(OSError, match="not empty"):
        folders.make_folder(place, {"group.json": {"b": 2}})

    assert folders.read_note(place / "group.json") == {"a": 1}


def test_what_a_killed_process_left_half_done_is_swept(tmp_path: Path) -> None:
    """Half made, half removed; what is whole stays."""
    folders.make_folder(tmp_path / "whole", {"group.json": {}})
    for half in (folders.UNFINISHED, folders.GONE):
        (tmp_path / f"{half}x").mkdir()
    folders.make_folder(tmp_path / "removed", {"group.json": {}})
    folders.remove_folder(tmp_path / "removed")

    folders.sweep(tmp_path)

    assert [one.name for one in tmp_path.iterdir()] == ["whole"]
