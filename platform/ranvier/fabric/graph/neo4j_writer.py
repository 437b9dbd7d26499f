"""Applies a batch of changes within one transaction of the server.

    lock the space's clock ► load what the changes touch ► check ► Lines (in memory) ► write by UNWIND

The clock's node is locked first, so writers of one space queue, as SQLite's do: only so is the time of
recording in the order of the commits, and what was known at an instant never changes afterwards. The
number of queries depends on what kinds of things a batch holds, never on how many or on the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ranvier.fabric.graph.admission import Admission, Key
from ranvier.fabric.graph.claims import Claim, resolve
from ranvier.fabric.graph.intervals import fork
from ranvier.fabric.graph.neo4j_driver import Run
from ranvier.fabric.graph.neo4j_lines import BEFORE_ALL, Fact, Lines
from ranvier.fabric.graph.neo4j_loader import ENTITIES, EntityRow, Loader, many
from ranvier.fabric.graph.neo4j_names import BatchNames, key
from ranvier.fabric.graph.neo4j_rows import Properties, Shapes
from ranvier.fabric.graph.neo4j_schema import labels, quoted
from ranvier.fabric.graph.recording import by_time
from ranvier.fabric.ports import FOREVER_NS, Offsets
from ranvier.fabric.topology_change import NodeChange, TopologyChange
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import Ontology

UNDONE_TURNS = 1_000
"""For so many batches a reader may still ask for what was undone before anyone could know it."""
SWEPT_AT_ONCE = 10_000
LONGEST_ID_BYTES = 4_000
"""An index of Neo4j holds at most 8 kB for one entry, and the id shares it with tenant and network."""

# A lock is taken by writing; what is read before may be old, so the turn is read in a clause of its own.
_LOCK = """
MERGE (c:Clock {space: $space})
SET c.locked = true
WITH c SET c.turn = coalesce(c.turn, 0) + 1
RETURN c.turn, c.recorded_at_ns, c.undone_since
"""
_SCOPES = """
UNWIND $rows AS k MATCH (s:Scope {key: k})
RETURN s.key, s.classes, s.nodes_until_ns, s.relations_until_ns
"""
_CREATE_ENTITIES = "UNWIND $rows AS r CREATE (e:Entity) SET e = r.properties, e:$(r.labels)"
_UPDATE_ENTITIES = "UNWIND $rows AS r MATCH (e:Entity {key: r.key}) SET e = r.properties"
_RELABEL_ENTITIES = """
UNWIND $rows AS r MATCH (e:Entity {key: r.key})
REMOVE e:$(r.old) SET e = r.properties SET e:$(r.labels)
"""
_DELETE = "UNWIND $rows AS k MATCH ()-[r:{relation} {{slot: k}}]->() USING INDEX r:{relation}(slot) DELETE r"
_UPDATE = """
UNWIND $rows AS p MATCH ()-[r:{relation} {{slot: p.slot}}]->() USING INDEX r:{relation}(slot) SET r = p
"""
_CREATE = """
UNWIND $rows AS row MATCH (a:Entity {{key: row.source}}) MATCH (b:Entity {{key: row.target}})
CREATE (a)-[r:{relation}]->(b) SET r = row.properties
"""
_NO_LONGER_BELIEVED = """
UNWIND $rows AS row MATCH (f:EndedFact) USING INDEX f:EndedFact(slot, valid_from_ns)
WHERE f.slot = row.slot AND f.valid_from_ns = row.valid_from_ns
REMOVE f:EndedFact SET f += row.properties SET f:$(row.label)
"""
_FACTS = "UNWIND $rows AS row CREATE (f:$(row.label)) SET f = row.properties"
_ASSERTIONS = "UNWIND $rows AS row CREATE (x:Assertion) SET x = row"
_OVERRULE = """
UNWIND $rows AS row MATCH (x:Assertion) USING INDEX x:Assertion(slot, at_ns)
WHERE x.slot = row.slot AND x.at_ns = row.at_ns AND x.op = row.op
  AND coalesce(x.name, '') = coalesce(row.name, '') AND coalesce(x.end, '') = coalesce(row.end, '')
  AND coalesce(x.digest, 0) = coalesce(row.digest, 0)
SET x.overruled = true
"""
_SET_SCOPES = "UNWIND $rows AS row MERGE (s:Scope {key: row.key}) SET s = row"
_SET_OFFSETS = """
UNWIND $rows AS row MERGE (o:LogOffset {key: row.key})
ON CREATE SET o = row
ON MATCH SET o.next = CASE WHEN o.next < row.next THEN row.next ELSE o.next END
"""
_SET_CLOCK = "MATCH (c:Clock {space: $space}) SET c += $properties"
_SWEEP = """
MATCH (u:UndoneFact) USING INDEX u:UndoneFact(space, until_turn)
WHERE u.space = $space AND u.until_turn <= $until WITH u LIMIT $limit DELETE u
RETURN count(u)
"""


class Writer:
    """Applies batches; keeps nothing from one to the next but what the ontology says."""

    def __init__(self, space: str, ontology: Ontology) -> None:
        self._space, self._ontology = space, ontology
        self._labels = labels(ontology)
        self._classes: dict[Key, str] = {}
        self._admission = Admission(ontology, self._class_of)

    def apply(
        self, run: Run, changes: Sequence[TopologyChange], recorded_at_ns: int | Sequence[int],
        offsets: Offsets,
    ) -> int:  # fmt: skip
        """Write all within the transaction of `run`; how many changes altered the graph."""
        turn, latest, undone_since = run(_LOCK, {"space": self._space})[0]
        altered = 0
        clock: Properties = {}
        if changes:
            batch = _Batch(run, self._space, self._ontology, self._labels)
            entities = batch.entities(changes)
            self._check(changes, entities, batch.names)
            lines = Lines(turn)
            groups = by_time(changes, recorded_at_ns, BEFORE_ALL if latest is None else latest)
            altered, last = batch.apply(groups, lines)
            if last is not None:
                clock["recorded_at_ns"] = last
            if undone_since is None and any(fact.recorded_at >= fact.superseded_at for fact in lines.ended):
                clock["undone_since"] = turn
        self._set_offsets(run, offsets)
        if undone_since is not None and undone_since <= turn - 2 * UNDONE_TURNS:
            until = turn - UNDONE_TURNS
            swept = run(_SWEEP, {"space": self._space, "until": until, "limit": SWEPT_AT_ONCE})[0][0]
            clock |= {"undone_since": until if swept < SWEPT_AT_ONCE else undone_since, "swept_turn": until}
        if clock:
            run(_SET_CLOCK, {"space": self._space, "properties": clock})
        return altered

    def _check(
        self, changes: Sequence[TopologyChange], entities: dict[str, EntityRow], names: BatchNames
    ) -> None:
        self._classes = {}
        for number, (scope, name) in enumerate(names.entity_names, 1):
            row = entities.get(names.entity_key(number))
            if row is not None and row.known_class is not None:
                self._classes[(*names.scopes[scope - 1], name)] = row.known_class
        declared = {
            (c.tenant, c.network, c.node_id): c.node_class for c in changes if isinstance(c, NodeChange)
        }
        for change in changes:
            self._admission.check(change, declared)
            _check_length(change)

    def _class_of(self, whose: Key) -> str | None:
        return self._classes.get(whose)

    def _set_offsets(self, run: Run, offsets: Offsets) -> None:
        rows = [
            {
                "key": key(self._space, topic, str(part)),
                "space": self._space, "topic": topic, "partition": part, "next": after,
            }
            for (topic, part), after in offsets.items()
        ]  # fmt: skip
        if rows:
            many(run, _SET_OFFSETS, rows)


class _Batch:
    """One batch on its way through."""

    def __init__(self, run: Run, space: str, ontology: Ontology, class_labels: dict[str, list[str]]) -> None:
        self._run, self._space, self._ontology, self._labels = run, space, ontology, class_labels
        self.names = BatchNames(space)
        self._entities: dict[str, EntityRow] = {}
        self._shapes = Shapes(space, self.names, {})

    def entities(self, changes: Sequence[TopologyChange]) -> dict[str, EntityRow]:
        """Number all nodes that the changes speak of; what the server has of them, by key."""
        names = self.names
        for change in changes:
            scope = names.scope(change.tenant, change.network)
            if isinstance(change, NodeChange):
                names.entity(scope, change.node_id)
            else:
                names.entity(scope, change.source_id)
                names.entity(scope, change.target_id)
        found = many(self._run, ENTITIES, list(names.entity_keys))
        self._entities = {row[0]: EntityRow(row) for row in found}
        return self._entities

    def apply(
        self, groups: Sequence[tuple[int, Sequence[TopologyChange]]], lines: Lines
    ) -> tuple[int, int | None]:
        """How many changes altered a timeline, and when the last of them was recorded."""
        mentioned = len(self.names.entity_names)
        claimed: list[tuple[int, Sequence[Claim]]] = []
        for recorded_at_ns, changes in groups:
            ordered = sorted(changes, key=attrgetter("valid_from_ns"))
            claimed.append((recorded_at_ns, resolve(ordered, self.names, self._ontology)[0]))
        claims = [claim for _, several in claimed for claim in several]
        loader = Loader(self._run, self.names)
        lines.of = loader.lines(claims, self._entities)
        bodies = {(c.slot, c.state.digest): c.body.decode() for c in claims if c.body}
        self._shapes = Shapes(self._space, self.names, loader.bodies | bodies)
        altered, last = 0, None
        for lines.recorded_at_ns, several in claimed:
            fresh = sum(lines.take(claim) for claim in several)
            altered += fresh
            last = lines.recorded_at_ns if fresh else last
        self._write(lines, mentioned)
        return altered, last

    # ------------------------------------------------------------ writing
    def _write(self, lines: Lines, mentioned: int) -> None:
        self._write_entities(lines, mentioned)
        self._write_relationships(lines)
        self._write_facts(lines)
        self._write_assertions(lines)
        self._write_scopes(lines)

    def _send(self, text: str, rows: list[Any]) -> None:
        if rows:
            many(self._run, text, rows)

    def _write_entities(self, lines: Lines, mentioned: int) -> None:
        made: list[Properties] = []
        updated: list[Properties] = []
        relabelled: list[Properties] = []
        changed = {fact.slot for fact in (*lines.begun.values(), *lines.ended) if fact.slot < 0}
        for number in range(1, mentioned + 1):
            entity_key = self.names.entity_key(number)
            known = self._entities.get(entity_key)
            if known is not None and -number not in changed:
                continue
            properties = self._entity(number, known, lines)
            new = self._labels.get(properties["class"], []) if "category" in properties else []
            row = {"key": entity_key, "properties": properties, "labels": new}
            if known is None:
                made.append(row)
                continue
            was = self._labels_of(known)
            row["old"] = [label for label in was if label not in new]
            (updated if was == new else relabelled).append(row)
        self._send(_CREATE_ENTITIES, made)
        self._send(_UPDATE_ENTITIES, updated)
        self._send(_RELABEL_ENTITIES, relabelled)

    def _labels_of(self, known: EntityRow) -> list[str]:
        if known.valid_from is None or known.known_class is None:
            return []
        return self._labels.get(known.known_class, [known.known_class])

    def _entity(self, number: int, known: EntityRow | None, lines: Lines) -> Properties:
        line = lines.of.get(-number)
        if line is not None and line.open_fact is not None:
            return self._shapes.node(line.open_fact)
        properties = self._shapes.entity(number)
        # The class outlives the node: it tells which relations may still speak of it.
        latest = line.facts[max(line.facts)] if line is not None and line.facts else None
        since = known.class_since if known is not None else None
        if latest is not None and (since is None or latest.valid_from >= since):
            name = self.names.category_name(latest.state.category)
            return properties | {"class": name, "class_since_ns": latest.valid_from}
        if known is not None:
            return properties | {"class": known.known_class, "class_since_ns": since}
        return properties

    def _write_relationships(self, lines: Lines) -> None:
        gone = {fact.slot: fact for fact in lines.ended if fact.stored and fact.slot > 0 and fact.is_open}
        come = {fact.slot: fact for fact in lines.begun.values() if fact.slot > 0 and fact.is_open}
        kept = {
            slot
            for slot in gone.keys() & come.keys()
            if gone[slot].state._replace(digest=0) == come[slot].state._replace(digest=0)
        }
        shapes = self._shapes
        delete: dict[str, list[Any]] = {}
        update: dict[str, list[Any]] = {}
        create: dict[str, list[Any]] = {}
        for slot, fact in gone.items():
            if slot not in kept:
                delete.setdefault(self._relation(fact), []).append(self.names.slot_key(slot))
        for slot, fact in come.items():
            properties = shapes.relationship(fact)
            if slot in kept:
                update.setdefault(self._relation(fact), []).append(properties)
            else:
                ends = {
                    "source": self.names.entity_key(fact.state.a), "target": self.names.entity_key(fact.state.b)
                }  # fmt: skip
                create.setdefault(self._relation(fact), []).append({**ends, "properties": properties})
        for text, rows_of in ((_DELETE, delete), (_UPDATE, update), (_CREATE, create)):
            for relation, rows in sorted(rows_of.items()):
                self._send(text.format(relation=quoted(relation)), rows)

    def _relation(self, fact: Fact) -> str:
        return self.names.category_name(fact.state.category)

    def _write_facts(self, lines: Lines) -> None:
        moved, created = [], []
        for fact in lines.ended:
            label, properties = _believed(fact, lines.turn)
            if fact.is_open or not fact.stored:
                whole = self._shapes.ended(fact) | properties
                created.append({"label": label, "properties": whole})
            else:
                where = {"slot": self.names.slot_key(fact.slot), "valid_from_ns": fact.valid_from}
                moved.append({**where, "label": label, "properties": properties})
        created += [
            {"label": "EndedFact", "properties": self._shapes.ended(fact)}
            for fact in lines.begun.values()
            if not fact.is_open
        ]
        self._send(_NO_LONGER_BELIEVED, moved)
        self._send(_FACTS, created)

    def _write_assertions(self, lines: Lines) -> None:
        overruled = {(claim.slot, said): claim for claim, said in lines.overruled}
        fresh = []
        for claim in lines.said:
            row = self._shapes.assertion(claim)
            if overruled.pop((claim.slot, claim.assertion), None):
                row["overruled"] = True
            fresh.append(row)
        self._send(_ASSERTIONS, fresh)
        self._send(_OVERRULE, [self._shapes.said(claim, said) for (_, said), claim in overruled.items()])

    def _write_scopes(self, lines: Lines) -> None:
        names = self.names
        had = {row[0]: row for row in many(self._run, _SCOPES, list(names.scope_keys))}
        rows: list[Properties] = []
        for scope_key, (tenant, network) in zip(names.scope_keys, names.scopes, strict=True):
            _, classes, *until = had.get(scope_key, (scope_key, [], BEFORE_ALL, BEFORE_ALL))
            rows.append(
                {
                    "key": scope_key, "space": self._space, "tenant": tenant, "network": network,
                    "classes": classes, "nodes_until_ns": until[0], "relations_until_ns": until[1],
                }
            )  # fmt: skip
        for fact in (*lines.begun.values(), *(fact for fact in lines.ended if not fact.stored)):
            scope, kind, name = names.categories[fact.state.category - 1]
            row: Properties = rows[scope - 1]
            if kind == "node" and name not in row["classes"]:
                row["classes"] = sorted({*row["classes"], name})
            if fact.valid_to != FOREVER_NS:
                which = "nodes_until_ns" if kind == "node" else "relations_until_ns"
                row[which] = max(row[which], fact.valid_to)
        self._send(_SET_SCOPES, rows)


def _believed(fact: Fact, turn: int) -> tuple[str, Properties]:
    """Where a fact goes that is no longer believed, and what that adds to it."""
    over: Properties = {"superseded_at_ns": fact.superseded_at, "until_turn": turn}
    if fact.recorded_at >= fact.superseded_at:
        return "UndoneFact", over
    return "SupersededFact", over | {"fork": fork(fact.recorded_at, fact.superseded_at)}


def _check_length(change: TopologyChange) -> None:
    ids = (change.node_id,) if isinstance(change, NodeChange) else (change.source_id, change.target_id)
    whose = len(change.tenant.encode()) + len(change.network.encode())
    for name in ids:
        if whose + len(name.encode()) > LONGEST_ID_BYTES:
            raise InputError(
                f"ids of at most {LONGEST_ID_BYTES} bytes, with tenant and network",
                f"{len(name.encode())} bytes: {name[:80]}…", "shorten the id",
            )  # fmt: skip
