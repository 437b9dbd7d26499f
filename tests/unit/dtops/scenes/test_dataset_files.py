"""A dataset's folder: whole or not there, never another one's, and damage is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ranvier.dtops.scenes.dataset import MANIFEST, SceneDataset, begun, said, tidied, whole, written
from ranvier.dtops.scenes.outcomes import KPIS, Outcomes
from ranvier.dtops.scenes.recipe import RECIPES
from ranvier.dtops.scenes.summary import floor_of, summary
from ranvier.dtops.scoring.floor import scalar_floor
from ranvier.ontology.errors import InputError
from tests.unit.dtops.scenes.plain_scenes import plain_scene

RECIPE = replace(RECIPES["small"], deployments={"train": 1, "known": 1}, runs={"train": 3, "known": 20})
NAME = "train-0000-uma grid"


def outcomes(users: int = 2, cells: int = 1, runs: int = 3) -> Outcomes:
    rng = np.random.default_rng(1)
    size = {"ue": users, "cell": cells}
    values = {each.name: rng.integers(0, 3, (size[each.node], 1, runs)).astype(np.float32) for each in KPIS}
    values["rlc_delay_ms"][0, 0, 0] = np.nan
    return Outcomes((1.0,), values)


@pytest.fixture
def dataset(tmp_path: Path) -> SceneDataset:
    found = begun(tmp_path, RECIPE)
    written(tmp_path, replace(plain_scene([[-90.0], [-99.0]]), name=NAME), outcomes())
    return found


def test_an_example_comes_back_as_it_was_written(dataset: SceneDataset) -> None:
    (example,) = dataset.of("train")
    assert example.scene.name == NAME
    assert example.outcomes.horizons_s == (1.0,)
    for name, values in outcomes().values.items():
        assert np.array_equal(example.outcomes.values[name], values, equal_nan=True)


def test_the_version_is_recipe_and_digest(dataset: SceneDataset) -> None:
    assert dataset.version == f"small-{RECIPE.digest()}"
    assert dataset.manifest["state"] == "building"


def test_processor_time_adds_up_and_versions_are_told(dataset: SceneDataset) -> None:
    for cpu_s in (1.5, 2.0):
        said(dataset.folder, RECIPE, "building", cpu_s)
    assert dataset.manifest["cpu_s"] == 3.5
    assert {"numpy", "torch", "instructions"} <= set(dataset.manifest["made_with"])


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_file_cut_short_is_not_whole_and_is_refused_by_name(dataset: SceneDataset, part: float) -> None:
    path = dataset.folder / "scenes" / f"{NAME}.npz"
    data = path.read_bytes()
    assert whole(dataset.folder, NAME)
    path.write_bytes(data[: int(len(data) * part)])
    assert not whole(dataset.folder, NAME)
    with pytest.raises(InputError, match=rf"{NAME}\.npz.*build again"):
        dataset.read(NAME)


def test_a_file_with_a_wrong_bit_in_a_column_is_refused(dataset: SceneDataset) -> None:
    import zipfile

    path = dataset.folder / "scenes" / f"{NAME}.npz"
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("kpi.sinr_db.npy")
    data = bytearray(path.read_bytes())
    # The entry's header has 30 bytes, its name and an extra field of 20; then the compressed column.
    data[entry.header_offset + 30 + len(entry.filename) + 20 + entry.compress_size // 2] ^= 0x10
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="build again"):
        dataset.read(NAME)


def test_what_is_being_written_is_no_example_and_is_tidied_away(dataset: SceneDataset) -> None:
    left = dataset.folder / "scenes" / "known-0000-uma grid.77.partial"
    left.write_bytes(b"half")
    assert dataset.names("known") == []
    assert not whole(dataset.folder, "known-0000-uma grid")
    tidied(dataset.folder)
    assert [path.name for path in (dataset.folder / "scenes").iterdir()] == [f"{NAME}.npz"]


def test_a_folder_of_another_recipe_is_refused(dataset: SceneDataset) -> None:
    with pytest.raises(InputError, match="choose another folder"):
        begun(dataset.folder, replace(RECIPE, seed=2))


def test_a_folder_without_a_dataset_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ranvier dataset build"):
        SceneDataset(tmp_path).manifest  # noqa: B018
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(InputError, match="ranvier dataset build"):
        SceneDataset(tmp_path).manifest  # noqa: B018


def test_a_summary_has_sizes_means_and_what_is_missing(dataset: SceneDataset) -> None:
    train, validation, known, _ = summary(dataset)
    assert (train.deployments, train.of, train.cells, train.users, train.runs) == (1, 1, 1, 2, 3)
    assert (validation.of, known.of, known.deployments) == (0, 1, 0)
    expected = outcomes().values
    assert train.means["sinr_db", 0].value == pytest.approx(expected["sinr_db"].mean())
    assert train.means["rlc_delay_ms", 0].missing == pytest.approx(1 / 3)
    assert train.floors["sinr_db", 0].value is None  # three runs are too few


def test_the_floor_of_an_event_is_that_of_its_brier_score() -> None:
    """½ E|Z − Z′| of k ones among m is k (m − k) / (m (m − 1)), unbiased for p (1 − p)."""
    runs = np.array([[0.0] * 15 + [1.0, 2.0, 1.0, 3.0, 1.0], [0.0] * 20])
    assert floor_of("handovers", runs) == pytest.approx([5 * 15 / (20 * 19), 0.0])
    assert floor_of("sinr_db", runs) == pytest.approx(scalar_floor(runs))
