"""Pictures of a training and of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ranvier.aiops.surrogate.evaluation import Sums, event_sums, mean_ratio
from ranvier.aiops.surrogate.evaluation_tables import AIM, EVENTS, QUANTILE_KPIS
from ranvier.aiops.surrogate.training import History
from ranvier.dtops.scoring import brier
from ranvier.dtops.scoring.reliability import LEVELS, one_sided
from ranvier.dtops.simulator.pictures.figure import Picture

COLOURS = 6
"""Of a dress; then lines are dashed."""


def curves(history: History) -> Picture:
    """Losses by epoch."""

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, 2, sharex=True)
        epochs = np.arange(1, len(history.train) + 1)
        axes[0].plot(epochs, history.train, label="train")
        axes[0].plot(epochs, history.validation, label="validation")
        axes[0].axvline(history.best + 1, linestyle=":", linewidth=1)
        axes[0].set(title="Loss, mean over KPIs", xlabel="epoch")
        axes[0].legend()
        for i, name in enumerate(history.by_kpi[0]):
            style = "-" if i < COLOURS else "--"
            axes[1].plot(epochs, [each[name] for each in history.by_kpi], style, label=name, linewidth=1)
        axes[1].set(title="Validation, by KPI", xlabel="epoch")
        axes[1].legend(fontsize=7, ncols=2)

    best = history.best + 1
    return Picture(
        "curves", f"Losses of training and validation by epoch; the best is epoch {best}.", draw, 9.0, 3.8
    )


def reliability(sums: Sums, model: str, split: str) -> Picture:
    """Of one-sided levels by KPI: how often outcomes lie below the quantile of a level."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], linestyle=":", linewidth=1, color="#888888")
        for kpi in QUANTILE_KPIS:
            share = one_sided(np.sum(sums.pit[model, split, kpi], axis=0))
            axes.plot(LEVELS, share, marker="o", markersize=3, linewidth=1, label=kpi)
        axes.set(xlabel="level", ylabel="share of outcomes below", title=f"Reliability of quantiles, {split}")
        axes.legend(fontsize=8)

    return Picture(
        f"reliability-{split}", f"Reliability of {model}'s quantiles, {split} split: the diagonal is calibrated.",
        draw, 5.6, 5.0,
    )  # fmt: skip


def ranks(sums: Sums, model: str, split: str) -> Picture:
    """The PIT histogram of each KPI, from the same sums: flat is calibrated."""

    def draw(figure: Any) -> None:
        axes = figure.subplots(2, 3, sharey=True).ravel()
        for axis, kpi in zip(axes, QUANTILE_KPIS, strict=True):
            share = one_sided(np.sum(sums.pit[model, split, kpi], axis=0))
            edges = np.concatenate([[0.0], LEVELS, [1.0]])
            heights = np.diff(np.concatenate([[0.0], share, [1.0]])) / np.diff(edges)
            axis.stairs(heights, edges, fill=True, alpha=0.7)
            axis.axhline(1.0, linestyle=":", linewidth=1, color="#888888")
            axis.set(title=kpi, ylim=(0, 2.5))
        figure.supxlabel("PIT")

    return Picture(
        f"pit-{split}",
        f"PIT of {model} on the {split} split, by KPI: flat at 1 is calibrated.",
        draw,
        8.4,
        4.8,
    )


def ratios(sums: Sums, models: Sequence[str], split: str) -> Picture:
    """CRPS over the floor by KPI and model."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        place = np.arange(len(QUANTILE_KPIS))
        height = 0.8 / len(models)
        for i, model in enumerate(models):
            found = [mean_ratio(sums, model, split, kpi) for kpi in QUANTILE_KPIS]
            values = np.array([each.value for each in found])
            axes.barh(place + i * height, values, height * 0.9, label=model)
        axes.axvline(1.0, linewidth=1, color="#888888")
        axes.axvline(AIM[split], linestyle=":", linewidth=1, color="#888888")
        axes.set_yticks(place + 0.4 - height / 2, QUANTILE_KPIS)
        axes.set_xscale("log")
        ticks = [1, 1.25, 1.5, 2, 3, 5, 10, 20, 50]
        axes.set_xlim(0.95, None)
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        axes.set(xlabel="CRPS / oracle floor (log scale)", title=f"{split}: aim {AIM[split]:g}, dotted")
        axes.invert_yaxis()
        axes.legend(fontsize=8)

    return Picture(
        f"ratios-{split}",
        f"CRPS over the oracle floor on the {split} split; 1 is as good as the simulator.",
        draw,
        7.6,
        5.2,
    )


def events(sums: Sums, model: str, split: str, horizons: Sequence[str]) -> Picture:
    """Reliability of event probabilities."""

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, len(EVENTS), sharey=True)
        for axis, event in zip(axes, EVENTS, strict=True):
            axis.plot([0, 1], [0, 1], linestyle=":", linewidth=1, color="#888888")
            for h in horizons:
                said, happened, count = brier.reliability_curve(event_sums(sums, model, split, event, h))
                kept = count >= 50
                axis.plot(said[kept], happened[kept], marker="o", markersize=3, linewidth=1, label=f"{h} s")
            axis.set(title=event, xlabel="probability said")
        axes[0].set_ylabel("share that happened")
        axes[0].legend(fontsize=8)

    return Picture(
        f"events-{split}",
        f"Reliability of {model}'s event probabilities on the {split} split.",
        draw,
        9.0,
        3.6,
    )


def bars(name: str, title: str, found: Mapping[str, float]) -> Picture:
    """How many times the loss it is, by group or noise."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        order = sorted(found, key=found.__getitem__)
        axes.barh(order, [found[each] for each in order])
        axes.axvline(1.0, linewidth=1, color="#888888")
        axes.set(xlabel="loss / loss as given", title=title)

    return Picture(name, title, draw, 6.4, 3.6)
