"""`GraphExport`: all that a graph's file was ever told, in the order of recording, to tell it to another store.

    assertions + facts, slot by slot ► retell ► sorted on disk by time of recording ► changes, batch by batch

What was told again and changed nothing is told again too, since a late change may make it matter. Only what
was sent more than once word for word is told once, and a change's `source` is not kept by the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from ranvier.fabric.graph.connections import refusal
from ranvier.fabric.graph.retelling import BEFORE_ALL, Belief, Said, retell
from ranvier.fabric.graph.timeline import BY_SOURCE, BY_TARGET, UNCONDITIONAL, UPSERT, Assertion, State
from ranvier.fabric.topology_change import NodeChange, RelationChange, Scalar, TopologyChange
from ranvier.ontology.errors import OntologyError
from ranvier.ontology.ontology import Ontology

BATCH = 5_000
_SAID = "SELECT slot, at_ns, op, category, a, b, digest, live FROM assertion ORDER BY slot, at_ns"
_HELD = """
SELECT slot, valid_from, valid_to, category, a, b, digest, recorded_at, superseded_at FROM fact ORDER BY slot
"""
_TOLD = """
CREATE TEMP TABLE told (
  recorded INTEGER, rank INTEGER, slot INTEGER, number INTEGER, at_ns INTEGER, op INTEGER, category INTEGER,
  a INTEGER, b INTEGER, digest INTEGER, PRIMARY KEY (recorded, rank, slot, number)) WITHOUT ROWID
"""


class Batch(NamedTuple):
    """Changes in order of recording, each with its time; `number` counts all changes up to the end of it."""

    number: int
    recorded_at_ns: list[int]
    changes: list[TopologyChange]


class GraphExport:
    """Reads one file. Nobody may write to it meanwhile, and the order of the batches is then always the same."""

    def __init__(self, path: Path, ontology: Ontology) -> None:
        self._path, self._ontology = path, ontology
        try:
            self._connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
            self._connection.execute("PRAGMA temp_store = FILE")
            self._sorted = sqlite3.connect("", check_same_thread=False)  # a file of its own, gone at the end
            self._sorted.execute(_TOLD)
            self._categories: dict[int, tuple[int, str]] = {
                row[0]: (row[1], row[2])
                for row in self._connection.execute("SELECT id, scope, name FROM category")
            }
            self._owners: dict[int, tuple[str, str]] = {
                row[0]: (row[1], row[2])
                for row in self._connection.execute("SELECT id, tenant, network FROM scope")
            }
        except sqlite3.Error as error:
            raise refusal(error, path) from error
        self._entity = lru_cache(100_000)(self._find_entity)

    def close(self) -> None:
        """Release the files."""
        self._connection.close()
        self._sorted.close()

    # ------------------------------------------------------------ what there is
    def scopes(self) -> list[tuple[str, str]]:
        """The (tenant, network) pairs that were ever named."""
        return sorted(self._owners.values())

    def entities(self, tenant: str, network: str) -> list[str]:
        """The ids of all nodes that were ever named, in their order."""
        rows = self._connection.execute(
            "SELECT e.name FROM entity AS e JOIN scope AS s ON s.id = e.scope"
            " WHERE s.tenant = ? AND s.network = ? ORDER BY e.name",
            (tenant, network),
        )
        return [row[0] for row in rows]

    def recorded(self) -> list[int]:
        """The times at which knowledge changed, rising."""
        rows = self._connection.execute("SELECT DISTINCT recorded_at FROM fact ORDER BY 1")
        return [row[0] for row in rows]

    # ------------------------------------------------------------ what was told
    def prepare(self) -> int:
        """Find out when each thing was told, and sort by that; how many changes there are."""
        self._sorted.execute("DELETE FROM told")
        first = self._connection.execute("SELECT min(recorded_at) FROM fact").fetchone()[0] or 0
        for slot, said, held in self._slots():
            own = min((belief.recorded_at for belief in held), default=first)
            rank = 0 if slot < 0 else 1  # nodes before the relations between them
            self._sorted.executemany(
                "INSERT INTO told VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (own if at == BEFORE_ALL else at, rank, slot, number, each.at_ns, each.op, *each.state)
                    for number, (at, each) in enumerate(retell(held, said, self._matching(slot)))
                ],
            )
        self._sorted.commit()
        return int(self._sorted.execute("SELECT count(*) FROM told").fetchone()[0])

    def _slots(self) -> Iterator[tuple[int, list[Said], list[Belief]]]:
        """Each slot with all that was said and held of it. Every fact's slot has assertions."""
        said = groupby(self._connection.execute(_SAID), key=itemgetter(0))
        held = groupby(self._connection.cursor().execute(_HELD), key=itemgetter(0))
        behind = next(held, None)
        facts = [] if behind is None else [_belief(row) for row in behind[1]]
        for slot, rows in said:
            found = [Said(Assertion(row[1], row[2], State(*row[3:7])), bool(row[7])) for row in rows]
            if behind is None or behind[0] != slot:
                yield slot, found, []
                continue
            yield slot, found, facts
            behind = next(held, None)
            facts = [] if behind is None else [_belief(row) for row in behind[1]]

    def _matching(self, slot: int) -> int:
        if slot < 0:
            return UNCONDITIONAL
        a, b = self._connection.execute("SELECT a, b FROM slot WHERE id = ?", (slot,)).fetchone()
        return BY_SOURCE if a == 0 else BY_TARGET if b == 0 else UNCONDITIONAL

    def batches(self, after: int = 0) -> Iterator[Batch]:
        """The changes after the first `after`, in batches; `prepare` comes first."""
        rows = self._sorted.execute(
            "SELECT recorded, slot, at_ns, op, category, a, b, digest FROM told"
            " ORDER BY recorded, rank, slot, number LIMIT -1 OFFSET ?",
            (after,),
        )
        number = after
        while page := rows.fetchmany(BATCH):
            changes = [self._change(row[1], Assertion(row[2], row[3], State(*row[4:]))) for row in page]
            number += len(changes)
            yield Batch(number, [row[0] for row in page], changes)

    def _change(self, slot: int, assertion: Assertion) -> TopologyChange:
        at_ns, op, state = assertion
        properties = self._properties(slot, state.digest)
        name: Literal["upsert", "remove"] = "upsert" if op == UPSERT else "remove"
        if slot < 0:
            scope, node_id = self._entity(state.a)
            tenant, network = self._owners[scope]
            node_class = self._categories[state.category][1] if state.category else self._class(slot, node_id)
            return NodeChange(
                node_id, node_class, at_ns, properties, name, tenant=tenant, network=network
            )  # fmt: skip
        scope, relation = self._categories[state.category]
        tenant, network = self._owners[scope]
        source, target = self._entity(state.a)[1], self._entity(state.b)[1]
        return RelationChange(
            relation, source, target, at_ns, properties, name, tenant=tenant, network=network
        )  # fmt: skip

    def _find_entity(self, identity: int) -> tuple[int, str]:
        row: tuple[int, str] = self._connection.execute(
            "SELECT scope, name FROM entity WHERE id = ?", (identity,)
        ).fetchone()
        return row

    def _class(self, slot: int, node_id: str) -> str:
        """The class of a node that was removed, which a removal does not keep: its latest, or by its name."""
        row = self._connection.execute(
            "SELECT category FROM assertion WHERE slot = ? AND op = ? ORDER BY at_ns DESC LIMIT 1",
            (slot, UPSERT),
        ).fetchone()
        if row is not None:
            return self._categories[row[0]][1]
        try:
            return self._ontology.class_of(node_id)
        except OntologyError:
            return min(self._ontology.classes)  # it never was: any class says as much

    def _properties(self, slot: int, digest: int) -> dict[str, Scalar]:
        if digest == 0:
            return {}
        body = self._connection.execute(
            "SELECT properties FROM body WHERE slot = ? AND digest = ?", (slot, digest)
        ).fetchone()[0]
        return msgspec.json.decode(body, type=dict[str, Scalar])


def _belief(row: Sequence[Any]) -> Belief:
    return Belief(row[1], row[2], State(*row[3:7]), row[7], row[8])
