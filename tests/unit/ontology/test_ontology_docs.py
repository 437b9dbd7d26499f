"""The manual of the ontology says what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ranvier.ontology.errors import UnitMismatch
from ranvier.ontology.ontology import load

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "ontology" / "ranvier" / "ontology" / "data"
MANUAL = (ROOT / "docs" / "ontology.md").read_text()


def test_the_manual_lists_every_file() -> None:
    listed = set(re.findall(r"`((?:shapes/)?[\w-]+\.(?:ttl|json))`", MANUAL))
    there = {str(path.relative_to(DATA)) for path in DATA.rglob("*.*")}
    assert there <= listed
    assert listed - there <= {"acme.ttl", "ours.json"}


def test_the_error_in_the_manual_is_the_one_that_is_raised() -> None:
    with pytest.raises(UnitMismatch) as caught:
        load().check_unit("RRU.PrbTotDl", "PRB")
    assert f"UnitMismatch: {caught.value}" in MANUAL


def test_the_counter_in_the_manual_compiles(tmp_path: Path) -> None:
    pytest.importorskip("pyshacl", reason="the extra `ontology` (rdflib, pyshacl) is not installed")
    from ranvier.ontology.compile.__main__ import main

    turtle = next(
        block for block in re.findall(r"```turtle\n(.*?)```", MANUAL, re.S) if "domain:acme" in block
    )
    (tmp_path / "acme.ttl").write_text(turtle)
    out = tmp_path / "ours.json"
    assert main([str(tmp_path / "acme.ttl"), "--out", str(out)]) == 0
    theirs = load(out)
    assert theirs.quantities.keys() - load().quantities.keys() == {"VS.Acme.FanSpeed"}
    assert theirs.version != load().version


def test_the_counter_shown_in_the_manual_is_the_shipped_one() -> None:
    shown = next(b for b in re.findall(r"```turtle\n(.*?)```", MANUAL, re.S) if "q:DRB.UEThpDl a" in b)
    shipped = (DATA / "counters-utilisation.ttl").read_text()
    assert " ".join(shown.split()) in " ".join(shipped.split())
