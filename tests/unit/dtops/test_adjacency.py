"""The mean around a target is over its neighbours' known values, and over nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.dtops.adjacency import Adjacency, adjacency, mean_around
from ranvier.dtops.forecast import Target
from ranvier.fabric.snapshot import Relation, Snapshot

NAN = float("nan")


def links(pairs: set[tuple[int, int]]) -> Adjacency:
    ordered = sorted(pairs)
    to, of = (np.array([pair[i] for pair in ordered], dtype=np.int64) for i in (0, 1))
    return Adjacency(to, of, ())


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30), st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_it_is_the_mean_of_what_is_known_of_the_neighbours(pairs: set[tuple[int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    recent = np.where(rng.random((7, 4)) < 0.3, np.nan, rng.normal(size=(7, 4)))
    around = mean_around(links(pairs), recent)
    for to in range(7):
        for step in range(4):
            known = [recent[of, step] for i, of in pairs if i == to and not np.isnan(recent[of, step])]
            wanted = np.mean(known) if known else NAN
            np.testing.assert_allclose(around[to, step], wanted, rtol=1e-12, atol=1e-12)


def test_the_values_themselves_are_left_alone() -> None:
    recent = np.array([[NAN, 1.0], [2.0, NAN]])
    mean_around(links({(0, 1), (1, 0)}), recent)
    np.testing.assert_array_equal(recent, [[NAN, 1.0], [2.0, NAN]])


def test_targets_of_one_quantity_are_joined_both_ways_and_others_not() -> None:
    relation = Relation("adjacent", "NRCellDU=1", "NRCellDU=2", {}, 0, None, 0)
    targets = [Target(f"NRCellDU={i}", q) for i in (1, 2, 3) for q in ("RRU.PrbTotDl", "RRC.ConnMean")]
    found = adjacency(targets, Snapshot(0, 0, (), (relation,)))
    assert list(zip(found.to.tolist(), found.of.tolist(), strict=True)) == [(0, 2), (1, 3), (2, 0), (3, 1)]
