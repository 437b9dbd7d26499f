"""`python -m ranvier.ontology.compile`: check the Turtle files and write data/compiled.json."""

from __future__ import annotations

import sys

from ranvier.ontology.compile.lowering import lower, to_json
from ranvier.ontology.compile.turtle import DATA, domains, missing_imports


def main() -> int:
    """Write the compiled form; 1 and the findings on standard error where the files do not hold."""
    parts = domains()
    faults = missing_imports(parts)
    if faults:
        sys.stderr.write("\n".join(faults) + "\n")
        return 1
    ontology = lower(parts)
    (DATA / "compiled.json").write_bytes(to_json(ontology))
    sys.stdout.write(
        f"{len(ontology.classes)} classes, {len(ontology.relations)} relations, "
        f"{len(ontology.quantities)} quantities, {len(ontology.units)} units: version {ontology.version}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
