"""The fidelity book answers from the live sums, and from the ledger's rows where single objects are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ranvier.dtops.block_sums import Axes
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.scorekeeper import Scorekeeper, ScoringPlan
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.ports import SeriesFrame
from ranvier.gateway.api.platform import FidelityQuery, Whose
from ranvier.gateway.runtime.fidelity_book import FidelityBook
from ranvier.gateway.settings import FidelitySettings

S = 10**9
STEP_NS, BLOCK_NS = 10 * S, 30 * S
START = 170_000_001  # the first step of a block
STEPS = 30
NOW = (START + STEPS) * STEP_NS
WHOSE = Whose("default", "north")
KPI = "RRU.PrbTotDl"
TARGETS = tuple(Target(f"NRCellDU={n}", KPI) for n in (1, 2))
OUTCOMES = (10.0, 20.0)
MEDIANS = {"climatology": (14.0, 24.0), "statistical": (12.0, 21.0)}
"""Each model's point forecasts: the CRPS of a point is |error|, so 4 and 4 against 2 and 1."""


def issued(step: int) -> list[Forecast]:
    now_ns = step * STEP_NS
    return [
        Forecast(
            model, "1", now_ns, now_ns, TARGETS, (10.0,), np.array(medians).reshape(2, 1, 1), step_ns=STEP_NS,
            network="north",
        )
        for model, medians in MEDIANS.items()
    ]  # fmt: skip


def measured(step: int) -> SeriesFrame:
    end_ns = np.full(2, step * STEP_NS)
    return SeriesFrame(
        np.array([t.object_id for t in TARGETS], object), np.array([KPI, KPI], object), end_ns - STEP_NS, end_ns,
        np.array(OUTCOMES), end_ns, np.zeros(2, bool),
    )  # fmt: skip


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Scorekeeper]:
    ledger = ParquetLedger(tmp_path)
    axes = Axes(tuple(MEDIANS), (KPI,), (10.0,), BLOCK_NS)
    made = Scorekeeper(ledger, ScoringPlan(WHOSE, STEP_NS, axes, {KPI: 1.5}))
    for step in range(START, START + STEPS):
        made.enter(issued(step))
        made.score(measured(step + 1), (step + 1) * STEP_NS, (step + 1) * STEP_NS)
    yield made
    ledger.close()


@pytest.fixture
def book(keeper: Scorekeeper) -> FidelityBook:
    return FidelityBook(keeper, keeper.ledger, FidelitySettings(window_s=1_800.0))


def test_fidelity_is_one_less_the_ratio_of_the_summed_scores(book: FidelityBook) -> None:
    found = {figure.model: figure for figure in book.figures(FidelityQuery(WHOSE), NOW)}
    assert found["climatology"].fidelity.value == 0
    assert found["statistical"].fidelity.value == pytest.approx(1 - (2 + 1) / (4 + 4))
    assert found["statistical"].crps == pytest.approx(1.5)
    assert found["statistical"].bias.value == pytest.approx(1.5)
    assert found["statistical"].precision.value == pytest.approx(0.5), "one of two within 1.5"
    assert found["statistical"].n == 2 * STEPS


def test_each_object_has_its_own_from_the_ledger(book: FidelityBook) -> None:
    found = book.figures(FidelityQuery(WHOSE, model="statistical", per_object=True), NOW)
    assert {figure.object_id: figure.fidelity.value for figure in found} == {
        "NRCellDU=1": pytest.approx(1 - 2 / 4), "NRCellDU=2": pytest.approx(1 - 1 / 4),
    }  # fmt: skip
    (one,) = book.figures(FidelityQuery(WHOSE, model="statistical", object_id="NRCellDU=2"), NOW)
    assert one.fidelity.value == pytest.approx(0.75)
    assert one.n == STEPS


def test_only_what_was_asked_for_is_told(book: FidelityBook) -> None:
    assert len(book.figures(FidelityQuery(WHOSE), NOW)) == 2
    assert [f.model for f in book.figures(FidelityQuery(WHOSE, model="statistical"), NOW)] == ["statistical"]
    assert book.figures(FidelityQuery(WHOSE, horizon_s=60.0), NOW) == []
    assert book.figures(FidelityQuery(WHOSE, quantity="RRC.ConnMean"), NOW) == []
    assert book.figures(FidelityQuery(Whose("default", "south")), NOW) == []
    assert book.history(FidelityQuery(Whose("other", "north")), BLOCK_NS, NOW) == []


def test_the_history_adds_up_to_the_whole(book: FidelityBook) -> None:
    whole = book.figures(FidelityQuery(WHOSE, model="statistical"), NOW)[0]
    windows = book.history(FidelityQuery(WHOSE, model="statistical"), 60 * S, NOW)
    assert sum(figure.n for figure in windows) == whole.n
    starts = [figure.from_ns for figure in windows]
    assert starts == sorted(starts)
    assert all(figure.to_ns - figure.from_ns <= 60 * S for figure in windows)
    assert all(figure.fidelity.value == pytest.approx(whole.fidelity.value) for figure in windows)


def test_a_rolling_history_looks_back_and_so_has_intervals(book: FidelityBook) -> None:
    query = FidelityQuery(WHOSE, model="statistical", horizon_s=10.0, quantity=KPI)
    plain = book.history(query, BLOCK_NS, NOW)
    rolling = book.history(replace(query, window_ns=8 * BLOCK_NS), BLOCK_NS, NOW)
    assert [figure.to_ns for figure in rolling] == [figure.to_ns for figure in plain]
    assert [figure.n for figure in rolling] == [
        sum(f.n for f in plain[max(0, i - 7) : i + 1]) for i in range(10)
    ]
    assert all(figure.fidelity.low is None for figure in plain + rolling[:7])
    assert all(figure.fidelity.low is not None for figure in rolling[7:]), "eight blocks from the eighth on"


def test_the_first_window_of_a_history_reaches_back_before_it(book: FidelityBook) -> None:
    from_ns = (START - 1) * STEP_NS + 9 * BLOCK_NS
    query = FidelityQuery(WHOSE, model="statistical", from_ns=from_ns, window_ns=5 * BLOCK_NS)
    first, *_ = book.history(query, BLOCK_NS, NOW)
    assert first.to_ns - first.from_ns == 5 * BLOCK_NS
    (one,) = book.history(replace(query, object_id="NRCellDU=2"), BLOCK_NS, NOW)[:1]
    assert one.n == first.n / 2, "also where the rows are read back from the ledger"


def test_a_step_in_which_nothing_was_scored_has_no_figure(book: FidelityBook) -> None:
    query = FidelityQuery(WHOSE, model="statistical", window_ns=60 * BLOCK_NS)
    later = book.history(query, BLOCK_NS, NOW + 20 * BLOCK_NS)
    assert len(later) == len(book.history(query, BLOCK_NS, NOW))


def test_a_value_without_an_interval_says_why_there_is_none(book: FidelityBook) -> None:
    (long,) = book.history(FidelityQuery(WHOSE, model="statistical"), 20 * BLOCK_NS, NOW)[:1]
    (short,) = book.history(FidelityQuery(WHOSE, model="statistical"), 2 * BLOCK_NS, NOW)[:1]
    assert long.fidelity.undefined == ""
    assert short.fidelity.value is not None
    assert (short.fidelity.low, short.fidelity.high) == (None, None)
    assert "too few blocks of time yet for an interval" in short.fidelity.undefined
    assert "at least 8" in short.bias.undefined


def test_an_answer_is_remembered_until_more_is_scored(book: FidelityBook, keeper: Scorekeeper) -> None:
    query = FidelityQuery(WHOSE, per_object=True)
    first = book.figures(query, NOW)
    scans = []
    scan = keeper.ledger.scan
    keeper.ledger.scan = lambda *given: scans.append(given) or scan(*given)  # type: ignore[method-assign]
    assert book.figures(query, NOW) == first
    assert scans == []
    step = START + STEPS
    keeper.enter(issued(step))
    keeper.score(measured(step + 1), (step + 1) * STEP_NS, NOW + 1)
    later = book.figures(query, NOW + STEP_NS)
    assert scans
    assert {figure.n for figure in later} == {STEPS + 1}


def test_a_window_in_the_past_holds_the_past_only(book: FidelityBook) -> None:
    query = FidelityQuery(WHOSE, model="statistical", to_ns=NOW - 150 * S)
    (found,) = book.figures(replace(query, from_ns=(START - 1) * STEP_NS), NOW)
    assert found.to_ns <= NOW - 150 * S + BLOCK_NS
    assert 0 < found.n < 2 * STEPS


def test_before_anything_is_scored_there_is_no_figure(tmp_path: Path) -> None:
    ledger = ParquetLedger(tmp_path / "empty")
    axes = Axes(tuple(MEDIANS), (KPI,), (10.0,), BLOCK_NS)
    keeper = Scorekeeper(ledger, ScoringPlan(WHOSE, STEP_NS, axes, {}))
    book = FidelityBook(keeper, ledger, FidelitySettings())
    assert book.figures(FidelityQuery(WHOSE), NOW) == []
    assert book.figures(FidelityQuery(WHOSE, per_object=True), NOW) == []
    assert book.history(FidelityQuery(WHOSE, from_ns=NOW - 600 * S), 60 * S, NOW) == []
    ledger.close()
