"""An ontology small enough to read, so that these tests fail for the adapters' reasons only."""

from __future__ import annotations

import pytest

from ranvier.fabric.sources.source import SourceContext
from ranvier.ontology.errors import OntologyError, UnitMismatch
from ranvier.ontology.ontology import Ontology, Quantity

UE = {
    "MDT.M1.RSRP": ("dBm", -156, -31), "MDT.M1.RSRQ": ("dB", -43, 20), "MDT.M1.SINR": ("dB", -30, 60),
    "MDT.M5.UEThpDl": ("kbit/s", 0, None), "MDT.M5.UEThpUl": ("kbit/s", 0, None), "UE.CQI": ("1", 0, 15),
    "UE.RSSI": ("dBm", -130, 0), "UE.NeighbourRSRP": ("dBm", -156, -31), "UE.NeighbourRSRQ": ("dB", -56, 20),
    "UE.Speed": ("km/h", 0, 600), "UE.Longitude": ("deg", -180, 180), "UE.Latitude": ("deg", -90, 90),
    "UE.PingAvg": ("ms", 0, None),
}  # fmt: skip


class SmallOntology(Ontology):
    def quantity(self, name):
        if name not in self.quantities:
            raise OntologyError("a quantity of the ontology", name, "correct it")
        return self.quantities[name]

    def check_unit(self, quantity, unit):
        if unit != self.quantity(quantity).unit:
            raise UnitMismatch(f"{quantity} in {self.quantity(quantity).unit}", unit, "declare the unit")

    def check_value(self, quantity, object_class, value):
        own = self.quantity(quantity)
        if object_class not in own.object_classes:
            raise OntologyError(f"{quantity} of {own.object_classes}", object_class, "correct it")
        if (own.minimum is not None and value < own.minimum) or (
            own.maximum is not None and value > own.maximum
        ):
            raise OntologyError(f"{quantity} in [{own.minimum}, {own.maximum}]", str(value), "correct it")


@pytest.fixture(scope="session")
def ontology() -> Ontology:
    quantities = {
        name: Quantity(name, name, unit, ("UE",), "GAUGE", "", minimum=low, maximum=high)
        for name, (unit, low, high) in UE.items()
    }
    return SmallOntology("test", {}, {}, quantities)


@pytest.fixture
def context(ontology) -> SourceContext:
    return SourceContext("drive.csv", ontology)
