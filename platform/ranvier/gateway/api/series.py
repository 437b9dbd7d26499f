"""`/v1/series`: Measurements by managed object and quantity."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from ranvier.fabric.ports import FOREVER_NS, SeriesFrame, SeriesQuery
from ranvier.gateway.api.cursor import Whole, decode_cursor, encode_cursor
from ranvier.gateway.api.models import Point, PointsPage, SeriesItem, SeriesPage
from ranvier.gateway.api.request import CursorText, Limit, PlatformOf, Span, SpanOf, TimeText, WhoseOf
from ranvier.gateway.api.times import format_time, parse_time_ns
from ranvier.ontology.errors import InputError, NotFound, OntologyError
from ranvier.ontology.ontology import Ontology, Quantity

router = APIRouter(prefix="/v1/series", tags=["series"])
_NS = 1_000_000_000
_TIES = 64
_MAX_PERIODS = 100_000
ObjectId = Annotated[str, Query(min_length=1, max_length=1024, description="A distinguished name")]
QuantityName = Annotated[str, Query(min_length=1, max_length=256, examples=["DRB.UEThpDl"])]


def known_quantity(ontology: Ontology, name: str) -> Quantity | None:
    """The ontology's quantity or subcounter, or None for one it has no more: old points stay readable."""
    try:
        return ontology.quantity(name)
    except OntologyError:
        return None


def refuse_unknown(ontology: Ontology, quantity: str | None) -> None:
    """Where nothing was found: raises NotFound with the nearest names if there is no such quantity at all."""
    try:
        if quantity is not None:
            ontology.quantity(quantity)
    except OntologyError as error:
        raise NotFound(error.expected, error.got, error.remedy) from None


@router.get("", operation_id="listSeries")
def list_series(
    platform: PlatformOf, whose: WhoseOf, cursor: CursorText = None, limit: Limit = 100
) -> SeriesPage:
    """The (object, quantity) pairs that have points."""
    query = ["series", whose]
    place = decode_cursor(cursor, query, tuple[str])
    pairs, following = platform.series.series(whose.tenant, whose.network, place[0] if place else None, limit)
    items = []
    for object_id, name in pairs:
        quantity = known_quantity(platform.ontology, name)
        items.append(
            SeriesItem(
                object_id=object_id,
                quantity=name,
                label=quantity.label if quantity else None,
                unit=quantity.unit if quantity else None,
            )
        )
    return SeriesPage(items=items, next=encode_cursor(query, [following]) if following is not None else None)


@router.get("/points", operation_id="listPoints")
def list_points(
    platform: PlatformOf,
    whose: WhoseOf,
    span: SpanOf,
    object_id: ObjectId,
    quantity: QuantityName,
    known_at: TimeText = None,
    downsample_s: Annotated[
        float | None,
        Query(
            alias="downsample",
            ge=1,
            le=31_622_400,
            allow_inf_nan=False,
            description="Length of the periods to join points into, seconds",
        ),
    ] = None,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Points on a page, at most")] = 1000,
) -> PointsPage:
    """Points whose period ends in (from, to], by rising end.

    With `downsample`, one for each such period by the counter's collection method: cumulative counters
    sum, status inspections average, ratios are weighted by their volume.
    """
    known = known_quantity(platform.ontology, quantity)
    key = ["points", whose, span, object_id, quantity, known_at, downsample_s]
    place = decode_cursor(cursor, key, tuple[Whole, Whole])
    query = SeriesQuery(
        whose.tenant, whose.network, (object_id,), (quantity,),
        from_ns=span.from_ns,
        to_ns=span.to_ns,
        known_at_ns=FOREVER_NS if known_at is None else parse_time_ns(known_at, "known_at"),
    )  # fmt: skip
    if downsample_s is None:
        frame = platform.series.read(_from_place(query, place, limit))
    else:
        frame = platform.series.downsample(query, _period_ns(span, platform.now_ns(), downsample_s))
    if len(frame) == 0:
        refuse_unknown(platform.ontology, quantity)
    rows = _rows_after(frame, place)
    page = rows[:limit]
    following = None
    if len(rows) > limit:
        last = page[-1]
        following = encode_cursor(key, [int(frame.end_ns[last]), int(frame.start_ns[last])])
    return PointsPage(
        object_id=object_id,
        quantity=quantity,
        unit=known.unit if known else None,
        collection=known.collection if known else None,
        items=[_point(frame, i) for i in page],
        next=following,
    )


def _period_ns(span: Span, now_ns: int, downsample_s: float) -> int:
    """The period, where the span holds few enough of them: each may be a row, whatever the store holds."""
    period_ns = round(downsample_s * _NS)
    to_ns = min(span.to_ns, max(now_ns, span.from_ns))
    if to_ns - span.from_ns > _MAX_PERIODS * period_ns:
        raise InputError(
            f"at most {_MAX_PERIODS} periods of {downsample_s} s between from and to",
            f"{(to_ns - span.from_ns) // period_ns}",
            "give a later `from`, or a longer `downsample`",
        )
    return period_ns


def _from_place(query: SeriesQuery, place: tuple[int, int] | None, limit: int) -> SeriesQuery:
    # The last point's own instant is read again, since periods of other lengths may end in it; `_TIES` is
    # far more of them than any network has.
    from_ns = query.from_ns if place is None else max(place[0] - 1, query.from_ns)
    return replace(query, from_ns=from_ns, limit=limit + 1 + _TIES)


def _rows_after(frame: SeriesFrame, place: tuple[int, int] | None) -> list[int]:
    order = sorted(range(len(frame)), key=lambda i: (frame.end_ns[i], frame.start_ns[i]))
    if place is None:
        return order
    return [i for i in order if (frame.end_ns[i], frame.start_ns[i]) > place]


def _point(frame: SeriesFrame, i: int) -> Point:
    return Point(
        start=format_time(int(frame.start_ns[i])),
        end=format_time(int(frame.end_ns[i])),
        value=float(frame.values[i]),
        recorded_at=format_time(int(frame.recorded_at_ns[i])),
        suspect=bool(frame.suspect[i]),
    )
