from __future__ import annotations

import pytest

from shipping.testrun.command.words import fill, runs_per_file


@pytest.mark.parametrize(
    ("command", "files", "argv"),
    [
        (["node", "--to={junit}", "{file}"], ["a b.js"], ["node", "--to=/r.xml", "a b.js"]),
        (["rspec", "--out", "{junit}", "{files}"], ["a", "-b c"], ["rspec", "--out", "/r.xml", "a", "-b c"]),
        # What is filled in is not looked at again.
        (["run", "{junit}", "x{file}y"], ["{junit}"], ["run", "/r.xml", "x{junit}y"]),
        (["jq", '{"a": 1}', "{junit}", "{file}"], ["a"], ["jq", '{"a": 1}', "/r.xml", "a"]),
    ],
)
def test_placeholders_are_filled_once_each_into_words_that_stay_words(
    command: list[str], files: list[str], argv: list[str]
) -> None:
    assert fill(command, files=files, junit="/r.xml") == argv
    assert runs_per_file(command) == ("{files}" not in command)
