"""What `ranvier ontology show` has to show."""

from __future__ import annotations

import msgspec
import pytest

from ranvier.ontology.errors import OntologyError
from ranvier.ontology.ontology import load
from ranvier.ontology.view import overview, show

ONTOLOGY = load()
TERMS = [
    *ONTOLOGY.classes, *ONTOLOGY.relations, *ONTOLOGY.quantities, *ONTOLOGY.attributes, *ONTOLOGY.domains,
    *ONTOLOGY.units, *ONTOLOGY.aliases, *ONTOLOGY.spellings,
]  # fmt: skip


def test_every_term_can_be_shown_and_written_as_json() -> None:
    for term in TERMS:
        view = show(ONTOLOGY, term)
        assert view.label, term
        assert all(view.facts.values()), term
        assert msgspec.json.decode(msgspec.json.encode(view))["name"] == view.name


def test_a_quantity_is_shown_with_its_unit_and_source() -> None:
    view = show(ONTOLOGY, "RRU.PrbTotDl")
    assert (view.kind, view.facts["unit"], view.facts["maximum"]) == ("quantity", "%", "100")
    assert "TS 28.552 5.1.1.2.1" in view.facts["source"]
    assert "NRCellDU" in view.related["measured on"]


def test_a_class_is_shown_by_any_of_its_names_with_what_it_inherits() -> None:
    view = show(ONTOLOGY, "EUtranGenericCell")
    assert view.name == "EUtranCell"
    assert view.related["parents"] == ("Cell", "ManagedFunction", "ManagedObject")
    assert view.related["children"] == ("EUtranCellFDD", "EUtranCellTDD")
    assert "serves" in view.related["relations from it"]


def test_a_subcounter_and_a_spelling_are_shown_too() -> None:
    assert show(ONTOLOGY, "RRC.ConnEstabAtt.sum").name == "RRC.ConnEstabAtt.sum"
    assert show(ONTOLOGY, "kbps").name == "kbit/s"


def test_what_is_not_known_brings_the_nearest_names() -> None:
    with pytest.raises(OntologyError, match="NRCellDU"):
        show(ONTOLOGY, "NRCelDU")


def test_the_overview_counts_all_and_holds_each_class_once() -> None:
    whole = overview(ONTOLOGY)
    assert whole.counts["quantities"] == len(ONTOLOGY.quantities)

    def names(branches) -> list[str]:
        return [name for branch in branches for name in (branch.name, *names(branch.branches))]

    assert sorted(names(whole.classes)) == sorted(ONTOLOGY.classes)
    assert {"mdt", "alarms", "twins"} <= {branch.name for branch in whole.domains}
