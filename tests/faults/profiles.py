"""Opens the stores of a run: the adapters of the servers that it has, and embedded ones for the rest."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.ports import EventLog, GraphStore, SeriesStore
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.ontology.errors import RanvierError
from ranvier.ontology.ontology import Ontology, load
from tests.faults.folder import Board, Folder

EMBEDDED, SERVERS = "embedded", "servers"
ALL = ("influx", "kafka", "neo4j")
RETRY_S = 0.3
T = TypeVar("T")


@lru_cache
def ontology() -> Ontology:
    """The shipped one."""
    return load()


def open_log(folder: Folder) -> EventLog:
    """The event log of the run."""
    plan = folder.plan
    if "kafka" not in plan.servers:
        return SqliteLog(folder.stores / "log.db", clock_ns=folder.clock.now_ns)
    from ranvier.fabric.log.kafka import KafkaConfig, KafkaLog

    return KafkaLog(KafkaConfig(bootstrap=plan.servers["kafka"]["bootstrap"], prefix=plan.prefix + "."))


def open_graph(folder: Folder) -> GraphStore:
    """The graph of the run."""
    plan = folder.plan
    if "neo4j" not in plan.servers:
        return SqliteGraph(folder.stores / "graph.db", ontology())
    from ranvier.fabric.graph.neo4j import Neo4jConfig, Neo4jGraph

    return Neo4jGraph(Neo4jConfig(**plan.servers["neo4j"], space=plan.prefix), ontology())


def open_series(folder: Folder) -> SeriesStore:
    """The series of the run."""
    plan = folder.plan
    if "influx" not in plan.servers:
        return DuckdbSeries(folder.stores / "series.duckdb", ontology())
    from ranvier.fabric.series.influx import InfluxConfig, InfluxSeries

    return InfluxSeries(InfluxConfig(**plan.servers["influx"], prefix=plan.prefix), ontology())


def patiently(make: Callable[[], T], board: Board) -> T:
    """Open something that may be away just now, again and again."""
    while True:
        try:
            return make()
        except RanvierError as error:
            board.enter("waiting after an error")
            board.errors += 1
            print(f"again: {error}", file=sys.stderr, flush=True)
            time.sleep(RETRY_S)
