from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from pipeline_gen.shell import LocalShell

if TYPE_CHECKING:
    from pathlib import Path


def test_a_program_is_run_to_its_end_with_what_it_is_given() -> None:
    """Words stay words: nothing is interpreted."""
    done = LocalShell().run([sys.executable, "-c", "import sys; print(sys.argv[1], input())", "$HOME; ls"], stdin=b"in")

    assert (done.code, done.text) == (0, "$HOME; ls in\n")


def test_a_failing_program_is_an_answer() -> None:
    """The caller decides what an exit status means; the last line says what went wrong."""
    script = "import sys; sys.stderr.write('first\\nlast words\\n'); sys.exit(7)"

    done = LocalShell().run([sys.executable, "-c", script])

    assert (done.code, done.complaint) == (7, "last words")


def test_a_program_that_is_missing_forbidden_or_stuck_is_infrastructure(tmp_path: Path) -> None:
    """Each is named."""
    locked = tmp_path / "locked"
    locked.write_text("#!/bin/sh\n")
    shell = LocalShell()

    with pytest.raises(InfraError, match="cannot run 'no-such-program'"):
        shell.run(["no-such-program"])
    with pytest.raises(InfraError, match="Permission denied"):
        shell.run([str(locked)])
    with pytest.raises(InfraError, match=r"could not finish .* within 0\.2 s"):
        shell.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)
