"""Coupling loss, wideband SIR and geometry SINR after TR 38.901 table 7.8-1, beside the companies' curves.

    coupling loss   L = −G of the serving link, antennas included; written as a gain, in dB
    wideband SIR    Γ_I = P_s / Σ_{i≠s} P_i             all cells send on all of the band
    geometry SINR   Γ = P_s / (Σ_{i≠s} P_i + N)

19 sites of three sectors on a plane that repeats, ten users a sector, 80 % indoors, attached to the strongest.
What the model draws at random is drawn anew in each of `drops` realisations.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.deployment.hexagonal_grid import HexagonalGrid
from ranvier.dtops.simulator.drop import Drop
from ranvier.dtops.simulator.layout import Antenna
from ranvier.dtops.simulator.link.noise import (
    UE_NOISE_FIGURE_DB,
    UE_NOISE_FIGURE_MMWAVE_DB,
    prb_noise_mw,
)
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario import CellDefaults, Scenario
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.ontology.errors import InputError, NotFound

Floats = NDArray[np.float64]
Kind = Literal["uma", "umi"]
METRICS = ("coupling_loss", "wideband_sir", "geometry_sinr")
PERCENTILES = tuple(range(5, 100, 5))
CARRIERS = {
    6e9: (Carrier(6e9, 20e6, 0), UE_NOISE_FIGURE_DB), 30e9: (Carrier(30e9, 100e6, 2), UE_NOISE_FIGURE_MMWAVE_DB),
    70e9: (Carrier(70e9, 100e6, 2), UE_NOISE_FIGURE_MMWAVE_DB),
}  # fmt: skip
"""Carrier and noise figure by frequency: 20 MHz at 6 GHz, else 100 MHz."""
POWER_DBM: Mapping[tuple[Kind, bool], float] = {
    ("uma", True): 49.0, ("umi", True): 44.0, ("uma", False): 35.0, ("umi", False): 35.0,
}  # fmt: skip
"""By scenario, and whether it is at 6 GHz."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Values over all users of all drops, (n,) each, by metric; and of the full calibration what links have.

    delay_spread_s  (n,) of the serving links; `los` (n,) bool
    """

    kind: Kind
    frequency_hz: float
    values: Mapping[str, Floats]
    delay_spread_s: Floats
    los: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Step:
    """One percentile of one metric beside the companies' curves: what the file has of them, in dB."""

    metric: str
    percentile: int
    ours: float
    median: float
    deviation: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether ours lies within the companies' envelope."""
        return self.low <= self.ours <= self.high

    @property
    def near(self) -> bool:
        """Whether it lies within one standard deviation of their median."""
        return abs(self.ours - self.median) <= self.deviation


def scenario(kind: Kind, frequency_hz: float) -> Scenario:
    """The set-up of table 7.8-1. Raises InputError for another frequency."""
    if frequency_hz not in CARRIERS:
        raise InputError("a frequency of 6e9, 30e9 or 70e9", f"{frequency_hz:g}", "choose one of them")
    carrier, noise = CARRIERS[frequency_hz]
    uma = kind == "uma"
    return Scenario(
        name=f"calibration-{kind}", environment=kind, carriers=(carrier,), noise_figure_db=noise,
        deployment=HexagonalGrid(
            inter_site_distance_m=500.0 if uma else 200.0, site_height_m=25.0 if uma else 10.0
        ),
        antenna=Antenna(), cells=CellDefaults(power_dbm=POWER_DBM[kind, frequency_hz == 6e9]),
        users=Drop(per_cell=10, indoor_share=0.8, minimum_distance_m=35.0 if uma else 10.0), traffic=(),
    )  # fmt: skip


def calibrate(kind: Kind, frequency_hz: float = 6e9, drops: int = 20, seed: int = 1) -> Calibrated:
    """Drop users `drops` times and measure."""
    set_up = scenario(kind, frequency_hz)
    parts = [_drop(set_up, Seeds.of([each])) for each in range(seed, seed + drops)]
    names = (*METRICS, "delay_spread_s", "los")
    columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return Calibrated(
        kind, frequency_hz, {name: columns[name] for name in METRICS}, columns["delay_spread_s"],
        columns["los"].astype(bool),
    )  # fmt: skip


def _drop(set_up: Scenario, seeds: Seeds) -> dict[str, Floats]:
    layout, people, carrier = set_up.layout(), set_up.population(seeds), set_up.carriers[0]
    gains = StatisticalGains(seeds, people, layout).gains(layout, people.position_m)
    best = radio.ss_rsrp_dbm(gains, layout, carrier).argmax(dim=-1)[..., None]
    power = radio.received_mw(gains, layout, carrier)[..., 0].double()
    served = power.gather(2, best)[..., 0]
    others = radio.summed_over_links(power) - served
    noise = prb_noise_mw(carrier, set_up.noise_figure_db)
    found = {
        "coupling_loss": gains.gain_db[..., 0].gather(2, best)[..., 0],
        "wideband_sir": 10 * torch.log10(served / others),
        "geometry_sinr": 10 * torch.log10(served / (others + noise)),
        "delay_spread_s": gains.delay_spread_s.gather(2, best)[..., 0], "los": gains.los.gather(2, best)[..., 0],
    }  # fmt: skip
    return {name: column.flatten().numpy().astype(float) for name, column in found.items()}


def compared(found: Calibrated, reference: Path) -> list[Step]:
    """Each step of the companies' curves beside ours; empty where the file has none for this set-up."""
    name = f"{'UMa' if found.kind == 'uma' else 'UMi'}-{found.frequency_hz / 1e9:g}GHz"
    try:
        with reference.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["scenario"] == name]
    except FileNotFoundError:
        raise NotFound("the companies' percentiles, CSV", str(reference), "give --reference") from None
    return [
        Step(
            row["metric"], int(row["percentile"]),
            float(np.quantile(found.values[row["metric"]], int(row["percentile"]) / 100)), float(row["median"]),
            float(row["sd"]), float(row["min"]), float(row["max"]),
        )
        for row in rows
    ]  # fmt: skip


def summary(steps: Sequence[Step]) -> dict[str, tuple[int, int, int]]:
    """By metric: steps inside the envelope, within one standard deviation, and in all."""
    return {
        metric: (sum(s.inside for s in mine), sum(s.near for s in mine), len(mine))
        for metric in METRICS
        if (mine := [s for s in steps if s.metric == metric])
    }
