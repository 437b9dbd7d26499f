"""Names of any text in InfluxDB."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.fabric.series.influx_names import any_of, decode, encode, in_line, tags_of
from ranvier.ontology.errors import InputError

NAMES = st.one_of(
    st.text(st.characters(codec="utf-8")), st.text("%~_timeTIME\"'\\$/|.()[]{}^*+?-,= \n\0é", max_size=8)
)


@settings(deadline=None)
@given(NAMES)
def test_a_name_comes_back(name: str) -> None:
    assert decode(encode(name)) == name


@settings(deadline=None)
@given(NAMES)
def test_an_encoded_name_can_end_neither_a_line_nor_a_string_nor_be_taken_for_something_else(
    name: str,
) -> None:
    encoded = encode(name)
    assert encoded
    assert not set(encoded) & {"\n", "\r", "\0", '"', "'", "\\", "$", "~"}
    assert encoded.lower() != "time"
    assert not encoded.startswith("_")


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4), NAMES)
def test_a_pattern_matches_the_names_it_was_made_of_and_no_other(names: list[str], other: str) -> None:
    pattern = any_of(encode(name) for name in names)
    assert pattern[0] == pattern[-1] == "/"
    assert not re.search(r"(?<!\\)/", pattern[1:-1])
    matches = re.compile(pattern[1:-1].replace("\\/", "/"))
    assert all(matches.search(encode(name)) for name in names)
    assert bool(matches.search(encode(other))) == (other in names)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["copy", "object", "p"]), NAMES))
def test_tags_are_read_as_they_were_written(tags: dict[str, str]) -> None:
    text = ",".join(f"{key}={in_line(encode(value))}" for key, value in tags.items())
    assert {key: decode(value) for key, value in tags_of(text).items()} == tags


@pytest.mark.parametrize("name", ["NRCellDU=1,GNBDUFunction=2", "RRC.ConnEstabAtt.mo-Data", "Zelle Ä"])
def test_names_of_the_standards_stay_as_they_are(name: str) -> None:
    assert encode(name) == name


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        encode("\ud800")
