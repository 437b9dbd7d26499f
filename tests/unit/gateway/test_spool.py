"""The spool gives back all that was put in, in the order in which it became known."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import NodeChange
from ranvier.gateway.runtime.spool import BUCKET_NS, Spool, known_at

S = 10**9
T0 = 1_700_000_000 * S


def report(end_ns: int, number: int = 0) -> MeasurementReport:
    return MeasurementReport(f"NRCellDU={number}", "NRCellDU", end_ns - S, end_ns, {"RRU.PrbTotDl": 1.0})


@given(st.lists(st.integers(0, 5 * BUCKET_NS // S), max_size=60))
@settings(max_examples=30, deadline=None)
def test_everything_comes_once_in_order_of_time_then_as_it_was_put_in(seconds: list[int]) -> None:
    put = [report(T0 + at * S, number) for number, at in enumerate(seconds)]
    with Spool() as spool:
        for payload in put:
            spool.put(payload)
        arrivals = list(spool.arrivals())
    assert [each.due_ns for each in arrivals] == sorted({known_at(payload) for payload in put})
    assert [p for each in arrivals for p in each.payloads] == sorted(put, key=known_at)


def test_a_period_is_known_at_its_end_and_a_change_when_it_happened() -> None:
    assert known_at(report(T0)) == T0
    assert known_at(NodeChange("NRCellDU=1", "NRCellDU", T0 - S, {})) == T0 - S


def test_a_dead_letter_has_no_time_and_comes_first() -> None:
    letter = DeadLetter(reason="no", source="file", position="line 3", raw=b"x")
    with Spool() as spool:
        spool.put(report(T0))
        spool.put(letter)
        assert [each.payloads for each in spool.arrivals()] == [[letter], [report(T0)]]


def test_more_buckets_than_files_may_be_open_at_once_lose_nothing(tmp_path: Path) -> None:
    put = [report(T0 + (n * 37 % 150) * BUCKET_NS, n) for n in range(300)]
    with Spool(tmp_path) as spool:
        for payload in put:
            spool.put(payload)
        found = [p for each in spool.arrivals() for p in each.payloads]
    assert len(found) == 300
    assert {p.object_id for p in found if isinstance(p, MeasurementReport)} == {p.object_id for p in put}


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.put(report(T0))
        assert any(tmp_path.iterdir())
    assert not any(tmp_path.iterdir())
