"""A predictor that has no word on some targets: the others keep their points, and it says why it is silent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.dtops.forecast import Forecast
from ranvier.dtops.ports import Synchroniser
from ranvier.dtops.referee.backtest import Plan, referee
from ranvier.dtops.referee.chronicle import Chronicle
from ranvier.dtops.referee.report import Report
from ranvier.dtops.referee.report_text import to_markdown
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology.ontology import load

S = 10**9
RSRP, SINR = "MDT.M1.RSRP", "MDT.M1.SINR"


class Half:
    """Forecasts 3 for one quantity, and nothing else."""

    name, version = "half", "1"

    def __init__(self, quantity: str) -> None:
        self._quantity = quantity
        self.silent_because = "" if quantity else "expected places of cells; got none"

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        values = np.full((len(state.targets), len(horizons_s), 1), np.nan)
        values[[target.quantity == self._quantity for target in state.targets]] = 3.0
        return Forecast(
            self.name, self.version, state.known_at_ns, state.known_at_ns, state.targets, tuple(horizons_s),
            values, step_ns=state.step_ns,
        )  # fmt: skip

    def loss(self, forecast: Forecast, outcomes: np.ndarray) -> np.ndarray:
        return np.full(outcomes.shape, np.nan)


def refereed(quantity: str | None, **plan: object) -> Report:
    rng = np.random.default_rng(0)
    with Chronicle() as chronicle:
        for t in range(1, 301):
            values = {RSRP: -90.0 + float(rng.normal()), SINR: 3.0 + float(rng.normal())}
            chronicle.add(MeasurementReport("ue", "UE", t * S, t * S, values), t * S)
        models = [Climatology(), Persistence(), *([] if quantity is None else [Half(quantity)])]
        return referee(chronicle, models, load(), Plan(horizons_s=(1.0,), block_s=30.0, **plan))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def alone() -> Report:
    return refereed(None)


@pytest.mark.parametrize("quantity", ["", SINR])
def test_the_others_keep_their_points(alone: Report, quantity: str) -> None:
    beside = refereed(quantity, partial=("half",))
    for row in alone.rows:
        again = beside.row(row.fidelity.model, row.fidelity.quantity, 1.0)
        assert again is not None
        assert (again.fidelity.n, again.fidelity.crps) == (row.fidelity.n, row.fidelity.crps)


def test_it_is_scored_where_it_forecasts_and_nowhere_else(alone: Report) -> None:
    beside = refereed(SINR, partial=("half",))
    mine, theirs = beside.row("half", SINR, 1.0), alone.row("climatology", SINR, 1.0)
    assert mine is not None
    assert theirs is not None
    assert mine.fidelity.n == theirs.fidelity.n > 0
    nothing = beside.row("half", RSRP, 1.0)
    assert nothing is not None
    assert nothing.fidelity.n == 0
    assert ("half", "climatology", SINR) in {(d.model, d.other, d.quantity) for d in beside.differences}


def test_the_table_says_why_it_is_silent() -> None:
    beside = refereed("", partial=("half",))
    assert any(
        "half gives no forecast: expected places of cells; got none" in each for each in beside.caveats
    )
    assert "half gives no forecast" in to_markdown(beside)


def test_a_plan_may_bring_its_own_synchroniser_for_each_grid() -> None:
    given: list[float] = []

    def followed(inner: Synchroniser, step_s: float) -> Synchroniser:
        given.append(step_s)
        return inner

    refereed(None, followed=followed)
    assert given == [1.0]
