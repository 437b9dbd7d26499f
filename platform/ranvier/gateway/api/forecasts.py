"""`/v1/forecasts`: sealed distributions, fresh ones on request, and what came of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import Discriminator, Field, Tag

from ranvier.dtops.forecast import Target
from ranvier.gateway.api import scene_forecasts
from ranvier.gateway.api.bounded_body import BoundedBody
from ranvier.gateway.api.cursor import decode_cursor, encode_cursor
from ranvier.gateway.api.fidelity import Horizon, backing, fidelity_item
from ranvier.gateway.api.models import (
    ForecastItem,
    ForecastPage,
    FreshForecast,
    FreshForecasts,
    Model,
    OutcomeItem,
    OutcomePage,
    RelianceItem,
    TargetItem,
)
from ranvier.gateway.api.platform import (
    FidelityFigure,
    ForecastPosition,
    ForecastQuery,
    ForecastRequest,
    IssuedForecast,
    Outcome,
    Platform,
    Whose,
)
from ranvier.gateway.api.quantiles import DEFAULT_LEVELS, quantiles_of
from ranvier.gateway.api.request import CursorText, Limit, Name, PlatformOf, SpanOf, WhoseOf
from ranvier.gateway.api.scene_models import SceneAnswer, SceneAsk
from ranvier.gateway.api.series import ObjectId, QuantityName, known_quantity, refuse_unknown
from ranvier.gateway.api.times import format_time, format_time_or_none, parse_time_ns
from ranvier.ontology.ontology import Ontology

router = APIRouter(prefix="/v1/forecasts", tags=["forecasts"], route_class=BoundedBody)
_NS = 1_000_000_000
_Level = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Levels = Annotated[
    list[_Level] | None,
    Query(max_length=99, description="Levels of the quantiles; 0.1, 0.25, 0.5, 0.75, 0.9 if left out"),
]


class ForecastAsk(Model):
    """Which forecast to make. `as_of` left out: from the live twin, now. `model` left out: the primary."""

    targets: Annotated[list[TargetItem], Field(min_length=1, max_length=1000)]
    horizons_s: Annotated[
        list[Annotated[float, Field(gt=0, le=31_622_400, allow_inf_nan=False)]],
        Field(min_length=1, max_length=32, examples=[[10.0, 60.0]]),
    ]
    model: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    as_of: Annotated[str | None, Field(max_length=64, examples=["2026-01-31T12:00:00Z"])] = None
    levels: Annotated[list[_Level] | None, Field(min_length=1, max_length=99)] = None


def _kind(given: Any) -> str:
    """What a body asks about: named targets of the twin, or a whole scene."""
    named = isinstance(given, ForecastAsk) or (isinstance(given, dict) and "targets" in given)
    return "targets" if named else "scene"


Ask = Annotated[
    Annotated[ForecastAsk, Tag("targets")] | Annotated[SceneAsk, Tag("scene")], Discriminator(_kind), Body()
]


@router.get("", operation_id="listForecasts")
def list_forecasts(
    platform: PlatformOf,
    whose: WhoseOf,
    span: SpanOf,
    object_id: Name = None,
    quantity: Name = None,
    model: Name = None,
    horizon_s: Horizon = None,
    levels: Levels = None,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> ForecastPage:
    """Sealed forecasts issued in [from, to), newest first, each with the fidelity that backs it."""
    key = ["forecasts", whose, span, object_id, quantity, model, horizon_s]
    query = ForecastQuery(
        whose, object_id, quantity, model, horizon_s, span.from_ns, span.to_ns,
        decode_cursor(cursor, key, ForecastPosition), limit + 1,
    )  # fmt: skip
    found = list(platform.forecasts(query))
    if not found:
        refuse_unknown(platform.ontology, quantity)
    figures = backing(platform, whose, quantity, model) if found else {}
    return ForecastPage(
        items=[_item(f, figures, levels, platform.ontology) for f in found[:limit]],
        next=_next(key, found, limit),
    )


@router.get("/outcomes", operation_id="listOutcomes")
def list_outcomes(
    platform: PlatformOf,
    whose: WhoseOf,
    span: SpanOf,
    object_id: ObjectId,
    quantity: QuantityName,
    model: Name = None,
    horizon_s: Horizon = None,
    levels: Levels = None,
    cursor: CursorText = None,
    limit: Limit = 200,
) -> OutcomePage:
    """Forecasts of one series issued in [from, to) beside what then happened, newest first: for a chart."""
    key = ["outcomes", whose, span, object_id, quantity, model, horizon_s]
    query = ForecastQuery(
        whose, object_id, quantity, model, horizon_s, span.from_ns, span.to_ns,
        decode_cursor(cursor, key, ForecastPosition), limit + 1,
    )  # fmt: skip
    found = list(platform.outcomes(query))
    if not found:
        refuse_unknown(platform.ontology, quantity)
    known = known_quantity(platform.ontology, quantity)
    return OutcomePage(
        object_id=object_id,
        quantity=quantity,
        unit=known.unit if known else None,
        items=[_outcome(o, levels) for o in found[:limit]],
        next=_next(key, [o.forecast for o in found], limit),
    )


@router.post("", operation_id="issueForecasts")
def issue_forecasts(platform: PlatformOf, whose: WhoseOf, ask: Ask) -> FreshForecasts | SceneAnswer:
    """A fresh forecast: of `targets`, sealed, with how far to rely on it; or of a scene, under interventions.

    With `scene`, or with `as_of` and no `targets`, the surrogate forecasts every cell and user of a scene.
    """
    if isinstance(ask, SceneAsk):
        return scene_forecasts.forecast_scene(platform, whose, ask)
    return _issued(platform, whose, ask)


def _issued(platform: Platform, whose: Whose, ask: ForecastAsk) -> FreshForecasts:
    request = ForecastRequest(
        whose,
        tuple(dict.fromkeys(Target(t.object_id, t.quantity) for t in ask.targets)),
        tuple(sorted(set(ask.horizons_s))),
        ask.model,
        None if ask.as_of is None else parse_time_ns(ask.as_of, "as_of"),
    )
    issued = platform.issue(request)
    figures = backing(platform, whose, None, ask.model)
    items = []
    for forecast in issued:
        verdict = platform.reliance(figures.get(_backed_by(forecast)))
        item = _item(forecast, figures, ask.levels, platform.ontology)
        reliance = RelianceItem(verdict=verdict.reliance, reason=verdict.reason)
        items.append(FreshForecast(**dict(item), reliance=reliance))
    return FreshForecasts(items=items)


def _backed_by(forecast: IssuedForecast) -> tuple[str, float, str]:
    return forecast.target.quantity, forecast.horizon_s, forecast.model


def _next(key: list[object], found: list[IssuedForecast], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    position = ForecastPosition(
        last.issued_at_ns, last.target.object_id, last.target.quantity, last.model, last.horizon_s
    )
    return encode_cursor(key, position)


def _item(
    forecast: IssuedForecast,
    figures: dict[tuple[str, float, str], FidelityFigure],
    levels: list[float] | None,
    ontology: Ontology,
) -> ForecastItem:
    quantity = known_quantity(ontology, forecast.target.quantity)
    figure = figures.get(_backed_by(forecast))
    return ForecastItem(
        object_id=forecast.target.object_id,
        quantity=forecast.target.quantity,
        unit=quantity.unit if quantity else None,
        model=forecast.model,
        model_version=forecast.model_version,
        issued_at=format_time(forecast.issued_at_ns),
        known_at=format_time(forecast.known_at_ns),
        horizon_s=forecast.horizon_s,
        valid_at=_valid_at(forecast),
        quantiles=quantiles_of(forecast, levels or DEFAULT_LEVELS),
        seal=forecast.seal,
        fidelity=fidelity_item(figure, ontology) if figure else None,
    )


def _outcome(outcome: Outcome, levels: list[float] | None) -> OutcomeItem:
    forecast = outcome.forecast
    return OutcomeItem(
        issued_at=format_time(forecast.issued_at_ns),
        valid_at=_valid_at(forecast),
        horizon_s=forecast.horizon_s,
        model=forecast.model,
        model_version=forecast.model_version,
        quantiles=quantiles_of(forecast, levels or DEFAULT_LEVELS),
        outcome=outcome.value,
        outcome_end=format_time_or_none(outcome.end_ns),
    )


def _valid_at(forecast: IssuedForecast) -> str:
    return format_time(forecast.issued_at_ns + round(forecast.horizon_s * _NS))
