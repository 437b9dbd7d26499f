"""The three servers end to end, beside what each of them takes from its bare client in the same run.

    python -m bench.servers [--periods 200] [--rate 5000]

The stream is that of `bench.ingest`: 500 cells that report ten counters each period, and topology upkeep. The
stages share the cores, so no pipeline in one go can be faster than 1/Σ(1/rᵢ) over the bare stages; where
ours overlaps the work of clients and servers it may come near it or pass it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.ingest import COUNTERS, PERIOD_NS, T0, S, counters, reports, timed, topology
from bench.process import ENVIRONMENT, ROOT, in_process
from bench.report import Figure, Section
from ranvier.fabric import event
from ranvier.fabric.ingest import Ingest, publish
from ranvier.fabric.ports import FOREVER_NS, SeriesQuery
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.gateway.runtime import long_lived
from ranvier.gateway.server_settings import ServerSettings
from ranvier.gateway.server_stores import OPENERS
from ranvier.ontology.ontology import load

CELLS, NEIGHBOURS = 10_000, 10
LINES, ROWS, RECORDS, TICKS = 20_000, 5_000, 2_000, 10
STAGES = ("consume", "lines", "rows")
AIM_OF_LIMIT, AIM_LOAD_S, AIM_NEAR_MS = 0.8, 30.0, 10.0
WHOSE = ("default", "default")


# ---------------------------------------------------------------- servers and stores
@contextmanager
def fresh_servers() -> Iterator[dict[str, dict[str, str]]]:
    """The three servers, new and empty, up inside the context."""
    from tests.servers.together import FACTORIES, Together

    with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as folder:
        servers = Together.on_free_ports(Path(folder), FACTORIES)
        try:
            servers.up()
            yield {name: server.address() for name, server in servers.servers.items()}
        finally:
            servers.down()


def settings(addresses: dict[str, dict[str, str]], name: str) -> ServerSettings:
    """The platform's settings of its servers, with everything of `name` kept apart from other names."""
    own = {"kafka": {"prefix": f"{name}."}, "neo4j": {"space": name}, "influx": {"prefix": name}}
    known = {
        "kafka": ("bootstrap",), "neo4j": ("uri", "user", "password"), "influx": ("url", "org", "token"),
    }  # fmt: skip
    return ServerSettings.model_validate(
        {s: {**own[s], **{key: addresses[s][key] for key in keys}} for s, keys in known.items()}
    )


class Stores:
    """The platform's adapters on the servers."""

    def __init__(self, addresses: dict[str, dict[str, str]], name: str) -> None:
        self.ontology, given = load(), settings(addresses, name)
        self.log, self.graph, self.series = (
            OPENERS[port](given, self.ontology) for port in ("log", "graph", "series")
        )

    def ingest(self) -> Ingest:
        return Ingest(self.log, self.series, self.graph, self.ontology, clock=time.time_ns, overlap=True)

    def close(self) -> None:
        for store in (self.graph, self.series, self.log):
            store.close()


# ---------------------------------------------------------------- end to end
def fill(stores: Stores, periods: int) -> dict[str, float]:
    """Publish the whole stream; how fast."""
    names, begin = counters(stores.ontology), time.perf_counter()
    for period in range(periods):
        now_ns = T0 + (period + 1) * PERIOD_NS
        publish(stores.log, topology(period), "bench", now_ns)
        publish(stores.log, reports(names, period), "bench", now_ns)
    taken = time.perf_counter() - begin
    return {"published_s": sum(stores.log.offsets(event.MEASUREMENTS).values()) / taken}


def consume(stores: Stores, whole: int) -> dict[str, float]:
    """Ingest until the groups have caught up with all `whole` records; what this process did of it."""
    ingest, cpu = stores.ingest(), time.process_time()
    long_lived.keep()
    behind, begin = True, time.time()
    while behind:
        ingest.step(T0, 0.2)
        behind = _behind(stores) > 0
    figures = ingest.total
    ingest.close()
    long_lived.let_go()
    return {
        "records": figures.records, "points": figures.points, "begin": begin, "end": time.time(),
        "cpu_s": time.process_time() - cpu, "peak_mb": rss_mb(), "whole": whole,
    }  # fmt: skip


def _behind(stores: Stores) -> int:
    return sum(sum(stores.log.lag(group).values()) for group in ("series", "graph"))


def end_to_end(addresses: dict[str, dict[str, str]], periods: int, processes: int) -> dict[str, float]:
    """Everything that was published in the stores, by so many processes; seconds and rates."""
    name = f"end{processes}x{uuid.uuid4().hex[:6]}"
    stores = Stores(addresses, name)
    produced = fill(stores, periods)
    records = sum(sum(stores.log.offsets(topic).values()) for topic in (event.MEASUREMENTS, event.TOPOLOGY))
    told = json.dumps({"addresses": addresses, "name": name, "records": records})
    command = [sys.executable, "-m", "bench.servers", "--task", "consume"]
    with ThreadPoolExecutor(processes) as pool:
        done = list(pool.map(lambda _: _run(command, told), range(processes)))
    seconds = max(each["end"] for each in done) - min(each["begin"] for each in done)
    points = sum(each["points"] for each in done)
    stored = stores.series.read(SeriesQuery(from_ns=T0, to_ns=T0 + 2 * PERIOD_NS))
    assert len(stored) == 2 * 500 * COUNTERS, f"expected two periods of points, found {len(stored)}"
    stores.close()
    return {
        **produced, "seconds": seconds, "records": records, "points": points,
        "events_s": records / seconds, "points_s": points / seconds,
        "peak_mb": max(each["peak_mb"] for each in done), "cpu_s": sum(each["cpu_s"] for each in done),
    }  # fmt: skip


def _run(command: list[str], told: str) -> dict[str, float]:
    done = subprocess.run(
        command, input=told, capture_output=True, text=True, check=False, cwd=ROOT, env=ENVIRONMENT
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[1:])} failed:\n{done.stderr[-4000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


# ---------------------------------------------------------------- each stage alone, with its bare client
def raw_stages(addresses: dict[str, dict[str, str]], periods: int) -> dict[str, float]:
    """Seconds that the bare clients take for the same stream: consume, write lines, upsert rows.

    The lines also compressed by their client, which is beside the limit: InfluxDB is on this machine.
    """
    name = f"raw{uuid.uuid4().hex[:6]}"
    long_lived.keep()
    taken = {
        "consume": _raw_consume(addresses, name, periods),
        "lines": _raw_lines(addresses["influx"], name, periods, compress=False),
        "rows": _raw_rows(addresses["neo4j"], periods),
        "lines, compressed": _raw_lines(addresses["influx"], f"{name}z", periods, compress=True),
    }
    long_lived.let_go()
    return taken


def _raw_consume(addresses: dict[str, dict[str, str]], name: str, periods: int) -> float:
    from kafka import KafkaConsumer, TopicPartition

    stores = Stores(addresses, name)
    fill(stores, periods)
    wanted = sum(sum(stores.log.offsets(topic).values()) for topic in (event.MEASUREMENTS, event.TOPOLOGY))
    stores.close()
    consumer = KafkaConsumer(
        bootstrap_servers=addresses["kafka"]["bootstrap"], auto_offset_reset="earliest",
        enable_auto_commit=False, max_poll_records=RECORDS,
    )  # fmt: skip
    topics = [topic for topic in consumer.topics() if topic.startswith(f"{name}.")]
    places = [TopicPartition(t, p) for t in topics for p in consumer.partitions_for_topic(t)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    begin, got = time.perf_counter(), 0
    while got < wanted:
        got += sum(map(len, consumer.poll(timeout_ms=500).values()))
    taken = time.perf_counter() - begin
    consumer.close()
    return taken


def _raw_lines(influx: dict[str, str], name: str, periods: int, compress: bool) -> float:
    from influxdb_client import InfluxDBClient
    from influxdb_client.client.write_api import SYNCHRONOUS

    names = counters(load())
    lines = [
        f"observed,cell={r.object_id.rsplit('=', 1)[1]} "
        f"{','.join(f'{name}={value}' for name, value in r.values.items())},r={r.end_ns}i {r.end_ns}"
        for period in range(periods) for r in reports(names, period)
    ]  # fmt: skip
    batches = ["\n".join(lines[i : i + LINES]) for i in range(0, len(lines), LINES)]
    with InfluxDBClient(influx["url"], influx["token"], org=influx["org"], enable_gzip=compress) as client:
        client.buckets_api().create_bucket(bucket_name=name, org=influx["org"])
        writer = client.write_api(SYNCHRONOUS)
        return timed(lambda: [writer.write(name, record=batch) for batch in batches])


def _raw_rows(neo4j: dict[str, str], periods: int) -> float:
    from neo4j import GraphDatabase

    changes = [change for period in range(periods) for change in topology(period)]
    nodes = [{"key": c.node_id, "v": json.dumps(c.properties)} for c in changes if isinstance(c, NodeChange)]
    served = [
        {"a": c.source_id, "b": c.target_id, "at": c.valid_from_ns}
        for c in changes if isinstance(c, RelationChange)
    ]  # fmt: skip
    with GraphDatabase.driver(neo4j["uri"], auth=(neo4j["user"], neo4j["password"])) as driver:
        driver.execute_query("CREATE CONSTRAINT IF NOT EXISTS FOR (n:Bare) REQUIRE n.key IS UNIQUE")
        driver.execute_query("CALL db.awaitIndexes(60)")
        upsert = "UNWIND $rows AS r MERGE (n:Bare {key: r.key}) SET n.v = r.v"
        relate = (
            "UNWIND $rows AS r MATCH (a:Bare {key: r.a}) MATCH (b:Bare {key: r.b})"
            " MERGE (a)-[s:BARE_SERVES]->(b) SET s.at = r.at"
        )

        def write() -> None:
            for query, rows in ((upsert, nodes), (relate, served)):
                for i in range(0, len(rows), ROWS):
                    driver.execute_query(query, rows=rows[i : i + ROWS])

        taken = timed(write)
        driver.execute_query("MATCH (n:Bare) DETACH DELETE n")
    return taken


# ---------------------------------------------------------------- from produce to queryable
def lag(addresses: dict[str, dict[str, str]], rate: int, seconds: float) -> dict[str, float]:
    """Seconds from `publish` to the point being in InfluxDB, at `rate` points a second whatever ingest does."""
    stores, publisher = (Stores(addresses, name) for name in [f"lag{uuid.uuid4().hex[:6]}"] * 2)
    ingest, names = stores.ingest(), counters(stores.ontology)
    pattern, stop = list(reports(names, 0))[: rate // COUNTERS // TICKS], threading.Event()
    published: list[int] = []

    def publish_steadily() -> None:
        due = time.perf_counter()
        while not stop.is_set():
            now_ns = time.time_ns()
            fresh = [
                type(r)(r.object_id, r.object_class, now_ns - S, now_ns, r.values, source="bench")
                for r in pattern
            ]
            publish(publisher.log, fresh, "bench", now_ns)
            published.append(now_ns)
            due += 1 / TICKS
            stop.wait(max(0.0, due - time.perf_counter()))

    thread = threading.Thread(target=publish_steadily)
    thread.start()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        ingest.step(time.time_ns(), 0.05)
    stop.set()
    thread.join()
    figures = ingest.lag(time.time_ns())
    ingest.drain(time.time_ns())
    last = SeriesQuery(object_ids=(pattern[-1].object_id,), from_ns=published[0] - 1)
    kept = len(stores.series.read(last))
    assert kept == COUNTERS * len(published), (
        f"{COUNTERS * len(published)} points published, {kept} to be read"
    )
    for each in (ingest, stores, publisher):
        each.close()
    return {
        "points_s": len(published) * len(pattern) * COUNTERS / seconds, "p50_ms": figures.stored_p50_s * 1e3,
        "p99_ms": figures.stored_p99_s * 1e3, "peak_mb": rss_mb(),
    }  # fmt: skip


# ---------------------------------------------------------------- a large network
def large_network() -> list[TopologyChange]:
    """10,000 cells, each with ten neighbours."""
    made: list[TopologyChange] = [
        NodeChange(_cell(i), "NRCellCU", T0, {"nRPCI": i % 1008, "cellLocalId": i}) for i in range(CELLS)
    ]
    made += [
        RelationChange("adjacent", _cell(i), _cell((i + k) % CELLS), T0, {"isHOAllowed": True})
        for i in range(CELLS) for k in range(1, NEIGHBOURS + 1)
    ]  # fmt: skip
    return made


def _cell(i: int) -> str:
    return f"SubNetwork=Bench,ManagedElement={i // 3},GNBCUCPFunction=1,NRCellCU={i}"


def load_network(addresses: dict[str, dict[str, str]]) -> dict[str, float]:
    """The large network loaded cold, and what reads cost then."""
    stores = Stores(addresses, f"net{uuid.uuid4().hex[:6]}")
    changes, graph = large_network(), stores.graph
    batches = [changes[i : i + ROWS] for i in range(0, len(changes), ROWS)]
    load_s = timed(lambda: [graph.apply(b, T0, {(event.TOPOLOGY, 0): i}) for i, b in enumerate(batches)])
    again_s = timed(lambda: [graph.apply(b, T0 + S) for b in batches[:4]])
    cells = np.random.default_rng(1).integers(0, CELLS, 320)
    near = [
        timed(lambda c=c: graph.neighbourhood(*WHOSE, _cell(c), T0 + S, FOREVER_NS)) * 1e3 for c in cells
    ][20:]
    then = [timed(lambda c=c: graph.neighbourhood(*WHOSE, _cell(c), T0 + S, T0 + S)) * 1e3 for c in cells][
        20:
    ]
    found = graph.neighbourhood(*WHOSE, _cell(5_000), T0 + S, FOREVER_NS)
    assert len(found.nodes) == 2 * NEIGHBOURS + 1, f"expected 21 nodes, found {len(found.nodes)}"
    whole_s = timed(lambda: graph.snapshot(*WHOSE, T0 + S, FOREVER_NS))
    pages = [timed(lambda: graph.page(*WHOSE, T0 + S, FOREVER_NS, limit=100)) * 1e3 for _ in range(15)]
    stores.close()
    return {
        "load_s": load_s, "changes_s": len(changes) / load_s, "again_s": sum(map(len, batches[:4])) / again_s,
        "near_p50_ms": float(np.median(near)), "near_p99_ms": float(np.quantile(near, 0.99)),
        "then_p50_ms": float(np.median(then)), "snapshot_s": whole_s,
        "page_ms": float(np.median(pages)), "first_page_ms": pages[0],
    }  # fmt: skip


# ---------------------------------------------------------------- the chapter
def rss_mb() -> float:
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def everything(periods: int, rate: int) -> dict[str, Any]:
    """All figures of one run on fresh servers, one after the other."""
    with fresh_servers() as addresses:
        end_to_end(addresses, 5, 1)  # makes the constraints, and warms what the servers compile
        raw_stages(addresses, 5)
        return {
            "raw": raw_stages(addresses, periods),
            "one": end_to_end(addresses, periods, 1),
            "two": end_to_end(addresses, periods, 2),
            "lag": lag(addresses, rate, 20.0),
            "network": load_network(addresses),
        }


def section(quick: bool) -> Section:
    """The three servers, or why they were not measured."""
    from tests.servers.failure import ServerError
    from tests.servers.install import install
    from tests.servers.recipes import RECIPES

    periods = 40 if quick else 200
    try:
        for recipe in RECIPES.values():
            install(recipe)
    except ServerError as error:
        return Section("Servers", "make bench", f"Not measured here: {error}.")
    f = in_process("bench.servers", "--periods", str(periods))
    raw, one, two, net = f["raw"], f["one"], f["two"], f["network"]
    limit_s = sum(raw[stage] for stage in STAGES)
    out = Section(
        "Servers", f"python -m bench.servers --periods {periods}",
        f"Kafka, Neo4j and InfluxDB on the same cores as ingest. {one['records']:,.0f} events with "
        f"{one['points']:,.0f} points are in Kafka, and are taken into the two stores; the bare clients take "
        f"the same stream from the same servers in the same run: read and not decoded, lines of ten fields (one "
        f"a report, as ours, and like ours not compressed on the way to a server on this machine: the client's "
        f"compression would take longer than all the rest), and one property for all of a node.",
    )  # fmt: skip
    out.figures = [
        Figure("of the bare clients' limit, one process", limit_s / one["seconds"], "", AIM_OF_LIMIT, True),
        Figure("of the bare clients' limit, two processes", limit_s / two["seconds"], "", AIM_OF_LIMIT, True),
        Figure("end to end", one["points_s"], "points/s", note=f"{one['events_s']:,.0f} events/s"),
        Figure("the same, two processes", two["points_s"], "points/s", note=f"{two['events_s']:,.0f} events/s"),
        Figure("published", one["published_s"], "events/s"),
        Figure(
            "from produce to stored and acknowledged, p50", f["lag"]["p50_ms"], "ms",
            note=f"{f['lag']['points_s']:,.0f} points/s",
        ),
        Figure("from produce to stored and acknowledged, p99", f["lag"]["p99_ms"], "ms"),
        Figure("peak memory of an ingest process", one["peak_mb"], "MB"),
        Figure("10,000 cells and 100,000 relations into an empty space", net["load_s"], "s", AIM_LOAD_S),
        Figure("neighbourhood of 20, p50", net["near_p50_ms"], "ms", AIM_NEAR_MS),
        Figure("neighbourhood of 20, p99", net["near_p99_ms"], "ms"),
        Figure("neighbourhood as known then, p50", net["then_p50_ms"], "ms"),
        Figure("whole network", net["snapshot_s"], "s"),
        Figure("page of 100 nodes, p50", net["page_ms"], "ms"),
        Figure("the first page, with the server's planning", net["first_page_ms"], "ms"),
    ]  # fmt: skip
    events = one["records"]
    rows = [[stage, raw[stage], events / raw[stage]] for stage in STAGES]
    rows += [["limit, 1/Σ(1/rᵢ)", limit_s, events / limit_s]]
    rows += [[f"ours, {n}", e["seconds"], e["events_s"]] for n, e in (("one process", one), ("two", two))]
    compressed = raw["lines, compressed"]
    rows += [["lines, compressed by their client", compressed, events / compressed]]
    out.tables = [(["stage, alone", "seconds", "events/s"], rows)]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--periods", type=int, default=200)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--task", choices=["consume"])
    options = parser.parse_args()
    if options.task:
        told = json.load(sys.stdin)
        print(json.dumps(consume(Stores(told["addresses"], told["name"]), told["records"])))
        return
    print(json.dumps(everything(options.periods, options.rate)))


if __name__ == "__main__":
    main()
