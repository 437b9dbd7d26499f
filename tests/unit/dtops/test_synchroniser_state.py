"""The state follows what was measured, forgets what must be forgotten, and never alters the state before."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops import climate as climates
from ranvier.dtops.forecast import Target
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.snapshot import Relation, Snapshot
from ranvier.ontology.errors import InputError, LeakError

S = 10**9


def frame(rows: list[tuple[str, str, float, float]]) -> SeriesFrame:
    """Rows of (object, quantity, end in seconds, value), known when they ended."""
    ends = np.array([int(end * S) for _, _, end, _ in rows], dtype=np.int64)
    return SeriesFrame(
        np.array([row[0] for row in rows], dtype=object), np.array([row[1] for row in rows], dtype=object),
        ends, ends, np.array([row[3] for row in rows], dtype=float), ends, np.zeros(len(rows), dtype=bool),
    )  # fmt: skip


def lived(sync: LoadBinSynchroniser, series: dict[str, np.ndarray], every: int = 1) -> TwinState:
    """A state after all steps of some series of quantity "q", updated every few steps."""
    state, n = None, len(next(iter(series.values())))
    for end in range(every, n + 1, every):
        rows = [
            (who, "q", t, values[t - 1])
            for who, values in series.items()
            for t in range(end - every + 1, end + 1)
        ]
        state = sync.update(state, frame(rows), None, end * S, end * S)
    assert state is not None
    return state


def test_the_latest_measurement_of_a_step_is_its_value() -> None:
    sync = LoadBinSynchroniser(S)
    state = sync.update(
        None, frame([("a", "q", 1.0, 5.0), ("a", "q", 0.4, 7.0), ("a", "q", 2.0, 6.0)]), None, 2 * S, 2 * S
    )
    assert state.recent[0, -2:].tolist() == [5.0, 6.0]
    assert np.isnan(state.recent[0, :-2]).all()


def test_silence_is_unknown_and_shows_as_age() -> None:
    sync = LoadBinSynchroniser(S)
    state = sync.update(None, frame([("a", "q", 1.0, 5.0)]), None, S, S)
    state = sync.update(state, frame([]), None, 4 * S, 4 * S)
    assert state.age_steps().tolist() == [3]
    assert np.isnan(state.recent[0, -3:]).all()


def test_a_revision_replaces_and_is_not_counted_twice() -> None:
    sync = LoadBinSynchroniser(S)
    state = sync.update(None, frame([("a", "q", 1.0, 5.0)]), None, S, S)
    state = sync.update(state, frame([("a", "q", 1.0, 9.0)]), None, 2 * S, 2 * S)
    assert state.climate.count.tolist() == [1]
    assert state.climate.sample[0, ~np.isnan(state.climate.sample[0])].tolist() == [9.0]
    assert state.recent[0, -2] == 9.0


def test_the_state_before_is_never_altered() -> None:
    sync = LoadBinSynchroniser(S)
    before = sync.update(None, frame([("a", "q", 1.0, 5.0)]), None, S, S)
    kept = before.recent.copy(), before.climate.sample.copy(), before.targets
    sync.update(before, frame([("a", "q", 1.0, 6.0), ("b", "q", 2.0, 1.0)]), None, 2 * S, 2 * S)
    assert np.array_equal(before.recent, kept[0], equal_nan=True)
    assert np.array_equal(before.climate.sample, kept[1], equal_nan=True)
    assert before.targets == kept[2]


def test_what_was_not_known_is_refused() -> None:
    with pytest.raises(LeakError):
        LoadBinSynchroniser(S).update(None, frame([("a", "q", 9.0, 5.0)]), None, 9 * S, 8 * S)


def test_times_off_the_grid_or_backwards_are_refused() -> None:
    sync = LoadBinSynchroniser(S)
    with pytest.raises(InputError):
        sync.update(None, frame([]), None, S // 2, S)
    state = sync.update(None, frame([("a", "q", 5.0, 1.0)]), None, 5 * S, 5 * S)
    with pytest.raises(InputError):
        sync.update(state, frame([]), None, 4 * S, 5 * S)


def test_the_climate_does_not_depend_on_how_often_the_state_is_updated() -> None:
    values = {"a": np.random.default_rng(0).normal(size=120), "b": np.arange(120.0)}
    sync = LoadBinSynchroniser(S, climate_size=16)
    often, rarely = lived(sync, values, 1), lived(sync, values, 10)
    for one, other in ((often.climate, rarely.climate), (often.pooled, rarely.pooled)):
        assert np.array_equal(np.sort(one.sample), np.sort(other.sample), equal_nan=True)
        assert one.count.tolist() == other.count.tolist()


def test_the_climate_is_an_equally_weighted_sample_of_the_whole_past() -> None:
    """The mean place of 128 of 4,000 values is 2,000 ± 5 standard errors of a uniform sample."""
    count, size = 4_000, 128
    keys = climates.value_keys(np.full(count, 99, np.uint64), np.arange(count))
    held = climates.added(
        climates.empty(1, size),
        np.zeros(count, np.int64),
        keys,
        np.arange(count, dtype=float),
        np.ones(count, bool),
    )
    assert held.count.tolist() == [count]
    assert held.sample.mean() == pytest.approx(count / 2, abs=5 * count / np.sqrt(12 * size))


def test_moments_hold_what_followed_them() -> None:
    """On a ramp, the value `lag` steps later is higher by the lag, and the history ends on the moment."""
    sync = LoadBinSynchroniser(S, lags=(1, 4), window=5, slack=1, moments_size=50)
    state = lived(sync, {"a": np.arange(600.0)}, every=7)
    moments = state.moments["q"]
    assert len(moments.keys) == 50
    assert (moments.followed - moments.history[:, -1:]).tolist() == [[1.0, 4.0]] * 50
    assert np.array_equal(moments.history[:, -1], moments.when - 1.0)


def test_moments_of_the_steps_between_two_updates_are_not_passed_over() -> None:
    sync = LoadBinSynchroniser(S, lags=(1,), window=3, slack=0, moments_size=10_000)
    for every in (1, 10, 30):
        state = lived(sync, {"a": np.arange(300.0)}, every)
        fresh = state.memory.fresh["q"].count
        assert state.moments["q"].count + fresh >= 300 - 1 - 3 - 30


def test_around_is_the_mean_of_the_graphs_neighbours() -> None:
    edge = Relation("adjacent", "a", "b", {}, 0, None, 0)
    graph = Snapshot(S, S, (), (edge,))
    rows = [("a", "q", 1.0, 5.0), ("b", "q", 1.0, 7.0), ("c", "q", 1.0, 9.0), ("b", "other", 1.0, 1.0)]
    state = LoadBinSynchroniser(S).update(None, frame(rows), graph, S, S)
    assert state.around[state.targets.index(Target("a", "q")), -1] == 7.0
    assert state.around[state.targets.index(Target("b", "q")), -1] == 5.0
    assert np.isnan(state.around[state.targets.index(Target("c", "q")), -1])


def test_a_target_that_stays_silent_is_forgotten_so_memory_is_bounded() -> None:
    sync = LoadBinSynchroniser(S, forget_steps=50)
    state = sync.update(None, frame([("a", "q", 1.0, 5.0)]), None, S, S)
    state = sync.update(state, frame([("b", "q", 99.0, 5.0)]), None, 99 * S, 99 * S)
    assert [target.object_id for target in state.targets] == ["b"]
    assert state.pooled.count.tolist() == [2]


def test_load_bins_hold_the_users_that_the_cell_reports() -> None:
    rows = [("cell", "RRC.ConnMean", float(t), 20.0) for t in range(1, 13)]
    state = LoadBinSynchroniser(S).update(None, frame(rows), None, 12 * S, 12 * S)
    assert state.bins is not None
    assert state.bins.offered.shape[1:] == (1, 4)
    # Gamma(240.5, 12): mean 20.04, standard deviation 1.3; the mean of 8 members within 5 standard errors.
    assert state.bins.offered.sum(axis=2).mean() == pytest.approx(20.04, abs=5 * 1.3 / np.sqrt(8))


def test_the_draws_of_a_cell_do_not_depend_on_which_other_cells_there_are() -> None:
    def bins(cells: list[str]) -> np.ndarray:
        rows = [(cell, "RRC.ConnMean", 1.0, 5.0) for cell in cells]
        found = LoadBinSynchroniser(S).update(None, frame(rows), None, S, S).bins
        assert found is not None
        return found.offered[:, found.cells.index("b")]

    assert np.array_equal(bins(["b"]), bins(["a", "b", "c"]))


def test_predictors_get_only_what_was_heard_of_and_no_memory() -> None:
    sync = LoadBinSynchroniser(S, lags=(1,), window=3, slack=0, stride=2)
    state = sync.update(None, frame([("old", "q", 1.0, 5.0)]), None, S, S)
    state = sync.update(state, frame([("new", "q", 50.0, 5.0)]), None, 50 * S, 50 * S)
    handed = state.handed_out()
    assert [target.object_id for target in handed.targets] == ["new"]
    assert handed.memory is None
    assert not np.shares_memory(handed.recent, state.recent)
