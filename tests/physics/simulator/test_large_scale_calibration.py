"""The large-scale calibration of TR 38.901 against the companies' curves of R1-165974."""

from pathlib import Path

import numpy as np
import pytest

from ranvier.dtops.simulator.calibration.large_scale_calibration import (
    METRICS,
    calibrate,
    compared,
    scenario,
    summary,
)
from ranvier.ontology.errors import InputError

REFERENCE = Path(__file__).parents[4] / "shared/data/3gpp-r1-165974-6ghz-percentiles.csv"
DROPS = 8
needs_curves = pytest.mark.skipif(not REFERENCE.exists(), reason="the companies' curves are not here")


@needs_curves
@pytest.mark.parametrize("kind", ["uma", "umi"])
def test_every_step_is_inside_the_envelope_within_the_sampling_error(kind: str) -> None:
    """Drops are independent, so a step's standard error is that of its quantile over drops; four of them."""
    parts = [calibrate(kind, 6e9, drops=1, seed=seed) for seed in range(1, DROPS + 1)]  # type: ignore[arg-type]
    steps = [compared(part, REFERENCE) for part in parts]
    for each in zip(*steps, strict=True):
        ours = np.array([step.ours for step in each])
        reach = 4 * ours.std(ddof=1) / np.sqrt(DROPS)
        first = each[0]
        assert first.low - reach <= ours.mean() <= first.high + reach, first


@needs_curves
@pytest.mark.parametrize("kind", ["uma", "umi"])
def test_most_steps_are_within_one_deviation_of_the_median(kind: str) -> None:
    found = summary(compared(calibrate(kind, 6e9, DROPS), REFERENCE))  # type: ignore[arg-type]
    assert set(found) == set(METRICS)
    for _, near, total in found.values():
        assert near > total / 2


@pytest.mark.parametrize("frequency_hz", [30e9, 70e9])
def test_the_same_runs_at_millimetre_waves(frequency_hz: float) -> None:
    """Above 6 GHz only loss grows, by 20 lg of the frequency in free space and more through walls."""
    low, high = calibrate("umi", 6e9, 2), calibrate("umi", frequency_hz, 2)
    apart = np.median(low.values["coupling_loss"]) - np.median(high.values["coupling_loss"])
    assert apart > 20 * np.log10(frequency_hz / 6e9)


def test_other_frequencies_are_refused() -> None:
    with pytest.raises(InputError, match="6e9, 30e9 or 70e9"):
        scenario("uma", 3.5e9)
