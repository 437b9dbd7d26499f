"""`python -m ranvier.ontology.compile [FILE.ttl …] [--out FILE]`: check the Turtle files, write their form.

With no argument what Ranvier ships is made anew. With files of one's own, which need --out, their terms join
those that Ranvier ships.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ranvier.ontology.compile.build import build
from ranvier.ontology.compile.lowering import to_json
from ranvier.ontology.compile.turtle import DATA


def main(arguments: list[str] | None = None) -> int:
    """Write the compiled form; 1, and the findings on standard error, where the Turtle files do not hold."""
    parser = argparse.ArgumentParser(prog="python -m ranvier.ontology.compile", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="Turtle files of your own domains")
    parser.add_argument("--out", type=Path, help="where to write the compiled form; needed with files")
    given = parser.parse_args(arguments)
    if given.files and given.out is None:
        parser.error("--out FILE is needed with files of your own")
    built = build(DATA, given.files)
    for finding in built.findings:
        sys.stderr.write(f"{finding.severity}: {finding.term}: {finding.problem}\n")
    known = built.ontology
    if known is None or any(finding.severity == "error" for finding in built.findings):
        return 1
    outputs = {given.out: to_json(known)} if given.out else built.outputs()
    for path, content in outputs.items():
        path.write_bytes(content)
    sys.stdout.write(
        f"{len(known.domains)} domains, {len(known.classes)} classes, {len(known.relations)} relations, "
        f"{len(known.quantities)} quantities, {len(known.attributes)} attributes, {len(known.units)} units: "
        f"version {known.version}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
