"""What the fabric asks of the ontology: units, values, names, relations."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.ontology.errors import InputError, OntologyError, UnitMismatch
from ranvier.ontology.ontology import Ontology, Quantity, load

ONTOLOGY = load()
BOUNDED = [q for q in ONTOLOGY.quantities.values() if q.minimum is not None and q.maximum is not None]


def test_the_ontology_is_read_once() -> None:
    assert load() is load()


def test_a_file_that_is_no_ontology_is_refused(tmp_path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"version": 1}')
    with pytest.raises(InputError, match="compiled ontology"):
        load(path)
    with pytest.raises(InputError):
        load(tmp_path / "absent.json")


def test_prb_counts_under_the_name_of_a_percentage_are_refused_with_both_units() -> None:
    with pytest.raises(UnitMismatch) as caught:
        ONTOLOGY.check_unit("RRU.PrbTotDl", "PRB")
    assert "'%'" in caught.value.expected
    assert "'PRB'" in caught.value.got
    assert "RRU.PrbUsedDl" in caught.value.remedy


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ("RRU.PrbTotDl", "%"),
        ("RRU.PrbTotDl", "percent"),
        ("DRB.UEThpDl", "kbps"),
        ("DRB.UEThpDl", "kbit/s"),
        ("DRB.RlcSduDelayDl", "0.1ms"),
        ("MDT.M1.RSRP", " dBm "),
    ],
)
def test_declared_spellings_of_the_same_unit_pass(quantity: str, unit: str) -> None:
    ONTOLOGY.check_unit(quantity, unit)


@pytest.mark.parametrize("unit", ["Mbit/s", "bit/s", "kB", "", "furlong", "KBPS"])
def test_no_other_unit_passes_even_where_it_converts(unit: str) -> None:
    with pytest.raises(UnitMismatch):
        ONTOLOGY.check_unit("DRB.UEThpDl", unit)


@given(st.sampled_from(sorted(ONTOLOGY.quantities)), st.sampled_from(sorted(ONTOLOGY.units)))
def test_exactly_the_own_unit_passes(quantity: str, unit: str) -> None:
    if unit == ONTOLOGY.quantity(quantity).unit:
        ONTOLOGY.check_unit(quantity, unit)
    else:
        with pytest.raises(UnitMismatch):
            ONTOLOGY.check_unit(quantity, unit)


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        ("DRB.UEThpDl", "bit/s", 1e-3),
        ("DRB.UEThpDl", "Mbps", 1e3),
        ("DRB.RlcSduDelayDl", "ms", 10.0),
        ("DRB.RlcSduDelayDl", "us", 0.01),
        ("DRB.PdcpSduVolumeDL", "MB", 8.0),
        ("PEE.Energy", "J", 1 / 3.6e6),
        ("UE.Speed", "m/s", 3.6),
        ("DRB.PacketLossRateUl", "%", 1e4),
        ("MDT.M1.RSRP", "dBm", 1.0),
    ],
)
def test_a_declared_factor_is_exact(quantity: str, unit: str, factor: float) -> None:
    assert ONTOLOGY.factor(quantity, unit) == factor


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [("MDT.M1.RSRP", "W"), ("MDT.M1.RSRP", "dB"), ("RRU.PrbTotDl", "PRB"), ("DRB.UEThpDl", "kbit")],
)
def test_units_of_another_kind_have_no_factor(quantity: str, unit: str) -> None:
    with pytest.raises(UnitMismatch):
        ONTOLOGY.factor(quantity, unit)


@given(st.sampled_from(sorted(ONTOLOGY.units)), st.sampled_from(sorted(ONTOLOGY.units)))
def test_factors_there_and_back_cancel(one: str, other: str) -> None:
    def quantity(unit: str) -> Quantity:
        return Quantity(unit, unit, unit, ("Site",), "GAUGE", "test")

    both = Ontology("1", {}, {}, {one: quantity(one), other: quantity(other)}, units=ONTOLOGY.units)
    try:
        there, back = both.factor(one, other), both.factor(other, one)
    except UnitMismatch:
        return
    assert math.isclose(there * back, 1.0, rel_tol=1e-15)  # each is one rounding away from exact


@pytest.mark.parametrize("quantity", BOUNDED, ids=lambda q: q.name)
def test_a_value_passes_on_its_bounds_and_not_beyond(quantity: Quantity) -> None:
    object_class = quantity.object_classes[0]
    assert quantity.minimum is not None
    assert quantity.maximum is not None
    for value in (quantity.minimum, quantity.maximum):
        ONTOLOGY.check_value(quantity.name, object_class, value)
    for value in (quantity.minimum - 1, quantity.maximum + 1, math.nan, math.inf, -math.inf):
        with pytest.raises(OntologyError):
            ONTOLOGY.check_value(quantity.name, object_class, value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("quantity", ["PEE.Voltage", "PEE.Energy"], ids=["no bounds", "no maximum"])
def test_what_is_not_finite_is_no_value_even_without_bounds(quantity: str, value: float) -> None:
    with pytest.raises(OntologyError):
        ONTOLOGY.check_value(quantity, "ManagedElement", value)


@pytest.mark.parametrize(
    ("quantity", "sentinel"),
    [("MDT.M1.RSRP", -200), ("UE.NeighbourRSRP", -205), ("UE.NeighbourRSRQ", 2147483647)],
)
def test_what_means_missing_is_never_a_value(quantity: str, sentinel: float) -> None:
    with pytest.raises(OntologyError, match="missing"):
        ONTOLOGY.check_value(quantity, "UE", sentinel)


def test_a_class_that_does_not_have_the_quantity_is_refused() -> None:
    with pytest.raises(OntologyError, match="NRCellDU"):
        ONTOLOGY.check_value("RRU.PrbTotDl", "UE", 5.0)


def test_a_subclass_has_the_quantities_of_its_parent() -> None:
    ONTOLOGY.check_value("RRC.ConnMean", "EUtranCellFDD", 5.0)


def test_an_unknown_name_brings_the_nearest_ones() -> None:
    with pytest.raises(OntologyError, match=r"RRU\.PrbTotDl"):
        ONTOLOGY.quantity("RRU.PrbTotD")


def test_a_subcounter_is_measured_as_its_family_is() -> None:
    found = ONTOLOGY.quantity("RRC.ConnEstabAtt.mo-Data")
    assert (found.name, found.unit, found.collection) == ("RRC.ConnEstabAtt.mo-Data", "1", "CC")
    assert ONTOLOGY.quantity("GTP.InDataOctN3UPF.08_010101").unit == "byte"
    assert ONTOLOGY.quantity("DRB.PdcpSduVolumeDL_Filter").unit == "Mbit"


def test_a_quantity_that_is_not_split_has_no_subcounters() -> None:
    with pytest.raises(OntologyError):
        ONTOLOGY.quantity("RRU.PrbTotDl.mo-Data")


def test_a_subcounter_has_no_weight_of_another_split() -> None:
    assert ONTOLOGY.quantity("DRB.UEThpDl").weight == "DRB.MeanActiveUeDl"
    assert ONTOLOGY.quantity("DRB.UEThpDl.5QI9").weight is None


@pytest.mark.parametrize(
    ("name", "object_class"),
    [
        ("SubNetwork=a,ManagedElement=b,GNBDUFunction=1,NRCellDU=3", "NRCellDU"),
        ("NRCellDU=3", "NRCellDU"),
        ("ManagedElement=b, EUtranGenericCell=7", "EUtranCell"),
        (r"SubNetwork=a\,b,Site=Dublin\, north", "Site"),
        ("DC=operator.example,SubNetwork=1", "SubNetwork"),
    ],
)
def test_the_class_is_that_of_the_last_part_of_the_name(name: str, object_class: str) -> None:
    assert ONTOLOGY.class_of(name) == object_class


@pytest.mark.parametrize("name", ["", "NRCellDU", "NRCellDU=", "NRCelDU=1", "a,b", "=1", "Foo=1,Bar=2"])
def test_a_name_without_a_class_is_refused(name: str) -> None:
    with pytest.raises(OntologyError):
        ONTOLOGY.class_of(name)


@given(st.text())
def test_any_text_is_a_class_or_refused(name: str) -> None:
    with contextlib.suppress(OntologyError):
        assert ONTOLOGY.class_of(name) in ONTOLOGY.classes


@pytest.mark.parametrize(
    ("relation", "source", "target", "allowed"),
    [
        ("serves", "NRCellDU", "UE", True),
        ("serves", "UtranCellFDD", "UEBin", True),
        ("serves", "UE", "NRCellDU", False),
        ("serves", "Site", "UE", False),
        ("adjacent", "NRCellDU", "EUtranCell", True),
        ("locatedAt", "TransportNode", "Site", True),
        ("uses", "NRCellDU", "NRSectorCarrier", True),
        ("uses", "NRCellCU", "NRSectorCarrier", False),
        ("radiates", "NRSectorCarrier", "Antenna", True),
        ("contains", "GNBDUFunction", "NRCellDU", True),
        ("contains", "Site", "NRCellDU", False),
        ("follows", "Twin", "Network", True),
        ("nonsense", "NRCellDU", "UE", False),
        ("serves", "Nonsense", "UE", False),
    ],
)
def test_relations_join_only_what_they_may(relation: str, source: str, target: str, allowed: bool) -> None:
    assert ONTOLOGY.allows(relation, source, target) is allowed


def test_a_terminal_is_served_by_one_cell() -> None:
    assert ONTOLOGY.relations["serves"].functional == "target"


@pytest.mark.parametrize(
    ("quantity", "aggregation"),
    [
        ("RRC.ConnEstabAtt", "sum"),
        ("RRC.ConnMean", "mean"),
        ("RRC.ConnMax", "max"),
        ("PEE.MinPower", "min"),
        ("PEE.Energy", "sum"),
        ("DRB.UEThpDl", "weighted"),
        ("DRB.AirIfDelayDl", "mean"),
        ("MDT.M1.RSRP", "mean"),
    ],
)
def test_what_makes_a_long_period_of_short_ones(quantity: str, aggregation: str) -> None:
    assert ONTOLOGY.quantity(quantity).aggregation == aggregation
