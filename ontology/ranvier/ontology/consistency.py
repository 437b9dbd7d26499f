"""What must hold between terms: weights and what they weigh, units, unique names.

SHACL looks at one term at a time; what compares two terms is here, and needs nothing but the compiled form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from ranvier.ontology.finding import Finding
from ranvier.ontology.ontology import Ontology, Quantity


def faults(ontology: Ontology) -> list[Finding]:
    """What does not hold between the terms of one ontology, by rule and name."""
    return [finding for rule in _RULES for finding in rule(ontology)]


def _error(term: str, problem: str) -> Finding:
    return Finding("error", term, problem)


def _names(ontology: Ontology) -> Iterator[Finding]:
    """Classes, relations and quantities share one space of names: a reader asks for a term by its name."""
    kinds = (ontology.classes, ontology.relations, ontology.quantities, ontology.aliases)
    for name, times in Counter(name for kind in kinds for name in kind).items():
        if times > 1:
            yield _error(name, "it names more than one class, relation, quantity or alias")


def _classes(ontology: Ontology) -> Iterator[Finding]:
    for known in ontology.classes.values():
        if known.parent is not None and known.parent not in ontology.classes:
            yield _error(known.name, f"its parent {known.parent} is not a class")
        if known.name in ontology.ancestors(known.name):
            yield _error(known.name, "it is its own ancestor")
        for name in sorted({*known.required, *known.expected} - known.attributes.keys()):
            yield _error(known.name, f"it must have {name}, which is not an attribute of it")
        for name in sorted(known.attributes.keys() - ontology.attributes.keys()):
            yield _error(known.name, f"its attribute {name} is not defined")
    for alias, name in ontology.aliases.items():
        if name not in ontology.classes:
            yield _error(alias, f"it is an alias of {name}, which is not a class")


def _relations(ontology: Ontology) -> Iterator[Finding]:
    for relation in ontology.relations.values():
        for end in sorted({*relation.sources, *relation.targets} - ontology.classes.keys()):
            yield _error(relation.name, f"it joins {end}, which is not a class")


def _units(ontology: Ontology) -> Iterator[Finding]:
    for quantity in ontology.quantities.values():
        if quantity.unit not in ontology.units:
            yield _error(quantity.name, f"its unit {quantity.unit!r} is not known")
    for attribute in ontology.attributes.values():
        if attribute.unit and attribute.unit not in ontology.units:
            yield _error(attribute.name, f"its unit {attribute.unit!r} is not known")
    spelt = Counter(word for unit in ontology.units.values() for word in {unit.symbol, *unit.synonyms})
    for word, times in spelt.items():
        if times > 1:
            yield _error(word, "it spells more than one unit")


def _quantities(ontology: Ontology) -> Iterator[Finding]:
    for quantity in ontology.quantities.values():
        for rule in _QUANTITY_RULES:
            yield from (_error(quantity.name, problem) for problem in rule(ontology, quantity))


def _measured_somewhere(ontology: Ontology, quantity: Quantity) -> Iterator[str]:
    if not quantity.object_classes:
        yield "it is measured on no class"
    for name in quantity.object_classes:
        if name not in ontology.classes:
            yield f"it is measured on {name}, which is not a class"


def _weighed_where_measured(ontology: Ontology, quantity: Quantity) -> Iterator[str]:
    if quantity.weight is None:
        return
    weight = ontology.quantities.get(quantity.weight)
    if weight is None:
        yield f"its weight {quantity.weight} is not a quantity"
        return
    for name in sorted(set(quantity.object_classes) - set(weight.object_classes)):
        yield f"its weight {weight.name} is not measured on {name}, where it is"


def _sentinels_out_of_bounds(_: Ontology, quantity: Quantity) -> Iterator[str]:
    """Then a value within its bounds is never a sentinel, and a reader of millions compares bounds only."""
    for sentinel in quantity.sentinels:
        below = quantity.minimum is not None and sentinel < quantity.minimum
        above = quantity.maximum is not None and sentinel > quantity.maximum
        if not (below or above):
            yield f"its sentinel {sentinel:g} lies within its bounds"


def _bounded_in_order(_: Ontology, quantity: Quantity) -> Iterator[str]:
    low, high = quantity.minimum, quantity.maximum
    if low is not None and high is not None and low >= high:
        yield f"its minimum {low:g} is not below its maximum {high:g}"


_QUANTITY_RULES: tuple[Callable[[Ontology, Quantity], Iterator[str]], ...] = (
    _measured_somewhere,
    _weighed_where_measured,
    _sentinels_out_of_bounds,
    _bounded_in_order,
)
_RULES: tuple[Callable[[Ontology], Iterator[Finding]], ...] = (
    _names,
    _classes,
    _relations,
    _units,
    _quantities,
)
