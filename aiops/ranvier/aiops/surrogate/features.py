"""What a surrogate sees of a scene: columns of cells and users, and the edges between them.

Configuration columns are those of the ontology's tensor schema that the scene has, encoded as the schema says.
Beside them stand columns of the scene itself and of its link budget. Values that are missing are 0 after
scaling, and told by a mask column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.dispersal import Dispersal
from ranvier.dtops.scenes.link_budget import LinkBudget, link_budget
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scenes.whereabouts import site_spacing_m
from ranvier.dtops.simulator.layout import SCHEDULERS
from ranvier.dtops.simulator.population import MOTIONS, SERVICES
from ranvier.ontology.ontology import load
from ranvier.ontology.tensor_schema import Feature, TensorSchema, tensor_schema

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Edge = tuple[str, str, str]
EDGES: tuple[Edge, ...] = (
    ("cell", "serves", "ue"),
    ("cell", "interferes", "ue"),
    ("cell", "adjacent", "cell"),
)
STRONGEST = 8
"""Links whose power and load are columns of a user."""
INTERFERERS = 4
"""That have an edge to a user; `NEIGHBOURS` to a cell."""
NEIGHBOURS = 6
LATER_S = (60.0, 900.0)
"""After which what a cell will serve is among its columns."""
FAR_DB = 40.0
"""What stands for a link that is not there: so far below the serving cell."""


@dataclass(frozen=True, slots=True)
class Features:
    """A scene in columns, before scaling; NaN where a value is missing.

    columns  node type to (n, d); `names` to the names of the d columns
    edges    edge type to (2, e): places of sources and targets
    budget, dispersal   the closed forms that heads start from
    """

    columns: dict[str, Floats]
    names: dict[str, tuple[str, ...]]
    edges: dict[Edge, Ints]
    budget: LinkBudget
    dispersal: Dispersal


@cache
def schema() -> TensorSchema:
    """The ontology's, whose edges must have those that are used here."""
    found = tensor_schema(load())
    assert set(EDGES) <= set(found.edge_types)
    return found


def features(scene: Scene) -> Features:
    """The features of a scene."""
    budget = link_budget(scene)
    dispersal = Dispersal(scene, budget)
    cell = _from_schema(scene, "cell") | _of_cells(scene, budget, dispersal)
    ue = _of_users(scene, budget, dispersal)
    columns = {
        kind: np.stack(list(each.values()), axis=1) if each else np.zeros((0, 0))
        for kind, each in (("cell", cell), ("ue", ue))
    }
    return Features(columns, {"cell": tuple(cell), "ue": tuple(ue)}, _edges(scene, budget), budget, dispersal)


def _from_schema(scene: Scene, kind: str) -> dict[str, Floats]:
    """The schema's configuration that the scene has columns for, under its names and encodings."""
    found: dict[str, Floats] = {}
    for feature in schema().node_types[kind].features:
        if feature.origin == "attribute" and hasattr(scene.cells, feature.name):
            found |= encoded(feature, np.asarray(getattr(scene.cells, feature.name), dtype=float))
    return found


def encoded(feature: Feature, values: Floats) -> dict[str, Floats]:
    """A column as its normalisation says, but for mean and deviation, which are fitted on train."""
    if feature.normalisation == "circular":
        turn = np.radians(values)
        return {f"{feature.name} sin": np.sin(turn), f"{feature.name} cos": np.cos(turn)}
    if feature.normalisation == "log1p":
        return {feature.name: np.log1p(values)}
    if feature.normalisation == "minmax" and feature.minimum is not None and feature.maximum is not None:
        return {feature.name: (values - feature.minimum) / (feature.maximum - feature.minimum)}
    return {feature.name: values}


def _of_cells(scene: Scene, budget: LinkBudget, dispersal: Dispersal) -> dict[str, Floats]:
    cells, users = scene.cells, scene.users
    by_cell = {
        "mean rate": budget.rate_bit_s, "mean sinr": budget.sinr_db, "speed": users.speed_m_s,
        "burst": np.log1p(users.burst_bits / 1e3),
    }  # fmt: skip
    count = np.maximum(budget.users, 1)
    found = {
        "on": cells.on.astype(float), "offset": cells.offset_db, "omni": np.isnan(cells.bearing).astype(float),
        "prbs": np.log(cells.prbs), "load": budget.load, "wanted": np.log1p(budget.wanted),
        "load logit": logit(budget.load), "users": np.log1p(budget.users),
        "offered": np.log1p(budget.offered_bit_s / 1e3),
        "activity": np.log1p(budget.by_cell(budget.activity)),
        "packets": np.log1p(budget.by_cell(budget.bursts_s)),
        "delay": np.log(1e3 * budget.delay_s + 0.1),
    }  # fmt: skip
    later = dispersal.at(LATER_S)
    found["share of anybody"] = np.log(np.maximum(dispersal.share * len(cells), 1e-2))
    for i, h in enumerate(LATER_S):
        found[f"load logit after {h:g} s"] = logit(later.load[:, i])
        found[f"activity after {h:g} s"] = np.log1p(later.activity[:, i])
    stays = users.speed_m_s == 0
    busy = budget.bursts_s * budget.burst_s
    fair = np.minimum(busy / budget.fair[budget.cell], 1.0)
    found["fair"], found["activity of a full cell"] = np.log(budget.fair), np.log1p(budget.by_cell(fair))
    found["backlogged"] = np.log1p(budget.by_cell((fair == 1).astype(float)))
    found["load of who stays"] = logit(budget.by_cell(busy * stays))
    found["spread of load"] = np.log(np.sqrt(budget.by_cell(budget.bursts_s * budget.burst_s**2)) + 1e-3)
    for name, values in by_cell.items():
        total = budget.by_cell(values)
        found[name] = np.log1p(total / count) if name == "mean rate" else total / count
    for i, name in enumerate(SERVICES):
        found[f"users of {name}"] = np.log1p(budget.by_cell((users.service == i).astype(float)))
    for i, scheduler in enumerate(SCHEDULERS):
        found[scheduler] = (cells.scheduler == i).astype(float)
    squares = budget.by_cell(users.burst_bits * users.offered_bit_s)
    found["bursts"] = np.log1p(squares / np.maximum(budget.offered_bit_s, 1.0) / 1e3)
    return {name: np.asarray(values, dtype=float) for name, values in found.items()}


def _of_users(scene: Scene, budget: LinkBudget, dispersal: Dispersal) -> dict[str, Floats]:
    users, links, has, cell = scene.users, scene.links, budget.served, budget.cell
    of_link = budget.of_link
    later = dispersal.at(LATER_S)
    busy = budget.bursts_s * budget.burst_s
    load_ = budget.load[cell]
    found: dict[str, Floats] = {
        "rsrp": budget.rsrp_dbm, "snr": budget.snr_db, "sinr": budget.sinr_db, "sinr full": budget.full_db,
        "rate": np.log(budget.rate_bit_s / 1e3), "load": np.where(has, load_, np.nan),
        "load logit": np.where(has, logit(load_), np.nan),
        "wanted": np.where(has, np.log1p(budget.wanted[cell]), np.nan),
        "users of cell": np.where(has, np.log1p(budget.users[cell]), np.nan),
        "offered": np.log1p(users.offered_bit_s / 1e3),
        "burst": np.log1p(users.burst_bits / 1e3),
        "bursts a second": np.log1p(_ratio(users.offered_bit_s, users.burst_bits)),
        "share": np.log(np.maximum(_ratio(users.offered_bit_s, np.nan_to_num(budget.rate_bit_s)), 1e-6)),
        "fair": np.where(has, np.log(busy / budget.fair[cell] + 1e-4), np.nan),
        "due": (budget.link != scene.serving()).astype(float),
        "activity": budget.activity, "alone": np.log(1e3 * np.maximum(budget.burst_s, 1e-6)),
        "budget": users.budget_ms / 100, "height": users.height_m, "speed": users.speed_m_s,
        "moves": (users.speed_m_s > 0).astype(float), "log speed": np.log1p(users.speed_m_s),
        "indoor": users.indoor.astype(float), "served": has.astype(float),
        "los": of_link(links.los), "k factor": of_link(links.k_factor_db),
        "log spread": np.log10(np.maximum(of_link(links.spread_s), 1e-9)),
        "distance": np.log10(np.maximum(of_link(links.distance_m), 1.0)),
        "sites apart": np.log10(np.maximum(site_spacing_m(scene), 1.0)) * np.ones(len(users)),
    }  # fmt: skip
    for i, h in enumerate(LATER_S):
        found[f"rsrp after {h:g} s"], found[f"sinr after {h:g} s"] = later.rsrp_dbm[:, i], later.sinr_db[:, i]
        found[f"stays after {h:g} s"] = later.stays[:, i]
    for i, name in enumerate(SERVICES):
        found[name] = (users.service == i).astype(float)
    for i, motion in enumerate(MOTIONS):
        found[motion] = ((users.motion == i) & (users.speed_m_s > 0)).astype(float)
    for i, scheduler in enumerate(SCHEDULERS):
        found[scheduler] = (has & (scene.cells.scheduler[cell] == i)).astype(float)
    below, loads, offset = _other_links(scene, budget, cell)
    for i in range(STRONGEST):
        found[f"below {i + 1}"], found[f"load {i + 1}"] = below[:, i], loads[:, i]
    found["offset 1"] = np.where(has, offset, 0.0)
    return found


def _other_links(scene: Scene, budget: LinkBudget, cell: Ints) -> tuple[Floats, Floats, Floats]:
    """(U, STRONGEST) how far the other links are below the serving one, dB, and their load; the first's offset."""
    links, users = scene.links, len(scene.users)
    rsrp = scene.rsrp_dbm()
    below = np.full((users, STRONGEST), FAR_DB)
    loads = np.zeros((users, STRONGEST))
    offset = np.zeros(users)
    other = np.flatnonzero((np.arange(len(links)) != budget.link[links.user]) & np.isfinite(rsrp))
    other = other[np.lexsort((-rsrp[other], links.user[other]))]
    user = links.user[other]
    place = np.arange(len(other)) - np.searchsorted(user, user)
    kept = place < STRONGEST
    other, user, place = other[kept], user[kept], place[kept]
    reference = np.nan_to_num(budget.rsrp_dbm, nan=-120.0)
    below[user, place] = np.minimum(reference[user] - rsrp[other], FAR_DB)
    loads[user, place] = budget.load[links.cell[other]]
    first = place == 0
    offset[user[first]] = (
        scene.cells.offset_db[links.cell[other[first]]] - scene.cells.offset_db[cell[user[first]]]
    )
    return below, loads, offset


def _edges(scene: Scene, budget: LinkBudget) -> dict[Edge, Ints]:
    links = scene.links
    has = np.flatnonzero(budget.served)
    serving = np.zeros(len(links), dtype=bool)
    serving[budget.link[has]] = True
    heard = np.isfinite(scene.rsrp_dbm())
    order = np.flatnonzero(~serving & heard)
    place = np.arange(len(order)) - np.searchsorted(links.user[order], links.user[order])
    strong = order[place < INTERFERERS]
    serves = np.stack([budget.cell[has], has])
    return {
        EDGES[0]: serves, EDGES[1]: np.stack([links.cell[strong], links.user[strong]]),
        EDGES[2]: _adjacent(scene, budget, strong),
    }  # fmt: skip


def _adjacent(scene: Scene, budget: LinkBudget, strong: Ints) -> Ints:
    """(2, e) cells whose users hear each other's cell: the NEIGHBOURS that most users of a cell hear."""
    links, count = scene.links, len(scene.cells)
    strong = strong[budget.served[links.user[strong]]]
    mine = budget.cell[links.user[strong]]
    # By how many users hear it, and among as many by how well.
    weight = 1 + 1e-3 / (1 + np.exp(-scene.rsrp_dbm()[strong] / 40))
    one_way, weight = _summed(links.cell[strong] * count + mine, weight)
    other_way = one_way % count * count + one_way // count
    pairs, weight = _summed(np.concatenate([one_way, other_way]), np.concatenate([weight, weight]))
    source, target = pairs // count, pairs % count
    order = np.lexsort((source, -weight, target))
    source, target = source[order], target[order]
    rank = np.arange(len(target)) - np.searchsorted(target, target)
    near = np.flatnonzero(rank < NEIGHBOURS)
    near = near[np.lexsort((target[near], rank[near]))]
    return np.stack([source[near], target[near]])


def _summed(keys: Ints, weights: Floats) -> tuple[Ints, Floats]:
    """Each key once, and the sum of its weights."""
    each, place = np.unique(keys, return_inverse=True)
    return each, np.asarray(np.bincount(place, weights, len(each)), dtype=float)


def logit(share: Floats, least: float = 1e-3) -> Floats:
    """ln(p / (1 − p)), p kept within [least, 1 − least]."""
    p = np.clip(share, least, 1 - least)
    return np.asarray(np.log(p / (1 - p)))


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
