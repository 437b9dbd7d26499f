"""The queries that read the Neo4j graph at a point of both times. All give lists of `Row`.

Each query joins up to three sources (see `neo4j`): the graph as it is, the facts that have ended, found by
the forks of their valid time, and the facts no longer believed, found by the forks of the time over which
they were. Where a source has nothing to add, its list of forks is empty and it costs nothing.

Rows come as lists, many in one record where they are few in all: each record costs the client about as
much as twenty rows do. What can be long comes as it is found, and the server never holds all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One fact. Ends are keys with their ids; a node's fact has its own key as slot and source.

    `is_now` is whether it was found in the graph as it is, and not beside it. The ids of a relation's ends
    are None where the nodes come with it.
    """

    slot: str
    name: str
    source: str
    source_id: str | None
    target: str | None
    target_id: str | None
    body: str | None
    valid_from: int
    valid_to: int
    recorded_at: int
    is_now: bool


_NODE = "[e.key, e.class, e.key, e.id, null, null, e.body, e.valid_from_ns, $forever, e.recorded_at_ns, true]"
_RELATION = (
    "[r.slot, type(r), a.key, null, b.key, null, r.body, r.valid_from_ns, $forever, r.recorded_at_ns, true]"
)
_NAMED_RELATION = (
    "[r.slot, type(r), a.key, a.id, b.key, b.id, r.body, r.valid_from_ns, $forever, r.recorded_at_ns, true]"
)
_FACT = (
    "[f.slot, f.name, coalesce(f.source, f.slot), f.source_id, f.target, f.target_id, f.body,"
    " f.valid_from_ns, f.valid_to_ns, f.recorded_at_ns, false]"
)
_FACTS = f"RETURN collect({_FACT}) AS rows"
_EACH_FACT = f"RETURN [{_FACT}] AS rows"


def _known(x: str) -> str:
    return f"{x}.turn <= $turn AND {x}.recorded_at_ns <= $known_at"


def _valid(x: str) -> str:
    return f"{x}.valid_from_ns <= $as_of"


_HOLDS = f"{_known('f')} AND {_valid('f')} AND f.valid_to_ns > $as_of"
_WAS_BELIEVED = f"{_known('f')} AND f.superseded_at_ns > $known_at"
_BELIEVED = f"{_WAS_BELIEVED} AND {_valid('f')} AND f.valid_to_ns > $as_of"


def _stab(label: str, place: str, forks: str, condition: str, finish: str) -> str:
    """Facts found at places by forks."""
    return (
        f"UNWIND $keys AS k UNWIND ${forks} AS at"
        f" MATCH (f:{label}) USING INDEX f:{label}({place}, fork)"
        f" WHERE f.{place} = k AND f.fork = at AND {condition} {finish}"
    )


def _beside(place: str, more: str = "", finish: str = _FACTS) -> tuple[str, str]:
    """What has ended and what is no longer believed, by one kind of place."""
    return (
        _stab("EndedFact", place, "valid_forks", _HOLDS + more, finish),
        _stab("SupersededFact", place, "known_forks", _BELIEVED + more, finish),
    )


def _union(parts: Iterable[str]) -> str:
    return "\nUNION ALL\n".join(parts)


_OF_NODES = (
    f"UNWIND $keys AS k MATCH (e:Entity {{key: k}}) WHERE {_known('e')} AND {_valid('e')}"
    f" RETURN collect({_NODE}) AS rows",
    # Facts of one slot do not overlap: only the last that began by then can hold.
    "UNWIND CASE WHEN size($valid_forks) = 0 THEN [] ELSE $keys END AS k CALL (k) {"
    " MATCH (f:EndedFact) USING INDEX f:EndedFact(slot, valid_from_ns)"
    f" WHERE f.slot = k AND {_valid('f')} AND f.turn <= $turn"
    " RETURN f ORDER BY f.slot DESC, f.valid_from_ns DESC LIMIT 1 }"
    f" WITH f WHERE {_HOLDS} {_FACTS}",
    _stab("SupersededFact", "slot", "known_forks", _BELIEVED, _FACTS),
)

OF_NODES = _union(_OF_NODES)
"""Facts of the nodes of `keys`."""

AROUND = _union(
    (
        *_OF_NODES,
        f"UNWIND $keys AS k MATCH (a:Entity {{key: k}})-[r]->(b) WHERE {_known('r')} AND {_valid('r')}"
        f" RETURN collect({_RELATION}) AS rows",
        f"UNWIND $keys AS k MATCH (b:Entity {{key: k}})<-[r]-(a) WHERE {_known('r')} AND {_valid('r')}"
        f" RETURN collect({_RELATION}) AS rows",
        *_beside("source"),
        *_beside("target"),
    )
)
"""Facts of the nodes of `keys`, and of the relations that they take part in."""

AMONG = _union(
    (
        *_OF_NODES,
        f"UNWIND $all AS k MATCH (a:Entity {{key: k}})-[r]->(b:Entity) WHERE b.key IN $all AND {_known('r')}"
        f" AND {_valid('r')} RETURN collect({_RELATION}) AS rows",
        *(text.replace("$keys", "$all", 1) for text in _beside("source", " AND f.target IN $all")),
    )
)
"""Facts of the nodes of `keys`, and of the relations among the nodes of `all`."""

OF_CLASSES = _union(
    (
        "UNWIND $keys AS k MATCH (e:Entity) USING INDEX e:Entity(category, id)"
        f" WHERE e.category = k AND e.id > '' AND {_known('e')} AND {_valid('e')} RETURN [{_NODE}] AS rows",
        *_beside("category", finish=_EACH_FACT),
    )
)
"""Facts of nodes of the categories `keys`."""

_IN_ORDER = f"WITH f ORDER BY f.source_id LIMIT $limit {_FACTS}"
PAGE = _union(
    (
        "UNWIND $keys AS k CALL (k) { MATCH (e:Entity) USING INDEX e:Entity(category, id)"
        f" WHERE e.category = k AND e.id > $after AND {_known('e')} AND {_valid('e')}"
        f" RETURN e ORDER BY e.category, e.id LIMIT $limit }} RETURN collect({_NODE}) AS rows",
        _stab("EndedFact", "category", "valid_forks", f"{_HOLDS} AND f.source_id > $after", _IN_ORDER),
        _stab(
            "SupersededFact", "category", "known_forks", f"{_BELIEVED} AND f.source_id > $after", _IN_ORDER
        ),
    )
)
"""The first facts of nodes of the categories `keys` whose id comes after `after`, `limit` of each source."""

_OUT = (
    f"RETURN COLLECT {{ MATCH (a)-[r]->(b:Entity) WHERE {_known('r')} AND {_valid('r')} RETURN {_RELATION} }}"
    " AS rows"
)
RELATIONS_NOW = _union(
    (
        "UNWIND $keys AS k MATCH (a:Entity) USING INDEX a:Entity(category, id)"
        f" WHERE a.category = k AND a.id > '' {_OUT}",
        f"UNWIND $gone AS k MATCH (a:Entity {{key: k}}) {_OUT}",
    )
)
"""Relations of the graph as it is from nodes of the categories `keys`, and from the nodes `gone`."""

RELATIONS_BESIDE = _union(_beside("category", finish=_EACH_FACT))
"""Facts beside the graph of the relations of the category `keys`."""

HISTORY = _union(
    (
        f"UNWIND $keys AS k MATCH (e:Entity {{key: k}}) WHERE {_known('e')} RETURN [{_NODE}] AS rows",
        f"UNWIND $keys AS k MATCH (a:Entity {{key: k}})-[r]->(b) WHERE {_known('r')}"
        f" RETURN [{_NAMED_RELATION}] AS rows",
        f"UNWIND $keys AS k MATCH (b:Entity {{key: k}})<-[r]-(a) WHERE {_known('r')}"
        f" RETURN [{_NAMED_RELATION}] AS rows",
        "UNWIND $keys AS k MATCH (f:EndedFact) USING INDEX f:EndedFact(slot, valid_from_ns)"
        f" WHERE f.slot = k AND f.valid_from_ns >= $first AND {_known('f')} {_EACH_FACT}",
        *(
            f"UNWIND $keys AS k MATCH (f:EndedFact) USING INDEX f:EndedFact({place}, fork)"
            f" WHERE f.{place} = k AND f.fork >= $first AND {_known('f')} {_EACH_FACT}"
            for place in ("source", "target")
        ),
        *(
            _stab("SupersededFact", place, "known_forks", _WAS_BELIEVED, _EACH_FACT)
            for place in ("slot", "source", "target")
        ),
    )
)
"""Facts of the node of `keys` and of the relations that it takes part in, over all valid time."""

_SINCE = "f.space = $space AND f.until_turn > $turn AND f.scope = $scope AND f.turn <= $turn"


def _state(finish: str) -> str:
    return _union(
        (
            "MATCH (c:Clock {space: $space}) OPTIONAL MATCH (s:Scope {key: $scope}) RETURN [[c.turn,"
            " c.recorded_at_ns, s.classes, s.nodes_until_ns, s.relations_until_ns, c.swept_turn]] AS rows",
            *(
                f"MATCH (f:{label}) USING INDEX f:{label}(space, until_turn) WHERE {_SINCE} {finish}"
                for label in ("SupersededFact", "UndoneFact")
            ),
        )
    )


STATE = _state(_FACTS)
"""The state of the space and the network; then the facts of `turn` that later turns have taken away."""

STATE_AND_ANY = _state(f"WITH f LIMIT 1 {_FACTS}")
"""The same with one such fact of each kind at most: whether there are any, however long ago `turn` was."""


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
        turn, recorded, classes, nodes_until, relations_until, swept = row
        return cls(
            turn, first if recorded is None else recorded, tuple(classes or ()),
            first if nodes_until is None else nodes_until,
            first if relations_until is None else relations_until, swept or 0,
        )  # fmt: skip


NOTHING = State(0, -(2**63), (), -(2**63), -(2**63), 0)
"""The state of a space in which nothing was ever written."""
