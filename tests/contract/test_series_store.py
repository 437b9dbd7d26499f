"""What every adapter of `SeriesStore` guarantees. A new adapter joins by one line in `FACTORIES`.

InfluxDB has no transactions, so it is not in TRANSACTIONAL: two tests say what holds of it instead.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import SeriesFrame, SeriesQuery, SeriesStore
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.series.influx import InfluxConfig, InfluxSeries
from ranvier.fabric.series.influx_client import InfluxClient
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import Aggregation, Collection, Ontology, Quantity, load
from tests.servers.connect import address, parameters

PREFIX = "suite-"


def influx_config(folder: Path) -> InfluxConfig:
    """The folder stands for a platform of its own, also in another process."""
    name = folder / "prefix"
    if not name.exists():
        name.write_text(f"{PREFIX}{uuid.uuid4().hex[:12]}")
        OPENED.append(name.read_text())
    return influx_at(name.read_text())


def influx_at(prefix: str) -> InfluxConfig:
    where = address("influx")
    return InfluxConfig(where["url"], where["org"], where["token"], prefix=prefix)


OPENED: list[str] = []
FACTORIES: dict[str, Callable[[Path, Ontology], SeriesStore]] = {
    "duckdb": lambda folder, ontology: DuckdbSeries(folder / "series.duckdb", ontology),
    "influx": lambda folder, ontology: InfluxSeries(influx_config(folder), ontology),
}
TRANSACTIONAL = {"duckdb"}
"""Those that store a batch and the log's offsets in one transaction."""
Open = Callable[[], SeriesStore]


def _quantity(
    name: str, collection: Collection, weight: str | None = None, aggregate: Any = None
) -> Quantity:
    return Quantity(
        name, name, "1", ("Cell",), collection, "test", weight, aggregate=aggregate, split_by=("cause",)
    )


ONTOLOGY = Ontology(
    "test", {}, {},
    {
        q.name: q
        for q in (
            _quantity("sum", "CC"), _quantity("mean", "SI"), _quantity("gauge", "GAUGE"),
            _quantity("ratio", "DER", "sum"), _quantity("plain ratio", "DER"),
            _quantity("peak", "SI", aggregate="max"), _quantity("trough", "DER", aggregate="min"),
            _quantity("energy", "SI", aggregate="sum"), _quantity("share", "CC", aggregate="mean"),
        )
    },
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def leave_no_buckets() -> Iterator[None]:
    yield
    if not OPENED:
        return
    client = InfluxClient(influx_at(PREFIX))
    while found := [
        bucket
        for bucket in client.ask("GET", "/api/v2/buckets", {"limit": "100"})["buckets"]
        if bucket["name"].rpartition("-")[0] in OPENED
    ]:
        for bucket in found:
            client.ask("DELETE", f"/api/v2/buckets/{bucket['id']}")
    client.close()


@pytest.fixture(params=parameters(FACTORIES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store again and again; everything is closed in the end."""
    opened: list[SeriesStore] = []

    def make() -> SeriesStore:
        opened.append(FACTORIES[request.param](tmp_path, ONTOLOGY))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def transactional(request: pytest.FixtureRequest) -> bool:
    return request.node.callspec.params["reopen"] in TRANSACTIONAL


@pytest.fixture
def store(reopen: Open) -> SeriesStore:
    return reopen()


def report(
    start: int = 0,
    end: int = 10,
    object_id: str = "Cell=1",
    values: dict[str, float] | None = None,
    **more: Any,
) -> MeasurementReport:
    return MeasurementReport(object_id, "Cell", start, end, values or {"sum": 1.0}, **more)


def rows(frame: SeriesFrame) -> list[tuple[Any, ...]]:
    return list(
        zip(frame.object_ids, frame.quantities, frame.start_ns, frame.end_ns, frame.values, strict=True)
    )


def test_what_was_written_is_read_in_order_of_object_quantity_and_time(store: SeriesStore) -> None:
    reports = [
        report(10, 20, "Cell=2", {"sum": 4.0, "mean": 5.0}),
        report(0, 10, "Cell=2", {"sum": 3.0}),
        report(0, 10, "Cell=1", {"sum": 1.5}, suspect=True),
    ]
    assert store.write(reports, 100) == 4
    frame = store.read(SeriesQuery())
    assert rows(frame) == [
        ("Cell=1", "sum", 0, 10, 1.5),
        ("Cell=2", "mean", 10, 20, 5.0),
        ("Cell=2", "sum", 0, 10, 3.0),
        ("Cell=2", "sum", 10, 20, 4.0),
    ]
    assert frame.suspect.tolist() == [True, False, False, False]
    assert frame.recorded_at_ns.tolist() == [100] * 4
    assert frame.values.dtype == np.float64
    assert frame.end_ns.dtype == np.int64


def test_a_window_holds_periods_that_end_after_its_start_up_to_its_end(store: SeriesStore) -> None:
    store.write([report(n, n + 10) for n in range(0, 50, 10)], 1)
    assert store.read(SeriesQuery(from_ns=20, to_ns=40)).end_ns.tolist() == [30, 40]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"object_ids": ("Cell=2",)}, {("Cell=2", "sum"), ("Cell=2", "mean")}),
        ({"quantities": ("mean",)}, {("Cell=1", "mean"), ("Cell=2", "mean")}),
        ({"object_ids": ("Cell=1", "nobody"), "quantities": ("sum",)}, {("Cell=1", "sum")}),
        ({"object_ids": ()}, set()),
        ({"network": "other"}, {("Cell=3", "sum")}),
        ({"tenant": "rival"}, {("Cell=4", "sum")}),
        ({"origin": "run:7"}, {("Cell=5", "sum")}),
        ({"tenant": "nobody"}, set()),
    ],
)
def test_a_query_gives_what_it_names_and_nothing_of_others(
    store: SeriesStore, asked: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    both = {"sum": 1.0, "mean": 2.0}
    store.write(
        [
            report(object_id="Cell=1", values=both), report(object_id="Cell=2", values=both),
            report(object_id="Cell=3", network="other"), report(object_id="Cell=4", tenant="rival"),
            report(object_id="Cell=5", origin="run:7"),
        ],
        1,
    )  # fmt: skip
    frame = store.read(SeriesQuery(**asked))
    assert set(zip(frame.object_ids, frame.quantities, strict=True)) == expected


def test_the_highest_revision_wins_whenever_it_was_recorded(store: SeriesStore) -> None:
    store.write([report(values={"sum": 2.0}, revision=1)], 10)
    store.write([report(values={"sum": 1.0})], 20)
    assert store.read(SeriesQuery()).values.tolist() == [2.0]


def test_of_equal_revisions_the_latest_recorded_wins_and_then_the_latest_written(store: SeriesStore) -> None:
    store.write([report(values={"sum": 1.0})], 20)
    store.write([report(values={"sum": 2.0})], 10)
    assert store.read(SeriesQuery()).values.tolist() == [1.0]
    store.write([report(values={"sum": 3.0}), report(values={"sum": 4.0})], 20)
    assert store.read(SeriesQuery()).values.tolist() == [4.0]


def test_a_read_knows_only_what_was_recorded_by_its_time(store: SeriesStore) -> None:
    store.write([report(values={"sum": 1.0})], 10)
    store.write([report(values={"sum": 2.0}, revision=1)], 20)
    known = [store.read(SeriesQuery(known_at_ns=at)).values.tolist() for at in (9, 10, 19, 20)]
    assert known == [[], [1.0], [1.0], [2.0]]


def test_periods_with_one_end_and_different_starts_are_different_facts(store: SeriesStore) -> None:
    store.write([report(0, 10), report(5, 10)], 1)
    assert len(store.read(SeriesQuery())) == 2


def test_what_was_recorded_after_a_time_shows_later_revisions_only_where_they_win(store: SeriesStore) -> None:
    store.write([report(n, n + 10, values={"sum": 1.0}, revision=1) for n in (0, 10, 20)], 10)
    store.write([report(0, 10, values={"sum": 5.0}, revision=2), report(10, 20, values={"sum": 6.0})], 20)
    frame = store.read(SeriesQuery(recorded_after_ns=10))
    assert rows(frame) == [("Cell=1", "sum", 0, 10, 5.0)]
    assert len(store.read(SeriesQuery(recorded_after_ns=20))) == 0


def test_each_report_may_have_its_own_time_of_recording(store: SeriesStore) -> None:
    store.write([report(0, 10), report(10, 20)], [100, 200])
    assert store.read(SeriesQuery(known_at_ns=150)).end_ns.tolist() == [10]


def test_limit_keeps_the_first_rows(store: SeriesStore) -> None:
    store.write([report(n, n + 10) for n in range(0, 50, 10)], 1)
    assert store.read(SeriesQuery(limit=2)).end_ns.tolist() == [10, 20]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_is_refused_and_nothing_of_its_batch_is_written(
    store: SeriesStore, bad: float
) -> None:
    with pytest.raises(InputError, match="finite"):
        store.write([report(), report(10, 20, values={"sum": bad})], 1, {("t", 0): 5})
    assert len(store.read(SeriesQuery())) == 0
    assert store.offsets() == {}


@pytest.mark.parametrize("span", [(10, 5), (0, 2**63), (-(2**63) - 1, 0)])
def test_an_impossible_period_is_refused(store: SeriesStore, span: tuple[int, int]) -> None:
    with pytest.raises(InputError):
        store.write([report(), report(*span)], 1)
    assert len(store.read(SeriesQuery())) == 0
    store.write([report()], 1)
    assert len(store.read(SeriesQuery())) == 1


def test_data_and_offsets_survive_a_restart(reopen: Open) -> None:
    store = reopen()
    store.write([report()], 1, {("t", 0): 5, ("t", 1): 2})
    store.write([report(10, 20)], 2, {("t", 0): 9})
    store.close()
    again = reopen()
    assert again.offsets() == {("t", 0): 9, ("t", 1): 2}
    again.write([report(20, 30, values={"sum": 1.0, "mean": 2.0})], 3)
    assert len(again.read(SeriesQuery())) == 4


def test_an_empty_batch_still_stores_its_offsets(store: SeriesStore) -> None:
    assert store.write([], 1, {("t", 0): 5}) == 0
    assert store.write([MeasurementReport("Cell=1", "Cell", 0, 1, {})], 1) == 0
    assert store.offsets() == {("t", 0): 5}


def test_a_report_without_values_is_no_error_and_no_point(store: SeriesStore) -> None:
    heard = MeasurementReport("Cell=2", "Cell", 0, 10, {})
    assert store.write([heard, report(), heard, report(10, 20)], 1, {("t", 0): 4}) == 2
    assert rows(store.read(SeriesQuery())) == [("Cell=1", "sum", 0, 10, 1.0), ("Cell=1", "sum", 10, 20, 1.0)]
    assert store.series("default", "default") == ((("Cell=1", "sum"),), None)
    assert store.offsets() == {("t", 0): 4}


NAMES = [
    "", "a'b\"c", "Ж=1,Δ=2", "x" * 2000, "a\0b", "back\\", "two\nlines", "time", "_field", "100%", "~r", "p", " ",
    "a=b, c", "${1}", "a|b.*/",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_text_is_a_name(store: SeriesStore, name: str) -> None:
    store.write([report(object_id=name, values={name: 1.0}, tenant=name)], 1)
    frame = store.read(SeriesQuery(tenant=name, object_ids=(name,), quantities=(name,)))
    assert rows(frame) == [(name, name, 0, 10, 1.0)]


def test_series_come_a_page_at_a_time(store: SeriesStore) -> None:
    store.write(
        [report(object_id=f"Cell={n}", values={"sum": 1.0, "mean": 1.0}) for n in range(5)]
        + [report(object_id="Cell=1", origin="run:1"), report(object_id="Cell=9", tenant="rival")],
        1,
    )
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    while True:
        page, cursor = store.series("default", "default", cursor, limit=3)
        assert len(page) <= 3
        found += page
        if cursor is None:
            break
    assert found == sorted((f"Cell={n}", q) for n in range(5) for q in ("sum", "mean"))
    with pytest.raises(InputError, match="cursor"):
        store.series("default", "default", "made up")


def test_forget_removes_what_ended_before_and_lists_no_series_without_points(store: SeriesStore) -> None:
    store.write([report(0, 10, "Cell=old"), report(0, 10), report(10, 20)], 1)
    assert store.forget(20) == 2
    assert store.read(SeriesQuery()).end_ns.tolist() == [20]
    assert store.series("default", "default") == ((("Cell=1", "sum"),), None)
    store.write([report(20, 30, "Cell=old")], 2)
    assert store.read(SeriesQuery(object_ids=("Cell=old",))).end_ns.tolist() == [30]


def test_counters_sum_and_inspections_average_over_time(store: SeriesStore) -> None:
    store.write(
        [
            report(0, 10, values={"sum": 1.0, "mean": 1.0}),
            report(10, 40, values={"sum": 3.0, "mean": 5.0}),
        ],
        1,
    )
    frame = store.downsample(SeriesQuery(), 40)
    assert rows(frame) == [("Cell=1", "mean", 0, 40, 4.0), ("Cell=1", "sum", 0, 40, 4.0)]
    assert not frame.suspect.any()


def test_a_ratio_is_weighted_by_its_volume(store: SeriesStore) -> None:
    store.write(
        [
            report(0, 10, values={"ratio": 0.5, "sum": 1.0}),
            report(10, 20, values={"ratio": 0.1, "sum": 9.0}),
        ],
        1,
    )
    frame = store.downsample(SeriesQuery(quantities=("ratio",)), 20)
    assert frame.values == pytest.approx([(0.5 * 1 + 0.1 * 9) / 10])
    assert not frame.suspect.any()


@pytest.mark.parametrize(
    ("quantity", "whole"),
    [
        ("peak", 5.0),
        ("trough", 1.0),
        ("energy", 6.0),
        ("share", 4.0),
        ("sum.cause7", 6.0),
        ("peak.cause7", 5.0),
        ("ratio.cause7", 4.0),
        ("forgotten", 4.0),
    ],
)
def test_the_ontology_says_how_a_quantity_or_its_subcounter_is_aggregated(
    store: SeriesStore, quantity: str, whole: float
) -> None:
    store.write([report(0, 10, values={quantity: 1.0}), report(10, 40, values={quantity: 5.0})], 1)
    frame = store.downsample(SeriesQuery(), 40)
    assert (frame.values.tolist(), frame.suspect.tolist()) == ([whole], [False])


def test_a_peak_across_a_boundary_counts_on_both_sides_and_is_marked(store: SeriesStore) -> None:
    store.write(
        [
            report(0, 15, values={"peak": 1.0, "trough": 1.0}),
            report(15, 25, values={"peak": 9.0, "trough": -9.0}),
            report(25, 40, values={"peak": 2.0, "trough": 2.0}),
            report(40, 60, values={"peak": 3.0, "trough": 3.0}),
        ],
        1,
    )
    frame = store.downsample(SeriesQuery(), 20)
    assert frame.values.tolist() == [9.0, 9.0, 3.0, -9.0, -9.0, 3.0]
    assert frame.suspect.tolist() == [True, True, False] * 2


AGGREGATIONS: list[tuple[str, Aggregation]] = [
    ("RRC.ConnMax", "max"), ("PEE.Energy", "sum"), ("RRC.ConnEstabAtt.sum", "sum"), ("DRB.UEThpDl.5QI9", "mean"),
    ("RRC.ConnMean", "mean"), ("DRB.UEThpDl", "weighted"),
]  # fmt: skip


@pytest.mark.parametrize("factory", parameters(FACTORIES))
@pytest.mark.parametrize(("name", "aggregation"), AGGREGATIONS)
def test_the_quantities_that_networks_send_are_aggregated_as_they_mean(
    name: str, aggregation: Aggregation, factory: str, tmp_path: Path
) -> None:
    known = load()
    expected = {"max": 5.0, "sum": 6.0, "mean": 3.0, "weighted": 4.0}[aggregation]
    volume = known.quantity(name).weight or "none"
    store = FACTORIES[factory](tmp_path, known)
    store.write(
        [report(0, 10, values={name: 1.0, volume: 1.0}), report(10, 20, values={name: 5.0, volume: 3.0})], 1
    )
    found = store.downsample(SeriesQuery(quantities=(name,)), 20).values.tolist()
    store.close()
    assert (known.quantity(name).aggregation, found) == (aggregation, [expected])


@pytest.mark.parametrize("volumes", [(1.0, None), (0.0, 0.0)])
def test_a_ratio_without_volume_is_averaged_over_time_and_marked(
    store: SeriesStore, volumes: tuple[float | None, float | None]
) -> None:
    for n, volume in enumerate(volumes):
        values = {"ratio": float(n)} | ({} if volume is None else {"sum": volume})
        store.write([report(10 * n, 10 * n + 10, values=values)], 1)
    frame = store.downsample(SeriesQuery(quantities=("ratio",)), 20)
    assert frame.values.tolist() == [0.5]
    assert frame.suspect.tolist() == [True]


def test_a_ratio_that_names_no_volume_is_averaged_over_time(store: SeriesStore) -> None:
    store.write([report(0, 10, values={"plain ratio": 0.0}), report(10, 40, values={"plain ratio": 1.0})], 1)
    frame = store.downsample(SeriesQuery(), 40)
    assert (frame.values.tolist(), frame.suspect.tolist()) == ([0.75], [False])


def test_a_period_across_a_boundary_is_shared_out_by_time(store: SeriesStore) -> None:
    store.write([report(0, 30, values={"sum": 6.0, "mean": 2.0}), report(30, 40, values={"sum": 1.0})], 1)
    frame = store.downsample(SeriesQuery(quantities=("sum",)), 20)
    assert frame.values == pytest.approx([4.0, 3.0])
    assert (frame.start_ns.tolist(), frame.end_ns.tolist()) == ([0, 20], [20, 40])


def test_a_period_that_is_not_fully_covered_is_marked(store: SeriesStore) -> None:
    store.write([report(0, 10), report(20, 30), report(30, 40)], 1)
    frame = store.downsample(SeriesQuery(), 20)
    assert (frame.values.tolist(), frame.suspect.tolist()) == ([1.0, 2.0], [True, False])


def test_instants_average_evenly_and_belong_to_the_period_that_they_end(store: SeriesStore) -> None:
    store.write([report(n, n, values={"gauge": float(n)}) for n in (0, 1, 19, 20, 21)], 1)
    frame = store.downsample(SeriesQuery(from_ns=-100), 20)
    assert rows(frame) == [
        ("Cell=1", "gauge", -20, 0, 0.0),
        ("Cell=1", "gauge", 0, 20, pytest.approx(40 / 3)),
        ("Cell=1", "gauge", 20, 40, 21.0),
    ]
    assert not frame.suspect.any()


def test_downsampling_takes_revisions_and_known_time_into_account(store: SeriesStore) -> None:
    store.write([report(0, 10, values={"sum": 1.0}), report(10, 20, values={"sum": 1.0})], 10)
    store.write([report(0, 10, values={"sum": 5.0}, revision=1)], 20)
    assert store.downsample(SeriesQuery(), 20).values.tolist() == [6.0]
    assert store.downsample(SeriesQuery(known_at_ns=10), 20).values.tolist() == [2.0]


def test_downsampling_gives_the_periods_that_end_in_the_window_whole(store: SeriesStore) -> None:
    store.write([report(n, n + 10) for n in range(0, 100, 10)], 1)
    frame = store.downsample(SeriesQuery(from_ns=30, to_ns=80), 20)
    assert (frame.end_ns.tolist(), frame.values.tolist()) == ([40, 60, 80], [2.0, 2.0, 2.0])
    with pytest.raises(InputError, match="period"):
        store.downsample(SeriesQuery(), 0)


def test_readers_in_other_threads_see_whole_batches_while_one_writes(
    store: SeriesStore, transactional: bool
) -> None:
    """Without transactions a reader may see part of a batch, but never a point that was not written whole."""
    done = threading.Event()
    torn: list[int] = []

    def read() -> None:
        while not done.is_set():
            frame = store.read(SeriesQuery())
            if (transactional and len(frame) % 50) or not (frame.values == 1.0).all():
                torn.append(len(frame))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(20):
        store.write([report(n * 10, n * 10 + 10, f"Cell={cell}") for cell in range(50)], n)
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert len(store.read(SeriesQuery())) == 1000


WRITE_UNTIL_KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{here!r}, {root!r}]
from test_series_store import FACTORIES, ONTOLOGY, batch
store = FACTORIES[{factory!r}](Path({folder!r}), ONTOLOGY)
for n in range(100_000):
    store.write(batch(n), n, {{("t", 0): n + 1}})
    print(n + 1, flush=True)
"""


def batch(n: int) -> list[MeasurementReport]:
    return [report(n, n + 1, f"Cell={n + c}", {"sum": float(c)}) for c in range(20)]


def write_until_killed(factory: str, folder: Path, batches: int) -> int:
    """How many batches the writer knew to be stored when it was killed."""
    FACTORIES[factory](folder, ONTOLOGY).close()
    here = Path(__file__).parent
    script = WRITE_UNTIL_KILLED.format(
        here=str(here), root=str(here.parents[1]), factory=factory, folder=str(folder)
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(batches)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines() if line]
    return told[-1]


@pytest.mark.parametrize("factory", sorted(TRANSACTIONAL))
def test_data_and_offsets_agree_after_kill_9(factory: str, tmp_path: Path) -> None:
    told = write_until_killed(factory, tmp_path, 30)
    store = FACTORIES[factory](tmp_path, ONTOLOGY)
    batches = store.offsets()["t", 0]
    frame = store.read(SeriesQuery())
    store.write([report(0, 1, "Cell=afterwards")], 1)
    store.close()
    assert batches >= told
    assert len(frame) == 20 * batches


@pytest.mark.parametrize("factory", parameters(FACTORIES))
def test_after_kill_9_what_comes_again_from_the_stored_offsets_is_there_once(
    factory: str, tmp_path: Path
) -> None:
    """Also without transactions: the data is never behind the offsets, and redelivery mends the rest."""
    told = write_until_killed(factory, tmp_path, 30)
    store = FACTORIES[factory](tmp_path, ONTOLOGY)
    batches = store.offsets()["t", 0]
    before = store.read(SeriesQuery(to_ns=batches))
    for n in range(batches, batches + 3):
        store.write(batch(n), n, {("t", 0): n + 1})
    after = store.read(SeriesQuery())
    points, offsets = store.ping().detail["points"], store.offsets()
    store.close()
    assert batches >= told
    assert len(before) == 20 * batches
    assert len(after) == points == 20 * (batches + 3)
    assert offsets == {("t", 0): batches + 3}


def test_a_batch_delivered_again_alters_nothing(reopen: Open, transactional: bool) -> None:
    """In a transactional store it cannot come again from its own offsets; elsewhere it adds no version."""
    reports = [
        report(0, 10, values={"sum": 1.0}), report(0, 10, values={"sum": 2.0}, revision=1),
        report(0, 10, values={"sum": 3.0}), report(5, 10, values={"sum": 4.0}),
        report(0, 10, origin="run:1"), report(0, 10, origin="run:2", values={"sum": 7.0}),
    ]  # fmt: skip
    store = reopen()
    store.write(reports, 1)
    before = rows(store.read(SeriesQuery()))
    store.write(reports, 1)
    points = store.ping().detail["points"]
    store.close()
    again = reopen()
    again.write(reports, 1)
    assert rows(again.read(SeriesQuery())) == before
    assert points == again.ping().detail["points"] == len(reports) or transactional
    assert again.read(SeriesQuery(origin="run:2")).values.tolist() == [7.0]


POINTS = st.tuples(
    st.sampled_from(["Cell=1", "Cell=2"]), st.sampled_from(["sum", "mean"]), st.integers(0, 3),
    st.integers(0, 2), st.integers(0, 5), st.floats(0, 0.5),
)  # fmt: skip
"""Object, quantity, start, revision, time of recording, and what is added to a number of the point's own."""


@pytest.mark.parametrize("factory", parameters(FACTORIES))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(POINTS, max_size=8), min_size=1, max_size=4),
    known_at=st.integers(-1, 6), after=st.integers(-1, 6),
    window=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)  # fmt: skip
def test_reads_agree_with_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, factory: str,
    batches: list[list[tuple[Any, ...]]], known_at: int, after: int, window: tuple[int, int],
) -> None:  # fmt: skip
    """The model: sort everything, keep the last of each key.

    No two values are equal: where one report says again what another said before a third, recorded at the same
    time, nothing tells it from a redelivery, and a store without transactions takes it for one.
    """
    store = FACTORIES[factory](tmp_path_factory.mktemp("series"), ONTOLOGY)
    written: list[tuple[Any, ...]] = []
    for several in batches:
        new = [(*point[:-1], len(written) + n + point[-1]) for n, point in enumerate(several)]
        store.write(
            [report(end, end + 1, obj, {q: v}, revision=rev) for obj, q, end, rev, _, v in new],
            [recorded for *_, recorded, _ in new],
        )
        written += new
    best: dict[tuple[Any, ...], tuple[int, int, int, float]] = {}
    for order, (obj, quantity, end, revision, recorded, value) in enumerate(written):
        key, row = (obj, quantity, end, end + 1), (revision, recorded, order, value)
        if recorded <= known_at and window[0] < end + 1 <= window[1]:
            best[key] = max(best.get(key, row), row)
    expected = sorted((*key, row[3]) for key, row in best.items() if row[1] > after)
    query = SeriesQuery(from_ns=window[0], to_ns=window[1], known_at_ns=known_at)
    assert rows(store.read(replace(query, recorded_after_ns=after))) == expected
    store.close()


@pytest.mark.parametrize("factory", parameters(FACTORIES))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=12), period=st.integers(1, 30))
def test_downsampling_keeps_the_total_of_a_counter_and_the_time_integral_of_a_gauge(
    tmp_path_factory: pytest.TempPathFactory, factory: str, cuts: list[int], period: int
) -> None:
    store = FACTORIES[factory](tmp_path_factory.mktemp("series"), ONTOLOGY)
    bounds = np.concatenate([[0], np.cumsum(cuts)])
    spans = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    store.write([report(a, b, values={"sum": float(a + 1), "mean": float(a)}) for a, b in spans], 1)
    sums = store.downsample(SeriesQuery(quantities=("sum",)), period)
    means = store.downsample(SeriesQuery(quantities=("mean",)), period)
    store.close()
    covered = np.minimum(means.end_ns, bounds[-1]) - means.start_ns
    assert sums.values.sum() == pytest.approx(sum(a + 1 for a, _ in spans))
    assert (means.values * covered).sum() == pytest.approx(sum(a * (b - a) for a, b in spans))


def test_ping_tells_version_points_and_size(store: SeriesStore) -> None:
    store.write([report()], 1)
    health = store.ping()
    assert health.ok
    assert health.detail["points"] == 1
    assert health.detail["version"]
