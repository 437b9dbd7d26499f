"""Are two runs the same? "identical", "equivalent within the margin", "different", or not yet known, with evidence.

Identical: the digests over all sums of all periods are equal, bit for bit. Otherwise each KPI of the network
goes through two one-sided tests at a margin relative to its mean (`equivalence`), over realisations, in pairs
where both runs have the same seeds. α is shared among the KPIs (Bonferroni), so that "equivalent" is said of
all of them together at 5 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from ranvier.dtops.scoring.equivalence import Equivalence, tost
from ranvier.dtops.simulator.output.run_folder import RunFolder
from ranvier.ontology.errors import InputError

Verdict = Literal["identical", "equivalent", "different", "undecided"]
JUDGED = (
    "prb_percent", "throughput_kbit_s", "volume_mbit_s", "active_users", "connected_users", "rlc_delay_ms",
    "air_delay_ms", "error_ratio", "power_w",
)  # fmt: skip
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """One KPI: the means of both runs, and the test of their difference; None where it cannot be tested."""

    kpi: str
    mean_a: float
    mean_b: float
    test: Equivalence | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict on two runs. `paired`: they have the same seeds. `margin` is relative."""

    verdict: Verdict
    paired: bool
    margin: float
    findings: tuple[Finding, ...]


def compare(a: RunFolder, b: RunFolder, margin: float = 0.05) -> Comparison:
    """Compare two runs of equal length. Raises InputError where they are not comparable."""
    if not 0 < margin < 1:
        raise InputError("a margin between 0 and 1, relative to the mean", f"{margin:g}", "try 0.05")
    lengths = [folder.manifest["slots_done"] for folder in (a, b)]
    if lengths[0] != lengths[1] or not lengths[0]:
        raise InputError(
            "two runs of equal length", f"{lengths[0]} and {lengths[1]} slots", "simulate both as long"
        )
    paired = a.manifest["seeds"] == b.manifest["seeds"]
    tables = [_by_realisation(folder.table("kpis")) for folder in (a, b)]
    findings = tuple(_finding(kpi, tables[0][kpi], tables[1][kpi], margin, paired) for kpi in JUDGED)
    if a.manifest["digest"] == b.manifest["digest"]:
        return Comparison("identical", paired, margin, findings)
    verdicts = {each.test.verdict for each in findings if each.test is not None}
    if "different" in verdicts:
        return Comparison("different", paired, margin, findings)
    undecided = "undecided" in verdicts or not verdicts
    return Comparison("undecided" if undecided else "equivalent", paired, margin, findings)


def _by_realisation(table: pa.Table) -> dict[str, np.ndarray]:
    """(R,) means over periods, weighted by their slots, of each KPI."""
    realisation = table["realisation"].to_numpy()
    weight = table["slots"].to_numpy().astype(float)
    found = {}
    for kpi in JUDGED:
        values = table[kpi].to_numpy()
        known = np.isfinite(values)
        sums = np.bincount(realisation, np.where(known, values, 0) * weight)
        found[kpi] = sums / np.bincount(realisation, known * weight)
    return found


def _finding(kpi: str, a: np.ndarray, b: np.ndarray, margin: float, paired: bool) -> Finding:
    known_a, known_b = np.isfinite(a), np.isfinite(b)
    if paired:
        known_a = known_b = known_a & known_b
    a, b = a[known_a], b[known_b]
    if min(len(a), len(b)) < 2 or a.mean() == 0 == b.mean():
        same = len(a) > 0 and len(b) > 0
        return Finding(kpi, a.mean() if same else np.nan, b.mean() if same else np.nan, None)
    reach = margin * max(abs(float(a.mean())), abs(float(b.mean())))
    return Finding(kpi, float(a.mean()), float(b.mean()), tost(a, b, reach, ALPHA / len(JUDGED), paired))
