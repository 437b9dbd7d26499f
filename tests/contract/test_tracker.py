"""What every Tracker does: takes what a training tells it, in order or again, and harms nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ranvier.aiops.tracking.port import NoTracker, Tracker

pytestmark = pytest.mark.xdist_group("surrogate")
Make = Callable[[], Tracker]


def mlflow(folder: Path) -> Tracker:
    pytest.importorskip("mlflow", reason="the extra 'surrogate' is not installed")
    from ranvier.aiops.tracking.mlflow_tracker import MlflowTracker

    return MlflowTracker(folder / "mlflow", folder)


@pytest.fixture(params=["none", "mlflow"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return NoTracker if request.param == "none" else lambda: mlflow(tmp_path)


def test_a_whole_training_is_taken(make: Make, tmp_path: Path) -> None:
    tracker = make()
    tracker.begin("v0", {"seed": "1", "rung": "v0"})
    for step in (1, 2):
        tracker.metrics({"loss/train": 1 / step, "validation/rsrp dbm": 0.5}, step)
    file = tmp_path / "card.md"
    file.write_text("# Card")
    tracker.artifact(file)
    tracker.end("finished")


def test_what_is_told_again_harms_nothing(make: Make) -> None:
    tracker = make()
    tracker.begin("v0", {"seed": "1"})
    tracker.metrics({"loss": 1.0}, 1)
    tracker.metrics({"loss": 1.0}, 1)
    tracker.end("killed")
    tracker.end("killed")


def test_a_training_that_was_stopped_goes_on_as_the_same(make: Make, tmp_path: Path) -> None:
    first = make()
    first.begin("v0", {"seed": "1"})
    first.metrics({"loss": 1.0}, 1)
    first.end("killed")
    again = make()
    again.begin("v0", {"seed": "1"})
    again.metrics({"loss": 0.5}, 2)
    again.end("finished")
    if isinstance(again, NoTracker):
        return  # it keeps nothing to go on with
    client: Any = again._client  # type: ignore[attr-defined]
    experiments = client.search_experiments(filter_string="name = 'surrogates'")
    runs = client.search_runs([each.experiment_id for each in experiments])
    assert len(runs) == 1
    assert runs[0].info.status == "FINISHED"
    history = client.get_metric_history(runs[0].info.run_id, "loss")
    assert [(each.step, each.value) for each in history] == [(1, 1.0), (2, 0.5)]
