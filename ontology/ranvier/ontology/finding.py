"""`Finding`: something that does not hold, and where."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One fault of the ontology, or of a graph that should keep to it.

    term     the class, relation, quantity, unit or node that it is about
    """

    severity: Literal["error", "warning"]
    term: str
    problem: str
