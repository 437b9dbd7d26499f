"""The energy score: the CRPS of vectors, here of d nodes at once.

    ES(F, y) = E‖X − y‖ − ½ E‖X − X′‖

with the Euclidean norm over nodes. It is in the unit of y, is the CRPS where d = 1, and is strictly proper
(Gneiting & Raftery 2007, section 5.1). It sees marginals well and dependence poorly: with the right marginals
and no correlation at all it rises by a few per cent only (Pinson & Tastu 2013), so that area sums (`area`)
and variograms (`variogram`) belong beside it. Nodes in different units are scaled before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.missing import present, sum_of_present
from ranvier.dtops.scoring.state import divide
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
CHUNK = 131_072
"""Distances that are held at once: 1 MB."""
NEAR = 1e-3
"""Where ‖a − b‖² is below this part of ‖a‖² + ‖b‖², the product form has lost too many digits."""


def energy_score(members: Floats, y: Floats) -> Floats:
    """Of the empirical distribution of m equally likely vectors; (…, d, m) and (…, d) to (…).

    Σ‖xᵢ − y‖ / m − Σᵢⱼ‖xᵢ − xⱼ‖ / (2m²). In expectation it is too high by ½E‖X − X′‖ / m for the distribution
    that the members are drawn from: compare ensembles of one size, or fairly.
    """
    to_outcome, m = mean_distance_to(members, y)
    return to_outcome - divide(pair_sum(members), m * m)


def fair_energy_score(members: Floats, y: Floats) -> Floats:
    """Unbiased for the distribution that the members are drawn from; (…, d, m) and (…, d) to (…).

    Σ‖xᵢ − y‖ / m − Σᵢⱼ‖xᵢ − xⱼ‖ / (2m(m − 1)). It needs two members, else NaN; it may be negative.
    """
    to_outcome, m = mean_distance_to(members, y)
    return to_outcome - divide(pair_sum(members), m * (m - 1))


def mean_distance_to(members: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Σ‖xᵢ − y‖ / m over the vectors present, and how many these are; (…, d, m) and (…, d) to two of (…)."""
    if members.shape[-2] != y.shape[-1]:
        raise InputError(
            "members (…, nodes, m) and outcomes (…, nodes)", f"{members.shape} and {y.shape}",
            "put members on the last axis and nodes before it",
        )  # fmt: skip
    apart = members - y[..., None]
    norms = np.sqrt(np.einsum("...dm,...dm->...m", apart, apart))
    m = present(norms).astype(np.float64)
    return divide(sum_of_present(norms), m), m


def pair_sum(members: Floats) -> Floats:
    """½ Σᵢⱼ‖xᵢ − xⱼ‖; (…, d, m) to (…). Torn vectors add nothing."""
    return cross_sum(members, members) / 2


def cross_sum(a: Floats, b: Floats) -> Floats:
    """Σᵢⱼ‖aᵢ − bⱼ‖; (…, d, k) and (…, d, m) to (…). Torn vectors add nothing."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left, right = (np.broadcast_to(x, shape + x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (a, b))
    found = np.empty(len(left))
    for rows in _chunks(len(left), a.shape[-1] * b.shape[-1]):
        apart = distances(left[rows], right[rows], a is b)
        found[rows] = sum_of_present(apart.reshape(len(apart), -1))
    return found.reshape(shape)


def _chunks(n: int, each: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(each, 1))
    return (slice(at, at + step) for at in range(0, n, step))


def distances(a: Floats, b: Floats, same: bool) -> Floats:
    """‖aᵢ − bⱼ‖; (n, d, k) and (n, d, m) to (n, k, m). `same`: a is b, and the diagonal exactly 0.

    By ‖a‖² + ‖b‖² − 2a·b about the mean of all, one matrix product; pairs too near each other for it are
    taken again from their differences.
    """
    with np.errstate(invalid="ignore"):
        middle = sum_of_present(a)[..., None] / np.maximum(present(a), 1)[..., None]
    a = a - middle
    b = a if same else b - middle
    lengths = [np.einsum("ndm,ndm->nm", x, x) for x in (a, b)]
    found = np.matmul(a.transpose(0, 2, 1), b)
    found *= -2
    scale = lengths[0][:, :, None] + lengths[1][:, None, :]
    found += scale
    scale *= NEAR
    near = found < scale
    if same:
        diagonal = np.arange(a.shape[-1])
        near[:, diagonal, diagonal] = False
        found[:, diagonal, diagonal] = np.where(np.isnan(lengths[0]), np.nan, 0.0)
    _take_again(found, a, b, near)
    return np.asarray(np.sqrt(found, out=found))


def _take_again(squares: Floats, a: Floats, b: Floats, near: NDArray[np.bool_]) -> None:
    n, i, j = np.nonzero(near)
    step = max(1, CHUNK // a.shape[1])
    for at in range(0, len(n), step):
        of, left, right = n[at : at + step], i[at : at + step], j[at : at + step]
        apart = a[of, :, left] - b[of, :, right]
        squares[of, left, right] = np.einsum("pd,pd->p", apart, apart)
