"""A training from a tiny dataset to a card: taken up as if never killed, tracked, graded, and served as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch_geometric", reason="the extra 'surrogate' is not installed")
import torch

from ranvier.aiops.surrogate import evaluation, inspection, model_folder
from ranvier.aiops.surrogate.evaluation_tables import QUANTILE_KPIS, page
from ranvier.aiops.surrogate.examples import Examples
from ranvier.aiops.surrogate.job import Job, graded, run
from ranvier.aiops.surrogate.predictor import SurrogatePredictor, load_predictor
from ranvier.aiops.surrogate.rivals import rivals
from ranvier.aiops.surrogate.training import Recipe, train
from ranvier.aiops.tracking.mlflow_tracker import MlflowTracker
from ranvier.aiops.tracking.port import NoTracker
from ranvier.dtops.scenes import recipe as recipes
from ranvier.dtops.scenes.build import make
from ranvier.dtops.scenes.dataset import SceneDataset, begun
from ranvier.dtops.scenes.forecast import LEVELS, SceneForecast
from ranvier.dtops.scenes.outcomes import KPI
from ranvier.dtops.scoring.sample_quantiles import HAZEN, sample_quantiles
from ranvier.ontology.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("surrogate")]
TINY = recipes.Recipe(
    "tiny", {"train": 3, "validation": 1, "known": 2, "unseen": 1},
    {"train": 3, "validation": 3, "known": 20, "unseen": 20}, horizons_s=(1.0, 60.0), small=True,
)  # fmt: skip
RECIPE = Recipe(epochs=3, batch_scenes=2, width=16, attention=2, hidden=24, deterministic=True)
ABOUT = {"name": "surrogate", "dataset": "tiny"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SceneDataset:
    folder = tmp_path_factory.mktemp("tiny")
    found = begun(folder, TINY)
    for split, number in TINY.members():
        make(folder, TINY, split, number)
    return found


@pytest.fixture(scope="module")
def examples(dataset: SceneDataset) -> Examples:
    return Examples.of(dataset)


@pytest.fixture(autouse=True)
def not_for_others() -> object:
    yield
    torch.use_deterministic_algorithms(False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "model" / "weights.pt", weights_only=True)
    return found


def test_a_killed_training_goes_on_to_the_same_bits(examples: Examples, tmp_path: Path) -> None:
    whole = train(examples, RECIPE, tmp_path / "whole", ABOUT)
    train(examples, RECIPE, tmp_path / "killed", ABOUT, stop_after=1)
    again = train(examples, RECIPE, tmp_path / "killed", ABOUT)
    assert again.train == whole.train
    assert again.validation == whole.validation
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.train[-1] < whole.train[0]


def test_a_folder_of_another_training_is_refused(examples: Examples, tmp_path: Path) -> None:
    train(examples, RECIPE, tmp_path, ABOUT, stop_after=1)
    with pytest.raises(InputError, match="another seed"):
        train(examples, replace(RECIPE, seed=2), tmp_path, ABOUT)
    with pytest.raises(InputError, match="another dataset"):
        train(examples, RECIPE, tmp_path, {**ABOUT, "dataset": "other"})


def test_it_stops_when_it_gets_no_better(examples: Examples, tmp_path: Path) -> None:
    found = train(examples, replace(RECIPE, epochs=30, patience=1, rate=1.0, clip=1e9), tmp_path, ABOUT)
    assert len(found.validation) < 30
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    assert about["epoch"] == found.best + 1


def test_what_was_saved_forecasts_as_what_was_trained(
    examples: Examples, dataset: SceneDataset, tmp_path: Path
) -> None:
    train(examples, RECIPE, tmp_path, ABOUT)
    scenes = [each.scene for each in dataset.of("known")]
    network, scaling, about = model_folder.load(tmp_path / "model")
    loaded = load_predictor(tmp_path / "model")
    for one, other in zip(
        SurrogatePredictor(network, scaling, about["version"]).forecast(scenes, (1.0, 60.0)),
        loaded.forecast(scenes, (1.0, 60.0)), strict=True,
    ):  # fmt: skip
        assert all(np.array_equal(one.quantiles[k], other.quantiles[k]) for k in one.quantiles)
    assert loaded.version == model_folder.digest(network)
    with pytest.raises(InputError, match="horizons among"):
        loaded.forecast(scenes, (5.0,))


def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ranvier train"):
        load_predictor(tmp_path)


class Oracle:
    """The quantiles of the runs themselves: what scores 1, as near as levels allow."""

    name, version = "oracle", "1"

    def __init__(self, dataset: SceneDataset, split: str) -> None:
        self.known = {each.scene.name: each.outcomes for each in dataset.of(split)}  # type: ignore[arg-type]

    def forecast(self, scenes: list, horizons_s: object) -> list[SceneForecast]:  # type: ignore[type-arg]
        found = []
        for scene in scenes:
            outcomes = self.known[scene.name]
            quantiles, p = {}, {}
            for name, runs in outcomes.values.items():
                if KPI[name].event:
                    p[name] = np.nanmean(runs > 0, axis=2)
                else:
                    quantiles[name] = np.nan_to_num(sample_quantiles(runs.astype(float), LEVELS, HAZEN))
            found.append(SceneForecast(self.name, "1", outcomes.horizons_s, LEVELS, quantiles, p, p))
        return found

    def loss(self, forecast: SceneForecast, outcomes: object) -> Mapping[str, np.ndarray]:
        raise NotImplementedError


def test_the_runs_own_quantiles_score_the_floor_less_what_fitting_to_them_gains(
    dataset: SceneDataset,
) -> None:
    """In-sample, the plain ½E|X − X′| is expected: 1 − 1/m of the fair floor; levels lose at most 1 %."""
    sums = evaluation.evaluated(dataset, "known", [Oracle(dataset, "known"), *rivals(dataset.of("train"))])
    for kpi in QUANTILE_KPIS:
        ratio = evaluation.mean_ratio(sums, "oracle", "known", kpi).value
        assert 0.94 <= ratio <= 0.97, kpi
        assert evaluation.mean_ratio(sums, "climatology", "known", kpi).value > 1.0
    # The oracle's own coverage is exact by exchangeability: 0.8, up to √(0.16 / n) for n runs.
    own = evaluation.coverage(sums, "climatology", "known", "all", column=2).value
    count = sum(
        row[0] for key, rows in sums.covered.items() if key[0] == "oracle" and key[2] == "all" for row in rows
    )
    assert abs(own - 0.8) < 4 * np.sqrt(0.16 / count)


def test_the_job_trains_grades_tracks_and_writes_a_card(dataset: SceneDataset, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    said: list[str] = []
    tracker = MlflowTracker(tmp_path / "mlflow", tmp_path)
    model = run(Job(dataset, RECIPE, tmp_path, tracker, said.append))
    card = (tmp_path / "card" / "card.md").read_text()
    for word in (
        model.version,
        dataset.version,
        "climatology",
        "no graph",
        "Where it fails",
        "Noise",
        "known",
    ):
        assert word in card
    assert (tmp_path / "card" / "card.html").stat().st_size > 50_000
    assert any("epoch 3/3" in line for line in said)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    at = client.get_run((tmp_path / "mlflow-run.txt").read_text())
    assert at.info.status == "FINISHED"
    assert at.data.params["dataset"] == dataset.version
    assert len(client.get_metric_history(at.info.run_id, "loss/validation")) == 3
    assert {"card.md", "evaluation.md", "weights.pt"} <= {
        each.path for each in client.list_artifacts(at.info.run_id)
    }
    # Again: nothing is trained anew, and the same model is graded.
    assert run(Job(dataset, RECIPE, tmp_path, NoTracker(), said.append)).version == model.version


def test_tables_have_every_kpi_split_and_model(dataset: SceneDataset) -> None:
    fitted = rivals(dataset.of("train"))
    sums, names, splits = graded(dataset, fitted[:1], lambda _line: None)
    text = page(sums, names, splits, ["1", "60"], "# Evaluation")
    assert splits == ["known", "unseen"]
    assert all(kpi in text for kpi in QUANTILE_KPIS)
    assert "nan" not in text


def test_what_matters_is_told_for_every_group(
    examples: Examples, dataset: SceneDataset, tmp_path: Path
) -> None:
    train(examples, RECIPE, tmp_path, ABOUT)
    network, _, _ = model_folder.load(tmp_path / "model")
    named = {name for group in inspection.GROUPS.values() for name in group}
    for names in examples.scaling.names.values():
        assert set(names) <= named, "each column belongs to a group"
    for found in (
        inspection.importance(network, examples, RECIPE),
        inspection.gaps(network, examples, RECIPE),
    ):
        assert set(found) == set(inspection.GROUPS)
        assert all(np.isfinite(list(found.values())))
    noise = inspection.noise(network, examples, dataset, RECIPE)
    assert set(noise) == set(inspection.NOISES)
