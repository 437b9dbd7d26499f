"""`Check`: what a number must satisfy to be a value of a quantity on a class, resolved once and then cheap.

The declared unit is converted where that is exact and linear (the ontology's `factor`), and refused with both
units named where it is not.
"""

from __future__ import annotations

from typing import NamedTuple

from ranvier.ontology.errors import RanvierError
from ranvier.ontology.ontology import Ontology

_INF = float("inf")


class Check(NamedTuple):
    """A quantity's bounds in its own unit, and the factor from the source's unit.

    sentinels  numbers, as the source writes them, that mean "missing"
    fault      why no value can pass ("" where they can)
    """

    quantity: str
    unit: str
    factor: float = 1.0
    low: float = -_INF
    high: float = _INF
    sentinels: frozenset[float] = frozenset()
    fault: str = ""


def check_of(ontology: Ontology, quantity: str, object_class: str, unit: str | None = None) -> Check:
    """The check of `quantity` on `object_class` for numbers in `unit`; None means the ontology's own."""
    try:
        known = ontology.quantity(quantity)
        classes = {object_class, *ontology.ancestors(object_class)}
        if classes.isdisjoint(known.object_classes):
            ontology.check_value(quantity, object_class, 0.0)
        factor = 1.0 if unit is None else ontology.factor(quantity, unit)
    except RanvierError as error:
        return Check(quantity, unit or "", fault=str(error))
    return Check(
        quantity, known.unit, factor,
        -_INF if known.minimum is None else known.minimum,
        _INF if known.maximum is None else known.maximum,
        frozenset(known.sentinels),
    )  # fmt: skip


def checked(check: Check, text: str | float, named: str) -> float | None:
    """The value of `text` (a number as the source wrote it), or None where it is a sentinel.

    `named` is what the source calls it. Raises ValueError where it is no number or out of bounds.
    """
    if check.fault:
        raise ValueError(check.fault)
    try:
        number = float(text)
    except (ValueError, OverflowError, TypeError):
        raise ValueError(
            f"expected a number of {check.quantity} in {named}; got {text!r};"
            " correct it, or declare it as missing in the mapping"
        ) from None
    if number in check.sentinels:
        return None
    number *= check.factor
    if not check.low <= number <= check.high or number in (_INF, -_INF):
        raise ValueError(
            f"expected {check.quantity} in [{check.low:g}, {check.high:g}] {check.unit};"
            f" got {text!r} in {named}; correct it, or declare it as a sentinel in the mapping"
        )
    return number
