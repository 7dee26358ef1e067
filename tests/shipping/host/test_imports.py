"""What runs on hosts imports little: a host has no configuration to read, and nothing there should break it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = sorted(
    f"shipping.host.{one.stem}" for one in (ROOT / "shipping" / "host").glob("*.py") if one.stem != "__init__"
)
FOREIGN = ("yaml", "click", "pybuildkite", "pytest", "rich", "coverage", "uvicorn", "starlette", "moto", "hypothesis")


def test_no_module_of_the_host_imports_what_hosts_do_not_have() -> None:
    """Asked of a fresh interpreter that imported all of them."""
    program = f"import sys, {', '.join(MODULES)}; print(sorted(set(sys.modules) & set({FOREIGN!r})))"

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
