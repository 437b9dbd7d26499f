"""Reads what a batch must know before it can be worked on: a fixed number of queries, whatever its size.

    entities ► last instants ► open facts ─► only for late claims: what was said at their instants
                                             ► what stands until the next upsert ► the facts around

Each look-up is one step into an index, so neither the network's size nor a slot's history counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ranvier.fabric.graph.claims import Claim
from ranvier.fabric.graph.neo4j_driver import Rows, Run
from ranvier.fabric.graph.neo4j_lines import Fact, Line
from ranvier.fabric.graph.neo4j_names import BatchNames
from ranvier.fabric.graph.neo4j_schema import quoted
from ranvier.fabric.graph.timeline import BY_SOURCE, BY_TARGET, UPSERT, Assertion, State
from ranvier.fabric.ports import FOREVER_NS
from ranvier.ontology.errors import StoreError

AT_ONCE = 5_000
"""Rows of one UNWIND."""

ENTITIES = """
UNWIND $rows AS k MATCH (e:Entity {key: k})
RETURN e.key, e.class, e.class_since_ns, e.valid_from_ns, e.recorded_at_ns, e.turn, e.digest, e.body
"""
_LAST = """
UNWIND $rows AS k
CALL (k) {
  MATCH (x:Assertion) USING INDEX x:Assertion(slot, at_ns) WHERE x.slot = k AND x.at_ns >= $first
  RETURN x.at_ns AS last ORDER BY x.slot DESC, x.at_ns DESC LIMIT 1
}
RETURN k, last
"""
_OPEN = """
UNWIND $rows AS k MATCH (a)-[r:{relation} {{slot: k}}]->(b) USING INDEX r:{relation}(slot)
RETURN k, a.id, b.id, r.valid_from_ns, r.recorded_at_ns, r.turn, r.digest, r.body
"""
_SAID_COLUMNS = "x.slot, x.at_ns, x.op, x.overruled, x.name, x.end, x.digest"
_SAID = f"""
UNWIND $rows AS p MATCH (x:Assertion) USING INDEX x:Assertion(slot, at_ns)
WHERE x.slot = p.slot AND x.at_ns = p.at_ns
RETURN {_SAID_COLUMNS}
"""
_STANDING = f"""
UNWIND $rows AS p
CALL (p) {{
  MATCH (u:Assertion) USING INDEX u:Assertion(slot, at_ns)
  WHERE u.slot = p.slot AND u.at_ns > p.at_ns AND u.op = 1 AND u.overruled IS NULL
  WITH u ORDER BY u.slot, u.at_ns LIMIT 1
  RETURN coalesce(collect(u.at_ns)[0], $forever) AS until
}}
MATCH (x:Assertion) USING INDEX x:Assertion(slot, at_ns)
WHERE x.slot = p.slot AND x.at_ns > p.at_ns AND x.at_ns <= until
RETURN {_SAID_COLUMNS}
"""
_AROUND = """
UNWIND $rows AS p
CALL (p) {
  MATCH (b:EndedFact) USING INDEX b:EndedFact(slot, valid_from_ns)
  WHERE b.slot = p.slot AND b.valid_from_ns < p.at_ns
  WITH b ORDER BY b.slot DESC, b.valid_from_ns DESC LIMIT 1
  RETURN collect(b.valid_from_ns)[0] AS before
}
WITH p, coalesce(before, p.at_ns) AS start
MATCH (f:EndedFact) USING INDEX f:EndedFact(slot, valid_from_ns)
WHERE f.slot = p.slot AND f.valid_from_ns >= start AND f.valid_from_ns <= p.until
RETURN f.slot, f.name, f.source_id, f.target_id, f.valid_from_ns, f.valid_to_ns, f.recorded_at_ns,
  f.turn, f.digest, f.body
"""


class EntityRow:
    """What the server has of an entity."""

    __slots__ = ("body", "class_since", "digest", "known_class", "recorded_at", "turn", "valid_from")

    def __init__(self, row: Sequence[Any]) -> None:
        self.known_class: str | None = row[1]
        self.class_since: int | None = row[2]
        self.valid_from: int | None = row[3]
        self.recorded_at, self.turn = row[4], row[5]
        self.digest: int = row[6] or 0
        self.body: str | None = row[7]


class Loader:
    """Fills the lines of a batch. `bodies` gathers the properties of the facts that it meets."""

    def __init__(self, run: Run, names: BatchNames) -> None:
        self._run, self._names = run, names
        self.bodies: dict[tuple[int, int], str] = {}
        self._claims: dict[int, Claim] = {}
        self._lines: dict[int, Line] = {}

    def lines(self, claims: Sequence[Claim], entities: dict[str, EntityRow]) -> dict[int, Line]:
        """What must be known of the slots of `claims`."""
        self._claims = {claim.slot: claim for claim in claims}
        self._lines = {slot: Line() for slot in self._claims}
        slot_of = {self._names.slot_key(slot): slot for slot in self._claims}
        for slot_key, last in many(self._run, _LAST, list(slot_of), first=-(2**63)):
            self._lines[slot_of[slot_key]].last_ns = last
        seen = [slot for slot, line in self._lines.items() if line.last_ns > -(2**63)]
        self._open_nodes([slot for slot in seen if slot < 0], entities)
        self._open_relations([slot for slot in seen if slot > 0])
        self._late(claims, slot_of)
        return self._lines

    def _open_nodes(self, slots: Iterable[int], entities: dict[str, EntityRow]) -> None:
        names = self._names
        for slot in slots:
            row = entities.get(names.slot_key(slot))
            if row is None:
                raise StoreError(
                    "a whole graph store", "a node that was spoken of and is not there",
                    "empty its space of all that it holds (docs/servers.md), and fill it from the log",
                )  # fmt: skip
            if row.valid_from is not None:
                category = names.category(names.scope_of(-slot), "node", row.known_class or "")
                state = State(category, -slot, 0, row.digest)
                self._hold(Fact(slot, state, row.valid_from, FOREVER_NS, row.recorded_at, row.turn), row.body)

    def _open_relations(self, slots: Iterable[int]) -> None:
        of_category: dict[int, dict[str, int]] = {}
        for slot in slots:
            of_slot = of_category.setdefault(self._claims[slot].state.category, {})
            of_slot[self._names.slot_key(slot)] = slot
        for category, slot_of in of_category.items():
            scope, _, relation = self._names.categories[category - 1]
            text = _OPEN.format(relation=quoted(relation))
            for slot_key, source, target, low, recorded, turn, digest, body in many(
                self._run, text, list(slot_of)
            ):
                ends = self._names.entity(scope, source), self._names.entity(scope, target)
                state = State(category, *ends, digest or 0)
                self._hold(Fact(slot_of[slot_key], state, low, FOREVER_NS, recorded, turn), body)

    def _hold(self, fact: Fact, body: str | None) -> None:
        self._lines[fact.slot].hold(fact)
        if body is not None:
            self.bodies[fact.slot, fact.state.digest] = body

    # ------------------------------------------------------------ late claims
    def _late(self, claims: Sequence[Claim], slot_of: dict[str, int]) -> None:
        late = [claim for claim in claims if claim.at_ns <= self._lines[claim.slot].last_ns]
        if not late:
            return
        self._say(many(self._run, _SAID, self._points(late)), slot_of)
        late = [claim for claim in late if claim.assertion not in self._lines[claim.slot].said]
        if not late:  # all was said before
            return
        points = self._points(late)
        self._say(many(self._run, _STANDING, points, forever=FOREVER_NS), slot_of)
        for point in points:
            line = self._lines[slot_of[point["slot"]]]
            until = (at_ns for at_ns in line.instants() if at_ns > point["at_ns"])
            point["until"] = min(until, default=FOREVER_NS)
        for slot_key, name, source, target, *rest in many(self._run, _AROUND, points):
            low, high, recorded, turn, digest, body = rest
            slot = slot_of[slot_key]
            state = self._state(slot, name, source, target, digest or 0)
            self._hold(Fact(slot, state, low, high, recorded, turn), body)

    def _points(self, claims: Iterable[Claim]) -> list[dict[str, Any]]:
        wanted = {(claim.slot, claim.at_ns) for claim in claims}
        return [{"slot": self._names.slot_key(slot), "at_ns": at_ns} for slot, at_ns in sorted(wanted)]

    def _state(self, slot: int, name: str, source: str, target: str | None, digest: int) -> State:
        names = self._names
        if slot < 0:
            return State(names.category(names.scope_of(-slot), "node", name), -slot, 0, digest)
        category = self._claims[slot].state.category
        scope = names.categories[category - 1][0]
        return State(category, names.entity(scope, source), names.entity(scope, target or ""), digest)

    def _say(self, rows: Rows, slot_of: dict[str, int]) -> None:
        for slot_key, at_ns, op, overruled, name, end, digest in rows:
            slot = slot_of[slot_key]
            state = self._said_state(slot, op, name, end, digest or 0)
            self._lines[slot].said[Assertion(at_ns, op, state)] = overruled is None

    def _said_state(self, slot: int, op: int, name: str | None, end: str | None, digest: int) -> State:
        """An assertion keeps only what its slot leaves open: a node's class, or a functional slot's end."""
        names, claim = self._names, self._claims[slot]
        if slot < 0:
            category = names.category(names.scope_of(-slot), "node", name or "") if op == UPSERT else 0
            return State(category, -slot, 0, digest)
        state = claim.state._replace(digest=digest)
        scope = names.categories[state.category - 1][0]
        if claim.matching == BY_SOURCE:
            return state._replace(a=names.entity_of_key(scope, end or ""))
        if claim.matching == BY_TARGET:
            return state._replace(b=names.entity_of_key(scope, end or ""))
        return state


def many(run: Run, text: str, rows: Sequence[Any], **parameters: Any) -> Rows:
    """Run `text` for all `rows`, so many at a time as one UNWIND should take."""
    found: Rows = []
    for i in range(0, len(rows), AT_ONCE):
        found += run(text, {"rows": rows[i : i + AT_ONCE], **parameters})
    return found
