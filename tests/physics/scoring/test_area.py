"""Area sums: what they see of dependence that the energy score hardly does, and what cannot be summed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ranvier.dtops.scoring import area, crps, energy
from ranvier.ontology.errors import InputError

NODES = 57


def equicorrelated(rng: np.random.Generator, shape: tuple[int, ...], rho: float) -> np.ndarray:
    """(n, NODES, m) standard normals of which every two nodes correlate by rho."""
    n, m = shape
    common = rng.normal(size=(n, 1, m))
    return math.sqrt(rho) * common + math.sqrt(1 - rho) * rng.normal(size=(n, NODES, m))


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_independent_nodes_pass_the_energy_score_and_fail_the_area_sum(rho: float) -> None:
    """Right marginals, no dependence, on 57 nodes.

    The sum of the truth has the standard deviation S = √(d + d(d − 1)ρ), that of independent nodes √d. The
    expected CRPS of N(0, s²) under N(0, S²) is √(2(s² + S²)/π)·… in the energy form E|Y − X| − ½E|Y − Y′|:
    (√(2(s² + S²)) − s)/√π against S/√π for the truth. Energy scores by 2,000 draws, ± 5 s.e.
    """
    rng = np.random.default_rng(1)
    n, m = 2_000, 20
    y = equicorrelated(rng, (n, 1), rho)[..., 0]
    truth, alone = equicorrelated(rng, (n, m), rho), rng.normal(size=(n, NODES, m))
    right, wrong = (energy.fair_energy_score(each, y) for each in (truth, alone))
    ratio = wrong.mean() / right.mean()
    error = (wrong - ratio * right).std() / math.sqrt(n) / right.mean()
    assert 1.02 - 5 * error < ratio < 1.06 + 5 * error
    scene = np.zeros(NODES, dtype=np.int64)
    right, wrong = (
        area.area_crps(np.swapaxes(each, 0, 1), y.T, scene, fair=True)[0] for each in (truth, alone)
    )
    big, small = math.sqrt(NODES + NODES * (NODES - 1) * rho), math.sqrt(NODES)
    expected = (math.sqrt(2 * (small**2 + big**2)) - small) / big
    found = wrong.mean() / right.mean()
    error = (wrong - found * right).std() / math.sqrt(n) / right.mean()
    assert found == pytest.approx(expected, abs=5 * error)
    assert found > 1.25 - 5 * error


def test_sums_are_those_of_each_label() -> None:
    values = np.arange(12.0).reshape(6, 2)
    labels = np.array([1, 0, 1, area.NOWHERE, 0, 3])
    found = area.area_sums(values, labels)
    assert found[0].tolist() == (values[1] + values[4]).tolist()
    assert found[1].tolist() == (values[0] + values[2]).tolist()
    assert np.isnan(found[2]).all()
    assert found[3].tolist() == values[5].tolist()
    assert area.scene_sum(values)[0].tolist() == values.sum(axis=0).tolist()
    assert area.area_sums(values, labels, 9).shape == (9, 2)


def test_the_score_of_a_site_of_one_node_is_that_of_the_node() -> None:
    rng = np.random.default_rng(2)
    members, y = rng.normal(size=(4, 3, 9)), rng.normal(size=(4, 3))
    assert area.area_crps(members, y, np.arange(4)) == pytest.approx(crps.crps_samples(members, y))


def test_coverage_of_sums_is_right_where_dependence_is_and_too_low_where_it_is_not() -> None:
    rng = np.random.default_rng(3)
    n, m = 2_000, 39
    y, truth = equicorrelated(rng, (n, 1), 0.5)[..., 0], equicorrelated(rng, (n, m), 0.5)
    u, scene = rng.random((1, n)), np.zeros(NODES, dtype=np.int64)

    def covered(members: np.ndarray) -> float:
        return float(area.area_covered(np.swapaxes(members, 0, 1), y.T, scene, u, 0.8).mean())

    # of 39 calibrated members 31 or 32 of 40 gaps lie in the band: 0.78 to 0.8
    assert covered(truth) == pytest.approx(0.79, abs=0.01 + 5 * math.sqrt(0.8 * 0.2 / n))
    assert covered(rng.normal(size=(n, NODES, m))) < 0.4


def test_a_missing_node_makes_its_area_missing_and_no_other() -> None:
    rng = np.random.default_rng(4)
    members, y = rng.normal(size=(4, 9)), rng.normal(size=4)
    labels = np.array([0, 0, 1, 1])
    torn = members.copy()
    torn[1, 3] = np.nan
    found = area.area_crps(torn, y, labels)
    left = area.area_crps(np.delete(members, 3, axis=1), y, labels)
    assert found[0] == pytest.approx(left[0])
    assert found[1] == pytest.approx(area.area_crps(members, y, labels)[1])
    assert np.isnan(area.area_crps(members, np.where(np.arange(4) == 2, np.nan, y), labels)).tolist() == [
        False, True,
    ]  # fmt: skip


def test_quantiles_cannot_be_summed_and_the_error_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"joint samples.*Schaake"):
        area.area_crps(np.zeros((2, 3)), np.zeros(2), np.zeros(2, int), levels=np.array([0.1, 0.5, 0.9]))
    with pytest.raises(InputError, match="label"):
        area.area_sums(np.zeros((2, 3)), np.zeros(3, int))
