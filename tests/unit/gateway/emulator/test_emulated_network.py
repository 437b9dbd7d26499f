"""What the emulated network writes, read by the platform's own adapters."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.gateway.emulator import mishaps
from ranvier.gateway.emulator.city import EmulatorConfig
from ranvier.gateway.emulator.delivery import Delivery
from ranvier.gateway.emulator.mishaps import Fate
from ranvier.gateway.emulator.network import EmulatedNetwork
from ranvier.ontology.ontology import load

S = 10**9
START = 1_790_000_000 * S // (600 * S) * (600 * S)
CONFIG = EmulatorConfig(day_s=600.0, mishaps=False)
ONTOLOGY = load()


def read(delivery: Delivery) -> list[Good | Bad]:
    context = SourceContext(delivery.source, ONTOLOGY, now_ns=delivery.due_ns)
    return list(ADAPTERS[delivery.adapter].read(delivery.body, context))


def payloads(deliveries: list[Delivery]) -> list[object]:
    return [r.payload for d in deliveries for r in read(d) if isinstance(r, Good)]


def letters(deliveries: list[Delivery]) -> list[Bad]:
    return [r for d in deliveries for r in read(d) if isinstance(r, Bad)]


@pytest.fixture(scope="module")
def network() -> EmulatedNetwork:
    return EmulatedNetwork(CONFIG)


def test_without_mishaps_every_record_is_accepted(network: EmulatedNetwork) -> None:
    deliveries = network.opening(START) + network.deliveries(START, START + 120 * S)
    assert {each.adapter for each in deliveries} == {"pm-file", "ves", "nrm"}
    assert letters(deliveries) == []


def test_every_cell_reports_every_period(network: EmulatedNetwork) -> None:
    deliveries = list(network.history(START, START + 60 * S + S))
    reports = [p for p in payloads(deliveries) if isinstance(p, MeasurementReport) and p.start_ns >= START]
    du = [p for p in reports if p.object_class == "NRCellDU"]
    assert len(du) == 21 * 6
    assert {p.end_ns - p.start_ns for p in du} == {10 * S}
    assert all("RRU.PrbTotDl" in p.values for p in du)
    assert len({p.object_id for p in reports if p.object_class == "ManagedElement"}) == 7


def test_counters_that_count_are_whole_numbers(network: EmulatedNetwork) -> None:
    reports = [p for p in payloads(network.period(network.index(START))) if isinstance(p, MeasurementReport)]
    whole = {name for name, quantity in ONTOLOGY.quantities.items() if quantity.integer}
    values = [v for p in reports for name, v in p.values.items() if name in whole]
    assert values
    assert all(value == int(value) for value in values)


def test_objects_that_report_are_those_of_the_configuration(network: EmulatedNetwork) -> None:
    nodes = {p.node_id for p in payloads(network.opening(START)) if isinstance(p, NodeChange)}
    reports = [p for p in payloads(network.period(network.index(START))) if isinstance(p, MeasurementReport)]
    assert {p.object_id for p in reports} <= nodes


def test_the_configuration_says_that_it_is_emulated_and_where_it_stands(network: EmulatedNetwork) -> None:
    cells = [
        p
        for p in payloads(network.opening(START))
        if isinstance(p, NodeChange) and p.node_class == "NRCellDU"
    ]
    assert len(cells) == 21
    assert all("Emulated" in cell.node_id for cell in cells)
    for cell in cells:
        assert abs(cell.properties["latitude"] - CONFIG.latitude_deg) < 0.05  # type: ignore[operator]
        assert {"bearing", "tilt_deg", "tx_power_dbm"} <= cell.properties.keys()


def test_neighbours_are_neighbours_of_each_other(network: EmulatedNetwork) -> None:
    adjacent = {
        (p.source_id, p.target_id)
        for p in payloads(network.opening(START))
        if isinstance(p, RelationChange) and p.relation == "adjacent"
    }
    assert adjacent
    assert {(b, a) for a, b in adjacent} == adjacent


def test_an_element_is_one_node_whether_it_registers_or_is_configured(network: EmulatedNetwork) -> None:
    nodes = [
        p
        for p in payloads(network.opening(START))
        if isinstance(p, NodeChange) and p.node_class == "ManagedElement"
    ]
    assert len(nodes) == 14
    assert len({p.node_id for p in nodes}) == 7
    latest = max((p for p in nodes if p.node_id.endswith("gNB-1")), key=lambda p: p.valid_from_ns)
    assert "latitude" in latest.properties


def test_windows_that_adjoin_bring_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    late, resent = Fate(late_periods=5), Fate(resent=True)
    monkeypatch.setattr(mishaps, "fate", lambda _, site, k: late if (site + k) % 3 else resent)
    config = EmulatorConfig(day_s=600.0, sites=2)
    whole = EmulatedNetwork(config).deliveries(START, START + 100 * S)
    pieces = EmulatedNetwork(config)
    windows = [
        pieces.deliveries(START + a * S, START + b * S) for a, b in pairwise([0, 1, 7, 10, 33, 90, 100])
    ]
    assert [each for window in windows for each in window] == whole
    assert whole == sorted(whole)


def test_a_run_is_the_same_bytes_again() -> None:
    first, again = (list(EmulatedNetwork(CONFIG).history(START, START + 60 * S)) for _ in range(2))
    assert first == again


def test_nothing_arrives_before_its_period_has_ended(network: EmulatedNetwork) -> None:
    for delivery in network.deliveries(START, START + 60 * S):
        for record in read(delivery):
            if isinstance(record, Good) and isinstance(record.payload, MeasurementReport):
                assert delivery.due_ns >= record.payload.end_ns


def _outage(network: EmulatedNetwork) -> tuple[int, int, str]:
    k = network.index(START)
    while True:
        now = network._happening(k)
        if now is not None and now.kind == "outage" and now.first == k:
            return k, now.last, f"NRCellDU={network.city.cells[now.place].sector}"
        k += 1


def test_an_outage_raises_an_alarm_zeroes_the_counters_and_clears(network: EmulatedNetwork) -> None:
    first, last, cell = _outage(network)
    raised = [p for p in payloads(network.period(first)) if isinstance(p, Alarm)]
    cleared = [p for p in payloads(network.period(last)) if isinstance(p, Alarm)]
    assert [a.perceived_severity for a in (*raised, *cleared)] == ["CRITICAL", "CLEARED"]
    assert raised[0].alarm_id == cleared[0].alarm_id
    assert raised[0].object_id == cleared[0].object_id
    assert raised[0].object_id.endswith(cell)
    (down,) = [
        p
        for p in payloads(network.period(first))
        if isinstance(p, MeasurementReport) and p.object_id == raised[0].object_id
    ]
    assert down.values["RRU.PrbTotDl"] == 0
    assert down.values["DRB.PdcpSduVolumeDL"] == 0
    assert "DRB.UEThpDl" not in down.values


def _fated(monkeypatch: pytest.MonkeyPatch, fate: Fate) -> list[Delivery]:
    monkeypatch.setattr(mishaps, "fate", lambda *_: fate)
    network = EmulatedNetwork(EmulatorConfig(day_s=600.0, faults=False))
    return [each for each in network.period(network.index(START)) if each.adapter == "pm-file"]


def test_a_missing_file_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _fated(monkeypatch, Fate(missing=True)) == []


def test_a_late_file_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _fated(monkeypatch, Fate())
    late = _fated(monkeypatch, Fate(late_periods=2))
    assert [a.due_ns - b.due_ns for a, b in zip(late, plain, strict=True)] == [20 * S] * 7


def test_a_resent_file_corrects_a_suspect_one_under_a_higher_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliveries = _fated(monkeypatch, Fate(resent=True))
    reports = [p for p in payloads(deliveries) if isinstance(p, MeasurementReport)]
    first = {p.object_id: p for p in reports if p.revision == 0}
    second = {p.object_id: p for p in reports if p.revision == 1}
    assert first.keys() == second.keys()
    assert all(p.suspect for p in first.values())
    assert not any(p.suspect for p in second.values())
    volume = [sum(p.values.get("DRB.PdcpSduVolumeDL", 0.0) for p in e.values()) for e in (first, second)]
    assert volume[0] < volume[1]


def test_a_corrupt_file_is_a_dead_letter_and_what_came_before_the_break_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliveries = _fated(monkeypatch, Fate(corrupt=True))
    assert len(letters(deliveries)) == len(deliveries) == 7
    kept = [p for p in payloads(deliveries) if isinstance(p, MeasurementReport)]
    assert {p.object_class for p in kept} == {"NRCellDU"}


def test_an_unknown_counter_alone_becomes_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = _fated(monkeypatch, Fate(surprise=True))
    reasons = [bad.letter.reason for bad in letters(deliveries)]
    assert reasons
    assert all(mishaps.VENDOR_COUNTER in reason for reason in reasons)


def test_mishaps_are_rare_and_of_every_kind() -> None:
    config = EmulatorConfig()
    fates = [mishaps.fate(config, site, k) for site in range(1, 8) for k in range(1000)]
    plain = sum(fate == Fate() for fate in fates) / len(fates)
    # 6.3 % are not plain; five standard errors of a share over 7,000 draws are 1.5 %.
    assert 0.922 < plain < 0.952
    assert all(any(getattr(fate, kind) for fate in fates) for kind in Fate._fields)
    assert max(fate.late_periods for fate in fates) < mishaps.LONGEST_DELAY_PERIODS


def test_heartbeats_and_file_notices_come_live_and_not_in_the_past(network: EmulatedNetwork) -> None:
    live = {json.loads(e.body)["event"]["commonEventHeader"]["domain"] for e in
            network.deliveries(START, START + 60 * S) if e.adapter == "ves"}  # fmt: skip
    assert {"heartbeat", "notification"} <= live
    past = [e.source for e in network.history(START, START + 60 * S) if e.adapter == "ves"]
    assert not any("heartbeat" in name or "fileReady" in name for name in past)


SMALL = EmulatorConfig(sites=1, sectors=1, mishaps=False)
QUARTER_HOURS = EmulatorConfig(period_s=900, mishaps=False)
ODD = EmulatorConfig(period_s=7, sites=2, mishaps=False)


@pytest.mark.parametrize("config", [SMALL, QUARTER_HOURS, ODD])
def test_other_sizes_and_periods_work(config: EmulatorConfig) -> None:
    network = EmulatedNetwork(config)
    k = network.index(START) - network.index(START) % (config.day_ns // config.period_ns)
    deliveries = [*network.opening(START), *network.period(k)]
    reports = [p for p in payloads(deliveries) if isinstance(p, MeasurementReport)]
    assert len({p.object_id for p in reports}) == 2 * len(network.city.cells) + config.sites
