"""Quantiles of a forecast at any levels, for answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ranvier.gateway.api.models import Quantile
from ranvier.gateway.api.platform import IssuedForecast

DEFAULT_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def quantiles_of(forecast: IssuedForecast, levels: Sequence[float]) -> list[Quantile]:
    """The quantiles at `levels`, which lie in (0, 1); empty where the model gave no forecast.

    Between the forecast's own levels linear; beyond the outermost by its tail rule.
    """
    values = np.asarray(forecast.values, dtype=np.float64)
    if values.size == 0 or not np.all(np.isfinite(values)):
        return []
    wanted = np.unique(np.asarray(levels, dtype=np.float64))
    if forecast.levels is None:
        # Members are equally likely, so no value lies between two of them: atoms stay atoms.
        found = np.quantile(values, wanted, method="inverted_cdf")
    else:
        known = np.asarray(forecast.levels, dtype=np.float64)
        found = np.interp(wanted, known, values)
        if forecast.tail == "linear" and len(known) > 1:
            found = found + _beyond(wanted, known, values)
    return [Quantile(level=float(p), value=float(v)) for p, v in zip(wanted, found, strict=True)]


def _beyond(
    wanted: np.typing.NDArray[np.float64],
    known: np.typing.NDArray[np.float64],
    values: np.typing.NDArray[np.float64],
) -> np.typing.NDArray[np.float64]:
    first = (values[1] - values[0]) / (known[1] - known[0])
    last = (values[-1] - values[-2]) / (known[-1] - known[-2])
    below = np.minimum(wanted - known[0], 0.0) * first
    above = np.maximum(wanted - known[-1], 0.0) * last
    return np.asarray(below + above)
