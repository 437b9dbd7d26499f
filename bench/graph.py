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


def feed(graph: SqliteGraph, changes: list[TopologyChange], recorded: int) -> float:
    """Apply in batches with offsets; changes a second. The feed's objects are kept from the collector."""
    gc.freeze()
    began = time.perf_counter()
    for i in range(0, len(changes), BATCH):
        graph.apply(changes[i : i + BATCH], recorded + i, {("telemetry.topology", 0): i})
    return len(changes) / (time.perf_counter() - began)


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


def milliseconds(read: Callable[[], object], times: int = 15) -> float:
    """The median time of a read."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        read()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2] * 1e3


def queries(graph: SqliteGraph, first: int, last: int) -> list[tuple[str, float, int]]:
    """(what, median ms, size of the answer) at an early, a middle and the last instant."""
    rows = []
    early, middle = first + 300 * SECOND, (first + last) // 2
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--bulk", type=int, default=100_000)
    options = parser.parse_args()
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        graph = SqliteGraph(Path(folder) / "bulk.sqlite", ontology())
        graph.apply(network(), START)
        made = bulk(options.bulk, rng)
        print(f"bulk upserts, all new        {feed(graph, made, START):10,.0f} /s")
        print(f"the same again (redelivery)  {feed(graph, made, START):10,.0f} /s")
        again = [
            NodeChange(c.node_id, "UE", c.valid_from_ns + SECOND, c.properties)
            if isinstance(c, NodeChange)
            else RelationChange("serves", c.source_id, c.target_id, c.valid_from_ns + SECOND)
            for c in made
        ]
        print(f"re-asserted, unchanged       {feed(graph, again, START + SECOND):10,.0f} /s")
        graph.close()
        graph = SqliteGraph(Path(folder) / "history.sqlite", ontology())
        graph.apply(network(), START)
        begin = 0
        for count in options.sessions:
            changes = sessions(begin, count, rng)
            began = time.perf_counter()
            for i in range(0, len(changes), BATCH):
                graph.apply(changes[i : i + BATCH], changes[min(i + BATCH, len(changes)) - 1].valid_from_ns)
            rate = len(changes) / (time.perf_counter() - began)
            begin = count
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            size = graph.ping().detail["bytes"]
            print(f"\n{count:,} sessions: {rate:,.0f} changes/s, {size:,} bytes, {memory:,.0f} MB of memory")
            for name, taken, answer in queries(graph, START, START + count * SECOND // 5):
                print(f"  {name:40} {taken:9.2f} ms  {answer:6} in the answer")
        graph.close()


if __name__ == "__main__":
    main()
