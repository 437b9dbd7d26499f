"""A delivery is accounted for record by record, and belongs to whom it was delivered for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.event import DEAD_LETTERS, MEASUREMENTS, TOPOLOGY, decode
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.source import Bad, Good
from ranvier.fabric.topology_change import NodeChange
from ranvier.gateway.api.platform import Whose
from ranvier.gateway.runtime.delivery import REFUSALS_SHOWN, adapter_named, deliver
from ranvier.ontology.errors import InputError

S = 10**9
NOW = 1_700_000_000 * S
MINE = Whose("acme", "north")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    opened = SqliteLog(tmp_path / "log.sqlite", 2)
    yield opened
    opened.close()


def good(number: int) -> Good:
    return Good(MeasurementReport(f"NRCellDU={number}", "NRCellDU", NOW - S, NOW, {"RRU.PrbTotDl": 1.0}), "x")


def bad(number: int) -> Bad:
    return Bad(DeadLetter(reason=f"reason {number}", source="file", position=f"line {number}", raw=b"raw"))


def in_log(log: SqliteLog, topic: str) -> list[object]:
    return [
        decode(record.value)
        for (name, partition), end in log.offsets(topic).items()
        for record in log.read(name, partition, 0, end)
    ]


def test_each_record_is_accepted_or_refused_and_lies_in_the_log(log: SqliteLog) -> None:
    result = deliver(log, [good(1), bad(2), good(3)], "file", MINE, NOW)
    assert (result.accepted, result.refused) == (2, 1)
    assert [(each.position, each.reason) for each in result.refusals] == [("line 2", "reason 2")]
    assert len(in_log(log, MEASUREMENTS)) == 2
    assert len(in_log(log, DEAD_LETTERS)) == 1


def test_everything_belongs_to_whom_it_was_delivered_for_whatever_it_says(log: SqliteLog) -> None:
    deliver(log, [good(1), bad(2)], "file", MINE, NOW)
    for payload in [*in_log(log, MEASUREMENTS), *in_log(log, DEAD_LETTERS)]:
        assert (payload.tenant, payload.network) == MINE  # type: ignore[attr-defined]


def test_what_is_derived_from_a_record_is_published_and_not_counted(log: SqliteLog) -> None:
    derived = Good(NodeChange("NRCellDU=1", "NRCellDU", NOW, {}), "x", derived=True)
    result = deliver(log, [derived, good(1)], "file", MINE, NOW)
    assert result.accepted == 1
    assert len(in_log(log, TOPOLOGY)) == 1


def test_any_number_of_refusals_is_counted_and_the_first_hundred_are_told(log: SqliteLog) -> None:
    result = deliver(log, (bad(n) for n in range(250)), "file", MINE, NOW)
    assert result.refused == 250
    assert [each.position for each in result.refusals] == [f"line {n}" for n in range(REFUSALS_SHOWN)]
    assert len(in_log(log, DEAD_LETTERS)) == 250


def test_adapters_have_the_names_that_the_api_uses() -> None:
    assert adapter_named("cloudevents") is adapter_named("native")
    assert adapter_named("pm") is adapter_named("pm-file")
    with pytest.raises(InputError, match="native"):
        adapter_named("nothing")
