"""The CRPS does not depend on how points are batched, nor on how far from zero they lie."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops.scoring import crps

RNG = np.random.default_rng(1)
MEMBERS, Y = RNG.normal(size=(5, 8, 7)), RNG.normal(size=(5, 8))
LEVELS = np.arange(1, 8) / 8


def all_ways() -> np.ndarray:
    quantiles = crps.crps_quantiles(np.sort(MEMBERS, axis=-1), LEVELS, Y, "linear")
    return np.stack([crps.crps_samples(MEMBERS, Y), crps.fair_crps_samples(MEMBERS, Y), quantiles])


def test_chunks_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = all_ways()
    for chunk in (1, 21, 100):
        monkeypatch.setattr(crps, "CHUNK", chunk)
        assert all_ways() == pytest.approx(whole, rel=1e-13)


def test_one_forecast_goes_with_many_outcomes_and_the_other_way_round() -> None:
    one = crps.crps_samples(MEMBERS[0, 0], Y)
    assert one.shape == Y.shape
    assert one[2, 3] == pytest.approx(float(crps.crps_samples(MEMBERS[0, 0], Y[2, 3])))
    values = np.sort(MEMBERS, axis=-1)
    assert crps.crps_quantiles(values[0, 0], LEVELS, Y).shape == Y.shape
    assert crps.crps_quantiles(values, LEVELS, np.array(0.3)).shape == Y.shape
    assert crps.crps_samples(np.zeros((0, 3)), np.zeros(0)).shape == (0,)


def test_a_large_offset_costs_no_digits() -> None:
    far = 2.0**40  # which rounds values to 2⁻¹² of a unit; nothing is lost after that
    members, y = np.round(MEMBERS * 2**10) / 2**10, np.round(Y * 2**10) / 2**10
    assert crps.crps_samples(members + far, y + far) == pytest.approx(
        crps.crps_samples(members, y), abs=1e-12
    )
