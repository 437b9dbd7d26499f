"""Reports as line protocol, and the layout that bounds the number of series."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.series.influx_layout import LANES, PERIODS_S, lane_of, periods_of
from ranvier.fabric.series.influx_lines import LineWriter
from ranvier.ontology.errors import InputError

S = 10**9


def report(start: int = 0, end: int = 900 * S, values: dict[str, float] | None = None, **more: Any) -> Any:
    return MeasurementReport("Cell=1", "Cell", start, end, values or {"a": 1.0}, **more)


def text(*reports: MeasurementReport, recorded: int = 7) -> list[str]:
    return [re.sub("~h=-?[0-9]+i", "~h", line.text(0)) for line in LineWriter(10).lines(reports, recorded)]


def test_a_report_is_one_line_with_a_field_for_each_quantity() -> None:
    assert text(report(values={"RRC.ConnMean": 0.1, "b c": -0.0})) == [
        r"observed,network=default,object=Cell\=1,p=900,tenant=default "
        r"RRC.ConnMean=0.1,b\ c=-0.0,~r=7i,~h 900000000000"
    ]


def test_only_what_needs_more_says_more() -> None:
    told = text(report(1, 5, revision=2, suspect=True, origin="run:9"))
    lane = lane_of("run:9")
    assert told == [
        rf"feedback,lane={lane},network=default,object=Cell\=1,tenant=default "
        'a=1.0,~r=7i,~s=1i,~rev=2i,~f=true,~run="run:9",~h 5'
    ]


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_is_written_so_that_it_reads_back_the_same(value: float) -> None:
    (line,) = LineWriter(10).lines([report(values={"a": value})], 1)
    written = re.match(r"a=([^,]*),", line.fields)
    assert written
    assert np.float64(written[1]).tobytes() == np.float64(value).tobytes()


@settings(deadline=None)
@given(st.integers(0, 2**62), st.integers(0, 10**15))
def test_a_tagged_period_tells_its_start(end: int, length: int) -> None:
    (period,) = periods_of(np.array([end - length]), np.array([end]))
    assert period == "" or (end - int(period) * S, int(period)) == (end - length, length // S)


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_standard_periods_are_tagged_where_they_are_aligned(period_s: int) -> None:
    end = 86_400 * 20_000 * S
    assert periods_of(np.array([end - period_s * S] * 2), np.array([end, end + 1])) == [str(period_s), ""]


def test_a_run_is_no_tag_but_one_of_few_lanes() -> None:
    assert {lane_of(f"run:{n}") for n in range(10_000)} == {str(n) for n in range(LANES)}
    assert lane_of("observed") == ""
    tags = [line.track.tags for line in LineWriter(10).lines([report(origin="run:abcdef")], 1)]
    assert "abcdef" not in tags[0]


def test_lines_that_say_different_things_have_different_fingerprints() -> None:
    reports = [
        report(), report(values={"a": 2.0}), report(values={"b": 1.0}), report(revision=1), report(suspect=True),
        report(1), report(values={"a": 1.0, "b": 1.0}), report(origin="run:1"), report(origin="run:2"),
    ]  # fmt: skip
    prints = [line.print for line in LineWriter(10).lines(reports, 1)]
    prints += [line.print for line in LineWriter(10).lines(reports, 2)]
    assert len(set(prints)) == 2 * len(reports)
    assert prints[:9] == [line.print for line in LineWriter(10).lines(reports, 1)]


def test_a_time_that_influxdb_cannot_hold_is_refused() -> None:
    with pytest.raises(InputError, match="Cell=1"):
        LineWriter(10).lines([report(0, 2**63 - 1)], 1)


def test_memory_is_bounded_whatever_the_number_of_objects_runs_and_layouts() -> None:
    writer = LineWriter(100)
    for n in range(1000):
        made = MeasurementReport(f"Cell={n}", "Cell", 0, 1, {f"q{n}": 1.0}, origin=f"run:{n}")
        writer.lines([made], 1)
    held = (writer._tracks, writer._layouts, writer._lanes)
    assert max(map(len, held)) <= 102


def test_reports_of_many_layouts_and_numbers_keep_their_order_and_their_values() -> None:
    layouts: list[dict[str, float]] = [
        {"a": 1.5, "100%": 2.0}, {}, {"b": 3.0}, {"a": np.float64(4.25), "100%": 5.0}, {"b": True}, {"b": 7},
        {"b": 10**30},
    ]  # fmt: skip
    reports = [MeasurementReport("Cell=1", "Cell", 0, S, values) for values in layouts]
    assert [line.fields for line in LineWriter(10).lines(reports, range(7))] == [
        "a=1.5,100%25=2.0,~r=0i", "b=3.0,~r=2i", "a=4.25,100%25=5.0,~r=3i",
        "b=1.0,~r=4i", "b=7.0,~r=5i", "b=1e30,~r=6i",
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused_by_name(bad: float) -> None:
    with pytest.raises(InputError, match=r"finite.*Cell=1"):
        LineWriter(10).lines([report(), report(values={"a": 1.0, "b": bad})], 1)
