"""Which models a twin runs: the baselines alone, or with one more, which says what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.gateway import twin_models
from ranvier.gateway.settings import load_settings
from ranvier.gateway.twin_models import model_of, primary_of, with_model
from ranvier.ontology.errors import InputError


def test_statistical_is_the_baselines_alone() -> None:
    synchroniser = LoadBinSynchroniser(10**9)
    assert with_model(synchroniser, (), load_settings().twin, 1.0) == (synchroniser, ())


@pytest.mark.parametrize("model", ["simulator", "surrogate"])
def test_a_missing_extra_is_named_with_how_to_get_it(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin_models, "find_spec", lambda name: None)
    settings = load_settings(twin={"model": model}).twin
    with pytest.raises(InputError, match=rf"ranvier\[{model}\].*make {model}"):
        model_of(settings)


def test_a_surrogate_needs_a_trained_model() -> None:
    pytest.importorskip("torch_geometric", reason="the extra `surrogate` is not installed")
    with pytest.raises(InputError, match="ranvier train"):
        model_of(load_settings(twin={"model": "surrogate"}).twin)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric", reason="the extra `surrogate` is not installed")
    settings = load_settings(twin={"model": "surrogate", "surrogate_folder": tmp_path / "none"}).twin
    with pytest.raises(InputError, match=r"none.*ranvier train"):
        model_of(settings)


def test_the_model_is_primary_unless_another_is_named() -> None:
    assert primary_of(load_settings(twin={"model": "surrogate"}).twin) == "surrogate"
    assert (
        primary_of(load_settings(twin={"model": "surrogate", "primary": "statistical"}).twin) == "statistical"
    )


def test_the_simulator_follows_each_grid_with_an_ensemble_over_its_synchroniser() -> None:
    pytest.importorskip("numba", reason="the extra `simulator` is not installed")
    made = model_of(load_settings(twin={"model": "simulator"}).twin)
    assert made is not None
    slow, fast = LoadBinSynchroniser(10**10), LoadBinSynchroniser(10**9)
    assert [made.followed(each, 1.0).inner for each in (slow, fast)] == [slow, fast]  # type: ignore[attr-defined]
