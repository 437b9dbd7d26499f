"""What is counted of the records that pass."""

from __future__ import annotations

import hashlib

import pytest

from ranvier.fabric.catalogue.dataset import Dataset
from ranvier.fabric.catalogue.quality import DAY_NS, QualityState, quality
from ranvier.fabric.catalogue.tally import REMEMBERED, Tally
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.source import Bad, Good
from ranvier.fabric.topology_change import NodeChange

S = 10**9
DAY = 20_000
DATASET = Dataset("measurements", "Measurements", "NOC", period_s=10.0)


def report(period: int, cell: str = "NRCellDU=1", revision: int = 0, values: int = 2, **more: object) -> Good:
    start_ns = DAY * DAY_NS + period * 10 * S
    named = {f"q{n}": 1.0 for n in range(values)}
    return Good(
        MeasurementReport(
            cell,
            "NRCellDU",
            start_ns,
            start_ns + 10 * S,
            named,
            revision=revision,
            **more,  # type: ignore[arg-type]
        ),
        "measValue 1",
    )


def end_ns(period: int) -> int:
    return DAY * DAY_NS + (period + 1) * 10 * S


def counted(tally: Tally) -> QualityState:
    return sum(tally.take().days.values(), QualityState())


def test_records_pass_on_unchanged_and_are_counted() -> None:
    tally = Tally(DATASET)
    bad = Bad(DeadLetter("no reason", "f", "line 1", b""))
    records = [report(0), bad, Good(NodeChange("x", "Site", 0), "line 2", derived=True), report(1)]
    assert list(tally.watch(records, end_ns(1))) == records
    state = counted(tally)
    assert (state.accepted, state.refused, state.received) == (2, 1, 4)


def test_a_period_that_came_before_is_a_revision_and_no_news() -> None:
    tally = Tally(DATASET)
    list(tally.watch([report(0), report(0, revision=1), report(0)], end_ns(0)))
    state = counted(tally)
    assert (state.received, state.revised) == (2, 4)


def test_a_second_report_of_a_period_with_other_quantities_is_news() -> None:
    tally = Tally(DATASET)
    list(tally.watch([report(0, values=1), report(0, values=3)], end_ns(0)))
    assert (state := counted(tally)).received == 3
    assert state.revised == 1


def test_points_that_come_out_of_order_are_news() -> None:
    tally = Tally(DATASET)
    list(tally.watch([report(3), report(1), report(2)], end_ns(3)))
    assert counted(tally).received == 6


def test_a_revision_of_a_forgotten_period_is_no_news_and_a_first_is() -> None:
    tally = Tally(DATASET)
    list(tally.watch([report(period) for period in range(1, REMEMBERED + 1)], end_ns(REMEMBERED)))
    counted(tally)
    list(tally.watch([report(0, revision=1)], end_ns(REMEMBERED)))
    assert counted(tally).received == 0
    list(tally.watch([report(0)], end_ns(REMEMBERED)))
    assert counted(tally).received == 2


@pytest.mark.parametrize(("late_s", "timely"), [(0, 2), (10, 2), (11, 0)])
def test_a_point_is_timely_within_one_period_of_its_end(late_s: int, timely: int) -> None:
    tally = Tally(DATASET)
    list(tally.watch([report(0)], end_ns(0) + late_s * S))
    assert counted(tally).timely == timely


def test_a_lost_period_of_one_of_two_cells_lowers_completeness_by_its_share() -> None:
    tally = Tally(DATASET)
    records = [report(k, f"NRCellDU={c}") for k in range(100) for c in (1, 2) if (k, c) != (50, 2)]
    list(tally.watch(records, end_ns(100)))
    figures = quality(tally.take().days, 10.0)
    assert figures.expected == 400
    assert figures.completeness == pytest.approx(398 / 400)


def test_points_belong_to_the_day_in_which_their_period_lies() -> None:
    tally = Tally(DATASET)
    list(tally.watch([report(8639), report(8640)], end_ns(8640)))
    assert sorted(tally.take().days) == [DAY, DAY + 1]


def test_a_file_is_known_by_its_hash_and_what_it_held() -> None:
    tally = Tally(DATASET, "run-1")
    list(tally.watch([report(0), Bad(DeadLetter("r", "f", "p", b""))], end_ns(0)))
    file = tally.file("a.xml", b"bytes", "pm-file", end_ns(0)).file
    assert file is not None
    assert file.sha256 == hashlib.sha256(b"bytes").hexdigest()
    assert (file.accepted, file.refused, file.run_id, file.size_bytes) == (1, 1, "run-1", 5)
    assert (file.first_ns, file.last_ns) == (end_ns(0) - 10 * S, end_ns(0))
    assert counted(tally) == QualityState()


def test_memory_is_bounded_by_the_network_whatever_comes() -> None:
    tally = Tally(DATASET)
    for k in range(1000):
        tally.count(report(k).payload, end_ns(k))
    (known,) = tally._objects.values()
    assert len(known.ends) == REMEMBERED
