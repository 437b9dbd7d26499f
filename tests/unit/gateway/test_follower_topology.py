"""When the follower reads the graph: not for each step, and never short of what changed meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.fabric.ports import SeriesFrame
from ranvier.gateway.api.platform import Whose
from ranvier.gateway.runtime.follower import Follower, Pace, TwinStores

S = 10**9
STEP_NS = 10 * S
START_NS = 1_000 * STEP_NS


class Graph:
    """Tells as of when it was read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def snapshot(self, _tenant: str, _network: str, as_of_ns: int, _known_at_ns: int) -> str:
        self.read.append(as_of_ns)
        return f"as of {as_of_ns}"


class Series:
    def read(self, _query: object) -> SeriesFrame:
        none = np.array([], dtype=np.int64)
        names = np.array([], dtype=object)
        return SeriesFrame(names, names, none, none, none.astype(float), none, none.astype(bool))


class Bins:
    def update(self, _state: object, _measured: object, snapshot: Any, as_of_ns: int, _known: int) -> Any:
        return type("State", (), {"as_of_ns": as_of_ns, "snapshot": snapshot, "targets": ()})()


def follower(graph: Graph) -> Follower:
    stores = TwinStores(Series(), graph, None)  # type: ignore[arg-type]
    pace = Pace(STEP_NS, STEP_NS, 2 * S, (10.0,))
    return Follower(stores, Bins(), (), pace, Whose("default", "default"), ("RRU.PrbTotDl",))  # type: ignore[arg-type]


def test_what_became_valid_after_the_past_was_taken_in_is_seen_with_the_first_step_after_it() -> None:
    graph = Graph()
    twin = follower(graph)
    now_ns = START_NS + 7 * S  # the graph came at this time: it is valid from now on
    twin.catch_up(START_NS - 100 * STEP_NS, now_ns)
    assert len(graph.read) == 1, "one reading does for the past"
    for step in range(1, 6):
        twin.step(START_NS + step * STEP_NS + 3 * S)
    assert graph.read[-1] >= now_ns
    assert twin.state is not None
    assert twin.state.snapshot == f"as of {graph.read[-1]}"


def test_a_graph_that_rests_is_read_no_more() -> None:
    graph = Graph()
    twin = follower(graph)
    for step in range(1, 20):
        twin.step(START_NS + step * STEP_NS + 3 * S)
    rested = len(graph.read)
    assert rested <= 3
    twin.topology_changed()
    for step in range(20, 40):
        twin.step(START_NS + step * STEP_NS + 3 * S)
    assert rested < len(graph.read) <= rested + 3
