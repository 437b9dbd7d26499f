"""Nobody can read what was not known, change what was sealed, or spoil it for the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.aiops.baselines.statistical import Statistical
from ranvier.dtops.forecast import Forecast
from ranvier.dtops.referee.chronicle import Chronicle
from ranvier.dtops.referee.replay import Replayed, Schedule, replay
from ranvier.dtops.referee.scoreboard import Scoreboard
from ranvier.dtops.referee.spool_ledger import SpoolLedger
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology.errors import InputError, StoreError

S = 10**9
HORIZONS = (1.0, 5.0)


@pytest.fixture
def ledgers() -> Iterator[list[SpoolLedger]]:
    """Two ledgers that are closed in the end."""
    with closing(SpoolLedger()) as one, closing(SpoolLedger()) as other:
        yield [one, other]


SCHEDULE = Schedule(5 * S, 60 * S, 30 * S, 10 * S)


def told(values: Sequence[float], late: dict[int, int] | None = None) -> Chronicle:
    """One object that reports each second from 1 s on; `late`: second to seconds of delay."""
    chronicle = Chronicle()
    for t, value in enumerate(values, start=1):
        known = t + (late or {}).get(t, 0)
        chronicle.add(MeasurementReport("ue", "UE", t * S, t * S, {"q": float(value)}), known * S)
    return chronicle


def run(
    chronicle: Chronicle, *predictors: Any, ledger: SpoolLedger | None = None
) -> tuple[Scoreboard, Replayed]:
    board = Scoreboard(tuple(each.name for each in predictors), HORIZONS, S, {})
    synchroniser = LoadBinSynchroniser(S, lags=(1, 2, 5, 8), window=12)
    with chronicle, closing(SpoolLedger()) as own:
        return board, replay(chronicle, predictors, synchroniser, board, SCHEDULE, ledger or own)


@dataclass
class Spy:
    """Climatology that takes hold of all that it can reach."""

    name: str = "spy"
    version: str = "1"
    worst: float = -np.inf

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        latest = max((x for x in numbers_in(state)), default=-np.inf)
        self.worst = max(self.worst, latest - state.as_of_ns / S)
        made = Climatology().forecast(state, horizons_s)
        return replace(made, model=self.name)

    def loss(self, forecast: Forecast, outcomes: np.ndarray) -> np.ndarray:
        return outcomes


def numbers_in(thing: Any, seen: set[int] | None = None) -> list[float]:
    """Every measured value that can be reached, through fields, containers and the bases of arrays."""
    seen = set() if seen is None else seen
    if id(thing) in seen or thing is None or isinstance(thing, str | int | float):
        return []
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        own = (
            [float(np.nanmax(thing))]
            if thing.dtype == float and thing.size and not np.isnan(thing).all()
            else []
        )
        return own + numbers_in(thing.base, seen)
    if is_dataclass(thing):
        return [x for f in fields(thing) for x in numbers_in(getattr(thing, f.name), seen)]
    if isinstance(thing, dict):
        return [x for value in thing.values() for x in numbers_in(value, seen)]
    if isinstance(thing, tuple | list):
        return [x for value in thing for x in numbers_in(value, seen)]
    return []


def test_nothing_that_a_predictor_can_reach_is_later_than_its_time() -> None:
    """The value is the time at which it was measured, so a look ahead would show."""
    spy = Spy()
    run(told(np.arange(1.0, 400.0)), Climatology(), spy)
    assert spy.worst == 0.0  # the latest known, and never more


def test_what_comes_later_does_not_change_a_forecast(ledgers: list[SpoolLedger]) -> None:
    """Two archives that agree up to 300 s give the same seals up to then."""
    rng = np.random.default_rng(0)
    same = rng.normal(size=300)
    seals = []
    futures = (rng.normal(size=100), 1e6 + np.arange(100.0))
    for ledger, future in zip(ledgers, futures, strict=True):
        run(told([*same, *future]), Climatology(), Persistence(), Statistical(), ledger=ledger)
        seals.append([s.digest for s in ledger.seals("forecast", limit=1000) if s.sealed_at_ns <= 300 * S])
    assert len(seals[0]) == 60
    assert seals[0] == seals[1]


def test_a_late_value_is_not_read_before_it_was_known(ledgers: list[SpoolLedger]) -> None:
    punctual, late = ledgers
    values = [*np.zeros(99), 50.0, *np.zeros(60)]
    run(told(values), Climatology(), Persistence(), ledger=punctual)
    run(told(values, late={100: 3}), Climatology(), Persistence(), ledger=late)
    at_100 = [
        ledger.scan("forecast", "default", 100 * S, 100 * S + 1, {"model": "persistence"})[
            "values"
        ].to_pylist()
        for ledger in (punctual, late)
    ]
    assert at_100[0] == [[50.0], [50.0]]
    assert at_100[1] == [[0.0], [0.0]]


@dataclass
class Vandal:
    """Writes into all arrays it is handed, and into its forecast after it has been issued."""

    name: str = "vandal"
    version: str = "1"
    issued: list[np.ndarray] = field(default_factory=list)

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        made = replace(Persistence().forecast(state, horizons_s), model=self.name)
        for earlier in self.issued:
            earlier[...] = 1e9
        self.issued = [made.values]
        for array in (state.recent, state.climate.sample, state.pooled.sample, state.around):
            array[...] = -1e9
        return made

    def loss(self, forecast: Forecast, outcomes: np.ndarray) -> np.ndarray:
        return outcomes


def test_a_vandal_changes_neither_the_others_nor_what_it_has_said() -> None:
    values = np.random.default_rng(1).normal(size=200)
    alone, _ = run(told(values), Climatology(), Persistence())
    beside, _ = run(told(values), Vandal(), Climatology(), Persistence())
    assert np.array_equal(alone.sums["persistence"], beside.sums["persistence"])
    assert np.array_equal(alone.sums["climatology"], beside.sums["climatology"])
    assert np.array_equal(beside.sums["vandal"], beside.sums["persistence"])


@dataclass
class Wrong:
    """Gives back something that was not asked for."""

    how: str
    name: str = "wrong"
    version: str = "1"

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        made = replace(Climatology().forecast(state, horizons_s), model=self.name)
        if self.how == "horizons":
            return replace(made, horizons_s=tuple(h / 10 for h in horizons_s))
        if self.how == "name":
            return replace(made, model="climatology")
        values = made.values.copy()
        values[0, 0, 0] = np.nan if self.how == "nan" else np.inf
        return replace(made, values=values)

    def loss(self, forecast: Forecast, outcomes: np.ndarray) -> np.ndarray:
        return outcomes


@pytest.mark.parametrize("how", ["horizons", "name", "nan", "inf"])
def test_a_forecast_that_was_not_asked_for_is_refused_by_name(how: str) -> None:
    with pytest.raises(InputError, match="wrong"):
        run(told(np.arange(50.0)), Climatology(), Wrong(how))


def test_the_issue_time_is_the_referees_and_not_the_predictors() -> None:
    @dataclass
    class Backdater(Spy):
        name: str = "backdater"

        def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
            made = replace(Persistence().forecast(state, horizons_s), model=self.name)
            return replace(made, issued_at_ns=made.issued_at_ns + 40 * S)

    board, _ = run(told(np.arange(1.0, 200.0)), Climatology(), Persistence(), Backdater())
    assert np.array_equal(board.sums["backdater"], board.sums["persistence"])


def test_every_issue_is_sealed_and_a_broken_seal_is_found(ledgers: list[SpoolLedger]) -> None:
    ledger = ledgers[0]
    _, done = run(told(np.arange(60.0)), Climatology(), ledger=ledger)
    assert ledger.verify("forecast") == done.issues == 12
    ledger._file.seek(400)
    ledger._file.write(b"x")
    with pytest.raises(StoreError):
        ledger.verify("forecast")


def test_scores_are_those_of_hand_and_points_without_outcome_are_counted() -> None:
    """On a ramp, persistence is wrong by its horizon; the last forecasts have no outcome."""
    board, done = run(told(np.arange(1.0, 101.0)), Climatology(), Persistence())
    total = board.sums["persistence"].sum(axis=0)[0]
    assert (total[:, 1] / total[:, 0]).tolist() == [1.0, 5.0]
    assert board.asked.tolist() == [[done.issues, done.issues]] == [[20, 20]]
    assert board.with_outcome.tolist() == [[19, 19]]


def test_two_rows_in_one_second_keep_their_order() -> None:
    chronicle = Chronicle()
    for t in range(1, 60):
        for k in (0, 1):
            report = MeasurementReport("ue", "UE", t * S - k, t * S - k, {"q": float(t * 10 - k)})
            chronicle.add(report, t * S)
    board, _ = run(chronicle, Climatology(), Persistence())
    total = board.sums["persistence"].sum(axis=0)[0]
    assert (total[:, 1] / total[:, 0]).tolist() == [10.0, 50.0]
