"""What `ranvier ontology show` shows: one term with what it is related to, or an overview of all.

Pure data, ready for a table, a tree or JSON; nothing is printed here.
"""

from __future__ import annotations

import difflib
from typing import Literal

import msgspec

from ranvier.ontology.errors import OntologyError
from ranvier.ontology.ontology import ObjectClass, Ontology, Quantity, RelationType

Kind = Literal["class", "relation", "quantity", "unit", "attribute", "domain"]


class TermView(msgspec.Struct, frozen=True):
    """One term.

    facts    what is said of it, by heading, in the order to show them; never empty
    related  names of other terms, by heading
    """

    kind: Kind
    name: str
    label: str
    facts: dict[str, str]
    related: dict[str, tuple[str, ...]] = {}


class Branch(msgspec.Struct, frozen=True):
    """A name with what hangs below it: classes under their parents, domains with their terms."""

    name: str
    label: str
    branches: tuple[Branch, ...] = ()


class Overview(msgspec.Struct, frozen=True):
    """All of the ontology: its version, how many of each kind, the tree of classes, and terms by domain."""

    version: str
    counts: dict[str, int]
    classes: tuple[Branch, ...]
    domains: tuple[Branch, ...]


def show(ontology: Ontology, term: str) -> TermView:
    """The class, relation, quantity (or subcounter), unit, attribute or domain of that name.

    Other names do too: an alias of a class, a spelling of a unit. Raises OntologyError with the nearest
    names.
    """
    name = ontology.aliases.get(term, term)
    if name in ontology.classes:
        return _class(ontology, name)
    if name in ontology.relations:
        return _relation(ontology, name)
    if name in ontology.attributes:
        return _attribute(ontology, name)
    if name in ontology.domains:
        return _domain(ontology, name)
    if ontology.symbol(name) in ontology.units:
        return _unit(ontology, ontology.symbol(name))
    try:
        return _quantity(ontology.quantity(name))
    except OntologyError:
        raise OntologyError(
            "a class, relation, quantity, unit, attribute or domain", repr(term), _nearest(ontology, term)
        ) from None


def _nearest(ontology: Ontology, term: str) -> str:
    """A remedy that names what was perhaps meant."""
    kinds = (ontology.classes, ontology.relations, ontology.quantities, ontology.attributes, ontology.domains)
    near = difflib.get_close_matches(term, [name for kind in kinds for name in kind], n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else "run `ranvier ontology show` for all of them"


def overview(ontology: Ontology) -> Overview:
    """All of the ontology at a glance."""
    counts = {
        "domains": len(ontology.domains),
        "classes": len(ontology.classes),
        "relations": len(ontology.relations),
        "quantities": len(ontology.quantities),
        "attributes": len(ontology.attributes),
        "units": len(ontology.units),
    }
    domains = tuple(
        Branch(name, label, tuple(Branch(term, text) for term, text in _terms_of(ontology, name)))
        for name, label in ontology.domains.items()
    )
    return Overview(ontology.version, counts, _children(ontology, None), domains)


def _children(ontology: Ontology, parent: str | None) -> tuple[Branch, ...]:
    return tuple(
        Branch(known.name, known.label, _children(ontology, known.name))
        for known in ontology.classes.values()
        if known.parent == parent
    )


def _terms_of(ontology: Ontology, domain: str) -> list[tuple[str, str]]:
    """The classes, relations and quantities that a domain defines, with their labels."""
    terms: list[ObjectClass | RelationType | Quantity] = [
        *ontology.classes.values(),
        *ontology.relations.values(),
        *ontology.quantities.values(),
    ]
    return [(known.name, known.label) for known in terms if known.domain == domain]


def _facts(**facts: str | float | bool | None) -> dict[str, str]:
    """Facts as text; what is not known or does not apply is left out."""
    return {key.replace("_", " "): _text(value) for key, value in facts.items() if value not in (None, "")}


def _text(value: str | float | bool | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _related(**related: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {key.replace("_", " "): names for key, names in related.items() if names}


def _class(ontology: Ontology, name: str) -> TermView:
    known = ontology.classes[name]
    line = {name, *ontology.ancestors(name)}
    attributes = tuple(f"{key} ({unit})" if unit else key for key, unit in known.attributes.items())
    return TermView(
        "class",
        name,
        known.label,
        _facts(
            abstract=known.abstract, also_called=", ".join(known.aliases), node_type=known.tensor,
            domain=known.domain, source=known.source,
        ),
        _related(
            parents=ontology.ancestors(name),
            children=tuple(c.name for c in ontology.classes.values() if c.parent == name),
            attributes=attributes,
            required=known.required,
            expected=known.expected,
            relations_from_it=tuple(r.name for r in ontology.relations.values() if line & set(r.sources)),
            relations_to_it=tuple(r.name for r in ontology.relations.values() if line & set(r.targets)),
            quantities=tuple(q.name for q in ontology.quantities.values() if line & set(q.object_classes)),
        ),
    )  # fmt: skip


def _relation(ontology: Ontology, name: str) -> TermView:
    known = ontology.relations[name]
    return TermView(
        "relation",
        name,
        known.label,
        _facts(
            one_only=f"for each {known.functional}" if known.functional else "",
            tensor_edge=known.tensor,
            domain=known.domain,
            source=known.source,
        ),
        _related(**{"from": known.sources, "to": known.targets}),
    )


def _quantity(known: Quantity) -> TermView:
    return TermView(
        "quantity",
        known.name,
        known.label,
        _facts(
            unit=known.unit, collection=known.collection, over_periods=known.aggregation,
            weight=known.weight, minimum=known.minimum, maximum=known.maximum, integer=known.integer,
            tolerance=known.tolerance, normalisation=known.normalisation,
            missing=", ".join(f"{value:.12g}" for value in known.sentinels),
            domain=known.domain, source=known.source,
        ),
        _related(measured_on=known.object_classes, split_by=known.split_by),
    )  # fmt: skip


def _unit(ontology: Ontology, symbol: str) -> TermView:
    known = ontology.units[symbol]
    same = tuple(
        u.symbol for u in ontology.units.values() if known.dimension and u.dimension == known.dimension
    )
    factor = f"{known.numerator}/{known.denominator}" if known.denominator != 1 else str(known.numerator)
    return TermView(
        "unit",
        symbol,
        known.label,
        _facts(
            dimension=known.dimension or "none: converts to nothing", factor=factor if known.dimension else ""
        ),
        _related(
            also_spelt=known.synonyms,
            converts_to=tuple(name for name in same if name != symbol),
            quantities=tuple(q.name for q in ontology.quantities.values() if q.unit == symbol),
        ),
    )


def _attribute(ontology: Ontology, name: str) -> TermView:
    known = ontology.attributes[name]
    return TermView(
        "attribute",
        name,
        known.label,
        _facts(
            type=known.datatype, unit=known.unit, minimum=known.minimum, maximum=known.maximum,
            normalisation=known.normalisation, source=known.source,
        ),
        _related(
            one_of=known.one_of,
            classes=tuple(c.name for c in ontology.classes.values() if name in c.attributes),
        ),
    )  # fmt: skip


def _domain(ontology: Ontology, name: str) -> TermView:
    terms = tuple(term for term, _ in _terms_of(ontology, name))
    return TermView(
        "domain", name, ontology.domains[name], _facts(file=f"data/{name}.ttl"), _related(terms=terms)
    )
