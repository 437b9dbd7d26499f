"""Ingest from the log into the stores: what is counted, what is refused, and what a crash does not change."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ranvier.fabric import event
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.ingest import Ingest, Published, publish
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Entry, Offsets, Record, SeriesQuery
from ranvier.fabric.replay import replay
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import InputError, StoreError
from ranvier.ontology.ontology import Ontology, load

ONTOLOGY = load()
RSSI = "UE.RSSI"
S = 1_000_000_000


class Crash(BaseException):
    """What no handler catches, as a kill."""


class Log(SqliteLog):
    """A log whose process can be killed before a topic is appended to, or before offsets are committed."""

    crash_before: str | None = None

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        if topic == self.crash_before and entries:
            raise Crash
        super().append(topic, entries, recorded_at_ns)


@dataclass
class Graph:
    """A GraphStore's write side in memory; a node whose name starts with "bad" is refused by it alone."""

    applied: list[tuple[TopologyChange, int]] = field(default_factory=list)
    at: dict[tuple[str, int], int] = field(default_factory=dict)
    fails: int = 0

    def apply(
        self, changes: Sequence[TopologyChange], recorded_at_ns: Sequence[int], offsets: Offsets | None = None
    ) -> int:
        if self.fails:
            self.fails -= 1
            raise StoreError("room on the disk", "none", "make some")
        if any(isinstance(c, NodeChange) and c.node_id.startswith("bad") for c in changes):
            raise InputError("a good node", "a bad one", "mend it")
        self.applied += zip(changes, recorded_at_ns, strict=True)
        self.at.update(offsets or {})
        return len(changes)

    def offsets(self) -> Offsets:
        return dict(self.at)


class World:
    """All stores in a folder; `restart` is what comes after a crash."""

    def __init__(self, folder: Path, overlap: bool = False) -> None:
        self.folder, self.graph, self.overlap = folder, Graph(), overlap
        self.open()

    def open(self) -> None:
        self.log = Log(self.folder / "log.db", lease_s=0.0)
        self.series = DuckdbSeries(self.folder / "series.duckdb", ONTOLOGY)
        self.ingest = self.member()

    def member(self, ontology: Ontology = ONTOLOGY) -> Ingest:
        """Another member of the same groups."""
        return Ingest(
            self.log,
            self.series,
            self.graph,
            ontology,
            batch=8,
            overlap=self.overlap,  # type: ignore[arg-type]
        )

    def close(self) -> None:
        self.ingest.close()
        self.series.close()
        self.log.close()

    def restart(self) -> None:
        self.close()
        self.open()

    def letters(self) -> list[tuple[Record, DeadLetter]]:
        found = [
            record
            for topic, part in self.log.offsets(event.DEAD_LETTERS)
            for record in self.log.read(topic, part, 0, 1000)
        ]
        return [(record, event.decode(record.value)) for record in found]  # type: ignore[misc]

    def values(self) -> dict[tuple[str, int], float]:
        frame = self.series.read(SeriesQuery())
        return dict(zip(zip(frame.object_ids, frame.end_ns, strict=True), frame.values, strict=True))


@pytest.fixture(params=[False, True], ids=["in turn", "overlapping"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(tmp_path, request.param)
    yield made
    made.close()


@pytest.fixture
def in_turn(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def report(n: int, value: float = -90.0, ue: str = "UE=1", quantity: str = RSSI) -> MeasurementReport:
    return MeasurementReport(ue, "UE", n, n, {quantity: value}, source="walk.csv")


def raw(world: World, value: bytes, topic: str = event.MEASUREMENTS) -> None:
    world.log.append(topic, [Entry("k", value)], 5)


def test_measurements_and_topology_arrive_with_the_times_at_which_the_log_took_them(world: World) -> None:
    node = NodeChange("UE=1", "UE", 3)
    assert publish(world.log, [report(1), node, report(2)], "walk.csv", 10) == Published(3, 0)
    result = world.ingest.step(20)
    assert (result.records, result.points, result.changes, result.refused) == (3, 2, 1, 0)
    assert world.series.read(SeriesQuery()).recorded_at_ns.tolist() == [10, 10]
    assert world.graph.applied == [(node, 10)]
    assert world.ingest.step(30).records == 0


def test_simulation_feedback_is_stored_under_its_run(world: World) -> None:
    publish(world.log, [msgspec.structs.replace(report(1), origin="run:7")], "twin", 10)
    assert world.ingest.step(20).points == 1
    assert len(world.series.read(SeriesQuery())) == 0
    assert len(world.series.read(SeriesQuery(origin="run:7"))) == 1


BAD: dict[str, Any] = {
    "no JSON": b"\xff\xfe",
    "no CloudEvent": b"[]",
    "unknown type": b'{"id":"1","type":"other","source":"s","data":{}}',
    "wrong noun": event.encode(NodeChange("n", "UE", 1), "1"),
    "null for NaN": event.encode(report(1, float("nan")), "1"),
    "out of bounds": event.encode(report(1, 1e6), "1"),
    "unknown quantity": event.encode(report(1, quantity="Nope"), "1"),
    "quantity of another class": event.encode(msgspec.structs.replace(report(1), object_class="Site"), "1"),
    "unknown class": event.encode(msgspec.structs.replace(report(1), object_class="Nope"), "1"),
    "period backwards": event.encode(msgspec.structs.replace(report(5), end_ns=1), "1"),
    "time beyond 64 bits": event.encode(report(1), "1").replace(b'"end_ns":1', b'"end_ns":' + b"9" * 30),
    "number beyond a double": event.encode(report(1), "1").replace(b"-90.0", b"-1e999"),
    "lone surrogate": event.encode(report(1), "1").replace(b"UE=1", b"\\ud800"),
    "revision beyond 32 bits": event.encode(msgspec.structs.replace(report(1), revision=2**40), "1"),
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD.keys())
def test_a_bad_record_alone_becomes_a_dead_letter_that_says_why_and_where(world: World, value: bytes) -> None:
    publish(world.log, [report(1, ue=f"UE={n}") for n in range(10)], "walk.csv", 4)
    raw(world, value)
    publish(world.log, [report(2, ue=f"UE={n}") for n in range(10)], "walk.csv", 6)
    result = world.ingest.drain(20)
    assert (result.records, result.points, result.refused) == (21, 20, 1)
    ((record, letter),) = world.letters()
    assert letter.raw == value
    assert "expected" in letter.reason
    assert letter.position.startswith(event.MEASUREMENTS)
    assert record.recorded_at_ns == 20


def test_a_dead_letter_keeps_the_source_and_the_owner_of_its_record(world: World) -> None:
    publish(world.log, [msgspec.structs.replace(report(1, 1e6), tenant="rival", network="n2")], "x", 4)
    world.ingest.step(20)
    ((_, letter),) = world.letters()
    assert (letter.source, letter.adapter) == ("walk.csv", "native")
    assert (letter.tenant, letter.network) == ("rival", "n2")


def test_a_refused_report_comes_in_whole_once_the_ontology_is_mended(world: World) -> None:
    """As a report of five values of which one is out of what the ontology takes for its bounds."""
    known = {RSSI: -60.0, "MDT.M1.RSRP": -90.0, "MDT.M1.RSRQ": -11.0, "MDT.M1.SINR": 12.0, "UE.CQI": 17.0}
    sent = msgspec.structs.replace(report(1 * S), values=known, tenant="rival", network="n2")
    publish(world.log, [sent, report(2 * S)], "walk.csv", 4)
    world.ingest.step(20)
    ((_, letter),) = world.letters()
    context = SourceContext("elsewhere", ONTOLOGY)
    (still,) = replay(letter, ADAPTERS, context)
    assert isinstance(still, Bad)
    wider = msgspec.structs.replace(ONTOLOGY.quantities["UE.CQI"], maximum=30.0)
    mended = msgspec.structs.replace(ONTOLOGY, quantities={**ONTOLOGY.quantities, "UE.CQI": wider})
    (good,) = replay(letter, ADAPTERS, replace(context, ontology=mended))
    assert isinstance(good, Good)
    assert good.payload == sent
    world.ingest.close()
    world.ingest = world.member(mended)
    publish(world.log, [good.payload], letter.source, 30)
    assert world.ingest.drain(40).points == 5
    frame = world.series.read(SeriesQuery("rival", "n2"))
    assert dict(zip(frame.quantities, frame.values, strict=True)) == known


def test_an_object_that_was_heard_without_values_is_counted_and_refused_by_nobody(world: World) -> None:
    heard = msgspec.structs.replace(report(1 * S), values={})
    publish(world.log, [heard, report(1 * S), heard], "walk.csv", 2 * S)
    result = world.ingest.drain(3 * S)
    assert (result.records, result.points, result.refused) == (3, 1, 0)
    assert world.letters() == []
    assert world.ingest.lag(3 * S).samples == 3


def test_a_payload_that_json_cannot_carry_becomes_a_dead_letter_at_once(world: World) -> None:
    assert publish(world.log, [report(1), report(2, ue="\ud800")], "walk.csv", 4) == Published(1, 1)
    assert world.letters()[0][1].position == "payload 1"


@pytest.mark.parametrize(
    "change",
    [
        NodeChange("n", "Nope", 1),
        RelationChange("nope", "a", "b", 1),
        NodeChange("n", "UE", 2**63),
        NodeChange("bad node", "UE", 1),
    ],
)
def test_a_change_that_ontology_or_store_refuses_goes_alone(world: World, change: TopologyChange) -> None:
    good = [NodeChange(f"UE={n}", "UE", 1) for n in range(20)]
    publish(world.log, [*good[:7], change, *good[7:]], "x", 4)
    result = world.ingest.drain(20)
    assert (result.changes, result.refused) == (20, 1)
    applied = {c.node_id for c, _ in world.graph.applied if isinstance(c, NodeChange)}
    assert applied == {node.node_id for node in good}
    assert len(world.letters()) == 1
    world.restart()
    assert world.ingest.drain(30).records == 0


def test_changes_of_one_object_keep_their_order_and_each_its_time_of_recording(world: World) -> None:
    for n in range(20):
        publish(world.log, [NodeChange("UE=1", "UE", n), NodeChange(f"UE={n + 2}", "UE", n)], "x", 100 + n)
    world.ingest.drain(500)
    own = [(c.valid_from_ns, at) for c, at in world.graph.applied if c.key == "UE=1"]
    assert own == [(n, 100 + n) for n in range(20)]


def test_a_clock_set_back_at_the_source_does_not_reorder_an_object(world: World) -> None:
    for n, at in enumerate((100, 50, 200)):
        publish(world.log, [NodeChange("UE=1", "UE", n)], "x", at)
    world.ingest.drain(500)
    assert [(c.valid_from_ns, at) for c, at in world.graph.applied] == [(0, 100), (1, 100), (2, 200)]


def test_a_store_that_fails_gets_the_same_records_again(world: World) -> None:
    publish(world.log, [NodeChange(f"UE={n}", "UE", 1) for n in range(5)], "x", 4)
    world.graph.fails = 2
    for _ in range(2):
        with pytest.raises(StoreError, match="disk"):
            world.ingest.step(20)
    assert world.ingest.step(20).changes == 5
    assert len(world.graph.applied) == 5


CRASHES = st.lists(
    st.sampled_from(["none", "before letters", "after letters", "before commit"]), min_size=1, max_size=5
)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)  # fmt: skip
@given(crashes=CRASHES, bad_every=st.integers(2, 7), overlap=st.booleans())
def test_the_effect_is_exactly_once_wherever_it_crashes(
    tmp_path_factory: pytest.TempPathFactory, crashes: list[str], bad_every: int, overlap: bool
) -> None:
    world = World(tmp_path_factory.mktemp("world"), overlap)
    published = [report(n, 1e6 if n % bad_every == 0 else -20.0 - n, ue=f"UE={n % 3}") for n in range(40)]
    publish(world.log, published, "walk.csv", 4)
    for crash in crashes:
        _crash(world, crash)
        world.restart()
    world.ingest.drain(99)
    good = {(r.object_id, r.end_ns): r.values[RSSI] for r in published if r.values[RSSI] < 0}
    assert world.values() == good
    assert world.series.ping().detail["points"] == len(good)
    positions = [letter.position for _, letter in world.letters()]
    assert len(positions) == len(set(positions)) == 40 - len(good)
    world.close()


def _crash(world: World, where: str) -> None:
    """One step that is killed at `where`."""
    loop = world.ingest._series
    if where == "before letters":
        world.log.crash_before = event.DEAD_LETTERS
    elif where == "after letters":
        loop._sink.store = _kill  # type: ignore[method-assign]
    elif where == "before commit":
        loop._consumer.commit = _kill  # type: ignore[method-assign]
    try:
        world.ingest.step(50)
    except Crash:
        pass
    finally:
        world.log.crash_before = None


def _kill(*_: object) -> Any:
    raise Crash


def _mixed(count: int) -> list[event.Payload]:
    """Good and bad reports of several UEs, and a node for each."""
    reports = [report(n, 1e6 if n % 10 == 3 else -90.0, f"UE={n % 7}") for n in range(1, count + 1)]
    return [*reports, *(NodeChange(f"UE={n}", "UE", n) for n in range(7))]


@pytest.mark.parametrize("lease_s", [0.0, 30.0])
def test_members_that_join_stall_and_leave_share_the_work_and_repeat_nothing(
    world: World, lease_s: float
) -> None:
    """With a lease of 0 each member is given up whenever the other one looks: a zombie at every step."""
    world.log.lease_ns = int(lease_s * S)
    publish(world.log, _mixed(100), "x", 4)
    other = world.member()
    for _ in range(4):
        world.ingest.step(9)
        other.step(9)
    world.ingest.close()
    other.drain(10)
    other.close()
    world.restart()
    world.ingest.drain(11)
    assert len(world.values()) == 90
    assert len(world.letters()) == 10
    assert len(world.graph.applied) == 7


@pytest.mark.parametrize("where", ["after letters", "before commit"])
def test_who_takes_over_goes_on_where_the_store_is_and_not_where_the_group_is(
    world: World, where: str
) -> None:
    publish(world.log, _mixed(100), "x", 4)
    other = world.member()
    other.step(9)
    _crash(world, where)
    other.drain(10)
    other.close()
    assert len(world.values()) == 90
    assert len(world.letters()) == 10
    assert world.series.read(SeriesQuery(known_at_ns=3)).values.size == 0


def test_a_sink_that_is_away_when_a_place_comes_is_asked_again_and_nothing_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(world.log, _mixed(20), "x", 4)

    def away() -> Offsets:
        raise StoreError("an answer", "none", "start the server")

    monkeypatch.setattr(world.ingest._series._sink, "offsets", away)
    for _ in range(3):
        with pytest.raises(StoreError, match="answer"):
            world.ingest.step(9)
    monkeypatch.undo()
    world.ingest.drain(10)
    assert len(world.values()) == 18


def test_a_dead_letter_says_why_in_its_headers(world: World) -> None:
    publish(world.log, [report(1, 1e6)], "x", 4)
    world.ingest.drain(9)
    ((record, letter),) = world.letters()
    assert record.headers["reason"] == letter.reason
    assert record.headers["position"].startswith("telemetry.measurements/")


def test_a_store_that_was_lost_is_filled_again_from_the_log(world: World) -> None:
    publish(world.log, [report(1), report(2, 1e6), report(3)], "x", 4)
    world.ingest.drain(9)
    world.close()
    (world.folder / "series.duckdb").unlink()
    world.open()
    assert world.ingest.drain(10).points == 2
    assert len(world.letters()) == 1


def test_a_log_that_was_lost_is_noticed_before_anything_is_passed_over(world: World) -> None:
    publish(world.log, [report(1)], "x", 4)
    world.ingest.drain(9)
    world.close()
    for path in world.folder.glob("log.db*"):
        path.unlink()
    with pytest.raises(StoreError, match="series store goes on"):
        world.open()


def test_measurements_do_not_wait_for_a_graph_that_is_away(world: World) -> None:
    publish(world.log, [*(report(n) for n in range(1, 31)), NodeChange("UE=1", "UE", 3)], "x", 4)
    world.graph.fails = 2
    for _ in range(2):
        with pytest.raises(StoreError, match="room"):
            world.ingest.step(9)
    assert len(world.values()) == 30
    result = world.ingest.step(9)
    assert (result.points, result.changes) == (30, 1), "what was done before is told once"
    assert world.ingest.step(9).records == 0


def test_a_graph_that_is_away_is_tried_again_though_measurements_never_end(
    in_turn: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(in_turn.log, [NodeChange("UE=1", "UE", 3)], "x", 4)
    in_turn.graph.fails = 1
    step = in_turn.ingest._series.step

    def more(now_ns: int, timeout_s: float = 0.0) -> Any:
        publish(in_turn.log, [report(now_ns)], "x", 4)
        return step(now_ns, timeout_s)

    monkeypatch.setattr(in_turn.ingest._series, "step", more)
    with pytest.raises(StoreError, match="room"):
        in_turn.ingest.step(9)
    assert in_turn.ingest.step(9).changes == 1


def test_a_step_takes_no_more_than_its_batch(in_turn: World) -> None:
    publish(in_turn.log, (report(n) for n in range(100)), "x", 4)
    assert [in_turn.ingest.step(9).records for _ in range(3)] == [8, 8, 8]
    assert in_turn.ingest.drain(9).points == 100 - 24


def test_a_step_that_overlaps_takes_what_there_is_while_there_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, overlap=True)
    publish(world.log, (report(n) for n in range(100)), "x", 4)
    monkeypatch.setattr("ranvier.fabric.ingest.STEP_S", -1.0)
    assert 8 <= world.ingest.step(9).records < 100
    monkeypatch.undo()
    assert world.ingest.step(9).records > 8
    world.ingest.drain(9)
    assert world.ingest.total.points == 100
    world.close()


def test_measurements_are_stored_while_the_graph_is_at_work(tmp_path: Path) -> None:
    """The graph takes its batch only once the Measurements that came after it can be read."""
    world = World(tmp_path, overlap=True)
    publish(world.log, [NodeChange("UE=1", "UE", 3), *(report(n) for n in range(1, 31))], "x", 4)
    apply = world.graph.apply

    def patient(*given: Any) -> int:
        until = time.monotonic() + 20
        while len(world.values()) < 30 and time.monotonic() < until:
            time.sleep(0.005)
        assert len(world.values()) == 30
        return apply(*given)

    world.graph.apply = patient  # type: ignore[method-assign]
    result = world.ingest.step(9)
    assert (result.points, result.changes) == (30, 1)
    world.close()


def test_totals_and_the_twin_lag_can_be_read(world: World) -> None:
    assert world.ingest.lag(0).samples == 0
    publish(world.log, [report(1 * S), report(1 * S, 1e6)], "x", 3 * S)
    world.ingest.drain(6 * S)
    figures = world.ingest.lag(6 * S)
    assert (figures.samples, figures.recorded_p50_s, figures.stored_p99_s) == (1, 2.0, 5.0)
    assert world.ingest.lag(100 * S).samples == 0
    assert (world.ingest.total.points, world.ingest.total.refused) == (1, 1)


def test_a_bad_record_of_any_size_gets_a_letter_that_the_log_can_take(world: World) -> None:
    raw(world, b"\xff" * (event.MAX_BYTES + 1_000))
    raw(world, b"\xff" * 7_000_000)
    world.ingest.drain(9)
    assert all(len(record.value) < 12 * 2**20 for record, _ in world.letters()), "a log takes 16 MiB"
    cut, whole = sorted((letter for _, letter in world.letters()), key=lambda letter: -len(letter.raw))
    assert len(cut.raw) == event.MAX_BYTES
    assert f"of its {event.MAX_BYTES + 1_000:,} bytes" in cut.reason
    assert len(whole.raw) == 7_000_000


def test_letters_beyond_the_first_page_are_found_though_the_clock_went_back_within_the_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ranvier.fabric.refusals.PAGE", 2)
    for n in range(6):
        publish(world.log, [report(n + 1)], "x", 1_000)
    publish(world.log, [report(7, 1e6)], "x", 500)
    _crash(world, "after letters")
    world.restart()
    world.ingest.drain(10)
    assert len(world.letters()) == 1


def test_letters_are_found_again_though_the_clock_was_set_back(world: World) -> None:
    publish(world.log, [report(1, 1e6)], "x", 1_000)
    _crash(world, "after letters")
    assert len(world.letters()) == 1
    world.restart()
    world.ingest.drain(10)
    assert len(world.letters()) == 1


def test_a_payload_too_large_for_an_event_becomes_a_letter_and_the_rest_goes_on(world: World) -> None:
    large = NodeChange("UE=1", "UE", 1, {"note": "x" * (event.MAX_BYTES + 1)})
    assert publish(world.log, [large, report(1)], "x", 4) == Published(1, 1)
    ((_, letter),) = world.letters()
    assert "bytes" in letter.reason
