"""Copies: nothing stored is ever overwritten by something else, whatever is forgotten or fails."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.series import influx_versions
from ranvier.fabric.series.influx_layout import COPIES
from ranvier.fabric.series.influx_lines import Line, LineWriter
from ranvier.ontology.errors import InputError


class Server:
    """Lines by series, copy and time, and the answers to the questions of `influx_versions`."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str, int], int] = {}
        self.questions = 0

    def store(self, line: Line, copy: int) -> None:
        place = (line.track.tags, f"{copy:03d}" if copy else "", line.end_ns)
        assert self.stored.setdefault(place, line.print) == line.print, "overwritten"

    def select(self, measurement: str, query: str) -> bytes:
        self.questions += 1
        assert measurement == "observed"
        objects = re.compile(re.search('"object" =~ /(.*)/ AND', query)[1])  # type: ignore[index]
        low = int(re.search("time >=? (-?[0-9]+)", query)[1])  # type: ignore[index]
        low += "time > " in query
        high = int(re.search("time <= (-?[0-9]+)", query)[1])  # type: ignore[index]
        rows = []
        for (tags, copy, end), fingerprint in sorted(self.stored.items()):
            own = dict(part.split("=", 1) for part in tags.split(","))
            if objects.search(own["object"]) and low <= end <= high:
                named = {"copy": copy, "object": own["object"], "p": own.get("p", "")}
                text = ",".join(f"{key}={value}" for key, value in named.items() if value)
                rows.append((text, end, fingerprint))
        if "last(" in query:
            rows = [row for row in rows if row[1] == max(r[1] for r in rows if r[0] == row[0])]
        return ("name,tags,time,x\n" + "".join(f'observed,"{t}",{e},{f}\n' for t, e, f in rows)).encode()


def report(cell: str, end: int, value: float, start: int = 0) -> MeasurementReport:
    return MeasurementReport(cell, "Cell", start, end, {"a": value})


def write(
    server: Server, writer: LineWriter, reports: list[MeasurementReport], lost: int | None = None
) -> int:
    """Write as the store does; where `lost` is given, the connection breaks after so many lines."""
    lines = writer.lines(reports, 1)
    chosen, known = influx_versions.place(lines, server.select)
    for line, copy in chosen[:lost]:
        server.store(line, copy)
    if lost is None:
        influx_versions.settle(known)
    else:
        influx_versions.distrust(lines)
    return len(chosen)


BATCHES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=6),
        st.sampled_from(["well", "well", "lost", "forgotten"]),
        st.integers(0, 5),
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(BATCHES)
def test_every_report_is_stored_once_whatever_fails_and_is_forgotten(batches: list[Any]) -> None:
    server, writer = Server(), LineWriter(100)
    said = set()
    for points, fate, number in batches:
        reports = [report(*point) for point in points]
        said |= {(cell, end, value) for cell, end, value in points}
        if fate == "lost":
            write(server, writer, reports, number)
        if fate == "forgotten":
            writer.forget()
        write(server, writer, reports)
        assert write(server, writer, reports) == 0
    assert len(server.stored) == len(said)
    for cell in "AB":
        for end in range(1, 6):
            copies = [c for t, c, e in server.stored if e == end and f"object={cell}," in t]
            assert sorted(copies) == [f"{n:03d}" if n else "" for n in range(len(copies))]


def test_a_stream_asks_the_server_once() -> None:
    server, writer = Server(), LineWriter(100)
    for n in range(1, 20):
        write(server, writer, [report(f"Cell{c}", n, 1.0) for c in range(5)])
    assert server.questions == 2
    write(server, writer, [report("Cell1", 19, 1.0), report("Cell1", 19, 2.0)])
    assert server.questions == 2
    assert len(server.stored) == 5 * 19 + 1


def test_a_late_batch_asks_once_for_all_its_series() -> None:
    server, writer = Server(), LineWriter(100)
    write(server, writer, [report(f"Cell{c}", 100, 1.0) for c in range(50)])
    before = server.questions
    write(server, writer, [report(f"Cell{c}", n, 1.0) for n in (3, 2, 1) for c in range(50)])
    assert server.questions == before + 1


def test_days_between_late_reports_are_not_read() -> None:
    day = influx_versions.DAY_NS
    ends = [1, 2, 10 * day, 10 * day + 1, 30 * day]
    assert influx_versions._ranges(ends) == [(1, 2), (10 * day, 10 * day + 1), (30 * day, 30 * day)]
    assert influx_versions._ranges([n * 2 * day for n in range(40)]) == [(0, 78 * day)]


def test_a_version_too_many_is_refused_and_named() -> None:
    server, writer = Server(), LineWriter(100)
    write(server, writer, [report("A", 1, float(n)) for n in range(COPIES)])
    with pytest.raises(InputError, match="'A'"):
        write(server, writer, [report("A", 1, -1.0)])
    assert len(server.stored) == COPIES
