"""`issue`: every predictor forecasts from its own copy of the state, and all are sealed at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ranvier.dtops.forecast import Forecast
from ranvier.dtops.forecast_rows import rows_of
from ranvier.dtops.ports import Predictor
from ranvier.dtops.twin import Twin
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import Ledger
from ranvier.ontology.errors import InputError, RanvierError

FORECAST_KIND = "forecast"
DEFAULT_TWIN = Twin()


def issue_key(twin: Twin, step_ns: int, issued_at_ns: int) -> str:
    """The ledger's key of an issue."""
    return f"{twin.tenant}/{twin.network}/{twin.name}/{step_ns}/{issued_at_ns}"


def issue(
    predictors: Sequence[Predictor],
    state: TwinState,
    horizons_s: Sequence[float],
    ledger: Ledger,
    now_ns: int,
    twin: Twin = DEFAULT_TWIN,
    sealed_at_ns: int | None = None,
) -> list[Forecast]:
    """Forecasts of all predictors from `state`, issued at `now_ns` and sealed in one ledger entry.

    `sealed_at_ns` is when the ledger takes it, where that is not `now_ns`: a forecast may be asked for as of
    a time past, but it is sealed when it was made.

    The entry's key is the twin's name with grid and issue time, so issuing twice seals once. Raises InputError
    where a predictor fails, or its forecast has other targets, horizons or times than were asked for; nothing
    is sealed then. The forecasts returned hold copies that the predictors cannot reach.
    """
    asked = state.handed_out()
    horizons_s = tuple(horizons_s)
    forecasts = [
        _checked(each, _asked_of(each, state.handed_out(), horizons_s, now_ns), asked, horizons_s)
        for each in predictors
    ]
    forecasts = [
        replace(f, issued_at_ns=now_ns, tenant=twin.tenant, network=twin.network, twin=twin.name)
        for f in forecasts
    ]
    if asked.targets:
        key = issue_key(twin, asked.step_ns, now_ns)
        ledger.append(
            FORECAST_KIND, key, rows_of(forecasts), now_ns if sealed_at_ns is None else sealed_at_ns
        )
    return forecasts


def _asked_of(predictor: Predictor, own: TwinState, horizons_s: tuple[float, ...], now_ns: int) -> Forecast:
    """What the predictor says. A predictor is anybody's code: whatever it raises is told with its name."""
    try:
        forecast = predictor.forecast(own, horizons_s)
    except RanvierError:
        raise
    except Exception as error:
        raise InputError(
            f"a forecast of {predictor.name} issued at {_time_of(now_ns)}",
            f"{type(error).__name__}: {error}", f"mend the predictor {predictor.name}, or leave it out",
        ) from error  # fmt: skip
    if not isinstance(forecast, Forecast):
        raise InputError(
            f"a Forecast of {predictor.name} issued at {_time_of(now_ns)}", type(forecast).__name__,
            f"mend the predictor {predictor.name}: return a ranvier.dtops.forecast.Forecast",
        )  # fmt: skip
    return forecast


def _time_of(time_ns: int) -> str:
    return f"{np.datetime64(time_ns, 'ns')}Z"


def _checked(
    predictor: Predictor, forecast: Forecast, asked: TwinState, horizons_s: tuple[float, ...]
) -> Forecast:
    wanted = (asked.targets, horizons_s, asked.step_ns, predictor.name)
    got = (forecast.targets, forecast.horizons_s, forecast.step_ns, forecast.model)
    if got != wanted:
        names = ("targets", "horizons_s", "step_ns", "model")
        wrong = [name for name, x, y in zip(names, wanted, got, strict=True) if x != y]
        raise InputError(
            f"a forecast of {predictor.name} for all of the state's targets at {horizons_s}",
            f"other {', '.join(wrong)}", "return state.targets, the horizons asked for and state.step_ns",
        )  # fmt: skip
    values = np.array(forecast.values, dtype=np.float64)
    partly = np.isnan(values).any(axis=2) != np.isnan(values).all(axis=2)
    if partly.any() or np.isinf(values).any():
        raise InputError(
            f"finite values of {predictor.name}, or all NaN where it gives no forecast",
            f"{int(partly.sum())} distributions with some NaN, {int(np.isinf(values).sum())} infinite values",
            "give each distribution whole or not at all",
        )
    values.setflags(write=False)
    levels = None if forecast.levels is None else np.array(forecast.levels)
    return replace(forecast, values=values, levels=levels, known_at_ns=asked.known_at_ns)
