"""`Relations`: what the managed objects of a snapshot say of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ranvier.fabric.sources.distinguished_name import escaped, parts
from ranvier.fabric.sources.nrm_object import NrmObject
from ranvier.fabric.sources.source import Good, SourceContext
from ranvier.fabric.topology_change import NodeChange, RelationChange, Scalar
from ranvier.ontology.errors import OntologyError

_NEIGHBOURS = ("adjacentNRCellRef", "nRTCIRef", "adjacentCellRef", "adjacentEUtranCellRef", "adjacentCell")
_ANTENNAS = ("sectorEquipmentFunctionRef", "antennaFunctionRef")
_CARRIERS = ("nRSectorCarrierRef", "nrSectorCarrierRef")


class Relations:
    """State of one snapshot: the halves of each NR cell, until both have come."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._halves: dict[tuple[str, str], tuple[str, str]] = {}

    def of(self, told: NrmObject, at_ns: int) -> Iterator[Good]:
        """The relations that one object tells, and the site where it stands."""
        if told.parent:
            yield from self._if_allowed("contains", told.parent, told.node_id, at_ns)
            yield from self._if_allowed("radiates", told.parent, told.node_id, at_ns)
        for carrier in _references(told.attributes, _CARRIERS):
            yield from self._if_allowed("uses", told.node_id, carrier, at_ns)
        for antenna in _references(told.attributes, _ANTENNAS):
            yield from self._if_allowed("radiates", told.node_id, antenna, at_ns)
        if told.node_class in {"NRCellRelation", "EUtranRelation"}:
            properties = {key: value for key, value in told.properties.items() if key not in _NEIGHBOURS}
            for cell in _references(told.attributes, _NEIGHBOURS):
                yield from self._if_allowed("adjacent", told.parent, cell, at_ns, properties)
        elif told.node_class in {"NRCellCU", "NRCellDU"}:
            yield from self._other_half(told, at_ns)
        elif told.node_class == "ManagedElement":
            yield from self._site(told, at_ns)

    def _other_half(self, told: NrmObject, at_ns: int) -> Iterator[Good]:
        """The NRCellCU and the NRCellDU of one element that have one local identity are one cell."""
        local = told.attributes.get("cellLocalId")
        if local is None:
            return
        key = ",".join(parts(told.node_id)[:-2]), str(local)
        other = self._halves.get(key)
        if other is None:
            self._halves[key] = told.node_class, told.node_id
        elif other[0] != told.node_class:
            central, distributed = sorted([other, (told.node_class, told.node_id)])
            yield from self._if_allowed("sameCell", central[1], distributed[1], at_ns)

    def _site(self, told: NrmObject, at_ns: int) -> Iterator[Good]:
        latitude, longitude = told.properties.get("latitude"), told.properties.get("longitude")
        if latitude is None or longitude is None:
            return
        name = str(told.properties.get("locationName") or told.node_id)
        own = self._context
        site = f"Site={escaped(name)}"
        properties: dict[str, Scalar] = {"name": name, "latitude": latitude, "longitude": longitude}
        change = NodeChange(
            site, "Site", at_ns, properties, source=own.source, tenant=own.tenant, network=own.network
        )
        yield Good(change, told.node_id, derived=True)
        yield from self._if_allowed("locatedAt", told.node_id, site, at_ns)

    def _if_allowed(
        self, relation: str, source_id: str, target_id: str, at_ns: int,
        properties: dict[str, Scalar] | None = None,
    ) -> Iterator[Good]:  # fmt: skip
        own = self._context
        try:
            ends = own.ontology.class_of(source_id), own.ontology.class_of(target_id)
        except OntologyError:
            return
        if own.ontology.allows(relation, *ends):
            change = RelationChange(
                relation, source_id, target_id, at_ns, properties or {},
                source=own.source, tenant=own.tenant, network=own.network,
            )  # fmt: skip
            yield Good(change, source_id, derived=True)


def _references(attributes: dict[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = attributes.get(name)
        for reference in value if isinstance(value, list) else [value]:
            if isinstance(reference, str) and "=" in reference:
                yield reference
