"""Archives that mean harm, and archives that were harmed."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import Refused
from shipping.slug.unpack import Damaged, Source, link, unpack

if TYPE_CHECKING:
    from pathlib import Path


def archive(*members: tuple[str, bytes, str]) -> bytes:
    """Return a tar of members: name, type, content or target."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content.encode()))
            else:
                info.linkname = content
                tar.addfile(info)
    return body.getvalue()


def opened(body: bytes) -> Source:
    return Source(iter([body]), len(body))


@pytest.mark.parametrize(
    "name", ["/etc/cron.d/x", "../x", "a/../../x", "a//x", "./x", "a/./x", "..", f"{'../' * 60}x", f"/{'long/' * 40}x"]
)
def test_paths_that_lead_out(tmp_path: Path, name: str) -> None:
    """Absolute, upwards or odd: refused before anything is written."""
    with pytest.raises(Damaged, match="leads out of the slug"):
        unpack(opened(archive((name, tarfile.REGTYPE, "x"))), str(tmp_path))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.LNKTYPE])
def test_members_of_other_kinds(tmp_path: Path, kind: bytes) -> None:
    """Only files, links and folders; hard links are none of ours either."""
    with pytest.raises(Damaged, match="is of type"):
        unpack(opened(archive(("x", kind, "/etc/passwd"))), str(tmp_path))


@pytest.mark.parametrize(("path", "target"), [("x", "/etc"), ("x", ".."), ("a/x", "../../y"), ("a/x", "b/../../..")])
def test_links_that_lead_out(tmp_path: Path, path: str, target: str) -> None:
    """They are never made."""
    with pytest.raises(Damaged, match="out of the slug"):
        link(str(tmp_path), path, target, {path})

    assert not (tmp_path / path).is_symlink()


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    """The link of an archive exists only after its files."""
    outside = tmp_path / "outside"
    outside.mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    body = archive(("d", tarfile.SYMTYPE, "../outside"), ("d/x", tarfile.REGTYPE, "harm"))

    [(path, target)] = unpack(opened(body), str(inside))

    assert list(outside.iterdir()) == []
    with pytest.raises(Damaged):
        link(str(inside), path, target, {"d"})


def test_no_link_is_made_below_a_link(tmp_path: Path) -> None:
    """Nor in the place of a file."""
    with pytest.raises(Damaged, match="below another link"):
        link(str(tmp_path), "a/b", "c", {"a", "a/b"})
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="two layers"):
        link(str(tmp_path), "file", "c", {"file"})


@pytest.mark.parametrize("names", [("x", "x"), ("x", "x/y"), ("x/y", "x"), ("x", "x/y/z")])
def test_a_path_twice(tmp_path: Path, names: tuple[str, ...]) -> None:
    """The second is refused: nothing is ever opened where something is."""
    with pytest.raises(Refused):
        unpack(opened(archive(*((name, tarfile.REGTYPE, "x") for name in names))), str(tmp_path))


def test_a_stream_that_ends_early(tmp_path: Path) -> None:
    """Truncated at any block."""
    body = archive(("a", tarfile.REGTYPE, "x" * 1000))

    for end in (0, 100, 512, 900, 1536):
        with pytest.raises(Damaged, match="ends too early"):
            unpack(opened(body[:end]), str(tmp_path / _made(tmp_path, str(end))))


def test_a_stream_that_never_ends(tmp_path: Path) -> None:
    """No more is written than the manifest says there is."""
    source = Source(iter([archive(("a", tarfile.REGTYPE, "x" * 5000))]), 2000)

    with pytest.raises(Damaged, match="longer than"):
        unpack(source, str(tmp_path))


def test_a_header_that_is_damaged(tmp_path: Path) -> None:
    """A header carries a sum of itself."""
    body = bytearray(archive(("a", tarfile.REGTYPE, "x")))
    body[3] ^= 1

    with pytest.raises(Damaged, match="header"):
        unpack(opened(bytes(body)), str(tmp_path))


@pytest.mark.parametrize("record", [b"12 size=-12\n", b"13 size=1_00\n", b"8 size=\n"])
def test_a_size_that_is_no_number(tmp_path: Path, record: bytes) -> None:
    """What int() would take is not what a header may say."""
    from shipping.slug.archive import END, _header

    extended = _header(b"h", 0o644, len(record), b"x", b"") + record + bytes(-len(record) % 512)
    with pytest.raises(Damaged, match="a size is"):
        unpack(opened(extended + _header(b"file", 0o644, 0, b"0", b"") + END), str(tmp_path))


@pytest.mark.parametrize("records", [b"9 path=\n", b"x path=y\n", b"99 path=y\n", b"0 path=y\n"])
def test_an_extended_header_that_is_damaged(tmp_path: Path, records: bytes) -> None:
    """Its lengths are checked."""
    from shipping.slug.archive import END, _header

    body = _header(b"h", 0o644, len(records), b"x", b"") + records + bytes(-len(records) % 512) + END
    with pytest.raises(Damaged):
        unpack(opened(body), str(tmp_path))


def _made(root: Path, name: str) -> str:
    (root / name).mkdir()
    return name
