"""What a trained surrogate leans on, and what noise and gaps do to it: by its loss on the validation split.

importance   columns of one group exchanged between the nodes of all scenes: by how much the loss grows
noise        errors on what is given: gains by 3 dB a link, by 3 dB all alike, loads by a factor
gaps         columns of one group missing: at their mean, and told by the mask
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ranvier.aiops.surrogate.examples import Examples
from ranvier.aiops.surrogate.graph import graph, with_outcomes
from ranvier.aiops.surrogate.network import Network
from ranvier.aiops.surrogate.training import Recipe, validated
from ranvier.dtops.scenes.dataset import SceneDataset
from ranvier.dtops.scenes.scene import Scene

GROUPS: dict[str, tuple[str, ...]] = {
    "configuration": (
        "bSChannelBwDL", "bearing sin", "bearing cos", "dl_frequency_hz", "height_m", "tilt_deg", "tx_power_dbm",
        "on", "offset", "omni", "prbs", "offset 1",
    ),
    "scheduler": ("round_robin", "proportional_fair", "max_ci", "delay_aware"),
    "link budget": ("rsrp", "snr", "sinr", "sinr full", "rate", "due", "mean rate", "mean sinr", "share",
        *(f"{name} after {h} s" for name in ("rsrp", "sinr", "stays") for h in (60, 900))),
    "load": ("load", "wanted", "load logit", "users", "users of cell", "offered", "bursts", "activity",
        "packets", "delay", "alone", "load of who stays", "spread of load", "share of anybody", "fair",
        "activity of a full cell", "backlogged",
        *(f"{name} after {h} s" for name in ("load logit", "activity") for h in (60, 900))),
    "other links": tuple(f"{name} {i}" for i in range(1, 9) for name in ("below", "load")),
    "service": (
        "burst", "bursts a second", "budget", "none", "full_buffer", "ftp3", "constant_rate", "voice", "xr", "web",
        *(f"users of {name}" for name in ("none", "full_buffer", "ftp3", "constant_rate", "voice", "xr", "web")),
    ),
    "motion": ("speed", "moves", "log speed", "static", "waypoint", "street", "line", "indoor"),
    "place": ("height", "los", "k factor", "log spread", "distance", "sites apart", "served"),
}  # fmt: skip
"""Columns by what they tell; where heads start from (the closed form) stays as it is."""
NOISES: dict[str, Callable[[Scene, np.random.Generator], Scene]] = {
    "gains ±3 dB, each link": lambda scene, rng: _gains(scene, rng.normal(0, 3.0, len(scene.links))),
    "gains +3 dB, all links": lambda scene, rng: _gains(scene, np.full(len(scene.links), 3.0)),  # noqa: ARG005
    "loads ×/÷ 1.5, each user": lambda scene, rng: _loads(
        scene, np.exp(rng.normal(0, np.log(1.5), len(scene.users)))
    ),
    "a fifth of the links unknown": lambda scene, rng: _without(scene, rng.random(len(scene.links)) < 0.2),
}


def importance(network: Network, examples: Examples, recipe: Recipe, seed: int = 0) -> dict[str, float]:
    """Group to how many times the loss it is without knowing the group, by permutation."""
    whole = _mean(validated(network, examples, recipe))
    rng = torch.Generator().manual_seed(seed)
    return {
        group: _mean(
            validated(network, replace(examples, validation=_permuted(examples, names, rng)), recipe)
        )
        / whole
        for group, names in GROUPS.items()
    }


def gaps(network: Network, examples: Examples, recipe: Recipe) -> dict[str, float]:
    """Group to how many times the loss it is when all of it is missing."""
    whole = _mean(validated(network, examples, recipe))
    return {
        group: _mean(validated(network, replace(examples, validation=_masked(examples, names)), recipe))
        / whole
        for group, names in GROUPS.items()
    }


def noise(
    network: Network, examples: Examples, dataset: SceneDataset, recipe: Recipe, seed: int = 0
) -> dict[str, float]:
    """Kind of noise to how many times the loss it is with it."""
    whole = _mean(validated(network, examples, recipe))
    found = {}
    for kind, disturbed in NOISES.items():
        rng = np.random.default_rng(seed)
        made = [
            with_outcomes(graph(disturbed(scene, rng), examples.scaling, examples.horizons_s), outcomes)
            for scene, outcomes in dataset.of("validation")
        ]
        found[kind] = _mean(validated(network, replace(examples, validation=made), recipe)) / whole
    return found


def _permuted(examples: Examples, names: tuple[str, ...], rng: torch.Generator) -> list[Any]:
    made = [each.clone() for each in examples.validation]
    for kind in ("cell", "ue"):
        at = _places(examples, kind, names)
        if not at:
            continue
        whole = torch.cat([each[kind].x for each in examples.validation])
        mixed = whole[torch.randperm(len(whole), generator=rng)]
        begin = 0
        for each in made:
            x = each[kind].x.clone()
            x[:, at] = mixed[begin : begin + len(x)][:, at]
            begin += len(x)
            each[kind].x = x
    return made


def _masked(examples: Examples, names: tuple[str, ...]) -> list[Any]:
    made = [each.clone() for each in examples.validation]
    for each in made:
        for kind in ("cell", "ue"):
            if at := _places(examples, kind, names):
                x = each[kind].x.clone()
                x[:, at] = 0.0
                x[:, -1] = 1.0
                each[kind].x = x
    return made


def _places(examples: Examples, kind: str, names: tuple[str, ...]) -> list[int]:
    return [i for i, name in enumerate(examples.scaling.names[kind]) if name in names]


def _gains(scene: Scene, added: np.ndarray) -> Scene:
    return replace(scene, links=replace(scene.links, gain_db=scene.links.gain_db + added))


def _loads(scene: Scene, factor: np.ndarray) -> Scene:
    return replace(scene, users=replace(scene.users, offered_bit_s=scene.users.offered_bit_s * factor))


def _without(scene: Scene, gone: np.ndarray) -> Scene:
    links = scene.links
    kept = {name: getattr(links, name)[~gone] for name in links.__slots__}
    return replace(scene, links=type(links)(**kept))


def _mean(losses: dict[str, float]) -> float:
    return sum(losses.values()) / len(losses)
