"""The energy score: an independent implementation, its one-dimensional form, no bias where it is fair."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ranvier.dtops.scoring import crps, energy
from ranvier.ontology.errors import InputError

finite = st.floats(-1e3, 1e3, allow_nan=False, width=32)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(2, 9))


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n, d, m = draw(shapes)
    return draw(arrays(float, (n, d, m), elements=finite)), draw(arrays(float, (n, d), elements=finite))


@settings(deadline=None)
@given(cases())
def test_it_agrees_with_an_independent_implementation(case: tuple[np.ndarray, np.ndarray]) -> None:
    members, y = case
    turned = np.swapaxes(members, -1, -2)
    for ours, estimator in ((energy.energy_score, "nrg"), (energy.fair_energy_score, "fair")):
        expected = scoringrules.es_ensemble(y, turned, estimator=estimator, backend="numpy")
        assert ours(members, y) == pytest.approx(expected, rel=1e-9, abs=1e-8)


def test_of_one_node_it_is_the_crps() -> None:
    rng = np.random.default_rng(1)
    members, y = rng.normal(size=(50, 1, 9)), rng.normal(size=(50, 1))
    expected = crps.crps_samples(members[:, 0], y[:, 0])
    assert energy.energy_score(members, y) == pytest.approx(expected, rel=1e-12)


def test_members_that_are_nearly_alike_keep_their_distance() -> None:
    """‖a‖² + ‖b‖² − 2a·b would leave no digit of a distance of 1e-9 beside lengths of 1."""
    rng = np.random.default_rng(2)
    base = rng.normal(size=(3, 1))
    members = np.concatenate([base, base + 1e-9, -base], axis=1)[None]
    exact = np.sqrt(((members[..., :, None] - members[..., None, :]) ** 2).sum(axis=1))
    assert energy.distances(members, members, True) == pytest.approx(exact, rel=1e-6)


def test_the_fair_score_does_not_depend_on_the_number_of_members_and_the_plain_one_does() -> None:
    """Paired over 4,000 situations; the plain excess is ½E‖X − X′‖ (1/3 − 1/30)."""
    rng = np.random.default_rng(3)
    members, y = rng.normal(size=(4_000, 4, 33)), rng.normal(size=(4_000, 4))
    few, many = members[..., :3], members[..., 3:]
    apart = energy.fair_energy_score(few, y) - energy.fair_energy_score(many, y)
    assert abs(apart.mean()) < 5 * apart.std() / np.sqrt(len(apart))
    apart = energy.energy_score(few, y) - energy.energy_score(many, y)
    excess = (energy.pair_sum(many) / (30 * 29)).mean() * (1 / 3 - 1 / 30)
    assert abs(apart.mean() - excess) < 5 * apart.std() / np.sqrt(len(apart))


def test_it_is_proper_the_true_distribution_wins() -> None:
    rng = np.random.default_rng(4)
    y, members = rng.normal(size=(3_000, 6)), rng.normal(size=(3_000, 6, 20))
    truth = energy.fair_energy_score(members, y)
    for wrong in (1.4 * members, members + 0.4, 0.7 * members):
        loss = energy.fair_energy_score(wrong, y) - truth
        assert loss.mean() > 5 * loss.std() / np.sqrt(len(loss))


def test_it_turns_with_the_vectors_and_moves_with_them() -> None:
    rng = np.random.default_rng(5)
    members, y = rng.normal(size=(10, 4, 7)), rng.normal(size=(10, 4))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    turned = energy.energy_score(3 * turn @ members + 5, 3 * (y @ turn.T) + 5)
    assert turned == pytest.approx(3 * energy.energy_score(members, y), rel=1e-10)


def test_chunks_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    members, y = rng.normal(size=(5, 3, 8)), rng.normal(size=(5, 3))
    whole = energy.energy_score(members, y)
    monkeypatch.setattr(energy, "CHUNK", 1)
    assert energy.energy_score(members, y) == pytest.approx(whole, rel=1e-13)


def test_members_on_the_wrong_axis_are_refused() -> None:
    with pytest.raises(InputError, match="last axis"):
        energy.energy_score(np.zeros((5, 9, 3)), np.zeros((5, 3)))
