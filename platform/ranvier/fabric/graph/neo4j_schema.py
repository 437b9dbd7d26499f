"""Constraints and indexes of the Neo4j graph, made from the ontology and migrated by version.

The Community edition can enforce uniqueness, so that is what the server holds itself:

    every concrete class C      (space, tenant, network, id) is unique among the nodes labelled C
    every relation R            `slot` is unique among its relationships: at a functional end a second one
                                cannot exist (a UE is served by at most one cell at a time)
    what the adapter keeps      one node for each key: Entity, Scope, Clock, LogOffset

Which classes a relation may join, and what properties may hold, the adapter checks (`admission`). Each
migration runs once in a database; the constraints of an ontology are made when it is first seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ranvier.fabric.graph.neo4j_driver import Run
from ranvier.fabric.graph.neo4j_names import key
from ranvier.ontology.errors import StoreError
from ranvier.ontology.graph_schema import KEY
from ranvier.ontology.ontology import Ontology

OWN_LABELS = frozenset(
    {
        "Assertion", "Clock", "EndedFact", "Entity", "GraphSchema", "LogOffset", "Scope", "SupersededFact",
        "UndoneFact",
    }
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_UNIQUE = {"Entity": "key", "Scope": "key", "Clock": "space", "LogOffset": "key", "GraphSchema": "id"}
_INDEXED = (
    ("Entity", ("category", "id")),
    ("Assertion", ("slot", "at_ns")),
    ("EndedFact", ("slot", "valid_from_ns")),
    ("EndedFact", ("category", "fork")),
    ("EndedFact", ("source", "fork")),
    ("EndedFact", ("target", "fork")),
    ("SupersededFact", ("slot", "fork")),
    ("SupersededFact", ("category", "fork")),
    ("SupersededFact", ("source", "fork")),
    ("SupersededFact", ("target", "fork")),
    ("SupersededFact", ("space", "until_turn")),
    ("UndoneFact", ("space", "until_turn")),
)


def checked(name: str) -> str:
    """A class or relation of the ontology as label or type. Raises StoreError where it cannot be one."""
    if not _NAME.fullmatch(name) or name in OWN_LABELS:
        raise StoreError(
            "names of letters, digits and _ that the graph does not use itself", repr(name),
            "rename the class or relation",
        )  # fmt: skip
    return name


def quoted(name: str) -> str:
    """A checked name in a query's text."""
    return f"`{checked(name)}`"


def labels(ontology: Ontology) -> dict[str, list[str]]:
    """The labels of each class: itself and its ancestors, so that a query may ask for either."""
    return {
        name: [checked(label) for label in (name, *ontology.ancestors(name))] for name in ontology.classes
    }


def _foundation() -> Iterable[str]:
    for label, unique in _UNIQUE.items():
        yield _constraint(f"ranvier_{label}_key", f"(n:{label})", "n", (unique,))
    for label, properties in _INDEXED:
        on = ", ".join(f"n.{name}" for name in properties)
        name = f"ranvier_{label}_{'_'.join(properties)}"
        yield f"CREATE INDEX {name} IF NOT EXISTS FOR (n:{label}) ON ({on})"


def _of_ontology(ontology: Ontology) -> Iterable[str]:
    # The ontology calls a node's id `node_id`; in the graph it is the node's `id`.
    natural = ("space", *("id" if name == "node_id" else name for name in KEY))
    for known in ontology.classes.values():
        if not known.abstract:
            name = f"ranvier_class_{checked(known.name)}"
            yield _constraint(name, f"(n:{quoted(known.name)})", "n", natural)
    for relation in ontology.relations:
        name = f"ranvier_relation_{checked(relation)}"
        yield _constraint(name, f"()-[r:{quoted(relation)}]-()", "r", ("slot",))


def _constraint(name: str, pattern: str, variable: str, properties: tuple[str, ...]) -> str:
    on = ", ".join(f"{variable}.{each}" for each in properties)
    return f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR {pattern} REQUIRE ({on}) IS UNIQUE"


MIGRATIONS = (tuple(_foundation()),)
"""What brings a database from one version to the next; appended to, never changed."""
VERSION = len(MIGRATIONS)


def pending(run: Run, ontology: Ontology) -> list[str]:
    """The statements that this database still lacks. Raises StoreError where it is of a later version."""
    rows = run("MATCH (s:GraphSchema) RETURN s.version, s.ontologies", {})
    version, known = rows[0] if rows else (0, [])
    if version > VERSION:
        raise StoreError(
            f"a graph of version {VERSION}", f"version {version}", "use the release that wrote it, or a later"
        )
    statements = [statement for migration in MIGRATIONS[version:] for statement in migration]
    if _fingerprint(ontology) not in known:
        statements += _of_ontology(ontology)
    return statements


def record(run: Run, ontology: Ontology) -> None:
    """Remember that this version and this ontology's constraints are there."""
    run(
        "MERGE (s:GraphSchema {id: 1}) SET s.version = $version, s.ontologies ="
        " [known IN coalesce(s.ontologies, []) WHERE known <> $print][-99..] + $print",
        {"version": VERSION, "print": _fingerprint(ontology)},
    )


def _fingerprint(ontology: Ontology) -> str:
    return key(*_of_ontology(ontology))
