"""A layout of the live graph: the NR cells of a Snapshot with what is known of them, and what had to be assumed.

A cell needs a position; one without is left out, and named. What else is missing takes the defaults below,
and how often is told. Positions become metres east and north of their middle (equirectangular, error below
0.1 % within 50 km).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.layout import Antenna, Cells, Environment, Layout, Sites
from ranvier.dtops.simulator.output.object_names import ObjectNames
from ranvier.fabric.snapshot import Node, Snapshot
from ranvier.ontology.errors import InputError

EARTH_RADIUS_M = 6_371_000.0
DEFAULTS: Mapping[str, float] = {
    "bearing": float("nan"), "tilt_deg": 6.0, "height_m": 25.0, "tx_power_dbm": 46.0, "arfcnDL": 633_334,
    "bSChannelBwDL": 20, "subcarrier_spacing_khz": 30,
}  # fmt: skip
"""Of attributes that a cell does not have: all around, 3.5 GHz, 20 MHz at 30 kHz."""
MARGIN_M = 300.0
NEAR_M = 5.0
"""Cells of one element that are nearer than this stand on one site."""


@dataclass(frozen=True, slots=True)
class LiveNetwork:
    """The layout with the names that its cells have in the graph.

    left_out    ids of cells without a position; `assumed`: how often each attribute was missing
    middle_deg  latitude and longitude of the plane's origin
    """

    layout: Layout
    names: ObjectNames
    left_out: tuple[str, ...]
    assumed: Mapping[str, int]
    middle_deg: tuple[float, float]

    def metres(self, degrees: np.ndarray) -> np.ndarray:
        """(n, 2) metres east and north of the origin, of latitudes and longitudes (n, 2)."""
        return _metres(degrees, np.array(self.middle_deg))


def from_snapshot(
    snapshot: Snapshot, environment: Environment = "uma", links: int | None = 57
) -> LiveNetwork:
    """The NRCellDU of a snapshot as a layout. Raises InputError where no cell has a position.

    All carriers get the bandwidth and spacing that most cells have, as a run has one slot grid.
    """
    nodes = sorted(snapshot.of_class("NRCellDU"), key=lambda node: node.node_id)
    placed = [node for node in nodes if has_place(node)]
    if not placed:
        raise InputError(
            "NR cells with latitude and longitude in the graph", f"{len(nodes)} cells without",
            "feed a configuration snapshot (docs/operators.md)",
        )  # fmt: skip
    assumed: Counter[str] = Counter()
    rows = [_row(node, assumed) for node in placed]
    degrees = np.array([[row["latitude"], row["longitude"]] for row in rows], dtype=float)
    middle = degrees.mean(axis=0)
    at = _metres(degrees, middle)
    site, sites = _sites(placed, rows, at)
    carrier, carriers = _carriers(rows)
    bearing, tilt, power = (
        np.array([row[name] for row in rows], dtype=float) for name in ("bearing", "tilt_deg", "tx_power_dbm")
    )
    cells = Cells(
        tuple(node.node_id for node in placed), site, _gnbs(placed), carrier,
        bearing, tilt, power,
        np.array([_is_on(node) for node in placed]), np.zeros(len(placed)), np.ones(len(placed), dtype=np.int64),
    )  # fmt: skip
    low, high = at.min(axis=0) - MARGIN_M, at.max(axis=0) + MARGIN_M
    layout = Layout(
        environment, carriers, (Antenna(electrical_tilt_deg=0.0),), sites, cells,
        (float(low[0]), float(low[1]), float(high[0]), float(high[1])), links=links,
    )  # fmt: skip
    left_out = tuple(node.node_id for node in nodes if not has_place(node))
    names = _names(snapshot, placed)
    return LiveNetwork(layout, names, left_out, dict(assumed), (float(middle[0]), float(middle[1])))


def frequency_hz(arfcn: int) -> float:
    """F_REF of an NR-ARFCN (TS 38.104 table 5.4.2.1-1)."""
    if arfcn < 600_000:
        return 5e3 * arfcn
    if arfcn < 2_016_667:
        return 3e9 + 15e3 * (arfcn - 600_000)
    return 24_250.08e6 + 60e3 * (arfcn - 2_016_667)


def has_place(node: Node) -> bool:
    """Whether the graph knows where a node is."""
    return all(isinstance(node.properties.get(name), int | float) for name in ("latitude", "longitude"))


def _row(node: Node, assumed: Counter[str]) -> dict[str, Any]:
    row = dict(node.properties)
    for name, default in DEFAULTS.items():
        if not isinstance(row.get(name), int | float):
            row[name] = default
            assumed[name] += 1
    return row


def _is_on(node: Node) -> bool:
    off = node.properties.get("administrativeState") == "LOCKED"
    return not (off or node.properties.get("operationalState") == "DISABLED")


def _metres(degrees: np.ndarray, middle: np.ndarray) -> np.ndarray:
    north = np.radians(degrees[:, 0] - middle[0]) * EARTH_RADIUS_M
    east = np.radians(degrees[:, 1] - middle[1]) * EARTH_RADIUS_M * math.cos(math.radians(middle[0]))
    return np.stack([east, north], axis=1)


def _element(node: Node) -> str:
    parts = node.node_id.split(",")
    kept = [part for part in parts if not part.startswith(("NRCellDU=", "GNBDUFunction="))]
    return ",".join(kept)


def _gnbs(nodes: list[Node]) -> np.ndarray:
    names = {name: i for i, name in enumerate(sorted({_element(node) for node in nodes}))}
    return np.array([names[_element(node)] for node in nodes], dtype=np.int64)


def _sites(nodes: list[Node], rows: list[dict[str, Any]], at: np.ndarray) -> tuple[np.ndarray, Sites]:
    ids: list[str] = []
    places: list[np.ndarray] = []
    heights: list[float] = []
    found = []
    for node, row, place in zip(nodes, rows, at, strict=True):
        near = [i for i, known in enumerate(places) if np.hypot(*(known - place)) < NEAR_M]
        if not near:
            ids.append(f"{_element(node)}#{len(ids)}")
            places.append(place)
            heights.append(float(row["height_m"]))
            near = [len(ids) - 1]
        found.append(near[0])
    return np.array(found, dtype=np.int64), Sites(tuple(ids), np.array(places), np.array(heights))


def _carriers(rows: list[dict[str, Any]]) -> tuple[np.ndarray, tuple[Carrier, ...]]:
    width = Counter(float(row["bSChannelBwDL"]) for row in rows).most_common(1)[0][0]
    spacing = Counter(int(row["subcarrier_spacing_khz"]) for row in rows).most_common(1)[0][0]
    numerology = {15: 0, 30: 1, 60: 2, 120: 3}.get(spacing, 1)
    numbers = sorted({int(row["arfcnDL"]) for row in rows})
    carriers = tuple(Carrier(frequency_hz(each), width * 1e6, numerology) for each in numbers)
    return np.array([numbers.index(int(row["arfcnDL"])) for row in rows], dtype=np.int64), carriers


def _names(snapshot: Snapshot, nodes: list[Node]) -> ObjectNames:
    """The cells' ids, those of the same cells in the CU, and those of their elements."""
    same = {}
    for each in snapshot.relations:
        if each.relation == "sameCell":
            same[each.source_id], same[each.target_id] = each.target_id, each.source_id
    du = tuple(node.node_id for node in nodes)
    elements = tuple(sorted({_element(node) for node in nodes}))
    return ObjectNames(du, tuple(same.get(name, name) for name in du), elements)
