"""The figures of an evaluation as tables in Markdown: for the manual, the model card and the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ranvier.aiops.surrogate.evaluation import (
    AREAS,
    STAYING,
    Sums,
    area_ratio,
    brier_skill,
    coverage,
    crps_ratio,
    event_sums,
    mean_ratio,
    strata,
)
from ranvier.dtops.scenes.outcomes import KPIS
from ranvier.dtops.scoring import brier
from ranvier.dtops.scoring.bootstrap import Interval

AIM = {"known": 1.10, "unseen": 1.25}
OVERALL, STRATUM = (0.78, 0.82), (0.75, 0.85)
QUANTILE_KPIS = tuple(each.name for each in KPIS if not each.event)
EVENTS = tuple(each.name for each in KPIS if each.event)
TITLE = {"known": "Held-out deployments of known kinds", "unseen": "Unseen kinds and sizes"}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(found: Interval, digits: int = 2) -> str:
    """A figure with its interval, if there is one."""
    if math.isnan(found.value):
        return "–"
    text = f"{found.value:.{digits}f}"
    return text if math.isnan(found.low) else f"{text} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def crps_table(sums: Sums, models: Sequence[str], split: str) -> str:
    """CRPS over the floor, all horizons together, a row for each KPI and a column for each model."""
    staying = [each.name + STAYING for each in KPIS if each.node == "ue" and not each.event]
    rows = [
        [kpi, *(shown(mean_ratio(sums, model, split, kpi)) for model in models)]
        for kpi in [*QUANTILE_KPIS, *staying]
    ]
    return table(["CRPS / floor", *models], rows)


def horizon_table(sums: Sums, model: str, split: str, horizons: Sequence[str]) -> str:
    """CRPS over the floor of one model by horizon; and scored as samples by the floor's own estimator."""
    rows = [
        [
            kpi, *(shown(crps_ratio(sums, model, split, kpi, h)) for h in horizons),
            *(shown(crps_ratio(sums, model, split, kpi, h, column=3)) for h in horizons),
        ]
        for kpi in QUANTILE_KPIS
    ]  # fmt: skip
    return table(
        ["CRPS / floor", *(f"{h} s" for h in horizons), *(f"{h} s, as samples" for h in horizons)], rows
    )


def coverage_table(sums: Sums, model: str, split: str) -> str:
    """Coverage of the 80 % band by stratum, the oracle's own beside it, and whether the aim is met."""
    rows = []
    for name in [*strata(sums, model, split), *(f"kpi {kpi}" for kpi in QUANTILE_KPIS)]:
        found = coverage(sums, model, split, name)
        low, high = OVERALL if name == "all" else STRATUM
        reach = (found.value, found.value) if math.isnan(found.low) else (found.low, found.high)
        aimless = name.startswith("kpi ") or math.isnan(found.value)
        met = "–" if aimless else "yes" if reach[0] <= high and reach[1] >= low else "no"
        rows.append([name, shown(found, 3), shown(coverage(sums, model, split, name, column=2), 3), met])
    return table(["stratum", "coverage of 80 %", "the oracle's own", "meets the aim"], rows)


def area_table(sums: Sums, models: Sequence[str], split: str, horizons: Sequence[str]) -> str:
    """Sums over sites and the scene, and the energy score, over their floors."""
    rows = [
        [kpi, area, f"{h} s", *(shown(area_ratio(sums, model, split, kpi, area, h)) for model in models)]
        for kpi in AREAS for area in ("site", "scene", "energy") for h in horizons
    ]  # fmt: skip
    return table(["KPI", "of", "horizon", *models], rows)


def event_table(sums: Sums, model: str, split: str, horizons: Sequence[str]) -> str:
    """Events: how often, Brier score and its parts, and skill over climatology."""
    rows = []
    for event in EVENTS:
        for h in horizons:
            parts = brier.murphy(event_sums(sums, model, split, event, h))
            rows.append([
                event, f"{h} s", *(f"{float(v):.4f}" for v in (
                    parts.score, parts.reliability, parts.resolution, parts.uncertainty
                )),
                shown(brier_skill(sums, model, split, event, h)),
            ])  # fmt: skip
    return table(["event", "horizon", "Brier", "reliability", "resolution", "uncertainty", "skill"], rows)


def verdict(sums: Sums, model: str, split: str) -> str:
    """One line for each aim: met or missed, and by what."""
    ratios = {kpi: mean_ratio(sums, model, split, kpi) for kpi in QUANTILE_KPIS}
    met = [kpi for kpi, found in ratios.items() if found.value <= AIM[split]]
    overall = coverage(sums, model, split, "all")
    inside = [
        name for name in strata(sums, model, split)[1:]
        if not math.isnan((found := coverage(sums, model, split, name)).value)
        and (found.low if not math.isnan(found.low) else found.value) <= STRATUM[1]
        and (found.high if not math.isnan(found.high) else found.value) >= STRATUM[0]
    ]  # fmt: skip
    known = sum(
        not math.isnan(coverage(sums, model, split, name).value) for name in strata(sums, model, split)[1:]
    )
    return (
        f"CRPS within {AIM[split]:.2f} of the floor: {len(met)} of {len(ratios)} KPIs"
        f" ({', '.join(met) or 'none'}). Coverage of 80 %: {shown(overall, 3)} overall;"
        f" {len(inside)} of {known} strata meet [0.75, 0.85]."
    )


def page(sums: Sums, models: Sequence[str], splits: Sequence[str], horizons: Sequence[str], head: str) -> str:
    """All tables of an evaluation. The first model is the one that is evaluated."""
    parts = [head]
    for split in splits:
        parts += [
            f"## {TITLE[split]}", verdict(sums, models[0], split), crps_table(sums, models, split),
            "By horizon:", horizon_table(sums, models[0], split, horizons),
            "Coverage, all quantile KPIs together, by stratum; then by KPI:",
            coverage_table(sums, models[0], split),
            "Events (in the period of 1 s; `moved`: served by another cell than at the beginning):",
            event_table(sums, models[0], split, horizons),
            "Sums over areas see what nodes have in common, which rung v0 does not model; energy score beside it:",
            area_table(sums, models, split, horizons),
        ]  # fmt: skip
    return "\n\n".join(parts) + "\n"
