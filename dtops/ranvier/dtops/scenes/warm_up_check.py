"""How far the shortcut of a rollout is off: KPIs after a warm-up of 1 s against longer ones.

    python -m ranvier.dtops.scenes.warm_up_check [--runs N] [--scenes train:3,known:0] [--whole known:1]

A rollout begins 1 s before its period, with empty queues and users where motion brings them by then. Here the same
scenes are rolled out with 4 s, and where asked with all 60 s before the horizon simulated. A run's figure is the
mean of a KPI over the nodes of the scene; runs of equal seeds are pairs, which have their users' ways in common.
Two one-sided tests (TOST) at α = 0.05 say for each KPI whether both are the same within a margin.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.drawn import Deployment, drawn
from ranvier.dtops.scenes.link_budget import link_budget
from ranvier.dtops.scenes.outcomes import KPIS, PERIOD_S
from ranvier.dtops.scenes.recipe import RECIPES, Split, deployment
from ranvier.dtops.scenes.rollout import WARM_S, rollout
from ranvier.dtops.scoring.equivalence import Equivalence, tost

Floats = NDArray[np.float64]
HORIZON_S = 60.0
LONGER_S = 4.0
RELATIVE = 0.05
"""Margin of quantities that have a zero, as a part of their mean; `MARGIN_DB` of those in dB."""
MARGIN_DB = 0.5
FEWEST_EVENTS = 1e-3
"""A mean below which an event is too rare to compare, a node and period."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One KPI of one scene: its means after the usual and the longer warm-up; None where it cannot be tested."""

    scene: str
    load: float
    warm_s: float
    kpi: str
    usual: float
    longer: float
    test: Equivalence | None


def check(chosen: Deployment, warm_s: float, runs: int) -> Iterator[Finding]:
    """The KPIs of a deployment at HORIZON_S: WARM_S against `warm_s`, which is HORIZON_S − PERIOD_S at most."""
    scene = drawn(chosen)
    load = float(link_budget(scene).load.mean())
    seeds = [chosen.scene_seed + 1 + i for i in range(runs)]
    usual, longer = (rollout(chosen, scene, seeds, [HORIZON_S], each).values for each in (WARM_S, warm_s))
    for each in KPIS:
        a, b = (_by_run(values[each.name][:, 0].astype(np.float64)) for values in (usual, longer))
        known = np.isfinite(a) & np.isfinite(b)
        a, b = a[known], b[known]
        margin = MARGIN_DB if each.unit.startswith("dB") else RELATIVE * abs(float(b.mean()))
        testable = len(a) > 1 and margin > 0 and not (each.event and b.mean() < FEWEST_EVENTS)
        yield Finding(
            chosen.name, load, warm_s, each.name, float(a.mean()), float(b.mean()),
            tost(a, b, margin, paired=True) if testable else None,
        )  # fmt: skip


def _by_run(values: Floats) -> Floats:
    """(m,) means over nodes of (n, m), of those that have a value in all runs."""
    always = np.isfinite(values).all(axis=1)
    return np.asarray(values[always].mean(axis=0)) if always.any() else np.full(values.shape[1], np.nan)


def table(findings: Sequence[Finding]) -> str:
    """In Markdown."""
    rows = [
        "| scene | load | warm-up, s | KPI | 1 s | longer | difference, 90 % interval | margin | verdict |",
        "|---|--:|--:|---|--:|--:|--:|--:|---|",
    ]
    for each in findings:
        test = each.test
        between = f"{test.difference:+.3g} [{test.low:+.3g}, {test.high:+.3g}]" if test else "–"
        margin, verdict = (f"±{test.margin:.3g}", test.verdict) if test else ("–", "not to be tested")
        rows.append(
            f"| {each.scene} | {each.load:.2f} | {each.warm_s:g} | {each.kpi} | {each.usual:.4g} "
            f"| {each.longer:.4g} | {between} | {margin} | {verdict} |"
        )
    return "\n".join(rows)


def _chosen(text: str) -> list[Deployment]:
    """Of the small recipe: `known:1,train:3`."""
    parts = [each.split(":") for each in text.split(",") if each]
    splits: list[tuple[Split, int]] = [(name, int(number)) for name, number in parts]  # type: ignore[misc]
    return [deployment(RECIPES["small"], *each) for each in splits]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--scenes", default="known:0,known:1,train:3,train:4")
    parser.add_argument(
        "--whole", default="", help="scenes of which all 60 s are simulated too: minutes each"
    )
    given = parser.parse_args(arguments)
    findings = [f for each in _chosen(given.scenes) for f in check(each, LONGER_S, given.runs)]
    findings += [f for each in _chosen(given.whole) for f in check(each, HORIZON_S - PERIOD_S, given.runs)]
    sys.stdout.write(table(findings) + "\n")


if __name__ == "__main__":
    main()
