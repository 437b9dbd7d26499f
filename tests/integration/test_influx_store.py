"""What `InfluxSeries` does beyond the contract: windows on the server, retention, tasks, bounded series."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import FOREVER_NS, SeriesFrame, SeriesQuery
from ranvier.fabric.series import downsampling, influx_tables, influx_windows
from ranvier.fabric.series.influx import InfluxConfig, InfluxSeries
from ranvier.fabric.series.influx_client import InfluxClient
from ranvier.ontology.errors import InputError, StoreError
from ranvier.ontology.ontology import Ontology, Quantity
from tests.servers.connect import address, needs
from tests.servers.control import InfluxServer, free_ports

pytestmark = needs("influx")

S = 10**9
HOUR = 3600 * S
DAY0 = 1_790_000_000 // 86_400 * 86_400 * S


def quantity(name: str, collection: Any, weight: str | None = None, aggregate: Any = None) -> Quantity:
    return Quantity(name, name, "1", ("Cell",), collection, "test", weight, aggregate=aggregate)


QUANTITIES = (
    quantity("sum", "CC"), quantity("mean", "SI"), quantity("peak", "SI", aggregate="max"),
    quantity("trough", "SI", aggregate="min"), quantity("ratio", "DER", "sum"),
)  # fmt: skip
ONTOLOGY = Ontology("test", {}, {}, {q.name: q for q in QUANTITIES})


def report(start: int, end: int, cell: str, values: dict[str, float], **more: Any) -> MeasurementReport:
    return MeasurementReport(cell, "Cell", start, end, values, **more)


@pytest.fixture
def config() -> Iterator[InfluxConfig]:
    prefix, where = f"test-{uuid.uuid4().hex[:12]}", address("influx")
    made = InfluxConfig(where["url"], where["org"], where["token"], prefix=prefix)
    yield made
    client = InfluxClient(made)
    for bucket in client.ask("GET", "/api/v2/buckets", {"limit": "100"})["buckets"]:
        if bucket["name"].startswith(f"{prefix}-"):
            client.ask("DELETE", f"/api/v2/buckets/{bucket['id']}")
    for task in client.ask("GET", "/api/v2/tasks", {"limit": "500"})["tasks"]:
        if task["name"].startswith(f"{prefix}-"):
            client.ask("DELETE", f"/api/v2/tasks/{task['id']}")
    client.close()


@pytest.fixture
def store(config: InfluxConfig) -> Iterator[InfluxSeries]:
    opened = InfluxSeries(config, ONTOLOGY)
    yield opened
    opened.close()


def regular(cells: int, period_s: int, periods: int, **more: Any) -> list[MeasurementReport]:
    rng = np.random.default_rng(cells + period_s)
    step = period_s * S
    return [
        report(
            DAY0 + n * step, DAY0 + (n + 1) * step, f"Cell={cell}",
            {q.name: float(v) for q, v in zip(QUANTITIES, rng.random(len(QUANTITIES)), strict=True)}, **more,
        )
        for n in range(periods)
        for cell in range(cells)
    ]  # fmt: skip


def exactly(store: InfluxSeries, query: SeriesQuery, period_ns: int) -> SeriesFrame:
    return downsampling.downsample(store.read, ONTOLOGY, query, period_ns)


def agree(found: SeriesFrame, expected: SeriesFrame) -> None:
    for name in ("object_ids", "quantities", "start_ns", "end_ns", "recorded_at_ns", "suspect"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
    assert found.values == pytest.approx(expected.values, rel=1e-12)
    assert len(found)


class Reads:
    """Counts which objects were read whole."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queries: list[SeriesQuery] = []
        exact = influx_windows.Sources.exactly

        def spy(sources: influx_windows.Sources, query: SeriesQuery, period_ns: int) -> SeriesFrame:
            self.queries.append(query)
            return exact(sources, query, period_ns)

        monkeypatch.setattr(influx_windows.Sources, "exactly", spy)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


PUSHED = ("sum", "mean", "peak", "trough")


def test_regular_periods_are_joined_by_the_server_alone(store: InfluxSeries, reads: Reads) -> None:
    reports = regular(3, 900, 10)
    reports[4] = report(reports[4].start_ns, reports[4].end_ns, "Cell=1", reports[4].values, suspect=True)
    store.write(reports[:17] + reports[18:], [n + DAY0 for n in range(29)])
    for window in ((0, DAY0 + 10 * HOUR), (DAY0 + 900 * S, DAY0 + 2 * HOUR), (DAY0 + HOUR, DAY0 + HOUR + 1)):
        query = SeriesQuery(quantities=PUSHED, from_ns=window[0], to_ns=window[1])
        found = store.downsample(query, HOUR)
        assert reads.queries == []
        if window[1] != DAY0 + HOUR + 1:
            agree(found, exactly(store, query, HOUR))
        else:
            assert len(found) == 0


def test_only_objects_that_are_not_regular_are_read_whole(store: InfluxSeries, reads: Reads) -> None:
    reports = regular(8, 900, 8)
    store.write(reports, DAY0)
    base = reports[0].values
    store.write([report(DAY0, DAY0 + 900 * S, "Cell=1", {"sum": 9.0}, revision=1)], DAY0 + HOUR)
    store.write([report(DAY0 + 7, DAY0 + 900 * S + 7, "Cell=2", base)], DAY0)
    store.write([report(DAY0 + 8100 * S, DAY0 + 9000 * S, "Cell=3", base)], DAY0)
    store.write([report(DAY0 + 9000 * S, DAY0 + 9900 * S, "Cell=3", {"sum": 1.0, "mean": 2.0})], DAY0)
    store.write([report(DAY0, DAY0 + 86_400 * S, "Cell=4", base)], DAY0)
    store.write([report(DAY0 + 9000 * S, DAY0 + 9900 * S, "Cell=5", base)], DAY0 + 5 * HOUR)
    query = SeriesQuery(known_at_ns=DAY0 + 2 * HOUR)
    found = store.downsample(query, HOUR)
    whole = {query.quantities: query.object_ids for query in reads.queries}
    assert whole.pop(("ratio",)) is None
    assert set(next(iter(whole.values())) or ()) == {f"Cell={n}" for n in (1, 2, 3, 4, 5)}
    agree(found, exactly(store, query, HOUR))


@pytest.mark.parametrize(("few", "many", "on_server"), [(3, 4, True), (2, 4, True), (2, 5, False)])
def test_many_objects_with_few_reports_are_read_whole_and_give_the_same(
    store: InfluxSeries, reads: Reads, monkeypatch: pytest.MonkeyPatch, few: int, many: int, on_server: bool
) -> None:
    monkeypatch.setattr(influx_windows, "FEW_OBJECTS", few)
    monkeypatch.setattr(influx_windows, "MANY_REPORTS", many)
    store.write(regular(3, 900, 4), DAY0)
    query = SeriesQuery(quantities=PUSHED)
    found = store.downsample(query, HOUR)
    assert (reads.queries == []) == on_server
    agree(found, exactly(store, query, HOUR))


def test_periods_of_several_lengths_and_instants_join_as_they_do_exactly(
    store: InfluxSeries, reads: Reads
) -> None:
    reports = regular(2, 900, 8) + regular(2, 300, 12) + regular(2, 60, 30)
    instants = [report(n * 97 * S + DAY0, n * 97 * S + DAY0, "Cell=7", {"mean": float(n)}) for n in range(90)]
    store.write(reports + instants, DAY0)
    query = SeriesQuery(quantities=PUSHED)
    found = store.downsample(query, HOUR)
    assert reads.queries == []
    agree(found, exactly(store, query, HOUR))
    assert store.downsample(SeriesQuery(quantities=PUSHED, limit=3), HOUR).end_ns.tolist() == (
        found.end_ns[:3].tolist()
    )


def test_a_limit_is_the_servers_work_and_gives_the_first_rows(store: InfluxSeries) -> None:
    rng = np.random.default_rng(7)
    for n in range(4):
        store.write(
            [
                report(
                    DAY0 + (end - length) * 450 * S, DAY0 + end * 450 * S, f"Cell={cell}", {"sum": value},
                    revision=n % 2,
                )
                for cell, end, length, value in zip(
                    rng.integers(0, 3, 40), rng.integers(1, 9, 40).tolist(), rng.integers(0, 4, 40).tolist(),
                    rng.random(40).tolist(), strict=True,
                )
            ],
            DAY0 + n,
        )  # fmt: skip
        store.write([report(DAY0, DAY0 + 450 * S, "Cell=0", {"mean": 1.0})], DAY0 + n)
    for known_at in (DAY0 + 1, FOREVER_NS):
        query = SeriesQuery(quantities=("sum",), known_at_ns=known_at)
        whole = store.read(query)
        for limit in (0, 1, 2, 5, 11, 1000):
            found = store.read(replace(query, limit=limit))
            for name in SeriesFrame.__slots__:
                assert getattr(found, name).tolist() == getattr(whole, name)[:limit].tolist()


def test_series_are_bounded_whatever_the_revisions_runs_and_starts(store: InfluxSeries) -> None:
    """The bound of `influx_layout`: nothing of a report but object, period, copy and lane makes a series."""
    reports = [
        report(DAY0 - n * S, DAY0 + n * 900 * S, "Cell=1", {f"q{n % 40}": 1.0}, revision=n % 3)
        for n in range(200)
    ]
    runs = [report(DAY0, DAY0 + 900 * S, "Cell=1", {"sum": float(n)}, origin=f"run:{n}") for n in range(200)]
    store.write(reports + runs, DAY0)
    series = store.ping().detail["series"]
    assert isinstance(series, int)
    assert series <= 22 + 200
    assert [
        store.read(SeriesQuery(origin=f"run:{n}")).values.tolist() for n in (0, 77, 199)
    ] == [[0.0], [77.0], [199.0]]  # fmt: skip


def test_a_point_older_than_the_retention_is_refused_and_the_rest_can_be_stored(config: InfluxConfig) -> None:
    store = InfluxSeries(replace(config, retention_s=86_400), ONTOLOGY)
    now = time.time_ns() // S * S
    fresh, old = report(now - S, now, "Cell=1", {"sum": 1.0}), report(0, S, "Cell=2", {"sum": 1.0})
    with pytest.raises(InputError, match="retention"):
        store.write([fresh, old], now, {("t", 0): 2})
    assert store.offsets() == {}
    store.write([fresh], now, {("t", 0): 1})
    with pytest.raises(InputError, match="Cell=2"):
        store.write([old], now)
    assert store.read(SeriesQuery()).object_ids.tolist() == ["Cell=1"]
    assert store.ping().detail["points"] == 1
    store.close()


def test_retention_follows_the_settings(config: InfluxConfig) -> None:
    InfluxSeries(config, ONTOLOGY).close()
    InfluxSeries(replace(config, retention_s=7 * 86_400), ONTOLOGY).close()
    client = InfluxClient(config)
    kept = {
        bucket["name"].rpartition("-")[2]: bucket["retentionRules"][0]["everySeconds"]
        for name in ("observed", "feedback", "state")
        for bucket in client.ask("GET", "/api/v2/buckets", {"name": config.bucket(name)})["buckets"]
    }
    client.close()
    assert kept == {"observed": 7 * 86_400, "feedback": 7 * 86_400, "state": 0}


def test_a_closed_store_says_so(store: InfluxSeries) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.write([report(0, S, "Cell=1", {"sum": 1.0})], 1)
    with pytest.raises(StoreError, match="closed"):
        store.read(SeriesQuery())
    assert not store.ping().ok


def test_another_process_may_write_what_partitions_brought_it(config: InfluxConfig) -> None:
    """A store that gains partitions asks for its offsets, and from then on trusts nothing it remembered."""
    first, second = InfluxSeries(config, ONTOLOGY), InfluxSeries(config, ONTOLOGY)
    first.write([report(0, S, "Cell=1", {"sum": 1.0})], 1, {("t", 0): 1})
    second.write([report(S, 2 * S, "Cell=1", {"sum": 2.0})], 2, {("t", 0): 2})
    assert first.offsets() == {("t", 0): 2}
    first.write([report(S, 2 * S, "Cell=1", {"sum": 3.0}, revision=1)], 3)
    assert first.read(SeriesQuery()).values.tolist() == [1.0, 3.0]
    assert first.read(SeriesQuery(known_at_ns=2)).values.tolist() == [1.0, 2.0]
    first.close()
    second.close()


def test_tasks_keep_coarse_windows_by_collection_method(config: InfluxConfig) -> None:
    """Several reports of one period and revisions too; the exact ones come from the raw points."""
    every = replace(config, downsample_every_s=3600, downsampled_retention_s=None)
    InfluxSeries(every, ONTOLOGY).close()
    store = InfluxSeries(every, ONTOLOGY)
    reports = regular(3, 900, 12)
    store.write(reports, DAY0)
    first = reports[0]
    store.write([report(first.start_ns, first.end_ns, "Cell=0", {"sum": 50.0}, revision=1)], DAY0 + 1)
    store.write([report(first.start_ns, first.end_ns, "Cell=1", {"other.sum": 50.0})], DAY0 + 1)
    client = InfluxClient(config)
    tasks = {
        task["name"].rpartition("-")[2]: task["id"]
        for task in client.ask("GET", "/api/v2/tasks", {"org": config.org, "limit": "500"})["tasks"]
        if task["name"].startswith(f"{config.prefix}-")
    }
    assert sorted(tasks) == ["max", "mean", "min", "sum"]
    for name, number in tasks.items():
        run_task(client, number, "2026-09-21T03:00:00Z")
        quantity = {"max": "peak", "min": "trough"}.get(name, name)
        answer = client.select(
            config.bucket("downsampled"), f'SELECT "{quantity}" FROM "{name}" GROUP BY "object"'
        )
        table = influx_tables.selected(answer, {"value": influx_tables.REAL})
        exact = exactly(store, SeriesQuery(quantities=(quantity,)), HOUR)
        assert table["time"].to_pylist() == exact.end_ns.tolist()
        assert table["value"].to_pylist() == pytest.approx(exact.values)
        assert len(exact) == 9
    client.close()
    store.close()


def run_task(client: InfluxClient, task: str, now: str) -> None:
    run = client.ask("POST", f"/api/v2/tasks/{task}/runs", body={"scheduledFor": now})["id"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = client.ask("GET", f"/api/v2/tasks/{task}/runs/{run}")
        except StoreError:
            state = {"status": "unknown"}
        if state["status"] in ("success", "failed", "canceled"):
            assert state["status"] == "success", state
            return
        time.sleep(0.1)
    raise AssertionError("the task did not end")


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_the_server_is_killed_and_paused(tmp_path: Path) -> None:
    """The writer only sees slow answers and errors; what failed comes again, from the stored offsets."""
    server = InfluxServer(tmp_path / "influx", free_ports(1)[0])
    server.start()
    where = server.address()
    config = InfluxConfig(
        where["url"], where["org"], where["token"], timeout_s=2.0, deadline_s=20.0, lines_per_request=70
    )
    store, done, turns = InfluxSeries(config, ONTOLOGY), threading.Event(), list[int]()

    def batch(n: int) -> list[MeasurementReport]:
        return [
            report(k * S, (k + 1) * S, f"Cell={cell}", {"sum": float(k), "mean": 1.0}, revision=(n - k) % 2)
            for k in (n - 1, n)
            for cell in range(100)
        ]

    def harm() -> None:
        try:
            for turn in range(4):
                time.sleep(0.7)
                if turn % 2:
                    server.pause()
                    time.sleep(3.0)
                    server.resume()
                else:
                    server.kill()
                    time.sleep(0.5)
                    server.start()
                turns.append(turn)
        finally:
            done.set()

    harming = threading.Thread(target=harm)
    harming.start()
    n, known = 0, True
    while not done.is_set() or n < 20:
        try:
            n = n if known else store.offsets().get(("t", 0), 0)
            known = False
            store.write(batch(n), n, {("t", 0): n + 1})
            n, known = n + 1, True
        except StoreError:
            continue
    harming.join()
    latest, points = store.read(SeriesQuery(from_ns=-S)), store.ping().detail["points"]
    store.close()
    server.stop()
    assert turns == [0, 1, 2, 3]
    assert points == n * 200 * 2
    assert len(latest) == (n + 1) * 100 * 2
    assert latest.values[latest.quantities == "sum"].sum() == 100.0 * sum(range(-1, n))
