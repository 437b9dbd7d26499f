"""The embedded graph: upserts a second, and query times as history grows.

python bench/graph.py [--sessions 10000 100000 1000000]
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.ontology import ObjectClass, Ontology, RelationType

SECOND = 10**9
START = 1_700_000_000 * SECOND
WHOSE = ("default", "default")
BATCH = 2_000
CELLS = 57


class BenchOntology(Ontology, frozen=True):
    """Cells and UEs only."""

    def allows(self, relation: str, source_class: str, target_class: str) -> bool:  # noqa: ARG002
        return True

    def class_of(self, distinguished_name: str) -> str:
        return distinguished_name.split("=", 1)[0]


def ontology() -> Ontology:
    return BenchOntology(
        "bench",
        {name: ObjectClass(name, name, None, "bench", "bench") for name in ("Cell", "UE")},
        {
            "adjacent": RelationType("adjacent", "", ("Cell",), ("Cell",), None, ""),
            "serves": RelationType("serves", "", ("Cell",), ("UE",), "target", ""),
        },
        {},
    )


class Rate:
    """Changes a second, and the processor time of each: the first suffers from whatever else runs."""

    def __init__(self) -> None:
        gc.freeze()  # the bench's own objects are no load of the store
        self._wall, self._busy = time.perf_counter(), time.process_time()

    def of(self, count: int) -> str:
        wall, busy = time.perf_counter() - self._wall, time.process_time() - self._busy
        return f"{count / wall:10,.0f} /s, {busy / count * 1e6:6.1f} µs of processor time each"


def feed(graph: SqliteGraph, changes: list[TopologyChange], recorded: int | None = None) -> str:
    """Apply in batches with offsets, recorded as they happen unless `recorded` is given."""
    rate = Rate()
    for i in range(0, len(changes), BATCH):
        batch = changes[i : i + BATCH]
        graph.apply(batch, recorded or batch[-1].valid_from_ns, {("telemetry.topology", 0): i})
    return rate.of(len(changes))


def network() -> list[TopologyChange]:
    cells: list[TopologyChange] = [
        NodeChange(f"Cell={i}", "Cell", START, {"tilt_deg": 4}) for i in range(CELLS)
    ]
    pairs = [(i, (i + k) % CELLS) for i in range(CELLS) for k in range(1, 7)]
    return cells + [RelationChange("adjacent", f"Cell={i}", f"Cell={j}", START) for i, j in pairs]


def bulk(count: int, rng: random.Random) -> list[TopologyChange]:
    """As many nodes as relations, all new."""
    made: list[TopologyChange] = []
    for i in range(count // 2):
        made.append(NodeChange(f"UE=b{i}", "UE", START + i, {"imsi": i, "category": rng.randrange(20)}))
        made.append(RelationChange("serves", f"Cell={rng.randrange(CELLS)}", f"UE=b{i}", START + i))
    return made


def sessions(begin: int, end: int, rng: random.Random) -> list[TopologyChange]:
    """UE sessions: one begins every 0.2 s and lasts about a minute, so some 300 are open at any time.

    Each has a node of its own (came, went) and two serving cells; Cell=0 takes part in all of them.
    """
    made: list[TopologyChange] = []
    for i in range(begin, end):
        at = START + i * SECOND // 5
        mid, last = at + rng.randrange(1, 60) * SECOND, at + 60 * SECOND
        ue, other = f"UE=s{i}", f"Cell={rng.randrange(1, CELLS)}"
        made += [
            NodeChange(ue, "UE", at), RelationChange("serves", "Cell=0", ue, at),
            RelationChange("serves", other, ue, mid),
            RelationChange("serves", other, ue, last, op="remove"), NodeChange(ue, "UE", last, op="remove"),
        ]  # fmt: skip
    return sorted(made, key=lambda change: change.valid_from_ns)


def milliseconds(read: Callable[[], object], times: int = 9) -> float:
    """The median processor time of a read; all its work is on the calling thread."""
    taken = []
    for _ in range(times):
        began = time.thread_time()
        read()
        taken.append(time.thread_time() - began)
    return sorted(taken)[times // 2] * 1e3


def queries(graph: SqliteGraph, first: int, last: int) -> list[tuple[str, float, int]]:
    """(what, median ms, size of the answer) at an early, a middle and the last instant."""
    rows = []
    early, middle = first + 150 * SECOND, first + (last - first) * 3 // 4
    for name, at, known in (
        ("early, known now", early, FOREVER_NS), ("middle, known now", middle, FOREVER_NS),
        ("now", last, FOREVER_NS), ("early, known then", early, early),
        ("middle, known then", middle, middle),
    ):  # fmt: skip
        near = lambda at=at, known=known: graph.neighbourhood(*WHOSE, "Cell=0", at, known)  # noqa: E731
        whole = lambda at=at, known=known: graph.snapshot(*WHOSE, at, known)  # noqa: E731
        page = lambda at=at, known=known: graph.page(*WHOSE, at, known)  # noqa: E731
        one = lambda at=at, known=known: graph.node(*WHOSE, "Cell=0", at, known)  # noqa: E731
        rows += [
            (f"node            {name}", milliseconds(one), 1),
            (f"neighbourhood   {name}", milliseconds(near), len(near().relations)),
            (f"page            {name}", milliseconds(page), len(page().nodes)),
            (f"snapshot        {name}", milliseconds(whole, 5), len(whole().nodes)),
        ]
    return rows


def measure_bulk(folder: Path, count: int) -> None:
    graph = SqliteGraph(folder / "bulk.sqlite", ontology())
    graph.apply(network(), START)
    made = bulk(count, random.Random(1))
    later = [msgspec.structs.replace(change, valid_from_ns=change.valid_from_ns + SECOND) for change in made]
    print(f"bulk upserts, all new        {feed(graph, made, START)}")
    print(f"the same again (redelivery)  {feed(graph, made, START)}")
    print(f"said again, unchanged        {feed(graph, later, START + SECOND)}")
    graph.close()


def measure_history(folder: Path, counts: list[int]) -> None:
    graph = SqliteGraph(folder / "history.sqlite", ontology())
    graph.apply(network(), START)
    rng, begin = random.Random(1), 0
    for count in counts:
        rate = feed(graph, sessions(begin, count, rng))
        begin = count
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"\n{count:,} sessions: {rate}, {graph.ping().detail['bytes']:,} bytes, {memory:,.0f} MB of memory"
        )
        for name, taken, answer in queries(graph, START, START + count * SECOND // 5):
            print(f"  {name:40} {taken:9.2f} ms  {answer:6} in the answer")
    graph.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--bulk", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_bulk(Path(folder), options.bulk)
        measure_history(Path(folder), options.sessions)


if __name__ == "__main__":
    main()
