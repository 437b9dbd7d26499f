"""Ingest on the embedded adapters, end to end and stage by stage, at growing amounts of data.

    python bench/ingest.py --scale 1 10 100

Scale 1 is 100,000 points: 500 cells, 10 counters each, 20 periods. Each scale runs in a process of its
own, so that its peak memory is its own. The same process publishes and ingests, as `ranvier run` does.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.fabric import event
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ingest import Ingest, publish
from ranvier.fabric.intake import Intake
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Entry, SeriesQuery
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.ontology import Ontology, load

S = 1_000_000_000
T0 = 1_700_000_000 * S
CELLS, COUNTERS, PERIODS = 500, 10, 20
PERIOD_NS = 10 * S


def counters(ontology: Ontology) -> list[str]:
    """Ten counters of an NR cell that have no upper bound below the values used here."""
    found = [
        q.name
        for q in ontology.quantities.values()
        if "NRCellDU" in q.object_classes and (q.maximum is None or q.maximum >= 100) and not q.sentinels
    ]
    return found[:COUNTERS]


def reports(names: list[str], period: int) -> Iterator[MeasurementReport]:
    """One period of all cells."""
    start = T0 + period * PERIOD_NS
    values = np.random.default_rng(period).integers(0, 100, (CELLS, COUNTERS)).astype(float).tolist()
    for cell in range(CELLS):
        yield MeasurementReport(
            f"SubNetwork=Bench,ManagedElement={cell // 3},GNBDUFunction=1,NRCellDU={cell}", "NRCellDU", start,
            start + PERIOD_NS, dict(zip(names, values[cell], strict=True)), source="bench",
        )  # fmt: skip


def topology(period: int) -> Iterator[TopologyChange]:
    """All cells at first; then one in a hundred changes in each period, and ten UEs are handed over."""
    start = T0 + period * PERIOD_NS
    for cell in range(0, CELLS, 1 if period == 0 else 100):
        name = f"SubNetwork=Bench,ManagedElement={cell // 3},GNBDUFunction=1,NRCellDU={cell}"
        yield NodeChange(name, "NRCellDU", start, {"administrativeState": f"UNLOCKED {period}"})
    for ue in range(10):
        name = f"SubNetwork=Bench,UE={ue}"
        cell = (ue * 37 + period) % CELLS
        if period == 0:
            yield NodeChange(name, "UE", start, {})
        target = f"SubNetwork=Bench,ManagedElement={cell // 3},GNBDUFunction=1,NRCellDU={cell}"
        yield RelationChange("serves", target, name, start)


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def end_to_end(folder: Path, scale: int) -> dict[str, float]:
    """Publish and ingest `scale` times 100,000 points; then what a large store costs."""
    ontology = load()
    names = counters(ontology)
    log, series = SqliteLog(folder / "log.db"), DuckdbSeries(folder / "series.duckdb", ontology)
    graph = SqliteGraph(folder / "graph.db", ontology)
    ingest = Ingest(log, series, graph, ontology, clock=time.time_ns)
    base_mb = rss_mb()
    total = publish_s = 0.0
    begin, cpu = time.perf_counter(), time.process_time()
    for period in range(PERIODS * scale):
        now_ns = T0 + (period + 1) * PERIOD_NS
        publish_s += timed(lambda p=period, n=now_ns: publish(log, topology(p), "bench", n))
        publish_s += timed(lambda p=period, n=now_ns: publish(log, reports(names, p), "bench", n))
        if period % 10 == 9:
            ingest.drain(now_ns)
    total, cpu = time.perf_counter() - begin, time.process_time() - cpu
    done = ingest.total
    query = SeriesQuery(from_ns=now_ns - 12 * PERIOD_NS, to_ns=now_ns, known_at_ns=now_ns)
    as_of = min(timed(lambda: series.read(query)) for _ in range(5))
    one = SeriesQuery(object_ids=(next(reports(names, 0)).object_id,), from_ns=query.from_ns, to_ns=now_ns)
    as_of_one = min(timed(lambda: series.read(one)) for _ in range(5))
    for store in (ingest, log, series, graph):
        store.close()
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return {
        "points": done.points, "points_s": done.points / total, "events_s": done.records / total,
        "points_cpu_s": done.points / cpu,
        "publish_share": publish_s / total, "changes": done.changes, "refused": done.refused,
        "base_mb": base_mb, "peak_mb": rss_mb(), "restart_s": restart(folder, ontology),
        "as_of_ms": as_of * 1e3, "as_of_one_ms": as_of_one * 1e3, "disk_mb": size / 2**20,
    }  # fmt: skip


def restart(folder: Path, ontology: Ontology) -> float:
    """Seconds until everything is open again and has asked for its first batch."""
    start = time.perf_counter()
    log, series = SqliteLog(folder / "log.db"), DuckdbSeries(folder / "series.duckdb", ontology)
    graph = SqliteGraph(folder / "graph.db", ontology)
    ingest = Ingest(log, series, graph, ontology)
    ingest.step(0)
    taken = time.perf_counter() - start
    for store in (ingest, log, series, graph):
        store.close()
    return taken


def rss_mb() -> float:
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def stages(folder: Path) -> dict[str, float]:
    """Each stage alone, on 10,000 reports of 10 points."""
    ontology = load()
    names = counters(ontology)
    log, series = SqliteLog(folder / "log.db"), DuckdbSeries(folder / "series.duckdb", ontology)
    payloads = [report for period in range(PERIODS) for report in reports(names, period)]
    encoded: list[Entry] = []
    encode_s = timed(
        lambda: encoded.extend(
            Entry(event.key_of(p), event.encode(p, str(i))) for i, p in enumerate(payloads)
        )
    )
    batches = [encoded[i : i + 1000] for i in range(0, len(encoded), 1000)]
    append_s = timed(lambda: [log.append(event.MEASUREMENTS, batch, T0) for batch in batches])
    consumer = log.consumer("bench", [event.MEASUREMENTS])
    polled: list[Any] = []
    poll_s = timed(lambda: [polled.extend(consumer.poll(5000)) for _ in range(3)])
    accepted: list[Any] = []
    intake = Intake(ontology)
    check_s = timed(lambda: accepted.extend(intake.measurements(polled)[0]))
    assert len(accepted) == len(payloads)
    points = len(payloads) * COUNTERS
    write_s = timed(lambda: [series.write(payloads[i : i + 5000], T0) for i in range(0, len(payloads), 5000)])
    for store in (log, series):
        store.close()
    seconds = {
        "encode": encode_s, "log append": append_s, "log poll": poll_s, "decode and check": check_s,
        "series write": write_s,
    }  # fmt: skip
    return {name: points / taken for name, taken in seconds.items()}


def lag(folder: Path, rate: int = 10_000, seconds: float = 8.0) -> dict[str, float]:
    """Twin lag at `rate` points a second of reports whose period has just ended, on the wall clock."""
    ontology = load()
    names = counters(ontology)
    log, series = SqliteLog(folder / "log.db"), DuckdbSeries(folder / "series.duckdb", ontology)
    graph = SqliteGraph(folder / "graph.db", ontology)
    ingest = Ingest(log, series, graph, ontology, clock=time.time_ns)
    chunk = rate // COUNTERS // 20
    stop = time.perf_counter() + seconds
    pattern = list(reports(names, 0))
    while time.perf_counter() < stop:
        tick, now_ns = time.perf_counter(), time.time_ns()
        fresh = [
            MeasurementReport(r.object_id, r.object_class, now_ns - S, now_ns, r.values)
            for r in pattern[:chunk]
        ]
        publish(log, fresh, "bench", time.time_ns())
        ingest.drain(time.time_ns())
        time.sleep(max(0.0, 0.05 - (time.perf_counter() - tick)))
    figures = ingest.lag(time.time_ns())
    achieved = ingest.total.points / seconds
    for store in (ingest, log, series, graph):
        store.close()
    return {"points_s": achieved, "p50_ms": figures.stored_p50_s * 1e3, "p99_ms": figures.stored_p99_s * 1e3}


def in_process(task: str, scale: int = 0) -> dict[str, float]:
    """Run one task in a fresh process and folder."""
    command = [sys.executable, __file__, "--task", task, "--scale", str(scale)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run_task(task: str, scale: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ranvier-bench-"))
    try:
        work = {"end": lambda: end_to_end(folder, scale), "stages": lambda: stages(folder)}
        print(json.dumps(work.get(task, lambda: lag(folder))()))
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--task", choices=["end", "stages", "lag"])
    options = parser.parse_args()
    if options.task:
        run_task(options.task, options.scale[0])
        return
    print("| stage, alone | points/s |\n|---|---:|")
    for name, rate in in_process("stages").items():
        print(f"| {name} | {rate:,.0f} |")
    print(
        "\n| points | points/s | points per CPU second | events/s | peak RSS, MB | of it at start | restart, s "
        "| window read, ms | one object's, ms | disk, MB |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for scale in options.scale:
        f = in_process("end", scale)
        print(
            f"| {f['points']:,.0f} | {f['points_s']:,.0f} | {f['points_cpu_s']:,.0f} "
            f"| {f['events_s']:,.0f} | {f['peak_mb']:.0f} "
            f"| {f['base_mb']:.0f} | {f['restart_s']:.2f} | {f['as_of_ms']:.1f} | {f['as_of_one_ms']:.1f} "
            f"| {f['disk_mb']:.0f} |",
            flush=True,
        )
    f = in_process("lag")
    print(f"\nTwin lag at {f['points_s']:,.0f} points/s: p50 {f['p50_ms']:.0f} ms, p99 {f['p99_ms']:.0f} ms")


if __name__ == "__main__":
    main()
