"""The bytes of a layer: deterministic, readable by everybody, and back to the same tree."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_gen.errors import Refused
from shipping.slug.archive import END, measure, stream
from shipping.slug.tree import expand
from shipping.slug.unpack import Source, link, unpack

LONG = "/".join(["folder-of-a-rather-long-name"] * 6) + "/file"

KNOWN = "ee79a253e06d740e4b37ac746d6830202d58261c14acbaf844b4ce6d1b2e2a13"


def sample(root: Path) -> Path:
    for name, body in {"b.txt": b"b", "a/x.py": b"print()", "a/big": b"z" * 3_000_001, LONG: b"l", "é ü": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(body)
    (root / "a/x.py").chmod(0o755)
    (root / "a/none").mkdir()
    (root / "a/link").symlink_to("../b.txt")
    (root / "far").symlink_to(LONG)
    return root


def test_equal_trees_have_equal_bytes(tmp_path: Path) -> None:
    """Neither umask, times, group bits, order of creation nor place matter."""
    one = sample(_made(tmp_path / "one"))
    before = os.umask(0o077)
    try:
        other = sample(_made(tmp_path / "other/place"))
    finally:
        os.umask(before)
    os.utime(other / "b.txt", (1, 1))

    assert measure(one, expand(one, ["."])) == measure(other, expand(other, ["."]))


def test_the_digest_is_known() -> None:
    """The format is a promise: digests of layers published by an older ship must stay the same."""
    with tempfile.TemporaryDirectory() as folder:
        root = sample(Path(folder))
        measured = measure(root, expand(root, ["."]))

    assert (measured.digest, measured.files) == (KNOWN, 8)


@pytest.mark.parametrize("change", ["content", "mode", "name", "target", "folder"])
def test_every_difference_shows(tmp_path: Path, change: str) -> None:
    """What can differ in a deployed tree differs in the digest."""
    root = sample(tmp_path)
    before = measure(root, expand(root, ["."])).digest
    match change:
        case "content":
            (root / "b.txt").write_bytes(b"B")
        case "mode":
            (root / "b.txt").chmod(0o755)
        case "name":
            (root / "b.txt").rename(root / "c.txt")
        case "target":
            (root / "far").unlink()
            (root / "far").symlink_to("a/big")
        case _:
            (root / "a/none").rmdir()

    assert measure(root, expand(root, ["."])).digest != before


def test_others_can_read_it(tmp_path: Path) -> None:
    """GNU tar and Python's tarfile unpack what we pack."""
    root = sample(_made(tmp_path / "root"))
    body = b"".join(stream(root, expand(root, ["."])))
    for name in ("gnu", "python"):
        _made(tmp_path / name)
    subprocess.run(["tar", "-x", "-C", str(tmp_path / "gnu")], input=body, check=True)
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        archive.extractall(tmp_path / "python", filter="data")

    for name in ("gnu", "python"):
        assert (
            subprocess.run(["diff", "-r", "--no-dereference", str(root), str(tmp_path / name)], check=False).returncode
            == 0
        )


def test_sizes_beyond_eight_gigabytes_have_a_header() -> None:
    """A header's size field ends at 8 GiB; the extended header goes on."""
    from shipping.slug.archive import _member
    from shipping.slug.tree import Entry

    pieces = _member("/nowhere", Entry("huge", "file", 0o644, 8**11))
    header = next(pieces) + next(pieces) + END

    with tarfile.open(fileobj=io.BytesIO(header), mode="r|") as archive:
        member = archive.next()
    assert member is not None
    assert member.size == 8**11


@pytest.mark.parametrize("how", ["shrinks", "grows", "goes"])
def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, how: str) -> None:
    """A tar stream promises each size before the bytes."""
    (tmp_path / "file").write_bytes(b"x" * 100)
    entries = expand(tmp_path, ["file"])
    match how:
        case "shrinks":
            (tmp_path / "file").write_bytes(b"x" * 99)
        case "grows":
            (tmp_path / "file").write_bytes(b"x" * 101)
        case _:
            (tmp_path / "file").unlink()

    with pytest.raises(Refused, match="'file'"):
        measure(tmp_path, entries)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in {".", "..", ".git"} and len(name.encode()) < 200
)
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.binary(max_size=2000), max_size=12)


@settings(max_examples=40, deadline=None)
@given(tree=TREES, chunk=st.integers(1, 5000))
def test_whatever_is_packed_comes_back(tree: dict[str, bytes], chunk: int) -> None:
    """Any names, any bytes, cut into any chunks."""
    with tempfile.TemporaryDirectory() as folder:
        root, out = _made(Path(folder) / "root"), _made(Path(folder) / "out")
        for name, body in tree.items():
            path = root / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
            except OSError:  # a name that is a folder already, or the other way round
                continue
        entries = expand(root, ["."])
        body = b"".join(stream(root, entries))
        source = Source(iter([body[at : at + chunk] for at in range(0, len(body), chunk)]), len(body))
        links = unpack(source, str(out))

        assert source.finish() == measure(root, entries).digest
        assert links == []
        assert expand(out, ["."]) == entries
        assert measure(out, expand(out, ["."])) == measure(root, entries)


def test_links_come_back_after_the_files(tmp_path: Path) -> None:
    """They are handed to the caller, who makes them once every file is there."""
    root, out = sample(_made(tmp_path / "root")), _made(tmp_path / "out")
    body = b"".join(stream(root, expand(root, ["."])))

    links = unpack(Source(iter([body]), len(body)), str(out))

    assert links == [("a/link", "../b.txt"), ("far", LONG)]
    for path, target in links:
        link(str(out), path, target, {path for path, _ in links})
    assert expand(out, ["."]) == expand(root, ["."])


def _made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path
