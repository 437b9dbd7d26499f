"""The card of a model, written by the run that made it: its use, its training, its scores, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ranvier.aiops.surrogate.evaluation import Sums
from ranvier.aiops.surrogate.evaluation_tables import QUANTILE_KPIS, crps_table, event_table, table, verdict
from ranvier.aiops.surrogate.training import History, Recipe
from ranvier.dtops.scoring.state import divide

WORST = 5


def card(  # noqa: PLR0913, PLR0917 - the parts of a card
    about: Mapping[str, Any], recipe: Recipe, history: History, sums: Sums, models: Sequence[str],
    splits: Sequence[str], horizons: Sequence[str], names: Mapping[str, Sequence[str]],
    studies: Mapping[str, Mapping[str, float]],
) -> str:  # fmt: skip
    """The card in Markdown.

    names    split to its deployments
    studies  title to how many times the loss it is
    """
    model = models[0]
    trained = about["trained_on"]
    parts = [
        f"# Model card: {model} {about['version']}",
        "A stand-in for the simulator (rung v0): the marginal distributions of each cell's and user's KPIs in the"
        " second that ends 1, 60 or 900 s after a scene. Nodes are independent given the scene: sums over areas are"
        " too sure of themselves. It knows nothing of reality beyond the simulator's own error of ±3 dB on powers.",
        "## Trained on",
        table(["what", "value"], [
            ["dataset", str(about["dataset"])],
            ["scenes", f"{trained['scenes']} of {', '.join(trained['kinds'])}"],
            ["cells, users", f"{trained['cells']}, {trained['users']} in all"],
            ["runs of each", str(trained["runs"])],
            ["recipe", ", ".join(f"{k} {v}" for k, v in _plain(recipe).items())],
            ["epochs", f"{len(history.validation)}, best {history.best + 1}"],
            ["seconds", f"{sum(history.seconds):.0f}"],
            ["parameters", f"{about['parameters']:,}"],
        ]),
    ]  # fmt: skip
    for split in splits:
        parts += [
            f"## Scores: {split}", verdict(sums, model, split), crps_table(sums, models, split),
            event_table(sums, model, split, horizons),
            "### Where it fails", "The deployments with the largest CRPS over the floor, all KPIs and horizons:",
            _worst(sums, model, split, names[split]),
        ]  # fmt: skip
    for title, found in studies.items():
        order = sorted(found, key=found.__getitem__, reverse=True)
        parts += [
            f"## {title}",
            table(["what", "loss / loss as given"], [[k, f"{found[k]:.3f}"] for k in order]),
        ]
    return "\n\n".join(parts) + "\n"


def _worst(sums: Sums, model: str, split: str, names: Sequence[str]) -> str:
    """Mean over KPIs of the ratio, by deployment."""
    by_kpi = []
    for kpi in QUANTILE_KPIS:
        rows = [np.array(found) for key, found in sums.scores.items() if key[:3] == (model, split, kpi)]
        total = sum(rows[1:], rows[0])
        by_kpi.append(divide(total[:, 1], total[:, 2]))
    ratios = np.array(by_kpi)
    order = np.argsort(-np.nanmean(ratios, axis=0))[:WORST]
    rows_ = [[names[i], *(f"{ratios[k, i]:.2f}" for k in range(len(QUANTILE_KPIS)))] for i in order]
    return table(["deployment", *QUANTILE_KPIS], rows_)


def _plain(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in recipe.__slots__}
