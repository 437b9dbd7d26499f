"""The slope by which a soak is judged: closed forms, and that noise does not pass for growth."""

from __future__ import annotations

import math
import random

import pytest

from tests.faults.flatness import trend
from tests.faults.soak_samples import Samples, drawn, judge

MINUTES = 60
TIMES_S = [5.0 * n for n in range(12 * MINUTES)]


def test_a_straight_line_has_its_slope_and_an_interval_of_nothing() -> None:
    found = trend(TIMES_S, [100 + at_s / 360 for at_s in TIMES_S])
    assert found.per_hour == pytest.approx(10)
    assert (found.low_per_hour, found.high_per_hour) == pytest.approx((10, 10))


def test_one_wild_sample_moves_nothing() -> None:
    values = [100.0] * len(TIMES_S)
    values[300] = 1e6
    assert trend(TIMES_S, values).high_per_hour == 0


def test_the_interval_holds_the_slope_in_about_95_of_100_noisy_series() -> None:
    rng = random.Random(1)
    held = 0
    for _ in range(100):
        found = trend(TIMES_S, [at_s / 360 + rng.gauss(0, 3) for at_s in TIMES_S])
        held += found.low_per_hour <= 10 <= found.high_per_hour
    # Binomial(100, 0.95) is at or below 88 in one of 250 cases.
    assert held > 88


def test_too_few_samples_have_no_slope() -> None:
    assert math.isnan(trend([0.0, 1.0], [1.0, 2.0]).per_hour)


def samples(growth_mb_per_h: float = 0.0, behind_per_h: float = 0.0, older_s: float = 0.0) -> Samples:
    rng = random.Random(2)
    hours = [at_s / 3600 for at_s in TIMES_S]
    return Samples(
        TIMES_S, {"ranvier ingest": [200 + growth_mb_per_h * h + rng.gauss(0, 1) for h in hours]},
        {"kafka": [500.0] * len(hours)}, [50 + behind_per_h * h for h in hours], [0.4 + older_s * h for h in hours],
    )  # fmt: skip


def missed(measured: Samples) -> list[str]:
    return [each.name for each in judge(measured, 400.0) if not each.met]


def test_a_soak_that_is_flat_meets_every_criterion() -> None:
    assert missed(samples()) == []


@pytest.mark.parametrize(
    ("measured", "name"),
    [
        (samples(growth_mb_per_h=30), "memory of ranvier ingest, growth at most"),
        (samples(behind_per_h=600), "records behind, growth at most"),
        (samples(behind_per_h=10_000), "records behind, worst"),
        (samples(older_s=2), "newest point older in the last third by"),
    ],
)
def test_a_soak_that_is_not_flat_misses_the_criterion(measured: Samples, name: str) -> None:
    assert name in missed(measured)


def test_the_figure_is_well_formed() -> None:
    from xml.etree import ElementTree

    root = ElementTree.fromstring(drawn(samples(growth_mb_per_h=3), 400.0))
    assert sum(each.tag.endswith("polyline") for each in root.iter()) == 4
