"""`/v1/fidelity`: how right each model has been, with intervals, and how that changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from ranvier.fabric.ports import FOREVER_NS
from ranvier.gateway.api.cursor import Whole, decode_cursor, encode_cursor
from ranvier.gateway.api.models import EstimateItem, FidelityItem, FidelityList
from ranvier.gateway.api.platform import Estimate, FidelityFigure, FidelityQuery, Platform, Whose
from ranvier.gateway.api.request import CursorText, Limit, Name, PlatformOf, Span, SpanOf, WhoseOf
from ranvier.gateway.api.series import known_quantity, refuse_unknown
from ranvier.gateway.api.times import format_time, format_time_or_none
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import Ontology

router = APIRouter(prefix="/v1/fidelity", tags=["fidelity"])
_NS = 1_000_000_000
_MAX_WINDOWS = 10_000
Horizon = Annotated[
    float | None, Query(gt=0, le=31_622_400, allow_inf_nan=False, description="How far ahead, seconds")
]


@router.get("", operation_id="listFidelity")
def list_fidelity(
    platform: PlatformOf,
    whose: WhoseOf,
    span: SpanOf,
    quantity: Name = None,
    horizon_s: Horizon = None,
    model: Name = None,
    object_id: Name = None,
    per_object: Annotated[bool, Query(description="One figure for each managed object")] = False,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> FidelityList:
    """One figure for each quantity, horizon and model over outcomes in [from, to).

    Without `from`, over the platform's rolling window. With `object_id`, of that object alone.
    """
    query = FidelityQuery(whose, quantity, horizon_s, model, object_id, per_object, span.from_ns, span.to_ns)
    figures = platform.fidelity(query)
    if not figures:
        refuse_unknown(platform.ontology, quantity)
    return _paged(platform, figures, ["fidelity", query], cursor, limit)


@router.get("/history", operation_id="listFidelityHistory")
def list_history(
    platform: PlatformOf,
    whose: WhoseOf,
    span: SpanOf,
    quantity: Name = None,
    horizon_s: Horizon = None,
    model: Name = None,
    object_id: Name = None,
    step_s: Annotated[
        float, Query(ge=1, le=31_622_400, allow_inf_nan=False, description="From figure to figure, seconds")
    ] = 300.0,
    window_s: Annotated[
        float | None,
        Query(
            gt=0, le=31_622_400, allow_inf_nan=False, description="How far back each looks; default: a step"
        ),
    ] = None,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="Items on a page, at most")] = 1000,
) -> FidelityList:
    """The same every `step_s` in [from, to), oldest first; without `from`, the last day.

    Each over the `window_s` that end with the step: windows longer than a step overlap. A step in which
    nothing was scored has no figure.
    """
    ends = _bounded(platform, span, step_s)
    query = FidelityQuery(
        whose, quantity, horizon_s, model, object_id, False, *ends, round((window_s or 0.0) * _NS)
    )
    figures = platform.fidelity_history(query, round(step_s * _NS))
    return _paged(
        platform, figures, ["history", whose, span, quantity, horizon_s, model, object_id, step_s, window_s],
        cursor, limit,
    )  # fmt: skip


def _bounded(platform: Platform, span: Span, step_s: float) -> tuple[int, int]:
    """The span with both ends, in whole steps that do not move as time goes on."""
    step_ns = round(step_s * _NS)
    to_ns = span.to_ns if span.to_ns < FOREVER_NS else platform.now_ns()
    from_ns = span.from_ns or max(0, (to_ns - 86_400 * _NS) // step_ns * step_ns)
    if to_ns - from_ns > _MAX_WINDOWS * step_ns:
        raise InputError(
            f"at most {_MAX_WINDOWS} windows",
            f"{(to_ns - from_ns) // step_ns} of {step_s} s",
            "ask for a shorter span or a longer step_s",
        )
    return from_ns, to_ns


def _paged(
    platform: Platform, figures: Sequence[FidelityFigure], query: list[object], cursor: str | None, limit: int
) -> FidelityList:
    """Figures move on while they are paged through, so a page goes on after a figure, not at an index.

    In the order of the windows' ends: those of a history differ in them, and may begin alike.
    """
    place = decode_cursor(cursor, query, tuple[Whole, str, float, str, str])
    rest = sorted((f for f in figures if place is None or _place(f) > place), key=_place)
    return FidelityList(
        items=[fidelity_item(figure, platform.ontology) for figure in rest[:limit]],
        next=encode_cursor(query, _place(rest[limit - 1])) if len(rest) > limit else None,
    )


def _place(figure: FidelityFigure) -> tuple[int, str, float, str, str]:
    return figure.to_ns, figure.quantity, figure.horizon_s, figure.model, figure.object_id or ""


def backing(
    platform: Platform, whose: Whose, quantity: str | None, model: str | None
) -> dict[tuple[str, float, str], FidelityFigure]:
    """The newest figure by quantity, horizon and model: what backs forecasts."""
    figures = platform.fidelity(FidelityQuery(whose, quantity=quantity, model=model))
    return {(f.quantity, f.horizon_s, f.model): f for f in figures}


def fidelity_item(figure: FidelityFigure, ontology: Ontology) -> FidelityItem:
    """A figure as the API shows it."""
    quantity = known_quantity(ontology, figure.quantity)
    return FidelityItem(
        quantity=figure.quantity,
        unit=quantity.unit if quantity else None,
        horizon_s=figure.horizon_s,
        model=figure.model,
        object_id=figure.object_id,
        window_from=format_time(figure.from_ns),
        window_to=format_time_or_none(figure.to_ns),
        n=figure.n,
        fidelity=_estimate(figure.fidelity),
        coverage80=_estimate(figure.coverage80),
        bias=_estimate(figure.bias),
        precision=_estimate(figure.precision),
        crps=_finite(figure.crps),
        reference=figure.reference,
        floor=figure.floor,
    )


def _estimate(estimate: Estimate) -> EstimateItem:
    value, low, high = _finite(estimate.value), _finite(estimate.low), _finite(estimate.high)
    missing = None in (value, low, high)
    why = (estimate.undefined or "no reason was given") if missing else None
    return EstimateItem(value=value, low=low, high=high, undefined=why)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
