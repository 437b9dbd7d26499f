"""The live figures as the API shows them."""

from __future__ import annotations

from ranvier.gateway.api.models import FiguresItem
from ranvier.gateway.api.platform import LiveFigures
from ranvier.gateway.api.times import format_time_or_none


def figures_item(figures: LiveFigures) -> FiguresItem:
    """The figures as the API shows them."""
    return FiguresItem(
        uptime_s=figures.uptime_s,
        feed=figures.feed,
        feed_emulated=figures.feed_emulated,
        twin_lag_p50_s=figures.twin_lag_p50_s,
        twin_lag_p99_s=figures.twin_lag_p99_s,
        events_per_s=figures.events_per_s,
        points_per_s=figures.points_per_s,
        events_accepted=figures.events_accepted,
        events_refused=figures.events_refused,
        points_accepted=figures.points_accepted,
        forecasts_issued=figures.forecasts_issued,
        forecasts_scored=figures.forecasts_scored,
        watermark=format_time_or_none(figures.watermark_ns),
        as_of=format_time_or_none(figures.as_of_ns),
        sink_lag=dict(figures.sink_lag),
        waiting=dict(figures.waiting),
    )
