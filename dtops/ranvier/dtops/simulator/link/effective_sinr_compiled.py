"""`effective_sinr` for one user, compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link.information_compiled import (
    between,
    mutual_information,
    place_of,
    sinr_of_information,
)

_HALF, _ONE, _FOUR = np.float32(0.5), np.float32(1.0), np.float32(4.0)


@njit(**KERNEL)
def channel_gains(serving, gains):  # type: ignore[no-untyped-def]
    """Write λ_max(G), G11, G22, det G into gains (4, S, U), of serving (2, 4, S, U), float32.

    serving  axis 0 real and imaginary part, axis 1 the entries of H: 00, 01, 10, 11 (receive antenna, port)
    """
    for s in range(serving.shape[2]):
        a, b, c, d = serving[0, 0, s], serving[0, 1, s], serving[0, 2, s], serving[0, 3, s]
        ai, bi, ci, di = serving[1, 0, s], serving[1, 1, s], serving[1, 2, s], serving[1, 3, s]
        for u in range(serving.shape[3]):
            first = a[u] * a[u] + ai[u] * ai[u] + (c[u] * c[u] + ci[u] * ci[u])
            second = b[u] * b[u] + bi[u] * bi[u] + (d[u] * d[u] + di[u] * di[u])
            re = a[u] * b[u] + ai[u] * bi[u] + (c[u] * d[u] + ci[u] * di[u])
            im = a[u] * bi[u] - ai[u] * b[u] + (c[u] * di[u] - ci[u] * d[u])
            apart = np.sqrt((first - second) * (first - second) + _FOUR * (re * re + im * im))
            det = a[u] * d[u] - ai[u] * di[u] - (b[u] * c[u] - bi[u] * ci[u])
            deti = a[u] * di[u] + ai[u] * d[u] - (b[u] * ci[u] + bi[u] * c[u])
            gains[0, s, u] = _HALF * (first + second + apart)
            gains[1, s, u] = first
            gains[2, s, u] = second
            gains[3, s, u] = det * det + deti * deti


@njit(**KERNEL, inline="always")
def rank2_sinr(first, second, det, snr):  # type: ignore[no-untyped-def]
    """γ of both layers, of G11, G22, det G and snr, float32."""
    half = _HALF * snr
    both = half * half * det
    return (half * first + both) / (_ONE + half * second), (half * second + both) / (_ONE + half * first)


@njit(**KERNEL)
def mean_information(sinr, prbs, curve):  # type: ignore[no-untyped-def]
    """Mean information per coded bit of sinr (V, S) float32 on prbs (S,) PRBs, by the modulation's curve."""
    total, weight = 0.0, 0.0
    for s in range(sinr.shape[1]):
        if prbs[s] > 0:
            for v in range(sinr.shape[0]):
                total += prbs[s] * mutual_information(sinr[v, s], curve)
            weight += prbs[s] * np.float64(sinr.shape[0])
    return total / weight


@njit(**KERNEL)
def mean_informations(sinr, prbs, curves):  # type: ignore[no-untyped-def]
    """The same for all four modulations, which share their places in curves (4, NODES)."""
    qpsk, qam16, qam64, qam256, weight = 0.0, 0.0, 0.0, 0.0, 0.0
    for s in range(sinr.shape[1]):
        if prbs[s] <= 0:
            continue
        for v in range(sinr.shape[0]):
            place, after = place_of(sinr[v, s])
            qpsk += prbs[s] * between(place, after, curves[0])
            qam16 += prbs[s] * between(place, after, curves[1])
            qam64 += prbs[s] * between(place, after, curves[2])
            qam256 += prbs[s] * between(place, after, curves[3])
        weight += prbs[s] * np.float64(sinr.shape[0])
    return qpsk / weight, qam16 / weight, qam64 / weight, qam256 / weight


@njit(**KERNEL)
def effective_sinr_db(information, curve, nodes):  # type: ignore[no-untyped-def]
    """The flat SINR in dB with this mean information; −inf for none."""
    return 10.0 * math.log10(sinr_of_information(information, curve, nodes))
