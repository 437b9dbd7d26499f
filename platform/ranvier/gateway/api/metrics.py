"""`/metrics`: Prometheus exposition, made anew for each scrape from the live figures.

Names carry units. Labels are the few quantities, horizons, models, sinks and routes: never an object, a
tenant or a run, whose number has no bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ranvier.gateway.api.platform import Estimate, FidelityFigure, FidelityQuery, LiveFigures, Platform
from ranvier.gateway.api.request import platform_of

router = APIRouter(tags=["health"])
_BY = ["quantity", "horizon_s", "model"]


class Requests:
    """What is counted of the requests themselves, in a registry of this app's own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.count = Counter(
            "ranvier_http_requests", "Requests answered", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.duration_s = Histogram(
            "ranvier_http_request_duration_seconds", "Time to the first byte of the answer", ["route"],
            registry=self.registry,
        )  # fmt: skip


class _Platform(Collector):
    """The platform's figures as metrics."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def collect(self) -> Iterable[Metric]:
        figures = self._platform.figures()
        yield from _figures(figures)
        yield _lag(figures)
        yield _sinks(figures)
        yield from _scenes(figures)
        yield from _fidelity(self._platform.fidelity(FidelityQuery(self._platform.whose)))


@router.get(
    "/metrics",
    operation_id="getMetrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text exposition",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
def get_metrics(request: Request) -> Response:
    """Lags, rates, totals, fidelity and requests, for Prometheus."""
    requests: Requests = request.app.state.requests
    registry = CollectorRegistry()
    registry.register(_Platform(platform_of(request)))
    text = generate_latest(registry) + generate_latest(requests.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _figures(figures: LiveFigures) -> Iterable[Metric]:
    for name, text, total in (
        ("ranvier_ingest_points", "Measurements written to the series", figures.points_accepted),
        ("ranvier_ingest_events", "Events accepted", figures.events_accepted),
        ("ranvier_ingest_refused", "Records that became dead letters", figures.events_refused),
        ("ranvier_forecasts_issued", "Forecasts sealed", figures.forecasts_issued),
        ("ranvier_forecasts_scored", "Forecasts scored", figures.forecasts_scored),
    ):
        yield CounterMetricFamily(name, text, value=total)
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("ranvier_uptime_seconds", "Since the platform started", figures.uptime_s),
        ("ranvier_ingest_points_per_second", "Over the last ten seconds", figures.points_per_s),
        ("ranvier_ingest_events_per_second", "Over the last ten seconds", figures.events_per_s),
        ("ranvier_watermark_timestamp_seconds", "All is taken to have arrived", _s(figures.watermark_ns)),
        ("ranvier_twin_as_of_timestamp_seconds", "The newest twin state", _s(figures.as_of_ns)),
    )
    for name, text, value in gauges:
        if value is not None:
            yield GaugeMetricFamily(name, text, value=value)


def _lag(figures: LiveFigures) -> Metric:
    lag = GaugeMetricFamily("ranvier_twin_lag_seconds", "How far the twin is behind", labels=["quantile"])
    for quantile, value in (("0.5", figures.twin_lag_p50_s), ("0.99", figures.twin_lag_p99_s)):
        if value is not None:
            lag.add_metric([quantile], value)
    return lag


def _sinks(figures: LiveFigures) -> Metric:
    sinks = GaugeMetricFamily("ranvier_sink_lag_records", "Records of the log yet to take", labels=["sink"])
    for sink, records in sorted(figures.sink_lag.items()):
        sinks.add_metric([sink], records)
    return sinks


def _scenes(figures: LiveFigures) -> Iterable[Metric]:
    counts = dict(figures.scene_forecasts)
    late = CounterMetricFamily("ranvier_scene_forecasts_late", "Asks not answered in time by replicas",
                               value=counts.pop("late", 0))  # fmt: skip
    away = CounterMetricFamily("ranvier_scene_forecasts_away", "Asks that no replica took",
                               value=counts.pop("away", 0))  # fmt: skip
    scenes = CounterMetricFamily("ranvier_scene_forecasts", "Scenes forecast", labels=["answered_by"])
    for name, count in sorted(counts.items()):
        scenes.add_metric([name], count)
    return scenes, late, away


def _fidelity(figures: Sequence[FidelityFigure]) -> Iterable[Metric]:
    """Undefined figures are absent; an alert on absence is an alert on too little evidence."""
    value = GaugeMetricFamily("ranvier_fidelity_ratio", "Skill against climatology", labels=_BY)
    low = GaugeMetricFamily("ranvier_fidelity_low_ratio", "Lower end of its interval", labels=_BY)
    high = GaugeMetricFamily("ranvier_fidelity_high_ratio", "Upper end of its interval", labels=_BY)
    covered = GaugeMetricFamily("ranvier_coverage80_ratio", "Outcomes inside the 80 % band", labels=_BY)
    scored = GaugeMetricFamily("ranvier_fidelity_pairs", "Scored pairs in the window", labels=_BY)
    for figure in figures:
        labels = [figure.quantity, f"{figure.horizon_s:g}", figure.model]
        scored.add_metric(labels, figure.n)
        _add(covered, labels, figure.coverage80)
        _add(value, labels, figure.fidelity)
        if figure.fidelity.low is not None and figure.fidelity.high is not None:
            low.add_metric(labels, figure.fidelity.low)
            high.add_metric(labels, figure.fidelity.high)
    return value, low, high, covered, scored


def _add(family: GaugeMetricFamily, labels: list[str], estimate: Estimate) -> None:
    if estimate.value is not None:
        family.add_metric(labels, estimate.value)


def _s(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9
