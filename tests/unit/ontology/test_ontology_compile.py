"""The way from Turtle to the compiled form: in step, and refusing what does not hold."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ranvier.ontology.check import check, has_shacl
from ranvier.ontology.consistency import faults
from ranvier.ontology.ontology import Ontology, load

pytest.importorskip("pyshacl", reason="the extra `ontology` (rdflib, pyshacl) is not installed")

from ranvier.ontology.compile.__main__ import main
from ranvier.ontology.compile.build import COMPILED, Build, build
from ranvier.ontology.compile.shapes import INSTANCE_SHAPES
from ranvier.ontology.compile.turtle import DATA, domains, left_out, missing_imports

ONTOLOGY = load()

PREFIXES = """@prefix rv: <urn:ranvier:ontology:> .
@prefix q: <urn:ranvier:quantity:> .
@prefix unit: <urn:ranvier:unit:> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
<urn:ranvier:domain:acme> a owl:Ontology ; rdfs:label "Counters of Acme" ;
  owl:imports <urn:ranvier:domain:network-resources> .
"""
FAN = """q:VS.Acme.Fan a rv:Quantity ; rdfs:label "Fan speed" ; rv:unit unit:percent ;
  rv:collection rv:SI ; rv:measuredOn rv:ManagedElement ; dcterms:source "Acme 7.2" .
"""


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A vendor's own domain, which holds."""
    path = tmp_path / "acme.ttl"
    path.write_text(PREFIXES + FAN)
    return path


@pytest.fixture(scope="module")
def built() -> Build:
    """What the shipped Turtle files make; SHACL takes a few seconds, so once for all."""
    return build()


def test_what_is_shipped_is_what_the_turtle_files_say(built: Build) -> None:
    assert built.findings == []
    outputs = built.outputs()
    assert set(outputs) == {COMPILED, INSTANCE_SHAPES}
    for path, content in outputs.items():
        assert path.read_bytes() == content, f"run python -m ranvier.ontology.compile: {path.name} is stale"


def test_the_check_of_what_is_shipped_finds_nothing(built: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ranvier.ontology.compile.build.build", lambda: built)
    assert has_shacl()
    assert check() == []


def test_the_check_finds_a_compiled_form_that_is_stale(built: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = Build([], msgspec.structs.replace(built.ontology, version="another"))
    monkeypatch.setattr("ranvier.ontology.compile.build.build", lambda: changed)
    assert [finding.term for finding in check()] == ["compiled.json"]


FAULTS = [
    ("rv:unit unit:percent ;", "", "rv:unit"),
    ("unit:percent", "unit:furlong", "rv:unit"),
    ("rv:collection rv:SI ;", "", "rv:collection"),
    ("rv:SI", "rv:XX", "rv:collection"),
    ("rv:measuredOn rv:ManagedElement ;", "", "rv:measuredOn"),
    ("rv:ManagedElement", "rv:Nothing", "rv:measuredOn"),
    ('; dcterms:source "Acme 7.2"', "", "dcterms:source"),
    ('rdfs:label "Fan speed" ;', "", "rdfs:label"),
    ("rv:collection", "rv:minimum 5 ; rv:maximum 4 ; rv:collection", "minimum"),
    ("rv:collection", "rv:weight q:Nothing ; rv:collection", "rv:weight"),
    ("rv:collection", 'rv:splitBy "colour" ; rv:collection', "rv:splitBy"),
]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is found of counters with one fault each, by the counter's name: one run of SHACL for all."""
    path = tmp_path_factory.mktemp("seeded") / "acme.ttl"
    counters = [
        FAN.replace(take, put, 1).replace("Acme.Fan", f"Acme.Fan{i}")
        for i, (take, put, _) in enumerate(FAULTS)
    ]
    path.write_text(PREFIXES + FAN + "".join(counters))
    built = build(DATA, [path])
    assert built.ontology is None
    found: dict[str, list[str]] = {}
    for finding in built.findings:
        found.setdefault(finding.term, []).append(finding.problem)
    return found


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[said for _, _, said in FAULTS])
def test_shacl_catches_a_fault_in_a_counter(seeded: dict[str, list[str]], number: int) -> None:
    assert any(FAULTS[number][2] in problem for problem in seeded[f"VS.Acme.Fan{number}"])


def test_shacl_finds_nothing_in_the_counter_beside_them_that_holds(seeded: dict[str, list[str]]) -> None:
    assert "VS.Acme.Fan" not in seeded


def test_a_fault_is_told_and_nothing_is_written(acme: Path, tmp_path: Path, capsys) -> None:
    acme.write_text("this is no Turtle")
    out = tmp_path / "all.json"
    assert main([str(acme), "--out", str(out)]) == 1
    assert not out.exists()
    assert "acme.ttl" in capsys.readouterr().err


def test_ones_own_files_do_not_overwrite_what_is_shipped(acme: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(acme)])


def test_broken_turtle_is_named_with_its_file(acme: Path) -> None:
    acme.write_text("this is no Turtle")
    found = build(DATA, [acme])
    assert found.ontology is None
    assert "acme.ttl" in found.findings[0].problem


def test_an_import_that_is_not_there_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    (folder / "places.ttl").unlink()
    assert any("domain:places>, which is not here" in fault for fault in missing_imports(domains(folder)))


def test_a_domain_that_no_one_imports_is_found(acme: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    shutil.copy(acme, folder)
    assert left_out(domains(folder)) == ["acme.ttl is not imported by ranvier.ttl"]
    assert left_out(domains()) == []


def test_the_platform_starts_without_rdflib() -> None:
    code = (
        "import sys; from ranvier.ontology.ontology import load; load()\n"
        "from ranvier.ontology import check, view, event_schema, graph_schema, tensor_schema\n"
        "print([name for name in ('rdflib', 'pyshacl', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------- what compares two terms, without SHACL
def _with(**changes: object) -> Ontology:
    known = ONTOLOGY.quantity("DRB.UEThpDl")
    changed = msgspec.structs.replace(known, **changes)
    return msgspec.structs.replace(ONTOLOGY, quantities={**ONTOLOGY.quantities, known.name: changed})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "furlong"}, "unit"),
        ({"weight": "Nothing"}, "weight"),
        ({"weight": "PEE.Voltage"}, "not measured on NRCellDU"),
        ({"object_classes": ()}, "no class"),
        ({"object_classes": ("Nothing",), "weight": None}, "not a class"),
        ({"sentinels": (5.0,)}, "within its bounds"),
        ({"minimum": 5.0, "maximum": 5.0}, "not below"),
    ],
)
def test_a_fault_between_terms_is_found(changes: dict[str, object], said: str) -> None:
    found = faults(_with(**changes))
    assert [finding.term for finding in found] == ["DRB.UEThpDl"]
    assert said in found[0].problem


def test_a_name_that_means_two_things_is_found() -> None:
    twice = msgspec.structs.replace(ONTOLOGY.quantity("PEE.Voltage"), name="UE")
    found = faults(msgspec.structs.replace(ONTOLOGY, quantities={**ONTOLOGY.quantities, "UE": twice}))
    assert [finding.term for finding in found] == ["UE"]


def test_a_spelling_of_two_units_is_found() -> None:
    again = msgspec.structs.replace(ONTOLOGY.units["ms"], synonyms=("kbps",))
    found = faults(msgspec.structs.replace(ONTOLOGY, units={**ONTOLOGY.units, "ms": again}))
    assert [finding.term for finding in found] == ["kbps"]


def test_a_class_that_is_its_own_ancestor_is_found() -> None:
    turned = msgspec.structs.replace(ONTOLOGY.classes["Cell"], parent="NRCellDU")
    found = faults(msgspec.structs.replace(ONTOLOGY, classes={**ONTOLOGY.classes, "Cell": turned}))
    assert {"Cell", "NRCellDU"} <= {finding.term for finding in found}
