"""`python -m ranvier.ontology.compile`: check the Turtle files and write what is made from them."""

from __future__ import annotations

import sys

from ranvier.ontology.compile.build import build


def main() -> int:
    """Write the compiled form; 1, and the findings on standard error, where the Turtle files do not hold."""
    built = build()
    for finding in built.findings:
        sys.stderr.write(f"{finding.severity}: {finding.term}: {finding.problem}\n")
    if built.ontology is None or any(finding.severity == "error" for finding in built.findings):
        return 1
    for path, content in built.outputs().items():
        path.write_bytes(content)
    known = built.ontology
    sys.stdout.write(
        f"{len(known.domains)} domains, {len(known.classes)} classes, {len(known.relations)} relations, "
        f"{len(known.quantities)} quantities, {len(known.attributes)} attributes, {len(known.units)} units: "
        f"version {known.version}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
