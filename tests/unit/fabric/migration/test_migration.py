"""Moving a platform's log, graph and series: whole, in both times, resumable, and never onto something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.event import DEAD_LETTERS, MEASUREMENTS, TOPOLOGY
from ranvier.fabric.graph import export as graph_export
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ingest import GRAPH, SERIES, Ingest, publish
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.migration import progress
from ranvier.fabric.migration.log_move import TOPICS
from ranvier.fabric.migration.move import Migration
from ranvier.fabric.migration.sides import Side
from ranvier.fabric.ports import FOREVER_NS, SeriesQuery
from ranvier.fabric.series import export as series_export
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import InputError, StoreError
from ranvier.ontology.ontology import load

S = 10**9
T0 = 1_700_000_000 * S
ONTOLOGY = load()
CELLS = [f"ManagedElement=1,GNBDUFunction=1,NRCellDU={i}" for i in range(1, 6)]
WHOSE = ("default", "default")


class Shown:
    """Keeps what a progress bar would show."""

    def __init__(self) -> None:
        self.parts: dict[str, list[int]] = {}

    def begin(self, what: str, total: int) -> None:
        self.parts[what] = [0, total]

    def advance(self, count: int) -> None:
        self.parts[next(reversed(self.parts))][0] += count


def side(folder: Path, opened: ExitStack, partitions: int = 3) -> Side:
    folder.mkdir(exist_ok=True)
    log = SqliteLog(folder / "log.sqlite", partitions)
    graph = SqliteGraph(folder / "graph.sqlite", ONTOLOGY)
    series = DuckdbSeries(folder / "series.duckdb", ONTOLOGY)
    for store in (log, graph, series):
        opened.callback(store.close)
    return Side(folder.name, log, graph, series)


def report(cell: str, n: int, value: float, revision: int = 0) -> MeasurementReport:
    values = {"RRU.PrbTotDl": value, "RRC.ConnMean": value / 2}
    return MeasurementReport(cell, "NRCellDU", T0 + n * S, T0 + (n + 1) * S, values, n % 3 == 0, revision)


def fed(into: Side, first: int = 0, steps: int = 12) -> None:
    """Topology that changes, also late, measurements with revisions, and records that are refused."""
    ingest = Ingest(into.log, into.series, into.graph, ONTOLOGY)
    try:
        for n in range(first, first + steps):
            now_ns = T0 + n * S
            changes: list[Any] = [
                NodeChange(cell, "NRCellDU", now_ns, {"load": n % 4, "name": cell[-1]}) for cell in CELLS
            ]
            changes.append(RelationChange("serves", CELLS[n % 3], "UE=1", now_ns))
            if n % 4 == 3:
                changes.append(RelationChange("serves", CELLS[4], "UE=1", now_ns - 2 * S - 5))
            reports = [report(cell, n, float(n)) for cell in CELLS]
            reports.append(report(CELLS[0], max(0, n - 2), 50.0 + n, revision=n))
            bad = replace_quantity(report(CELLS[1], n, 1.0))
            publish(into.log, [*changes, *reports, bad], "test", now_ns)
            ingest.drain(now_ns)
    finally:
        ingest.close()


def replace_quantity(one: MeasurementReport) -> MeasurementReport:
    return MeasurementReport(one.object_id, one.object_class, one.start_ns, one.end_ns, {"No.Such": 1.0})


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_export, "BATCH", 10)
    monkeypatch.setattr(series_export, "BATCH", 100)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def source(tmp_path: Path, opened: ExitStack) -> Side:
    made = side(tmp_path / "source", opened)
    fed(made)
    return made


@pytest.fixture
def target(tmp_path: Path, opened: ExitStack) -> Side:
    return side(tmp_path / "target", opened)


def migration(source: Side, target: Side, tmp_path: Path) -> Migration:
    return Migration(source, target, "servers", tmp_path, lambda: "2026-01-01T00:00:00+00:00")


def records(of: Side, topic: str) -> list[Any]:
    return [
        (part, r.offset, r.key, r.value, r.headers, r.recorded_at_ns)
        for (_, part) in sorted(of.log.offsets(topic))
        for r in of.log.read(topic, part, 0, 100_000)
    ]


def known(of: Side, at_ns: int) -> Any:
    frame = of.series.read(SeriesQuery(known_at_ns=at_ns))
    points = list(zip(*(getattr(frame, name).tolist() for name in frame.__slots__), strict=True))
    shots = [of.graph.snapshot(*WHOSE, as_of, at_ns) for as_of in range(T0, T0 + 14 * S, S)]
    return points, shots


def assert_alike(source: Side, target: Side) -> None:
    for topic in TOPICS:
        assert records(target, topic) == records(source, topic)
    for at_ns in [*range(T0, T0 + 14 * S, S), FOREVER_NS]:
        assert known(target, at_ns) == known(source, at_ns)
    for node in (*CELLS, "UE=1"):
        for at_ns in (T0 + 5 * S, FOREVER_NS):
            assert target.graph.history(*WHOSE, node, at_ns) == source.graph.history(*WHOSE, node, at_ns)
    assert dict(target.graph.offsets()) == dict(source.graph.offsets())
    assert dict(target.series.offsets()) == dict(source.series.offsets())
    for group in (GRAPH, SERIES):
        assert not any(target.log.lag(group).values())


def test_everything_moves_and_every_read_of_both_times_is_the_same(
    source: Side, target: Side, tmp_path: Path
) -> None:
    shown = Shown()
    rows = migration(source, target, tmp_path).run(shown)
    assert all(row.equal for row in rows), [row for row in rows if not row.equal]
    assert_alike(source, target)
    counts = {row.what: row.source for row in rows}
    assert sum(count for what, count in counts.items() if what.startswith(f"records of {MEASUREMENTS}")) == 84
    assert sum(count for what, count in counts.items() if what.startswith(f"records of {DEAD_LETTERS}")) == 12
    assert counts["points of default/default/observed, as known now"] == 120
    assert all(done == total for done, total in shown.parts.values()), shown.parts


def test_what_goes_on_after_the_move_goes_on_in_the_same_way(
    source: Side, target: Side, tmp_path: Path
) -> None:
    migration(source, target, tmp_path).run(Shown())
    fed(source, 12, 6)
    fed(target, 12, 6)
    assert_alike(source, target)


class Dying:
    """A store that fails at one of its writes, before or after it has taken it."""

    def __init__(self, inner: Any, verb: str, after: int, taken: bool) -> None:
        self._inner, self._verb, self._left, self._taken = inner, verb, after, taken

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._write if name == self._verb else found

    def _write(self, *given: Any) -> Any:
        self._left -= 1
        if self._left < 0 and not self._taken:
            raise KeyboardInterrupt
        done = getattr(self._inner, self._verb)(*given)
        if self._left < 0:
            raise KeyboardInterrupt
        return done


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize(
    ("store", "verb", "after"),
    [("log", "append", 0), ("log", "append", 17), ("graph", "apply", 0), ("graph", "apply", 5),
     ("series", "write", 0), ("graph", "apply", 8), ("series", "write", 1), ("log", "consumer", 0)],
)  # fmt: skip
def test_a_migration_that_is_killed_goes_on_and_gives_the_same(
    source: Side, target: Side, tmp_path: Path, store: str, verb: str, after: int, taken: bool
) -> None:
    dying = replace(target, **{store: Dying(getattr(target, store), verb, after, taken)})
    with pytest.raises(KeyboardInterrupt):
        migration(source, dying, tmp_path).run(Shown())
    kept = progress.read(tmp_path)
    assert kept is not None
    assert not kept.done
    with pytest.raises(StoreError, match="under way"):
        progress.refuse_under_way(tmp_path)
    rows = migration(source, target, tmp_path).run(Shown())
    assert all(row.equal for row in rows), [row for row in rows if not row.equal]
    assert_alike(source, target)
    progress.refuse_under_way(tmp_path)


def test_of_a_truncated_log_what_is_left_moves_and_the_sinks_go_on_in_the_targets_terms(
    source: Side, target: Side, tmp_path: Path
) -> None:
    gone = sum(source.log.truncate(topic, T0 + 7 * S) for topic in TOPICS)
    assert gone > 0
    rows = migration(source, target, tmp_path).run(Shown())
    assert all(row.equal for row in rows), [row for row in rows if not row.equal]
    for topic in (MEASUREMENTS, TOPOLOGY):
        stored = {**target.graph.offsets(), **target.series.offsets()}
        ends = {place: end for place, end in target.log.offsets(topic).items() if end}
        assert ends == {place: stored[place] for place in ends}
        assert sum(ends.values()) < sum(source.log.offsets(topic).values())
        here = [row[2:] for row in records(source, topic)]
        assert [row[2:] for row in records(target, topic)] == here
    fed(source, 12, 6)
    fed(target, 12, 6)
    for at_ns in (T0 + 13 * S, FOREVER_NS):
        assert known(target, at_ns) == known(source, at_ns)
    letters = [len(records(each, DEAD_LETTERS)) for each in (source, target)]
    assert letters[0] == letters[1], "a refusal of the target is not taken for one of the source"


def test_a_target_that_holds_something_else_is_refused(source: Side, target: Side, tmp_path: Path) -> None:
    fed(target, 3, 1)
    with pytest.raises(InputError, match="empty target"):
        migration(source, target, tmp_path).run(Shown())


def test_a_source_that_changed_since_the_beginning_is_refused(
    source: Side, target: Side, tmp_path: Path
) -> None:
    dying = replace(target, series=Dying(target.series, "write", 0, False))
    with pytest.raises(KeyboardInterrupt):
        migration(source, dying, tmp_path).run(Shown())
    fed(source, 12, 1)
    with pytest.raises(InputError, match="stays as it was"):
        migration(source, target, tmp_path).run(Shown())


def test_a_target_of_other_partitions_is_refused(source: Side, tmp_path: Path, opened: ExitStack) -> None:
    other = side(tmp_path / "other", opened, partitions=5)
    with pytest.raises(InputError, match="3 partitions"):
        migration(source, other, tmp_path).run(Shown())


def test_a_source_that_cannot_tell_is_named(source: Side, target: Side, tmp_path: Path) -> None:
    class Mute:
        def __getattr__(self, name: str) -> Any:
            if name == "export":
                raise AttributeError(name)
            return getattr(source.graph, name)

    with pytest.raises(InputError, match="Mute of source"):
        migration(replace(source, graph=Mute()), target, tmp_path).run(Shown())  # type: ignore[arg-type]


def test_a_difference_is_found_and_named_and_the_migration_is_not_done(
    source: Side, target: Side, tmp_path: Path
) -> None:
    class Losing(Dying):
        def _write(self, reports: Any, recorded: Any, *offsets: Any) -> Any:
            return self._inner.write(reports[:-1], recorded[:-1], *offsets)

    losing = replace(target, series=Losing(target.series, "write", 0, False))
    rows = migration(source, losing, tmp_path).run(Shown())
    assert {row.what.split(" of ")[0] for row in rows if not row.equal} == {"points"}
    kept = progress.read(tmp_path)
    assert kept is not None
    assert not kept.done


def test_an_empty_platform_moves_too(tmp_path: Path, target: Side, opened: ExitStack) -> None:
    empty = side(tmp_path / "empty", opened)
    rows = migration(empty, target, tmp_path).run(Shown())
    assert all(row.equal for row in rows)
    assert migration(empty, target, tmp_path).done_at() is None
