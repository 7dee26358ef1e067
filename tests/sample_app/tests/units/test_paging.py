from __future__ import annotations

import pytest

from inbox import paging


def test_a_cursor_comes_back_as_its_key() -> None:
    keys = [0, 1, 63, 64, 12_345, 2**53]

    assert [paging.decode(paging.encode(key)) for key in keys] == keys


def test_a_cursor_needs_no_quoting_in_an_address() -> None:
    assert all(paging.encode(key).replace("-", "").replace("_", "").isalnum() for key in range(300))


@pytest.mark.parametrize("forged", ["!", "42", "é", paging.encode(10**18)])
def test_what_is_no_cursor_is_refused(forged: str) -> None:
    """Damaged, invented and impossible cursors are named in the refusal."""
    with pytest.raises(paging.BadCursor, match=f"cannot read the cursor '{forged}'"):
        paging.decode(forged)


def test_the_size_of_a_page_stays_within_bounds() -> None:
    sizes = {None: 20, "5": 5, "0": 1, "1000": 100, "-3": 20, "many": 20, "²": 20}

    assert {wanted: paging.size(wanted) for wanted in sizes} == sizes


def test_one_item_too_many_says_that_there_is_more() -> None:
    page = paging.cut([9, 8, 7, 6], 3, key=lambda item: item)

    assert page == paging.Page(items=(9, 8, 7), next=paging.encode(7))


def test_the_last_page_has_no_next() -> None:
    assert paging.cut([3, 2, 1], 3, key=lambda item: item).next is None


def test_an_empty_list_is_one_empty_page() -> None:
    assert paging.cut([], 3, key=lambda item: item) == paging.Page(items=(), next=None)
