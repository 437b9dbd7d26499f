"""A `ScenePredictor` for tests: constant quantiles, told by a file in its folder how to behave.

`model.json` in the folder: {"version": "1", "slow_s": 0.0, "fails": false}.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ranvier.dtops.scenes.forecast import LEVELS, Floats, SceneForecast
from ranvier.dtops.scenes.outcomes import HORIZONS_S, KPIS, Outcomes
from ranvier.dtops.scenes.scene import CellColumns, LinkColumns, Scene, UserColumns
from ranvier.ontology.errors import InputError

BASE = {"prb_percent": 40.0, "active_users": 2.0, "rlc_delay_ms": 12.0, "rsrp_dbm": -90.0, "sinr_db": 10.0,
        "throughput_kbit_s": 4_000.0}  # fmt: skip


@dataclass
class ConstantPredictor:
    """Quantiles of a constant and the node's own power, so that a what-if is seen."""

    version: str = "1"
    slow_s: float = 0.0
    fails: bool = False
    name: str = "constant"
    batches: list[int] = field(default_factory=list)

    def forecast(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> list[SceneForecast]:
        if unknown := [h for h in horizons_s if h not in HORIZONS_S]:
            raise InputError(f"horizons among {HORIZONS_S}", str(unknown[0]), "ask for one of them")
        self.batches.append(len(scenes))
        time.sleep(self.slow_s)
        if self.fails or any(scene.name == "poison" for scene in scenes):
            raise InputError("a scene that can be forecast", "poison", "leave it out")
        return [self._one(scene, tuple(horizons_s)) for scene in scenes]

    def loss(self, forecast: SceneForecast, outcomes: Outcomes) -> Mapping[str, Floats]:
        return {kpi: np.zeros(q.shape[:2]) for kpi, q in forecast.quantiles.items()}

    def _one(self, scene: Scene, horizons_s: tuple[float, ...]) -> SceneForecast:
        size = {"cell": len(scene.cells), "ue": len(scene.users)}
        own = {"cell": scene.cells.tx_power_dbm * scene.cells.on, "ue": np.arange(len(scene.users)) * 0.1}
        quantiles, probability = {}, {}
        for kpi in KPIS:
            if kpi.event:
                probability[kpi.name] = np.full((size[kpi.node], len(horizons_s)), 0.25)
                continue
            middle = BASE[kpi.name] + own[kpi.node]
            spread = np.multiply.outer(np.asarray(horizons_s) ** 0.25, LEVELS - 0.5)
            quantiles[kpi.name] = middle[:, None, None] + spread
        if "rlc_delay_ms" in quantiles and len(scene.cells):
            quantiles["rlc_delay_ms"][~scene.cells.on] = np.nan
        return SceneForecast(
            self.name, self.version, horizons_s, LEVELS, quantiles, probability,
            {name: 2 * p for name, p in probability.items()},
        )  # fmt: skip


def load(folder: Path) -> ConstantPredictor:
    """The loader. Raises InputError where the folder has no model."""
    try:
        given = json.loads((folder / "model.json").read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"a model in {folder}", str(error), "train one") from error
    return ConstantPredictor(**given)


def model(folder: Path, version: str = "1", **given: float) -> Path:
    """A folder with such a model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps({"version": version, **given}))
    return folder


def scene(name: str = "small", cells: int = 3, users: int = 6) -> Scene:
    """A small scene: cells in a row, users between them, each hears all cells."""
    c, u = np.arange(cells), np.arange(users)
    place = 100.0 * c
    x = np.linspace(0, 100.0 * max(cells - 1, 1), users)
    user, cell = np.repeat(u, cells), np.tile(c, users)
    away = np.abs(x[user] - place[cell]) + 10
    links = LinkColumns(
        user, cell, -60 - 30 * np.log10(away), away < 80, np.where(away < 80, 9.0, 0.0),
        np.full(len(user), 1e-7), away,
    )  # fmt: skip
    order = np.lexsort((-links.gain_db, links.user))
    links = replace(links, **{f: getattr(links, f)[order] for f in links.__slots__})
    return Scene(
        name, "row", 1e-3, -116.0, -120.0,
        CellColumns(
            c, place, np.zeros(cells), np.full(cells, 25.0), 120.0 * c, np.full(cells, 6.0), np.full(cells, 43.0),
            np.full(cells, 2e9), np.full(cells, 10.0), np.full(cells, 52), np.ones(cells, bool),
            np.zeros(cells), np.ones(cells, np.int64),
        ),
        UserColumns(
            x, np.full(users, 5.0), np.full(users, 1.5), np.zeros(users), np.zeros(users, np.int64),
            np.zeros(users, bool), np.full(users, 2, np.int64), np.full(users, 5e5), np.full(users, 1e6),
            np.zeros(users),
        ),
        links, tuple(f"cell-{i}" for i in c), tuple(f"ue-{i}" for i in u),
    )  # fmt: skip
