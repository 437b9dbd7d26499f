"""Recipes: which deployments a dataset has. Each is drawn by the recipe's seed, its split and its number alone.

    train, validation, known     of the same kinds: grids, streets, railways, free sites, about 21 cells
    unseen                       of kinds that training never saw, and of other sizes: halls, yards, 52 to 57 cells

Swept in all of them: load from empty to congested, services, carriers, powers, tilts, offsets, cells that are
off, schedulers, speeds, buildings and cars.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch

from ranvier.dtops.scenes.drawn import Deployment, Shadowing
from ranvier.dtops.scenes.offered import load
from ranvier.dtops.scenes.outcomes import HORIZONS_S, KPIS
from ranvier.dtops.scenes.rollout import WARM_S
from ranvier.dtops.simulator.layout import SCHEDULERS, Layout
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.scenario import Scenario, parse
from ranvier.dtops.simulator.seeds import Seeds

Split = Literal["train", "validation", "known", "unseen"]
SPLITS: tuple[Split, ...] = ("train", "validation", "known", "unseen")
VERSION = 3
"""Changes whenever the same recipe would draw other deployments or outcomes."""
BIT_S_PER_HZ = 1.5
"""What a loaded cell delivers, to express load as a part of what it can carry."""
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How many deployments each split has, and how many runs each of them.

    Held-out splits need 20 runs or more for the oracle floor.

    shadowing   whether scenes tell it: of the two tasks the first or the second
    """

    name: str
    deployments: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    seed: int = 1
    horizons_s: tuple[float, ...] = HORIZONS_S
    warm_s: float = WARM_S
    small: bool = False
    shadowing: Shadowing = "given"

    def members(self) -> list[tuple[Split, int]]:
        """Each deployment's split and number; the splits take turns, so that a part of a build has all of them."""
        all_ = [(s, i) for s in SPLITS for i in range(self.deployments.get(s, 0))]
        return sorted(all_, key=lambda each: ((each[1] + 0.5) / self.deployments[each[0]], each[0]))

    def manifest(self) -> Tree:
        """What determines the dataset."""
        about = asdict(self)
        if self.shadowing == "given":  # as before there was a second task
            del about["shadowing"]
        return {**about, "version": VERSION, "kpis": [each.name for each in KPIS]}

    def digest(self) -> str:
        """Names the dataset's content."""
        text = json.dumps(self.manifest(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


RECIPES = {
    "standard": Recipe(
        "standard", {"train": 288, "validation": 18, "known": 30, "unseen": 15},
        {"train": 4, "validation": 10, "known": 20, "unseen": 20},
    ),
    "small": Recipe(
        "small", {"train": 12, "validation": 4, "known": 4, "unseen": 4},
        {"train": 4, "validation": 4, "known": 20, "unseen": 20}, small=True,
    ),
}  # fmt: skip
"""The standard set, and one for tests: fewer and smaller deployments."""
RECIPES["large"] = replace(
    RECIPES["standard"], name="large", deployments={**RECIPES["standard"].deployments, "train": 768}
)
"""The standard set with more to train on; what is held out is the same."""
RECIPES |= {
    f"{name}-unknown-shadowing": replace(each, name=f"{name}-unknown-shadowing", shadowing="unknown")
    for name, each in RECIPES.items()
}
"""The second task of each."""


def deployment(recipe: Recipe, split: Split, number: int) -> Deployment:
    """One deployment of a recipe."""
    word = f"{recipe.seed} {split} {number}".encode()
    seed = int.from_bytes(hashlib.blake2b(word, digest_size=7).digest(), "little")
    rng = np.random.default_rng(seed)
    kind = kind_of(split, number)
    tree = _kinds(split)[kind](rng, recipe.small)
    scenario = _swept(tree, kind, rng, recipe)
    people = _demands(scenario.population(Seeds.of([seed])), rng)
    return Deployment(
        scenario,
        seed,
        _set_up(scenario.layout(), rng),
        people,
        kind,
        name_of(split, number),
        recipe.shadowing,
    )


def kind_of(split: Split, number: int) -> str:
    """Of a deployment: the kinds of its split take turns."""
    kinds = _kinds(split)
    return list(kinds)[number % len(kinds)]


def name_of(split: Split, number: int) -> str:
    """Of a deployment."""
    return f"{split}-{number:04d}-{kind_of(split, number)}"


def _kinds(split: Split) -> dict[str, Kind]:
    return UNSEEN if split == "unseen" else KNOWN


# ------------------------------------------------------------ kinds
def _hexagonal(environment: str, distance_m: tuple[float, float], height_m: float, sites: int = 7):  # type: ignore[no-untyped-def]
    def tree(rng: np.random.Generator, small: bool) -> Tree:
        ground = {
            "kind": "hexagonal_grid", "sites": 3 if small else sites,
            "inter_site_distance_m": float(rng.uniform(*distance_m)), "site_height_m": height_m,
            "turn_deg": float(rng.uniform(0, 60)),
        }  # fmt: skip
        if small:
            ground |= {"kind": "free_sites"}
        return {"environment": environment, "deployment": ground}

    return tree


def _street(rng: np.random.Generator, small: bool, blocks: int = 2) -> Tree:
    ground = {"kind": "street_grid", "blocks": 1 if small else blocks, "block_m": float(rng.uniform(90, 170))}
    return {"environment": "umi", "deployment": ground, "users": {"motion": "street", "indoor_share": 0.0}}


def _railway(rng: np.random.Generator, small: bool) -> Tree:
    ground = {
        "kind": "railway", "sites": 4 if small else 10, "inter_site_distance_m": float(rng.uniform(800, 1800)),
        "train_m": float(rng.uniform(1000, 6000)),
    }  # fmt: skip
    users = {"motion": "line", "indoor_share": 0.0, "car_share": 1.0, "floors": False}
    return {"environment": "rma", "deployment": ground, "users": users}


def _free(rng: np.random.Generator, small: bool, sites: int = 7) -> Tree:
    count = 3 if small else sites
    spacing = float(rng.uniform(250, 700))
    side = spacing * np.sqrt(count)
    at: list[np.ndarray] = []
    while len(at) < count:  # at least half the spacing apart
        place = rng.uniform(0, side, 2)
        if all(np.hypot(*(place - each)) > spacing / 2 for each in at):
            at.append(place)
    turns = rng.uniform(0, 120, count)
    ground = {
        "kind": "free_sites", "margin_m": spacing / 2,
        "sites": [
            {
                "id": f"site-{i + 1}", "x_m": float(x), "y_m": float(y), "height_m": float(rng.uniform(18, 35)),
                "bearings_deg": [float(turns[i] + 120 * k) for k in range(3)],
            }
            for i, (x, y) in enumerate(at)
        ],
    }  # fmt: skip
    return {"environment": str(rng.choice(["uma", "umi"])), "deployment": ground}


def _hall(rng: np.random.Generator, small: bool) -> Tree:  # noqa: ARG001
    ground = {"kind": "indoor_hotspot", "length_m": float(rng.uniform(90, 150))}
    users = {"indoor_share": 0.0, "floors": False, "height_m": 1.0, "minimum_distance_m": 0.0}
    return {"environment": "inh-open", "deployment": ground, "users": users, "cells": {"power_dbm": 24.0}}


def _yard(rng: np.random.Generator, small: bool) -> Tree:  # noqa: ARG001
    ground = {"kind": "port_yard", "length_m": float(rng.uniform(600, 1000))}
    return {"environment": "umi", "deployment": ground, "users": {"motion": "street", "indoor_share": 0.0}}


Kind = Callable[[np.random.Generator, bool], Tree]
KNOWN: dict[str, Kind] = {
    "uma grid": _hexagonal("uma", (350, 600), 25.0), "street": _street, "free sites": _free,
    "umi grid": _hexagonal("umi", (150, 300), 10.0), "railway": _railway,
    "rma grid": _hexagonal("rma", (1200, 2200), 35.0),
}  # fmt: skip
UNSEEN: dict[str, Kind] = {
    "uma grid of 57": _hexagonal("uma", (350, 600), 25.0, 19), "hall": _hall,
    "free sites of 57": lambda rng, small: _free(rng, small, 19), "yard": _yard,
    "street of 52": lambda rng, small: _street(rng, small, 4),
}  # fmt: skip


# ------------------------------------------------------------ what is swept
def _swept(tree: Tree, kind: str, rng: np.random.Generator, recipe: Recipe) -> Scenario:
    """The scenario of a deployment, with its carrier, users and traffic drawn."""
    frequency = float(rng.choice([0.8e9, 2.1e9, 3.5e9] if tree["environment"] != "inh-open" else [3.5e9]))
    width = float(rng.choice([10e6, 20e6, 20e6]))
    moves = kind not in {"street", "street of 52", "railway", "yard", "hall"}
    users = {
        "per_cell": int(rng.integers(3, 6) if recipe.small else rng.integers(4, 15)),
        "speed_kmh": float(rng.choice([3, 30, 60, 120], p=[0.4, 0.25, 0.2, 0.15])),
    } | ({"indoor_share": float(rng.choice([0.0, 0.3, 0.8])), "car_share": 0.3} if moves else {})
    users |= tree.get("users", {})
    if tree["environment"] == "inh-open":
        users["speed_kmh"] = 3.0
    if kind == "railway":
        users["speed_kmh"] = float(rng.choice([80, 160, 250]))
    capacity_bit_s = BIT_S_PER_HZ * width
    load_ = float(rng.choice([0.0, 1.0], p=[0.04, 0.96]) * rng.uniform(0.03, 1.4) ** 1.3)
    return parse({
        "name": kind.replace(" ", "-"), "granularity_s": 1.0, "energy": None,
        **tree, "carriers": [{"frequency_hz": frequency, "bandwidth_hz": width, "numerology": 0}],
        "users": users, "traffic": _traffic(rng, load_ * capacity_bit_s / users["per_cell"]),
        "cells": {"scheduler": str(rng.choice(SCHEDULERS)), **tree.get("cells", {})},
        "deployment": _plain(tree["deployment"]),
    })  # fmt: skip


def _plain(ground: Tree) -> Tree:
    """A grid of three sites is a list of them: three do not fill a plane."""
    if ground["kind"] != "free_sites" or ("sites" in ground and not isinstance(ground["sites"], int)):
        return ground
    distance, height = ground["inter_site_distance_m"], ground["site_height_m"]
    turn = np.radians(ground["turn_deg"] + 120 * np.arange(ground["sites"]))
    sites = [
        {"id": f"site-{i + 1}", "x_m": float(distance / 1.732 * np.cos(a)),
         "y_m": float(distance / 1.732 * np.sin(a)), "height_m": height}
        for i, a in enumerate(turn)
    ]  # fmt: skip
    return {"kind": "free_sites", "sites": sites, "margin_m": distance / 2}


def _traffic(rng: np.random.Generator, bit_s: float) -> list[Tree]:
    """Services of random shares that together ask for `bit_s` a user."""
    names = ["ftp3", "web", "constant_rate", "voice", "xr"]
    shares = rng.dirichlet([1.5, 1.0, 1.0, 0.5, 0.5])
    services: list[Tree] = []
    for name, share in zip(names, shares, strict=True):
        if share < 0.08 or bit_s <= 0:
            continue
        more: Tree = {}
        if name == "ftp3":
            bits = float(rng.choice([0.4e6, 1e6, 4e6]))
            more = {"file_bits": int(bits), "files_per_s": max(bit_s / bits, 1e-3)}
        elif name == "web":
            unit = load(_service({"kind": "web", "page_bits": 1e6, "pages_per_s": 1.0})).bit_s
            more = {"page_bits": 1e6, "pages_per_s": max(bit_s / unit, 1e-3)}
        elif name == "constant_rate":
            more = {"bit_s": max(bit_s, 1e4)}
        elif name == "xr":
            more = {"bit_s": max(bit_s, 1e5)}
        services.append({"share": float(share), "service": {"kind": name, **more}})
    if rng.random() < 0.1:
        services.append({"share": 0.05, "service": {"kind": "full_buffer"}})
        total = sum(each["share"] for each in services)
        services = [{**each, "share": each["share"] / max(total, 1.0)} for each in services]
    return services or [{"share": 0.0, "service": {"kind": "ftp3"}}]


def _service(tree: Tree) -> Any:
    return parse({"traffic": [{"service": tree}]}).traffic[0].service


def _demands(people: Population, rng: np.random.Generator) -> Population:
    """Users differ in how much they ask for: lognormal of mean 1, and of one spread in a deployment."""
    sigma = rng.choice([0.0, 0.5, 1.0])
    factor = np.exp(sigma * rng.standard_normal(len(people)) - sigma**2 / 2)
    return replace(people, demand=torch.from_numpy(factor))


def _set_up(layout: Layout, rng: np.random.Generator) -> Layout:
    """Cells differ in power, tilt and offset; in some deployments some are off."""
    cells, n = layout.cells, len(layout.cells)
    off = rng.random() < 0.25
    return layout.with_cells(replace(
        cells, power_dbm=cells.power_dbm + np.round(rng.uniform(-6, 0) + rng.uniform(-3, 3, n), 1),
        tilt_deg=cells.tilt_deg + rng.integers(-2, 5, n), on=rng.random(n) > (0.1 if off else 0.0),
        offset_db=np.where(rng.random(n) < 0.3, rng.integers(-4, 5, n), 0).astype(float),
    ))  # fmt: skip
