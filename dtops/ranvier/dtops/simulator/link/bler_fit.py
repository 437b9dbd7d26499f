"""Reduce published block error tables of the NR LDPC code in white noise to centres and widths.

Run as `python -m ranvier.dtops.simulator.link.bler_fit FOLDER`, FOLDER being `sionna/sys/bler_tables` of the
package `sionna` 2.2.0 from PyPI (Apache-2.0, NVIDIA): writes `bler_awgn.csv` anew and prints the fit's error.

    BLER(γ) = Φ((m − γ) / w)       γ in dB; m the SINR of 50 %, w the width in dB

for each modulation, rate and code block size K of the source (24, 100, 500, 1000, 2000 bits). The same
modulation and rate occurs in several MCS tables, at other SINRs; their points are pooled. Where K is large the
curve falls between two points of the source (1.6 to 1.8 dB apart), so widths share a prior,

    ln w = a_Q + b_Q R + c ln K + ε,   ε ~ N(0, 0.2²),

fitted together with them by maximum likelihood. The source starts at R = 251/1024. Lower rates of QPSK take the
centre's distance to capacity and the width from the straight line in R through those of the source.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from ranvier.dtops.simulator.link import information
from ranvier.dtops.simulator.link.mcs import mcs_table

Floats = NDArray[np.float64]
Key = tuple[int, float, int]
"""Q_m, 1024 R and K."""
SIZES = (24, 100, 500, 1000, 2000)
LOW_RATES = (78.0, 120.0, 157.0, 193.0)
"""1024 R of QPSK in the CQI and MCS tables that the source lacks."""
TRIALS = 300.0
"""Blocks that a point of the source counts for (it has 600 to 3000, and small errors of its own)."""
PRIOR = 0.2
"""Standard deviation of ε."""
FLOOR = 1e-4
"""Probability of a point that no curve explains, so that none outweighs all others."""
_QAM64_LOW_SE = (
    (2, 30), (2, 40), (2, 50), (2, 64), (2, 78), (2, 99), (2, 120), (2, 157), (2, 193), (2, 251), (2, 308),
    (2, 379), (2, 449), (2, 526), (2, 602), (4, 340), (4, 378), (4, 434), (4, 490), (4, 553), (4, 616),
    (6, 438), (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772),
)  # fmt: skip
"""Q_m and 1024 R (TS 38.214 table 5.1.3.1-3)."""


@dataclass(frozen=True, slots=True)
class Points:
    """Points of the source: the index of their curve, SINR in dB and block error rate, each (points,)."""

    keys: tuple[Key, ...]
    curve: NDArray[np.int64]
    sinr_db: Floats
    error: Floats


def read(folder: Path) -> Points:
    """The source's PDSCH tables 1 to 3, pooled by modulation, rate and code block size."""
    pooled: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    for number, rows in enumerate((_rows("64qam"), _rows("256qam"), _QAM64_LOW_SE), start=1):
        text = (folder / f"PDSCH_table{number}.json").read_text()
        for mcs, each in json.loads(text)["category"]["1"]["index"][str(number)]["MCS"].items():
            for size, curve in each["CBS"].items():
                modulation, rate = rows[int(mcs)]
                pooled[modulation, float(rate), int(size)] += zip(each["SNR_db"], curve["BLER"], strict=True)
    keys = tuple(sorted(pooled))
    flat = [(i, *point) for i, key in enumerate(keys) for point in sorted(pooled[key])]
    index, sinr_db, error = zip(*flat, strict=True)
    return Points(keys, np.array(index), np.array(sinr_db), np.array(error))


def _rows(name: str) -> list[tuple[int, float]]:
    table = mcs_table(name)  # type: ignore[arg-type]
    return [(int(q), float(1024 * r)) for q, r in zip(table.modulation_bits, table.rate, strict=True)]


def fit(points: Points) -> tuple[Floats, Floats]:
    """Centres and widths in dB of each curve, (keys,) each, by maximum likelihood with the shared prior."""
    design = _design(points.keys)
    n, p = design.shape

    def unpack(x: Floats) -> tuple[Floats, Floats, Floats]:
        return x[:n], x[n : 2 * n], x[2 * n :]

    def objective(x: Floats) -> tuple[float, Floats]:
        centre, apart, shared = unpack(x)
        width = np.exp(design @ shared + apart)[points.curve]
        z = (centre[points.curve] - points.sinr_db) / width
        value, slope = _misfit(z, points.error)
        by_centre = np.bincount(points.curve, slope / width, n)
        by_log_width = np.bincount(points.curve, -slope * z, n)
        gradient = [by_centre, by_log_width + apart / PRIOR**2, design.T @ by_log_width]
        return value + 0.5 * float((apart**2).sum()) / PRIOR**2, np.concatenate(gradient)

    start = np.concatenate([_halfway(points), np.zeros(n), np.zeros(p)])
    start[2 * n : 2 * n + 4], start[-1] = -1.0, -0.45
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000, "maxfun": 9000})
    centre, apart, shared = unpack(found.x)
    return centre, np.exp(design @ shared + apart)


def _design(keys: tuple[Key, ...]) -> Floats:
    """Regressors of ln w: a constant and R for each modulation, and ln(K / 500)."""
    rows = []
    for modulation, rate, size in keys:
        mine = np.array([modulation == each for each in information.MODULATION_BITS], dtype=float)
        rows.append([*mine, *(mine * rate / 1024), np.log(size / 500)])
    return np.array(rows)


def _misfit(z: Floats, error: Floats) -> tuple[float, Floats]:
    """−ln likelihood of binomial counts with the floor, and its derivative by z."""
    fails, passes = np.exp(log_ndtr(z)), np.exp(log_ndtr(-z))
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    value = -TRIALS * (error * np.log(fails + FLOOR) + (1 - error) * np.log(passes + FLOOR))
    slope = -TRIALS * (error * density / (fails + FLOOR) - (1 - error) * density / (passes + FLOOR))
    return float(value.sum()), slope


def _halfway(points: Points) -> Floats:
    found = []
    for i in range(len(points.keys)):
        sinr_db, error = points.sinr_db[points.curve == i], points.error[points.curve == i]
        found.append(np.interp(-0.5, np.maximum.accumulate(-error), sinr_db))
    return np.array(found)


def deviations(points: Points, centre: Floats, width: Floats) -> Floats:
    """|fit − source| in block error rate at each point."""
    z = (centre[points.curve] - points.sinr_db) / width[points.curve]
    return np.asarray(np.abs(ndtr(z) - points.error))


def with_low_rates(keys: tuple[Key, ...], centre: Floats, width: Floats) -> dict[Key, tuple[float, float]]:
    """The fit by key, with the low rates of QPSK extrapolated."""
    found = {key: (float(m), float(w)) for key, m, w in zip(keys, centre, width, strict=True)}
    for size in SIZES:
        known = [key for key in keys if key[0] == 2 and key[2] == size]
        rates = np.array([key[1] for key in known])
        gaps = np.array([found[key][0] for key in known]) - capacity_db(rates / 1024)
        log_widths = np.log([found[key][1] for key in known])
        for rate in LOW_RATES:
            gap = np.polyval(np.polyfit(rates, gaps, 1), rate)
            wide = np.exp(np.polyval(np.polyfit(rates, log_widths, 1), rate))
            found[2, rate, size] = (float(capacity_db(np.array([rate / 1024]))[0] + gap), float(wide))
    return dict(sorted(found.items()))


def capacity_db(rate: Floats) -> Floats:
    """The SINR in dB at which QPSK carries `rate` bits per coded bit."""
    nodes, curve = information.node_sinr(), information.information_table()[0]
    return np.asarray(10 * np.log10(np.interp(rate, curve, nodes)))


def main(folder: str) -> None:
    """Write the table beside this module and print the fit's error."""
    points = read(Path(folder))
    centre, width = fit(points)
    off = deviations(points, centre, width)
    lines = ["modulation_bits,rate_1024,code_block_bits,centre_db,width_db"]
    for (modulation, rate, size), (m, w) in with_low_rates(points.keys, centre, width).items():
        lines.append(f"{modulation},{rate:g},{size},{m:.3f},{w:.3f}")
    Path(__file__).with_name("bler_awgn.csv").write_text("\n".join(lines) + "\n")
    sys.stdout.write(f"{len(points.keys)} curves, {len(off)} points; error in BLER: mean {off.mean():.4f}, ")
    sys.stdout.write(f"99 % below {np.quantile(off, 0.99):.3f}, at most {off.max():.3f}\n")


if __name__ == "__main__":
    main(sys.argv[1])
