"""Writes the configuration: JSON of the network resource model, nested by class (TS 28.541, TS 28.532)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ranvier.gateway.emulator import names
from ranvier.gateway.emulator.city import Cell, City
from ranvier.gateway.emulator.iso_time import iso

BANDWIDTH_MHZ = 40
ARFCN = 632_628


class Antenna(NamedTuple):
    """What operators change of a cell: down-tilt in degrees and power in dBm."""

    tilt_deg: float
    power_dbm: float


def write(city: City, antennas: Mapping[int, Antenna], at_ns: int) -> bytes:
    """The whole configuration valid from `at_ns`; `antennas` by cell number."""
    elements = [_element(city, site, antennas) for site in range(1, city.config.sites + 1)]
    document = {
        "snapshotTime": iso(at_ns),
        "SubNetwork": [
            {
                "id": city.config.city,
                "attributes": {"userLabel": "Emulated network, not a real one"},
                "ManagedElement": elements,
            }
        ],
    }
    return msgspec.json.encode(document)


def _element(city: City, site: int, antennas: Mapping[int, Antenna]) -> dict[str, Any]:
    cells = city.cells_of(site)
    latitude, longitude = city.position(cells[0].x_m, cells[0].y_m)
    return {
        "id": f"gNB-{site}",
        "attributes": {
            "userLabel": f"Emulated site {site}",
            "vendorName": "Ranvier emulated network",
            "locationName": f"{city.config.city} {site}",
            "latitude": latitude,
            "longitude": longitude,
        },
        "GNBDUFunction": [
            {
                "id": "1",
                "attributes": {"gNBId": site, "gNBIdLength": 24, "gNBDUId": site},
                "NRCellDU": [_cell_du(city, cell, antennas[cell.number]) for cell in cells],
                "NRSectorCarrier": [_carrier(city, cell, antennas[cell.number]) for cell in cells],
            }
        ],
        "GNBCUCPFunction": [
            {
                "id": "1",
                "attributes": {"gNBId": site, "gNBIdLength": 24},
                "NRCellCU": [_cell_cu(city, cell) for cell in cells],
            }
        ],
        "GNBCUUPFunction": [
            {"id": "1", "attributes": {"gNBId": site, "gNBIdLength": 24, "gNBCUUPId": site}},
        ],
        "AntennaFunction": [_antenna(city, cell, antennas[cell.number]) for cell in cells],
    }


def _cell_du(city: City, cell: Cell, antenna: Antenna) -> dict[str, Any]:
    carrier = names.full(city, cell.site, f"GNBDUFunction=1,NRSectorCarrier={cell.sector}")
    latitude, longitude = city.position(cell.x_m, cell.y_m)
    return {
        "id": str(cell.sector),
        "attributes": {
            "userLabel": f"Emulated cell {cell.site}-{cell.sector}",
            "cellLocalId": cell.sector,
            "nRPCI": cell.pci,
            "nRTAC": 1,
            "arfcnDL": ARFCN,
            "arfcnUL": ARFCN,
            "ssbFrequency": ARFCN,
            "bSChannelBwDL": BANDWIDTH_MHZ,
            "bSChannelBwUL": BANDWIDTH_MHZ,
            "administrativeState": "UNLOCKED",
            "latitude": latitude,
            "longitude": longitude,
            "bearing": cell.azimuth_deg,
            "tilt_deg": antenna.tilt_deg,
            "height_m": cell.height_m,
            "tx_power_dbm": antenna.power_dbm,
            "nRSectorCarrierRef": [carrier],
        },
    }


def _carrier(city: City, cell: Cell, antenna: Antenna) -> dict[str, Any]:
    """Its power is in milliwatts, as TS 28.541 has it."""
    return {
        "id": str(cell.sector),
        "attributes": {
            "txDirection": "DL_AND_UL",
            "configuredMaxTxPower": round(10 ** (antenna.power_dbm / 10)),
            "arfcnDL": ARFCN,
            "bSChannelBwDL": BANDWIDTH_MHZ,
            "sectorEquipmentFunctionRef": names.full(city, cell.site, f"AntennaFunction={cell.sector}"),
        },
    }


def _antenna(city: City, cell: Cell, antenna: Antenna) -> dict[str, Any]:
    """Its tilt is in tenths of a degree, as TS 28.662 has it."""
    latitude, longitude = city.position(cell.x_m, cell.y_m)
    return {
        "id": str(cell.sector),
        "attributes": {
            "bearing": cell.azimuth_deg,
            "retTiltValue": round(10 * antenna.tilt_deg),
            "height_m": cell.height_m,
            "latitude": latitude,
            "longitude": longitude,
        },
    }


def _cell_cu(city: City, cell: Cell) -> dict[str, Any]:
    others = (city.cells[number] for number in city.neighbours[cell.number])
    return {
        "id": str(cell.sector),
        "attributes": {"cellLocalId": cell.sector},
        "NRCellRelation": [
            {
                "id": f"{other.site}-{other.sector}",
                "attributes": {
                    "adjacentNRCellRef": names.full(city, other.site, names.cu(other)),
                    "isHOAllowed": True,
                },
            }
            for other in others
        ],
    }
