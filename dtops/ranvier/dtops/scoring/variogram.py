"""The variogram score: do nodes differ from each other as much as they should?

    VS_p(F, y) = Σ w_ij (|yᵢ − yⱼ|^p − E|Xᵢ − Xⱼ|^p)²

over pairs of nodes (Scheuerer & Hamill 2015; p = ½ is their advice, since it has less skew than p = 1 or 2). It
sees wrong correlations that the energy score misses, and is blind to what all nodes share, a common bias above
all: proper, but not strictly. So it stands beside the scores of single nodes, never in their place.

Pairs are a list, so that many nodes are no matter of d² memory: all of them, a fixed random sample that
estimates the sum over all, or the edges of a graph, where dependence is expected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.missing import present, sum_of_present
from ranvier.dtops.scoring.state import divide
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CHUNK = 32_768
"""Differences that are held at once: 256 KB."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """k pairs of nodes; first, second (k,) their places, weight (k,) what each counts."""

    first: Ints
    second: Ints
    weight: Floats


def all_pairs(nodes: int, weights: Floats | None = None) -> Pairs:
    """Each pair once, with w_ij + w_ji of weights (d, d), or 2: the sum over i and j that is in the books."""
    first, second = np.triu_indices(nodes, 1)
    if weights is None:
        return Pairs(first, second, np.full(len(first), 2.0))
    if weights.shape != (nodes, nodes):
        raise InputError(f"weights ({nodes}, {nodes})", str(weights.shape), "one for each ordered pair")
    return Pairs(first, second, weights[first, second] + weights[second, first])


def sampled_pairs(nodes: int, count: int, seed: int = 0) -> Pairs:
    """`count` of all pairs, none twice, weighted so that the score estimates that of all pairs.

    The same pairs for the same seed (a counter-based generator): score every model on the same ones.
    """
    total = nodes * (nodes - 1) // 2
    if not 0 < count <= total:
        raise InputError(f"1 to {total} pairs", str(count), "take all_pairs of so few nodes")
    rng = np.random.Generator(np.random.Philox(key=[seed, nodes]))
    place = np.sort(rng.choice(total, size=count, replace=False, shuffle=False))
    second = np.floor((1 + np.sqrt(8.0 * place + 1)) / 2).astype(np.int64)
    second -= second * (second - 1) // 2 > place  # the root may be rounded up to the next row
    first = place - second * (second - 1) // 2
    return Pairs(first, second, np.full(count, 2.0 * total / count))


def edge_pairs(edges: Ints, weights: Floats | None = None) -> Pairs:
    """The edges (k, 2) of a graph, with weights (k,), or 1."""
    return Pairs(edges[:, 0], edges[:, 1], np.ones(len(edges)) if weights is None else weights)


def variogram_score(members: Floats, y: Floats, pairs: Pairs | None = None, p: float = 0.5) -> Floats:
    """Of the empirical distribution of m members; (…, d, m) and (…, d) to (…), in the unit of y to the 2p.

    In expectation too high by Σ w σ²/m, where σ² is the variance of |Xᵢ − Xⱼ|^p.
    """
    return _score(members, y, pairs, p, fair=False)


def fair_variogram_score(members: Floats, y: Floats, pairs: Pairs | None = None, p: float = 0.5) -> Floats:
    """Unbiased for the distribution that the members are drawn from: less Σ w s²/m. Needs two members."""
    return _score(members, y, pairs, p, fair=True)


def _score(members: Floats, y: Floats, pairs: Pairs | None, p: float, fair: bool) -> Floats:
    d, m = members.shape[-2:]
    if y.shape[-1] != d:
        raise InputError(
            "members (…, nodes, m) and outcomes (…, nodes)", f"{members.shape} and {y.shape}",
            "put members on the last axis and nodes before it",
        )  # fmt: skip
    pairs = all_pairs(d) if pairs is None else pairs
    shape = np.broadcast_shapes(members.shape[:-2], y.shape[:-1])
    flat = _whole(np.broadcast_to(members, (*shape, d, m)).reshape(-1, d, m))
    outcome = np.broadcast_to(y, (*shape, d)).reshape(-1, d, 1)
    outcome = np.where(np.isnan(outcome).any(axis=1, keepdims=True), np.nan, outcome)
    found = np.zeros(len(flat))
    some = max(1, min(len(pairs.first), CHUNK // m))
    rows = max(1, CHUNK // (m * some))
    for at in range(0, len(flat), rows):
        of = slice(at, at + rows)
        for k in range(0, len(pairs.first), some):
            part = Pairs(pairs.first[k : k + some], pairs.second[k : k + some], pairs.weight[k : k + some])
            found[of] += _terms(flat[of], outcome[of], part, p, fair) @ part.weight
    return found.reshape(shape)


def _whole(members: Floats) -> Floats:
    """A vector with one component missing is missing whole."""
    torn = np.isnan(members).any(axis=-2, keepdims=True)
    return np.where(torn, np.nan, members) if torn.any() else members


def _terms(members: Floats, y: Floats, pairs: Pairs, p: float, fair: bool) -> Floats:
    """The square of each pair; (n, d, m) and (n, d, 1) to (n, k)."""
    apart = _differences(members, pairs, p)
    m = present(apart[:, :1]) if np.isnan(apart[:, :1]).any() else np.full((len(apart), 1), apart.shape[-1])
    mean = divide(sum_of_present(apart), m)
    off = _differences(y, pairs, p)[..., 0] - mean
    square = off * off
    if fair:
        variance = divide(sum_of_present((apart - mean[..., None]) ** 2), m - 1)
        square -= divide(variance, m)
    return np.asarray(square)


def _differences(values: Floats, pairs: Pairs, p: float) -> Floats:
    """|xᵢ − xⱼ|^p of each pair; (n, d, m) to (n, k, m)."""
    apart = np.take(values, pairs.first, axis=1)
    apart -= np.take(values, pairs.second, axis=1)
    np.abs(apart, out=apart)
    if p == 0.5:
        return np.asarray(np.sqrt(apart, out=apart))
    return apart if p == 1 else np.asarray(np.power(apart, p, out=apart))
