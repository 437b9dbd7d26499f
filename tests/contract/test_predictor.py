"""What every `Predictor` keeps, whoever wrote it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.aiops.baselines.statistical import Statistical
from ranvier.dtops.ports import Predictor
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame

S = 10**9
HORIZONS = (1.0, 5.0, 30.0)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "predictor.py"


def example() -> Predictor:
    """The predictor of examples/predictor.py: anyone's simulator in under fifty lines."""
    spec = importlib.util.spec_from_file_location("example_predictor", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    made: Predictor = module.RandomWalk()
    return made


def surrogate() -> Predictor:
    """The surrogate as the twin's model; only scenes of a network tell it anything."""
    pytest.importorskip("torch_geometric", reason="the extra `surrogate` is not installed")
    from ranvier.aiops.surrogate.twin_predictor import SurrogateTwin
    from tests.unit.aiops.surrogate.test_twin_predictor import Fake

    made: Predictor = SurrogateTwin(Fake())
    return made


ADAPTERS = {
    "climatology": Climatology, "persistence": Persistence, "statistical": Statistical, "example": example,
    "surrogate": surrogate,
}  # fmt: skip


@pytest.fixture(params=ADAPTERS)
def predictor(request: pytest.FixtureRequest) -> Predictor:
    made: Predictor = ADAPTERS[request.param]()
    return made


@pytest.fixture(params=[20, 700])
def state(request: pytest.FixtureRequest, predictor: Predictor) -> TwinState:
    """Three targets of two quantities after few and after many steps, with gaps; the surrogate's, of a network."""
    if predictor.name == "surrogate":
        from tests.unit.aiops.surrogate.test_twin_predictor import counters_of, graph

        return counters_of(graph(), steps=request.param)
    rng, steps = np.random.default_rng(0), request.param
    sync, state = LoadBinSynchroniser(S, lags=(1, 2, 5, 15, 30, 45), window=30), None
    targets = [("a", "rsrp"), ("b", "rsrp"), ("b", "rate")]
    for end in range(5, steps + 1, 5):
        rows = [(*target, t) for target in targets for t in range(end - 4, end + 1) if rng.random() < 0.8]
        ends = np.array([t for _, _, t in rows], dtype=np.int64) * S
        state = sync.update(
            state,
            SeriesFrame(
                np.array([o for o, _, _ in rows], dtype=object), np.array([q for _, q, _ in rows], dtype=object),
                ends, ends, rng.integers(-110, -70, len(rows)).astype(float), ends, np.zeros(len(rows), bool),
            ),
            None, end * S, end * S,
        )  # fmt: skip
    assert state is not None
    return state.handed_out()


def test_it_forecasts_all_targets_at_the_horizons_asked_for(predictor: Predictor, state: TwinState) -> None:
    made = predictor.forecast(state, HORIZONS)
    assert made.targets == state.targets
    assert made.horizons_s == HORIZONS
    assert made.values.shape[:2] == (len(state.targets), len(HORIZONS))
    assert made.model == predictor.name
    assert made.step_ns == state.step_ns
    assert made.known_at_ns <= made.issued_at_ns


def test_each_distribution_is_whole_or_absent(predictor: Predictor, state: TwinState) -> None:
    values = predictor.forecast(state, HORIZONS).values
    assert (np.isnan(values).any(axis=2) == np.isnan(values).all(axis=2)).all()
    assert not np.isinf(values).any()


def test_the_same_state_gives_the_same_forecast(predictor: Predictor, state: TwinState) -> None:
    first, second = predictor.forecast(state, HORIZONS), predictor.forecast(state, HORIZONS)
    assert np.array_equal(first.values, second.values, equal_nan=True)


def test_it_alters_nothing_of_the_state(predictor: Predictor, state: TwinState) -> None:
    before = state.recent.copy(), state.climate.sample.copy(), state.pooled.sample.copy()
    predictor.forecast(state, HORIZONS)
    for kept, now in zip(before, (state.recent, state.climate.sample, state.pooled.sample), strict=True):
        assert np.array_equal(kept, now, equal_nan=True)


def test_the_loss_is_lowest_for_what_came_true_and_missing_where_the_outcome_is(
    predictor: Predictor, state: TwinState
) -> None:
    made = predictor.forecast(state, HORIZONS)
    middle = np.median(made.values, axis=2)
    near, far = predictor.loss(made, middle), predictor.loss(made, middle + 1_000.0)
    told = np.isfinite(made.values).all(axis=2)
    assert told.any()
    assert (near < far)[told].all()
    assert np.isnan(near[~told]).all()
    assert np.isnan(predictor.loss(made, np.full(middle.shape, np.nan))).all()
