"""The pictures of a run's folder: maps, distributions over users, and series over periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import torch

from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import GainSource
from ranvier.dtops.simulator.output.run_folder import RunFolder
from ranvier.dtops.simulator.output.run_job import Plan
from ranvier.dtops.simulator.pictures.curves import distributions, time_series
from ranvier.dtops.simulator.pictures.figure import Picture
from ranvier.dtops.simulator.pictures.maps import coverage, map_of
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.seeds import Seeds

SERIES = (
    ("prb_percent", "PRBs used, %"), ("throughput_kbit_s", "user throughput in bursts, kbit/s"),
    ("volume_mbit_s", "delivered in the network, Mbit/s"), ("active_users", "users with data to send"),
    ("rlc_delay_ms", "delay until sent, ms"), ("power_w", "power of all cells, W"),
)  # fmt: skip


def pictures_of(folder: RunFolder, pixels: int = 160) -> list[Picture]:
    """Maps of the first realisation, then users, then time."""
    plan = Plan.of(folder.manifest)
    return [
        *_maps(plan, folder.table("users"), pixels),
        *_users(folder.table("users")),
        *_series(folder, plan),
    ]


def table_of(folder: RunFolder) -> list[Mapping[str, str]]:
    """Means of the network's KPIs over periods and realisations, with the spread over realisations."""
    table = folder.table("kpis")
    rows: list[Mapping[str, str]] = []
    for name in table.column_names[3:]:
        values, who = table[name].to_numpy(), table["realisation"].to_numpy()
        with np.errstate(invalid="ignore"):
            means = np.array([np.nanmean(values[who == r]) if np.isfinite(values[who == r]).any() else np.nan
                              for r in np.unique(who)])  # fmt: skip
        known = means[np.isfinite(means)]
        spread = f"{known.std(ddof=1):.4g}" if len(known) > 1 else "–"
        rows.append(
            {
                "KPI": name,
                "mean": f"{known.mean():.5g}" if len(known) else "–",
                "SD over realisations": spread,
            }
        )
    return rows


def _maps(plan: Plan, users: pa.Table, pixels: int) -> list[Picture]:
    layout = plan.scenario.layout()
    scene = Seeds.of([plan.seeds[0] if plan.scene_seed is None else plan.scene_seed])

    def source_of(count: int) -> GainSource:
        return _outdoors(scene, layout, count, plan.scenario.site_correlation)

    found = coverage(
        layout, plan.scenario.carriers[0], source_of, pixels, noise_figure_db=plan.scenario.noise_figure_db
    )
    first = users.filter(pa.compute.equal(users["realisation"], 0))
    last = first.filter(pa.compute.equal(first["first_slot"], pa.compute.max(first["first_slot"])))
    places = np.stack([last["x_m"].to_numpy(), last["y_m"].to_numpy()], axis=1)
    return [
        map_of(
            "map-rsrp", "SS-RSRP outdoors at 1.5 m in the first realisation, with its users at the end.",
            "SS-RSRP, dBm", layout, found.rsrp_dbm, found.extent_m, places,
        ),
        map_of(
            "map-sinr", "SINR outdoors at 1.5 m with every cell sending on all PRBs, first realisation.",
            "SINR, dB", layout, np.clip(found.sinr_db, -10, 30), found.extent_m,
        ),
    ]  # fmt: skip


def _outdoors(scene: Seeds, layout: Layout, count: int, site_correlation: float) -> StatisticalGains:
    flags = torch.zeros((1, count), dtype=torch.bool)
    nobody = Population(
        key=torch.full((count,), -1), position_m=torch.zeros((1, count, 3), dtype=torch.float64),
        indoor=flags, low_loss=flags, in_car=flags, speed_m_s=torch.zeros((1, count), dtype=torch.float64),
        motion=torch.zeros(count, dtype=torch.int64), service=torch.full((count,), -1),
        demand=torch.zeros(count, dtype=torch.float64), present=~flags,
    )  # fmt: skip
    return StatisticalGains(scene, nobody, layout, site_correlation)


def _users(users: pa.Table) -> list[Picture]:
    def column(name: str) -> dict[str, np.ndarray]:
        return {"users and periods": users[name].to_numpy().astype(float)}

    return [
        distributions("cdf-rsrp", "SS-RSRP of the serving cell.", "SS-RSRP, dBm", column("ss_rsrp_dbm")),
        distributions("cdf-sinr", "Mean effective SINR of slots with data.", "SINR, dB", column("sinr_db")),
        distributions("cdf-rate", "Rate delivered to a user.", "kbit/s", column("rate_kbit_s")),
    ]


def _series(folder: RunFolder, plan: Plan) -> Sequence[Picture]:
    table = folder.table("kpis")
    slot_s = plan.scenario.carriers[0].slot_s
    ends = (table["first_slot"].to_numpy() + table["slots"].to_numpy()) * slot_s
    times, place = np.unique(ends, return_inverse=True)
    who = table["realisation"].to_numpy()
    found = []
    for name, label in SERIES:
        values = np.full((who.max() + 1, len(times)), np.nan)
        values[who, place] = table[name].to_numpy()
        found.append(
            time_series(
                f"series-{name}",
                f"{label[0].upper()}{label[1:]}, by granularity period.",
                label,
                times,
                values,
            )
        )
    return found
