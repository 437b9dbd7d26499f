"""Times in requests and answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.fabric.ports import FOREVER_NS
from ranvier.gateway.api.times import format_time, format_time_or_none, parse_time_ns
from ranvier.ontology.errors import InputError

T = 1_769_860_800_000_000_000


@given(st.integers(0, FOREVER_NS))
def test_a_time_keeps_every_nanosecond_on_its_way_out_and_in(nanoseconds: int) -> None:
    assert parse_time_ns(format_time(nanoseconds), "t") == nanoseconds
    assert parse_time_ns(str(nanoseconds), "t") == nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", T),
        ("2026-01-31t13:00:00.5+01:00", T + 500_000_000),
        ("2026-01-31T13:00:00 01:00", T),  # an unescaped plus sign
        ("2026-01-31T12:00:00.1234567891Z", T + 123_456_789),
    ],
)
def test_rfc_3339_is_read(text: str, expected: int) -> None:
    assert parse_time_ns(text, "t") == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T00:00:00Z", "-1", "1e9", "٣",
        "1969-12-31T00:00:00Z", str(2**63), "9" * 19,
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="known_at"):
        parse_time_ns(text, "known_at")


def test_the_end_of_time_is_shown_as_none() -> None:
    assert format_time_or_none(FOREVER_NS) is None
    assert format_time_or_none(0) == "1970-01-01T00:00:00Z"
