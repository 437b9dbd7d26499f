"""The baselines do what their names say, keep atoms as atoms, and are functions of the state."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.aiops.baselines.analogues import figures, filled
from ranvier.aiops.baselines.climatology import Climatology, members_of
from ranvier.aiops.baselines.linear_pool import best_weights, pooled_members
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.aiops.baselines.statistical import Statistical
from ranvier.dtops.scoring.crps import crps_samples
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame
from ranvier.ontology.ontology import Quantity

S = 10**9
HORIZONS = (1.0, 5.0)


def lived(values: np.ndarray, every: int = 5) -> TwinState:
    """The state after one object has reported `values`, one a second."""
    sync, state = LoadBinSynchroniser(S, lags=(1, 2, 5, 8), window=20), None
    for end in range(every, len(values) + 1, every):
        ends = np.arange(end - every + 1, end + 1) * S
        names = np.full(every, "ue", dtype=object), np.full(every, "q", dtype=object)
        measured = SeriesFrame(
            *names, ends, ends, values[end - every : end].astype(float), ends, np.zeros(every, bool)
        )
        state = sync.update(state, measured, None, end * S, end * S)
    assert state is not None
    return state.handed_out()


def test_persistence_says_the_latest_value_at_every_horizon() -> None:
    made = Persistence().forecast(lived(np.arange(50.0)), HORIZONS)
    assert made.values.tolist() == [[[49.0], [49.0]]]


def test_climatology_uses_the_own_past_once_it_is_long_enough() -> None:
    state = lived(np.arange(50.0))
    assert not np.isnan(Climatology(enough=10).forecast(state, HORIZONS).values).any()
    long = Climatology(enough=10).forecast(state, HORIZONS).values[0, 0]
    assert long.min() < 5
    assert long.max() > 44


def test_climatology_is_calibrated_on_independent_draws() -> None:
    """Its CRPS on new draws of U(0, 1) is 1/6, within 5 standard errors and the 1/(6 r) of its sample."""
    rng = np.random.default_rng(1)
    made = Climatology().forecast(lived(rng.random(1_000)), HORIZONS).values[0, 0]
    y = rng.random(5_000)
    score = crps_samples(np.broadcast_to(made, (5_000, made.size)), y)
    assert score.mean() == pytest.approx(1 / 6, abs=5 * score.std() / np.sqrt(5_000) + 3 / (6 * 128))


def test_members_are_values_that_occurred() -> None:
    sample = np.array([[3.0, np.nan, 0.0, 0.0, np.nan, 7.0], [np.nan] * 6])
    found = members_of(sample, 4)
    assert found[0].tolist() == [0.0, 0.0, 3.0, 7.0]
    assert np.isnan(found[1]).all()


def test_the_pool_finds_the_part_that_is_right() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=400)
    good, wrong = rng.normal(size=(400, 15)), rng.normal(3, 1, size=(400, 15))
    weights = best_weights([good, wrong], y)
    assert weights[0] > 0.95


def test_a_mixture_of_halves_is_found_where_the_truth_is_one() -> None:
    rng = np.random.default_rng(3)
    y = np.where(rng.random(3_000) < 0.5, 0.0, 10.0)
    weights = best_weights([np.zeros((3_000, 1)), np.full((3_000, 1), 10.0)], y)
    assert weights[0] == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(3_000))


def test_pooled_members_carry_the_weights_and_pass_over_parts_that_are_silent() -> None:
    parts = [np.array([[0.0], [0.0]]), np.array([[5.0, 5.0], [np.nan, np.nan]])]
    found = pooled_members(parts, np.array([0.3, 0.7]), 10)
    assert (found[0] == 0.0).sum() == 3
    assert (found[1] == 0.0).all()


def test_gaps_are_filled_with_the_value_before() -> None:
    history = np.array([[np.nan, 1.0, np.nan, 3.0]])
    assert filled(history).tolist() == [[1.0, 1.0, 1.0, 3.0]]
    assert figures(history, np.full((1, 4), np.nan))[0, 0] == 3.0


def switching(n: int, seed: int) -> np.ndarray:
    """An on-off rate: off is exactly 0, on is a whole number; it stays with probability 0.9."""
    rng = np.random.default_rng(seed)
    on = np.cumsum(rng.random(n) < 0.1) % 2
    return np.where(on == 1, rng.integers(50, 150, n), 0).astype(float)


def test_atoms_stay_atoms_whole_numbers_and_within_bounds() -> None:
    rate = Quantity("q", "q", "kbit/s", ("UE",), "GAUGE", "", minimum=0.0, integer=True)
    made = Statistical({"q": rate}).forecast(lived(switching(1_500, 4)), HORIZONS)
    assert (made.values == np.rint(made.values)).all()
    assert made.values.min() == 0.0
    assert 0 < (made.values == 0.0).mean() < 1


def test_the_statistical_forecast_learns_how_long_states_last() -> None:
    """Off now: P(off in one step) = 0.9, in five 0.66. Estimated from 1,500 steps, whose effective number of
    spells is some 150: ± 5 √(0.2 / 75) would allow 0.25; the kernel of analogues takes some of that."""
    values = switching(1_500, 5)
    cut = int(np.flatnonzero(values[:1_400] == 0.0)[-1]) + 1
    made = Statistical().forecast(lived(values[: cut - cut % 5], 5), HORIZONS)
    zero = (made.values[0] == 0.0).mean(axis=1)
    off_now = values[cut - cut % 5 - 1] == 0.0
    expected = np.array([0.9, 0.66]) if off_now else np.array([0.1, 0.34])
    assert zero == pytest.approx(expected, abs=0.25)


def test_it_beats_both_others_on_a_series_that_drifts_and_returns() -> None:
    """A mean-reverting walk: persistence is too bold, climatology too timid. 120 issues, scored ahead of time."""
    rng = np.random.default_rng(6)
    walk = np.zeros(1_600)
    for t in range(1, len(walk)):
        walk[t] = 0.9 * walk[t - 1] + rng.normal()
    models = {"climatology": Climatology(), "persistence": Persistence(), "statistical": Statistical()}
    total = dict.fromkeys(models, 0.0)
    sync, state = LoadBinSynchroniser(S, lags=(1, 2, 5, 8), window=20), None
    for end in range(5, 1_595, 5):
        ends = np.arange(end - 4, end + 1) * S
        names = np.full(5, "ue", dtype=object), np.full(5, "q", dtype=object)
        measured = SeriesFrame(*names, ends, ends, walk[end - 5 : end], ends, np.zeros(5, bool))
        state = sync.update(state, measured, None, end * S, end * S)
        if end >= 1_000:
            for name, model in models.items():
                made = model.forecast(state.handed_out(), (5.0,))
                total[name] += float(crps_samples(made.values[0, 0], np.array(walk[end + 4])))
    assert total["statistical"] < total["climatology"]
    assert total["statistical"] < total["persistence"]


def test_the_same_state_gives_the_same_forecast_whatever_was_forecast_before() -> None:
    state, other = lived(switching(900, 7)), lived(switching(600, 8))
    used = Statistical()
    used.forecast(other, HORIZONS)
    again = used.forecast(state, HORIZONS).values
    assert np.array_equal(again, Statistical().forecast(state, HORIZONS).values)


def test_a_young_state_still_gets_a_forecast() -> None:
    made = Statistical().forecast(lived(np.arange(10.0)), HORIZONS)
    assert not np.isnan(made.values).any()
