"""Calibrate, and print each step beside the companies' curves.

python -m ranvier.dtops.simulator.calibration [--scenario uma] [--frequency 6e9] [--drops 20]
    [--reference CSV] [--out DIR]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from ranvier.dtops.simulator.calibration.calibration_pictures import curves
from ranvier.dtops.simulator.calibration.large_scale_calibration import (
    CARRIERS,
    METRICS,
    PERCENTILES,
    Calibrated,
    Kind,
    Step,
    calibrate,
    compared,
    summary,
)
from ranvier.ontology.errors import RanvierError

REFERENCE = Path("../shared/data/3gpp-r1-165974-6ghz-percentiles.csv")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=("uma", "umi"), action="append")
    parser.add_argument("--frequency", type=float, action="append")
    parser.add_argument("--drops", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reference", type=Path, default=REFERENCE)
    parser.add_argument("--out", type=Path, help="folder for the pictures")
    given = parser.parse_args()
    try:
        for kind in given.scenario or ("uma", "umi"):
            for frequency in given.frequency or tuple(CARRIERS):
                _one(kind, frequency, given)
    except RanvierError as error:
        sys.exit(f"calibration: {error}")


def _one(kind: Kind, frequency_hz: float, given: argparse.Namespace) -> None:
    found = calibrate(kind, frequency_hz, given.drops, given.seed)
    steps = compared(found, given.reference) if given.reference.exists() else []
    _say(f"\n{kind.upper()} at {frequency_hz / 1e9:g} GHz, {given.drops} drops of 570 users")
    _table(found, steps)
    spread = np.log10(found.delay_spread_s)
    for name, which in (("with", found.los), ("without", ~found.los)):
        if which.any():
            _say(
                f"lg(delay spread / s) {name} line of sight: {spread[which].mean():.3f} ± {spread[which].std():.3f}"
            )
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        picture = curves(found, steps)
        for dress in ("light", "dark"):
            (given.out / f"{picture.name}-{dress}.png").write_bytes(picture.png(dress))


def _table(found: Calibrated, steps: list[Step]) -> None:
    if not steps:
        _say("no curves of companies for this set-up: ours alone")
        _say("percentile   " + "".join(f"{metric:>16}" for metric in METRICS))
        for percentile in PERCENTILES:
            values = (np.quantile(found.values[metric], percentile / 100) for metric in METRICS)
            _say(f"{percentile:>10} % " + "".join(f"{value:16.2f}" for value in values))
        return
    _say("metric          percentile     ours   median  1 SD  envelope")
    for step in steps:
        verdict = "within 1 SD" if step.near else "inside" if step.inside else "OUTSIDE"
        _say(
            f"{step.metric:15} {step.percentile:>8} % {step.ours:8.2f} {step.median:8.2f} {step.deviation:5.2f}"
            f"  {step.low:8.2f} to {step.high:8.2f}  {verdict}"
        )
    for metric, (inside, near, total) in summary(steps).items():
        _say(f"{metric}: {inside} of {total} steps inside the envelope, {near} within one standard deviation")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
