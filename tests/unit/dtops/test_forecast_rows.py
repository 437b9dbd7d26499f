"""Forecasts become rows of the ledger and come back the same, however the rows lie."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.forecast_rows import SCHEMA, forecasts_of, rows_of

SECOND_NS = 10**9
LEVELS = np.array([0.1, 0.5, 0.9])


def made(
    model: str, issued_s: int, n: int = 3, levels: np.ndarray | None = LEVELS, members: int = 3
) -> Forecast:
    rng = np.random.default_rng([issued_s, n])
    size = members if levels is None else len(levels)
    values = np.sort(rng.normal(size=(n, 2, size)), axis=2)
    values[0, 1] = np.nan  # this model gives nothing there
    targets = tuple(Target(f"NRCellDU={i}", "RRU.PrbTotDl") for i in range(n))
    issued_ns = issued_s * SECOND_NS
    return Forecast(
        model, "1", issued_ns, issued_ns - 5, targets, (10.0, 60.0), values, levels, step_ns=10 * SECOND_NS,
        network="emulated",
    )  # fmt: skip


def assert_same(found: Forecast, wanted: Forecast) -> None:
    for name in (
        "model", "model_version", "issued_at_ns", "known_at_ns", "targets", "horizons_s", "tail", "step_ns",
        "twin", "tenant", "network",
    ):  # fmt: skip
        assert getattr(found, name) == getattr(wanted, name), name
    np.testing.assert_array_equal(found.values, wanted.values)
    if wanted.levels is None:
        assert found.levels is None
    else:
        np.testing.assert_array_equal(found.levels, wanted.levels)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["climatology", "statistical"]), st.integers(100, 105), st.integers(1, 5),
            st.sampled_from([None, LEVELS]), st.integers(1, 4),
        ),
        max_size=8, unique_by=lambda each: each[:2],
    )
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_forecasts_come_back_from_their_rows_in_the_order_of_the_rows(
    kinds: list[tuple[str, int, int, np.ndarray | None, int]],
) -> None:
    wanted = [made(*kind) for kind in kinds]
    found = forecasts_of(rows_of(wanted)) if wanted else forecasts_of(SCHEMA.empty_table())
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert_same(one, other)


def test_rows_that_lie_in_many_pieces_and_slices_give_the_same_forecasts() -> None:
    wanted = [made("climatology", 100), made("statistical", 100, levels=None), made("statistical", 110)]
    whole = rows_of(wanted)
    pieces = pa.concat_tables([whole.slice(start, 2) for start in range(0, len(whole), 2)])
    for one, other in zip(forecasts_of(pieces), wanted, strict=True):
        assert_same(one, other)
    last = forecasts_of(whole.filter(pc.equal(whole["time_ns"], 110 * SECOND_NS)))
    assert_same(last[0], wanted[2])


def test_a_model_that_gave_nothing_at_all_comes_back_as_nothing() -> None:
    empty = made("climatology", 100, levels=None)
    empty.values[:] = np.nan
    found = forecasts_of(rows_of([empty]))[0]
    assert found.values.shape == (3, 2, 1)
    assert np.isnan(found.values).all()


def test_rows_of_one_issue_with_two_sets_of_levels_are_two_forecasts() -> None:
    one = made("theirs", 100)
    other = made("theirs", 100, levels=np.array([0.25, 0.5, 0.75]))
    found = forecasts_of(rows_of([one, other]))
    assert [each.levels.tolist() for each in found if each.levels is not None] == [
        [0.1, 0.5, 0.9], [0.25, 0.5, 0.75],
    ]  # fmt: skip
    samples = [made("theirs", 100, levels=None, members=2), made("theirs", 100, levels=None, members=4)]
    assert sorted(each.values.shape[2] for each in forecasts_of(rows_of(samples))) == [2, 4]


@pytest.mark.parametrize("levels", [None, LEVELS])
def test_the_rows_come_in_any_order(levels: np.ndarray | None) -> None:
    wanted = made("statistical", 100, n=4, levels=levels)
    rows = rows_of([wanted])
    found = forecasts_of(rows.take(pa.array(np.random.default_rng(1).permutation(len(rows)))))[0]
    for target, row in zip(wanted.targets, wanted.values, strict=True):
        for horizon_s, values in zip(wanted.horizons_s, row, strict=True):
            got = found.values[found.targets.index(target), found.horizons_s.index(horizon_s)]
            np.testing.assert_array_equal(got, values)
