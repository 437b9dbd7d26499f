"""The queries that read the Neo4j graph at a point of both times. All give the columns of `Row`.

Each query joins up to three sources (see `neo4j`): the graph as it is, the facts that have ended, found by
the forks of their valid time, and the facts no longer believed, found by the forks of the time over which
they were. Where a source has nothing to add, its list of forks is empty and it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One fact. Ends are keys with their ids; a node's fact has its own key as slot and source.

    `is_now` is whether it was found in the graph as it is, and not beside it.
    """

    slot: str
    name: str
    source: str
    source_id: str
    target: str | None
    target_id: str | None
    body: str | None
    valid_from: int
    valid_to: int
    recorded_at: int
    is_now: bool


def _columns(*values: str) -> str:
    return ", ".join(f"{value} AS {name}" for value, name in zip(values, Row._fields, strict=True))


_NODE = _columns(
    "e.key", "e.class", "e.key", "e.id", "null", "null", "e.body", "e.valid_from_ns", "$forever",
    "e.recorded_at_ns", "true",
)  # fmt: skip
_RELATION = _columns(
    "r.slot", "type(r)", "startNode(r).key", "startNode(r).id", "endNode(r).key", "endNode(r).id", "r.body",
    "r.valid_from_ns", "$forever", "r.recorded_at_ns", "true",
)  # fmt: skip
_FACT = _columns(
    "f.slot", "f.name", "coalesce(f.source, f.slot)", "f.source_id", "f.target", "f.target_id", "f.body",
    "f.valid_from_ns", "f.valid_to_ns", "f.recorded_at_ns", "false",
)  # fmt: skip


def _known(x: str) -> str:
    return f"{x}.turn <= $turn AND {x}.recorded_at_ns <= $known_at"


def _valid(x: str) -> str:
    return f"{x}.valid_from_ns <= $as_of"


_HOLDS = f"{_known('f')} AND {_valid('f')} AND f.valid_to_ns > $as_of"
_WAS_BELIEVED = f"{_known('f')} AND f.superseded_at_ns > $known_at"
_BELIEVED = f"{_WAS_BELIEVED} AND {_valid('f')} AND f.valid_to_ns > $as_of"


def _stab(label: str, place: str, forks: str, condition: str, finish: str = f"RETURN {_FACT}") -> str:
    """Facts found at places by forks."""
    return (
        f"UNWIND $keys AS k UNWIND ${forks} AS at"
        f" MATCH (f:{label}) USING INDEX f:{label}({place}, fork)"
        f" WHERE f.{place} = k AND f.fork = at AND {condition} {finish}"
    )


def _beside(place: str, more: str = "") -> tuple[str, str]:
    """What has ended and what is no longer believed, by one kind of place."""
    return (
        _stab("EndedFact", place, "valid_forks", _HOLDS + more),
        _stab("SupersededFact", place, "known_forks", _BELIEVED + more),
    )


def _union(parts: Iterable[str]) -> str:
    return "\nUNION ALL\n".join(parts)


OF_NODES = _union(
    (
        f"UNWIND $keys AS k MATCH (e:Entity {{key: k}}) WHERE {_known('e')} AND {_valid('e')} RETURN {_NODE}",
        # Facts of one slot do not overlap: only the last that began by then can hold.
        "UNWIND CASE WHEN size($valid_forks) = 0 THEN [] ELSE $keys END AS k CALL (k) {"
        " MATCH (f:EndedFact) USING INDEX f:EndedFact(slot, valid_from_ns)"
        f" WHERE f.slot = k AND {_valid('f')} AND f.turn <= $turn"
        " RETURN f ORDER BY f.slot DESC, f.valid_from_ns DESC LIMIT 1 }"
        f" WITH f WHERE {_HOLDS} RETURN {_FACT}",
        _stab("SupersededFact", "slot", "known_forks", _BELIEVED),
    )
)
"""Facts of the nodes of `keys`."""

OF_ENDS = _union(
    (
        f"UNWIND $keys AS k MATCH (:Entity {{key: k}})-[r]-() WHERE {_known('r')} AND {_valid('r')}"
        f" RETURN {_RELATION}",
        *_beside("source"),
        *_beside("target"),
    )
)
"""Facts of relations that the nodes of `keys` take part in."""

BETWEEN = _union(
    (
        f"UNWIND $keys AS k MATCH (:Entity {{key: k}})-[r]->(b:Entity) WHERE b.key IN $keys AND {_known('r')}"
        f" AND {_valid('r')} RETURN {_RELATION}",
        *_beside("source", " AND f.target IN $keys"),
    )
)
"""Facts of relations from and to nodes of `keys`."""

OF_CLASSES = _union(
    (
        "UNWIND $keys AS k MATCH (e:Entity) USING INDEX e:Entity(category, id)"
        f" WHERE e.category = k AND e.id > '' AND {_known('e')} AND {_valid('e')} RETURN {_NODE}",
        *_beside("category"),
    )
)
"""Facts of nodes of the categories `keys`."""

_IN_ORDER = f"WITH f ORDER BY f.source_id LIMIT $limit RETURN {_FACT}"
PAGE = _union(
    (
        "UNWIND $keys AS k CALL (k) { MATCH (e:Entity) USING INDEX e:Entity(category, id)"
        f" WHERE e.category = k AND e.id > $after AND {_known('e')} AND {_valid('e')}"
        f" RETURN e ORDER BY e.category, e.id LIMIT $limit }} RETURN {_NODE}",
        _stab("EndedFact", "category", "valid_forks", f"{_HOLDS} AND f.source_id > $after", _IN_ORDER),
        _stab(
            "SupersededFact", "category", "known_forks", f"{_BELIEVED} AND f.source_id > $after", _IN_ORDER
        ),
    )
)
"""The first facts of nodes of the categories `keys` whose id comes after `after`, `limit` of each source."""

RELATIONS_NOW = (
    "UNWIND $keys AS k MATCH (e:Entity) USING INDEX e:Entity(category, id)"
    f" WHERE e.category = k AND e.id > '' MATCH (e)-[r]->() WHERE {_known('r')} AND {_valid('r')}"
    f" RETURN {_RELATION}"
    f" UNION ALL UNWIND $gone AS k MATCH (:Entity {{key: k}})-[r]->() WHERE {_known('r')} AND {_valid('r')}"
    f" RETURN {_RELATION}"
)
"""Relations of the graph as it is from nodes of the categories `keys`, and from the nodes `gone`."""

RELATIONS_BESIDE = _union(_beside("category"))
"""Facts beside the graph of the relations of the category `keys`."""

HISTORY = _union(
    (
        f"UNWIND $keys AS k MATCH (e:Entity {{key: k}}) WHERE {_known('e')} RETURN {_NODE}",
        f"UNWIND $keys AS k MATCH (:Entity {{key: k}})-[r]-() WHERE {_known('r')} RETURN {_RELATION}",
        "UNWIND $keys AS k MATCH (f:EndedFact) USING INDEX f:EndedFact(slot, valid_from_ns)"
        f" WHERE f.slot = k AND f.valid_from_ns >= $first AND {_known('f')} RETURN {_FACT}",
        *(
            f"UNWIND $keys AS k MATCH (f:EndedFact) USING INDEX f:EndedFact({place}, fork)"
            f" WHERE f.{place} = k AND f.fork >= $first AND {_known('f')} RETURN {_FACT}"
            for place in ("source", "target")
        ),
        *(
            _stab("SupersededFact", place, "known_forks", _WAS_BELIEVED)
            for place in ("slot", "source", "target")
        ),
    )
)
"""Facts of the node of `keys` and of the relations that it takes part in, over all valid time."""

_SINCE = "f.space = $space AND f.until_turn > $turn AND f.scope = $scope AND f.turn <= $turn"
STATE = _union(
    (
        "MATCH (c:Clock {space: $space}) OPTIONAL MATCH (s:Scope {key: $scope}) RETURN "
        + _columns(
            "c.turn", "c.recorded_at_ns", "s.classes", "s.nodes_until_ns", "s.relations_until_ns",
            "c.swept_turn", "null", "null", "null", "null", "null",
        ),
        *(
            f"MATCH (f:{label}) USING INDEX f:{label}(space, until_turn) WHERE {_SINCE} RETURN {_FACT}"
            for label in ("SupersededFact", "UndoneFact")
        ),
    )
)  # fmt: skip
"""The state of the space and the network; then the facts of `turn` that later turns have taken away."""


class State(NamedTuple):
    """How far the space and a network of it have come: the first row of `STATE`."""

    turn: int
    recorded_at: int
    classes: tuple[str, ...]
    nodes_until: int
    relations_until: int
    swept: int

    @classmethod
    def of(cls, row: list[Any]) -> State:
        """From the row; a network that has nothing yet has no classes."""
        first = -(2**63)
        turn, recorded, classes, nodes_until, relations_until, swept = row[:6]
        return cls(
            turn, first if recorded is None else recorded, tuple(classes or ()),
            first if nodes_until is None else nodes_until,
            first if relations_until is None else relations_until, swept or 0,
        )  # fmt: skip


NOTHING = State(0, -(2**63), (), -(2**63), -(2**63), 0)
"""The state of a space in which nothing was ever written."""
