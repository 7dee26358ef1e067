"""Cutting a stream into parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shipping.s3.upload import pieces


@given(chunks=st.lists(st.binary(max_size=40), max_size=20), size=st.integers(1, 30))
def test_pieces_are_the_stream_in_equal_parts(chunks: list[bytes], size: int) -> None:
    """Nothing is lost or added; all but the last are full, and none is empty."""
    found = list(pieces(chunks, size))

    assert b"".join(found) == b"".join(chunks)
    assert all(len(piece) == size for piece in found[:-1])
    assert all(0 < len(piece) <= size for piece in found)
