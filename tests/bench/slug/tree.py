"""The tree that is released, made deterministically: most files small sources, most bytes in libraries."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CHANGED = 20
FOLDERS = ("vendor", "app")


def plant(root: Path, scale: float) -> tuple[int, int]:
    """Make the tree, like that of an installed Python application; return its files and bytes."""
    made = random.Random(20)
    words = [f"{made.choice('abcdefghklmnoprst')}{made.randrange(10**6):x}" for _ in range(4000)]
    lines = [" ".join(made.choices(words, k=8)) + "\n" for _ in range(20_000)]
    total = count = 0
    for folder, files, libraries in (("vendor", 13_000, 280), ("app", 7_000, 12)):
        for number in range(int(files * scale)):
            start = made.randrange(len(lines) - 700)
            text = "".join(lines[start : start + int(made.paretovariate(1.1) * 40) % 700 + 1]) + f"# {number}\n"
            total += write(root / folder / f"package{number % 400}" / f"module{number}.py", text.encode())
            count += 1
        for number in range(max(1, int(libraries * scale))):
            # Machine code compresses to about a third: some noise, some repetition.
            body = b"".join(made.randbytes(24_000) + bytes(26_000) + made.randbytes(1000) * 20 for _ in range(8))
            total += write(root / folder / "lib" / f"native{number}.so", body)
            count += 1
    write(root / "requirements.lock", b"everything==1\n")
    return count, total


def write(path: Path, body: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(body)


def change(root: Path, what: str) -> None:
    """Edit 20 sources of the application."""
    for number in range(CHANGED):
        path = root / "app" / f"package{number}" / f"module{number}.py"
        path.write_text(f"{path.read_text()}# {what}\n")
