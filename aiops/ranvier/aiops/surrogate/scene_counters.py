"""What the cells of a scene would count over a granularity period, from a forecast of its KPIs in one second.

    prb_percent    ► RRU.PrbTotDl             %
    active_users   ► DRB.MeanActiveUeDl
    rlc_delay_ms   ► DRB.RlcSduDelayDl        0.1 ms
    V / active     ► DRB.UEThpDl              kbit/s: what is delivered, over who is being sent to;
                                              no more than the mean rate of a user who is alone in the cell
    members' users ► RRC.ConnMean

The mean over a period of T seconds is narrower than that over one. Of k = T / 1 s seconds that are independent,

    E[mean] = E[X],   Var[mean] = Var[X] / k      so      q_T(τ) = E[X] + (q(τ) − E[X]) / √k

keeps the shape and has the right two moments. It goes towards the mean and not the median, as means of skewed
figures do. Seconds are not quite independent (queues last), and a delay is a mean over packets: the width is the
least that it may be. What stays wide is what members differ in: load, users, places and gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.forecast import SceneForecast
from ranvier.dtops.scenes.link_budget import link_budget
from ranvier.dtops.scenes.outcomes import PERIOD_S
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scoring.crps import knots

Floats = NDArray[np.float64]
TENTHS_MS = 10.0


def counters(
    scene: Scene, forecast: SceneForecast, users: Floats, horizon_s: float, period_s: float
) -> dict[str, Floats]:
    """Quantity to (c, q) at the forecast's levels; NaN where a cell is off, or serves nobody.

    users     (c,) that are connected
    period_s  granularity period; never taken as less than a second
    """
    levels, k = forecast.levels, max(period_s / PERIOD_S, 1.0)
    prb, active, delay = (
        over_periods(at_horizon(forecast, name, horizon_s), levels, k)
        for name in ("prb_percent", "active_users", "rlc_delay_ms")
    )
    connected = np.where(scene.cells.on, users, 0.0)[:, None] * np.ones(len(levels))
    return {
        "RRU.PrbTotDl": prb, "DRB.UEThpDl": _throughput(scene, forecast, active, horizon_s),
        "DRB.MeanActiveUeDl": active, "RRC.ConnMean": connected,
        "DRB.RlcSduDelayDl": np.where(_serves(scene)[:, None], TENTHS_MS * delay, np.nan),
    }  # fmt: skip


def at_horizon(forecast: SceneForecast, kpi: str, horizon_s: float) -> Floats:
    """(n, q) quantiles of a KPI at any horizon: linear in ln h between those of the forecast, and flat beyond.

    Means of quantile functions never fall where the functions do not.
    """
    return between(forecast.quantiles[kpi], forecast.horizons_s, horizon_s)


def between(values: Floats, horizons_s: Sequence[float], horizon_s: float) -> Floats:
    """(n, q) of (n, h, q) at a horizon; see `at_horizon`."""
    known = np.log(np.array(horizons_s))
    place = float(np.interp(np.log(horizon_s), known, np.arange(len(known))))
    low = int(place)
    high, share = min(low + 1, len(known) - 1), place - low
    return np.asarray((1 - share) * values[:, low] + share * values[:, high] if share else values[:, low])


def over_periods(quantiles: Floats, levels: Floats, k: float) -> Floats:
    """The distribution of the mean of k independent draws, (…, q) to (…, q); see the module."""
    if k <= 1:
        return quantiles
    mean = mean_of(quantiles, levels)[..., None]
    return np.asarray(mean + (quantiles - mean) / sqrt(k))


def mean_of(quantiles: Floats, levels: Floats) -> Floats:
    """(…,) the mean of the piecewise linear distribution, its tails clamped."""
    x, f = knots(quantiles, levels, "clamped")
    return np.asarray((0.5 * (x[..., 1:] + x[..., :-1]) * np.diff(f)).sum(axis=-1))


def mixed(parts: Floats, levels: Floats, points: int = 64) -> Floats:
    """Quantiles (…, q) of the equal mixture of E distributions (E, …, q); NaN where most of them are undefined.

    Each stands as `points` equal shares of its mass.
    """
    from ranvier.dtops.scoring.sample_quantiles import HAZEN, sample_quantiles

    at = (np.arange(points) + 0.5) / points
    drawn = drawn_at(parts, levels, at)
    pooled = np.moveaxis(drawn, 0, -2).reshape(*parts.shape[1:-1], -1)
    undefined = np.isnan(parts[..., 0]).mean(axis=0) > 0.5
    return np.where(undefined[..., None], np.nan, sample_quantiles(pooled, levels, HAZEN))


def drawn_at(quantiles: Floats, levels: Floats, at: Floats) -> Floats:
    """(…, p) the piecewise linear quantile functions (…, q) at levels (p,), clamped."""
    at = np.clip(at, levels[0], levels[-1])
    place = np.clip(np.searchsorted(levels, at, side="right") - 1, 0, len(levels) - 2)
    share = (at - levels[place]) / (levels[place + 1] - levels[place])
    return np.asarray((1 - share) * quantiles[..., place] + share * quantiles[..., place + 1])


def _throughput(scene: Scene, forecast: SceneForecast, active: Floats, horizon_s: float) -> Floats:
    """(c, q): few are active where each of them is fast, so its levels run the other way."""
    budget = link_budget(scene)
    volume = budget.by_cell(mean_of(at_horizon(forecast, "throughput_kbit_s", horizon_s), forecast.levels))
    alone = budget.by_cell(budget.rate_bit_s / 1e3) / np.maximum(budget.users, 1)
    share = volume[:, None] / np.maximum(active[:, ::-1], 1e-9)
    return np.asarray(np.where((volume > 0)[:, None], np.minimum(share, alone[:, None]), np.nan))


def _serves(scene: Scene) -> NDArray[np.bool_]:
    link = scene.serving()
    return np.asarray(np.bincount(scene.links.cell[link[link >= 0]], minlength=len(scene.cells)) > 0)
