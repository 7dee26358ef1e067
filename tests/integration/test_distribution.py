"""The wheel as a team installs it: what `ship init` writes into repositories must be in there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.repository import Repository

ROOT = Path(__file__).parents[2]


def test_init_works_from_the_wheel_alone(tmp_path: Path) -> None:
    """Plugins, with hooks that can be run although wheels lose modes, and the launcher."""
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(wheel, check=True, timeout=300)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path / "installed")
    repository = Repository.create(tmp_path / "inbox")
    repository.commit("as it was", {"pytest.ini": "[pytest]\n", "tests/test_a.py": ""})

    program = "import shipping.adopt as a, shipping.cli as c; print(a.__file__, flush=True); c.main(['init'])"
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repository.root, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "installed")), "another installation answered"
    for plugin in (ROOT / "plugins").iterdir():
        assert os.access(repository.root / ".buildkite" / "plugins" / plugin.name / "hooks" / "command", os.X_OK)
    assert os.access(repository.root / ".buildkite" / "ship", os.X_OK)
