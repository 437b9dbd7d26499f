"""What the simulator's link adaptation makes of an SNR: the spectral efficiency of a user that is alone.

`efficiency` interpolates a table that `python -m ranvier.dtops.scenes.link_curve table` measures: one cell, one
user with a full buffer on a channel of given mean SNR and Rician K, no interference. Overhead, fading, CQI delay,
HARQ and ranks are in it. `… link_curve interference` measures what a neighbour does that comes and goes.
"""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TABLE = Path(__file__).with_name("link_curve.csv")
SNR_DB = np.arange(-12.0, 47.0, 2.0)
K_DB = (-math.inf, 3.0, 9.0, 15.0)
"""Rician K; −∞: no line of sight."""
SEEDS, WARM_SLOTS, SLOTS = 16, 500, 4000


@cache
def table() -> Floats:
    """(K, SNR) bit/s/Hz of the carrier's resource blocks."""
    with TABLE.open() as file:
        rows = list(csv.DictReader(file))
    return np.array([[float(row[_name(k)]) for row in rows] for k in K_DB])


def curves(k_factor_db: Floats, los: NDArray[np.bool_]) -> Floats:
    """(n, SNR) bit/s/Hz of n links with Rician K, linear between its entries in dB and held beyond."""
    found = table()
    # Row 0 has no line of sight, and is not interpolated to.
    place = np.interp(k_factor_db, K_DB[1:], np.arange(1.0, len(K_DB)))
    low = np.where(los, np.minimum(place.astype(int), len(K_DB) - 2), 0)
    share = np.where(los, place - low, 0.0)[:, None]
    return np.asarray((1 - share) * found[low] + share * found[low + los])


def efficiency(snr_db: Floats, of: Floats) -> Floats:
    """bit/s/Hz at SNRs (…, n) of links with `curves` (n, SNR); linear between entries in dB, held beyond."""
    place = np.clip((snr_db - SNR_DB[0]) / (SNR_DB[1] - SNR_DB[0]), 0.0, len(SNR_DB) - 1.001)
    left = place.astype(np.int64)
    part = place - left
    at = left + np.arange(len(of)) * len(SNR_DB)
    flat = of.ravel()
    return np.asarray((1 - part) * flat[at] + part * flat[at + 1])


# ------------------------------------------------------------ how both were measured
def measured(k_factor_db: float, seeds: int = SEEDS) -> Floats:
    """(SNR,) bit/s/Hz by simulation."""
    snr = np.repeat(SNR_DB, seeds).reshape(-1, 1, 1)
    each, _ = _simulated(snr, [_FULL], k_factor_db)
    return np.asarray(each.reshape(-1, seeds).mean(axis=1))


def felt(sir_db: float, load: float, burst_bits: float, seeds: int = SEEDS) -> tuple[float, float]:
    """The neighbour's load as it came out, and f: how far from its silence to its noise the rate is.

    The user's SNR is 30 dB; its neighbour serves bursts of one user at 25 dB.
    """
    alone, snr = 25.0, 30.0
    rate = float(_plain(alone)) * _CARRIER_HZ
    other = {"kind": "ftp3", "file_bits": int(burst_bits), "files_per_s": load * rate / burst_bits}
    links = np.array([[snr, snr - sir_db], [-math.inf, alone]])
    each, loads = _simulated(np.broadcast_to(links, (seeds, 2, 2)), [_FULL, other], -math.inf)
    noisy = _plain(-10 * math.log10(10 ** (-snr / 10) + 10 ** (-sir_db / 10)))
    silent = _plain(snr)
    return float(loads[:, 1].mean()), float((silent - each.mean()) / (silent - noisy))


_FULL = {"kind": "full_buffer"}
_CARRIER_HZ = 106 * 180e3


def _plain(snr_db: float) -> float:
    return float(efficiency(np.array([snr_db]), curves(np.zeros(1), np.zeros(1, dtype=bool)))[0])


def _simulated(snr_db: Floats, services: list[dict[str, Any]], k_factor_db: float) -> tuple[Floats, Floats]:
    """(R,) bit/s/Hz of the first user in what its cell sends, and (R, C) loads; cell i serves user i."""
    import torch

    from ranvier.dtops.simulator.kpis import kpis
    from ranvier.dtops.simulator.propagation.measured_gains import USUAL_SPREAD_S, MeasuredGains
    from ranvier.dtops.simulator.scenario import parse
    from ranvier.dtops.simulator.seeds import Seeds
    from ranvier.dtops.simulator.simulator import Simulator

    many, users, _ = snr_db.shape
    scenario = parse({
        "name": "links", "granularity_s": 1.0, "energy": None,
        "deployment": {"kind": "free_sites", "margin_m": 100.0, "sites": [
            {"id": f"site {i}", "x_m": 500.0 * i, "y_m": 0.0, "height_m": 25.0, "bearings_deg": [0.0]}
            for i in range(users)
        ]},
        "carriers": [{"frequency_hz": 2.1e9, "bandwidth_hz": 20e6, "numerology": 0}],
        "users": {"total": users, "speed_kmh": 3.0, "indoor_share": 0.0},
        "traffic": [{"share": 1.0 / users, "service": service} for service in services],
        "control": {"minimum_rsrp_dbm": -180.0},
    })  # fmt: skip
    each = Seeds.of([1] * many, range(many))
    people = replace(scenario.population(each), service=torch.arange(users))
    layout, carrier = scenario.layout(), scenario.carriers[0]
    noise_dbm = 10 * math.log10(Simulator(scenario, each).noise_mw)
    gain = snr_db + noise_dbm - layout.cells.power_dbm + 10 * math.log10(carrier.prbs)
    source = MeasuredGains(torch.from_numpy(gain), USUAL_SPREAD_S, k_factor_db)
    run = Simulator(scenario, each, population=people, source=source, layout=layout)
    state = run.start()
    for _ in run.blocks(state, WARM_SLOTS):
        pass
    run.period(state)
    for _ in run.blocks(state, SLOTS):
        pass
    tallies = run.period(state).tallies
    found = kpis(tallies.cells, tallies.users, carrier.slot_s)
    loads = found.prb_percent.numpy() / 100
    bits = found.user_bit_s[:, 0].numpy()
    return bits / np.maximum(loads[:, 0] * carrier.prbs * carrier.prb_hz, 1.0), loads


def _name(k_factor_db: float) -> str:
    return "no line of sight" if k_factor_db == -math.inf else f"K {k_factor_db:g} dB"


def main() -> None:
    """`table`: measure η and write it. `interference`: print f as measured beside its fit."""
    if sys.argv[1:] == ["interference"]:
        from ranvier.dtops.scenes.link_budget import FELT, FELT_POWER

        lines = [
            "| SIR, dB | bursts, kbit | neighbour's load | f measured | f fitted |",
            "|---:|---:|---:|---:|---:|",
        ]
        for sir_db, load, bits in product((20.0, 10.0, 3.0), (0.03, 0.1, 0.3, 0.6), (3e4, 4e5, 4e6)):
            came, share = felt(sir_db, load, bits, seeds=8)
            fit = 1 - math.exp(-((came / FELT) ** FELT_POWER))
            lines.append(f"| {sir_db:g} | {bits / 1e3:g} | {came:.2f} | {share:.2f} | {fit:.2f} |")
        print("\n".join(lines))  # noqa: T201
        return
    columns = {_name(k): measured(k) for k in K_DB}
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["snr_db", *columns])
        for i, snr in enumerate(SNR_DB):
            writer.writerow([f"{snr:g}", *(f"{column[i]:.4f}" for column in columns.values())])


if __name__ == "__main__":
    main()
