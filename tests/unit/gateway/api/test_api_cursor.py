"""Cursors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.gateway.api.cursor import Whole, decode_cursor, encode_cursor
from ranvier.ontology.errors import InputError

QUERY = ["topology", "default", None]


@given(st.integers(0, 2**63 - 1), st.text())
def test_a_cursor_brings_back_its_position(number: int, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    cursor = encode_cursor(QUERY, [number, name])
    assert decode_cursor(cursor, QUERY, tuple[Whole, str]) == (number, name)


@given(st.text(max_size=60))
def test_no_text_of_a_client_breaks_it(text: str) -> None:
    with pytest.raises(InputError, match="cursor"):
        decode_cursor(text, QUERY, tuple[Whole, str])


@pytest.mark.parametrize(
    "position", [[-1, "a"], [2**63, "a"], ["1", "a"], [1], [1, "a", 2], {"a": 1}, [None, "a"]]
)
def test_a_forged_position_of_another_shape_is_refused(position: list[object]) -> None:
    try:
        forged = encode_cursor(QUERY, position)
    except OverflowError:
        pytest.skip("cannot even be written")
    with pytest.raises(InputError):
        decode_cursor(forged, QUERY, tuple[Whole, str])


def test_a_cursor_of_another_filter_is_refused_rather_than_misread() -> None:
    cursor = encode_cursor(QUERY, [1, "a"])
    with pytest.raises(InputError, match="other filters"):
        decode_cursor(cursor, ["topology", "default", "NRCellDU"], tuple[Whole, str])
