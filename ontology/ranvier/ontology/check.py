"""The check that `ranvier ontology check` runs.

compiled ontology ► `faults` ──────────────────────┬► findings
Turtle files ► SHACL (where rdflib is installed) ──┘
"""

from __future__ import annotations

import importlib.util

from ranvier.ontology.consistency import faults
from ranvier.ontology.finding import Finding
from ranvier.ontology.ontology import Ontology, load


def check(ontology: Ontology | None = None) -> list[Finding]:
    """All that does not hold; empty when everything does.

    With no argument the shipped ontology is checked, and, where rdflib and pyshacl are installed
    (`has_shacl`), its Turtle files against their shapes and its compiled form against the Turtle files:
    a few seconds.
    """
    if ontology is not None:
        return faults(ontology)
    return _turtle_findings() if has_shacl() else faults(load())


def has_shacl() -> bool:
    """Whether the extra `ontology` (rdflib, pyshacl) is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("rdflib", "pyshacl"))


def _turtle_findings() -> list[Finding]:
    from ranvier.ontology.compile.build import verify

    return verify()
