"""Build the compiled form from the Turtle files, and verify that what is shipped is what they say.

Turtle files ► headers and imports ► SHACL ► `Ontology` ► faults ► compiled.json, shapes/instances.ttl
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ranvier.ontology.compile.lowering import lower, to_json
from ranvier.ontology.compile.shapes import INSTANCE_SHAPES, ONTOLOGY_SHAPES, validate
from ranvier.ontology.compile.turtle import DATA, domains, left_out, missing_imports, union
from ranvier.ontology.consistency import faults
from ranvier.ontology.errors import RanvierError
from ranvier.ontology.finding import Finding
from ranvier.ontology.instance_shapes import instance_shapes
from ranvier.ontology.ontology import Ontology

COMPILED = DATA / "compiled.json"


class Build(msgspec.Struct, frozen=True):
    """The ontology of a folder of Turtle files, or the reasons why there is none."""

    findings: list[Finding]
    ontology: Ontology | None = None

    def outputs(self) -> dict[Path, bytes]:
        """What to write where; nothing where there is no ontology."""
        if self.ontology is None:
            return {}
        return {COMPILED: to_json(self.ontology), INSTANCE_SHAPES: instance_shapes(self.ontology).encode()}


def build(folder: Path = DATA, more: Sequence[Path] = ()) -> Build:
    """Read, validate and lower the Turtle files of `folder` and those of `more`. Nothing is written."""
    try:
        parts = domains(folder, more)
    except RanvierError as error:
        return Build([Finding("error", folder.name, str(error))])
    faulty = missing_imports(parts) + left_out(parts, more)
    found = [Finding("error", "owl:imports", fault) for fault in faulty]
    found += validate(union(parts), ONTOLOGY_SHAPES)
    if any(finding.severity == "error" for finding in found):
        return Build(found)
    ontology = lower(parts)
    found += faults(ontology)
    return Build(found, ontology)


def verify() -> list[Finding]:
    """What the shipped Turtle files break, and shipped files that are not what the Turtle files say."""
    built = build()
    stale = [
        Finding(
            "error", path.name, "it is not what the Turtle files say: run python -m ranvier.ontology.compile"
        )
        for path, content in built.outputs().items()
        if not path.exists() or path.read_bytes() != content
    ]
    return built.findings + stale
