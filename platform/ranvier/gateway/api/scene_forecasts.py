"""Forecasts of scenes: one under interventions, or many what-ifs of one.

ask ► the scene given, or the live twin's ► interventions ► the forecast service ► what was asked for of it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from ranvier.gateway.api.bounded_body import BoundedBody
from ranvier.gateway.api.fidelity import fidelity_item
from ranvier.gateway.api.platform import FidelityQuery, LiveScene, Platform, Whose
from ranvier.gateway.api.problem import Refused
from ranvier.gateway.api.request import PlatformOf, WhoseOf
from ranvier.gateway.api.scene_answers import Chosen, bounded, chosen, expectations, kpi_forecasts, summary
from ranvier.gateway.api.scene_columns import scene_of
from ranvier.gateway.api.scene_models import (
    MAX_BATCH_NODES,
    InterventionItem,
    SceneAnswer,
    SceneAsk,
    SceneBatchAnswer,
    SceneBatchAsk,
    ServiceItem,
    WhatIf,
    WhatIfAnswer,
)
from ranvier.gateway.api.times import format_time, parse_time_ns
from ranvier.ontology.errors import InputError

if TYPE_CHECKING:
    from ranvier.aiops.serving.service import Answer
    from ranvier.dtops.scenes.scene import Scene

router = APIRouter(prefix="/v1/forecasts", tags=["forecasts"], route_class=BoundedBody)
SUMMARY_NUMBERS = 3
CHUNK_SCENES, CHUNK_NODES = 64, 40_000
"""Of what-ifs, those that are worked on together: what bounds the memory, whatever the batch."""


def forecast_scene(platform: Platform, whose: Whose, ask: SceneAsk) -> SceneAnswer:
    """One scene under interventions. Raises Unavailable where there is no surrogate."""
    live = _scene(platform, whose, ask)
    of = chosen(live.scene, ask)
    bounded(of.numbers(len(ask.horizons_s), ask.samples))
    answer = platform.forecast_scenes(_intervened(live.scene, [ask.interventions]), _horizons(ask))
    found = kpi_forecasts(answer.forecasts[0], of, ask.samples, ask.seed)
    return SceneAnswer(**_backing(platform, whose, answer, live, of), kpis=found)


@router.post("/batch", operation_id="forecastWhatIfs")
def forecast_what_ifs(platform: PlatformOf, whose: WhoseOf, ask: SceneBatchAsk) -> SceneBatchAnswer:
    """Thousands of what-ifs of one scene: of each the KPIs over the nodes, and their change; in full on request."""
    live = _scene(platform, whose, ask)
    of, horizons = chosen(live.scene, ask), len(ask.horizons_s)
    each = len(of.kpis) * horizons * (len(of.levels) + SUMMARY_NUMBERS)
    each += of.numbers(horizons) if ask.full else 0
    bounded(each * len(ask.what_ifs))
    size = len(live.scene.cells) + len(live.scene.users)
    if size * len(ask.what_ifs) > MAX_BATCH_NODES:
        reason = InputError(
            f"at most {MAX_BATCH_NODES} nodes of all what-ifs together", str(size * len(ask.what_ifs)),
            "send fewer what-ifs at a time, or a smaller scene",
        )  # fmt: skip
        raise Refused(422, reason)
    items, first = list[WhatIfAnswer](), None
    many = max(1, min(CHUNK_SCENES, CHUNK_NODES // size))
    for begin in range(0, len(ask.what_ifs), many):
        some = ask.what_ifs[begin : begin + many]
        answer = _with_base(platform, live, some, _horizons(ask))
        first = first or answer
        items += _items(answer, some, of, ask.full)
    assert first is not None  # what_ifs is never empty
    base = summary(first.forecasts[0], expectations(first.forecasts[0], of), of)
    return SceneBatchAnswer(**_backing(platform, whose, first, live, of), base=base, items=items)


@router.get("/service", operation_id="getForecastService")
def get_service(platform: PlatformOf) -> ServiceItem:
    """Which model answers, where, and how often. 503 where no surrogate is set up."""
    health, counts = platform.forecast_service()
    return ServiceItem(
        ok=health.ok, service=health.name, detail=dict(health.detail), error=health.error, counts=dict(counts)
    )


def _scene(platform: Platform, whose: Whose, ask: SceneAsk | SceneBatchAsk) -> LiveScene:
    if ask.scene is not None:
        return LiveScene(scene_of(ask.scene), None, None)
    assert ask.as_of is not None  # as the model has checked
    return platform.live_scene(whose, None if ask.as_of == "now" else parse_time_ns(ask.as_of, "as_of"))


def _horizons(ask: SceneAsk | SceneBatchAsk) -> tuple[float, ...]:
    return tuple(sorted(set(ask.horizons_s)))


def _with_base(
    platform: Platform, live: LiveScene, what_ifs: Sequence[WhatIf], horizons_s: Sequence[float]
) -> Answer:
    """The scene as it is, then under each set: asked together, so by one version of the model."""
    scenes = _intervened(live.scene, [each.interventions for each in what_ifs])
    return platform.forecast_scenes([live.scene, *scenes], horizons_s)


def _intervened(scene: Scene, sets: Sequence[Sequence[InterventionItem]]) -> list[Scene]:
    from ranvier.dtops.scenes.intervened import intervened
    from ranvier.dtops.simulator.intervention import Intervention

    return [
        intervened(scene, [Intervention(0, each.knob, each.value, tuple(each.cells)) for each in items])
        for items in sets
    ]


def _items(answer: Answer, what_ifs: Sequence[WhatIf], of: Chosen, full: bool) -> Iterator[WhatIfAnswer]:
    base, *found = answer.forecasts
    before = expectations(base, of)
    for what_if, forecast in zip(what_ifs, found, strict=True):
        yield WhatIfAnswer(
            name=what_if.name, model_version=forecast.model_version, answered_by=answer.answered_by,
            summary=summary(forecast, before, of), kpis=kpi_forecasts(forecast, of) if full else None,
        )  # fmt: skip


def _backing(platform: Platform, whose: Whose, answer: Answer, live: LiveScene, of: Chosen) -> dict[str, Any]:
    forecast = answer.forecasts[0]
    figures = platform.fidelity(FidelityQuery(whose, model=forecast.model))
    why = f"the referee has scored no forecasts of {forecast.model} against what happened"
    return {
        "model": forecast.model, "model_version": forecast.model_version, "answered_by": answer.answered_by,
        "because": answer.because or None,
        "as_of": None if live.as_of_ns is None else format_time(live.as_of_ns),
        "known_at": None if live.known_at_ns is None else format_time(live.known_at_ns),
        "horizons_s": list(forecast.horizons_s), "levels": of.levels.tolist(),
        "fidelity": [fidelity_item(each, platform.ontology) for each in figures] or None,
        "fidelity_reason": None if figures else why,
    }  # fmt: skip
