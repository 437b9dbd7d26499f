"""The loop end to end: telemetry in, forecasts sealed before their outcomes, scored after, fidelity out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ranvier.dtops.issue import FORECAST_KIND
from ranvier.dtops.scorekeeper import SCORE_KIND
from ranvier.fabric.event import DEAD_LETTERS
from ranvier.fabric.ports import SeriesQuery
from ranvier.gateway.api.platform import FidelityQuery, ForecastQuery, ForecastRequest, Whose

SECOND_NS = 10**9
START_NS = 1_767_225_600 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS
WHOSE = Whose("default", "emulated")


def test_forecasts_are_sealed_before_their_outcomes_and_scored_after(running: Any, tmp_path: Path) -> None:
    with running(tmp_path, START_NS, backfill_s=600) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + 6 * MINUTE_NS)
        ledger = loop.platform.ledger
        sealed = {seal.sealed_at_ns for seal in ledger.seals(FORECAST_KIND, limit=1000)}
        scores = ledger.scan(SCORE_KIND, "default")
        assert len(scores) > 1_000
        assert set(scores["issued_at_ns"].to_pylist()) <= sealed
        ends, issued = scores["time_ns"].to_numpy(), scores["issued_at_ns"].to_numpy()
        assert (issued < ends).all(), "a forecast was issued after the period that it is about"
        assert ledger.verify(FORECAST_KIND) == len(sealed)


def test_the_score_of_a_forecast_is_against_the_measurement_of_its_period(
    running: Any, tmp_path: Path
) -> None:
    with running(tmp_path, START_NS, backfill_s=300) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + 3 * MINUTE_NS)
        scores = loop.platform.ledger.scan(SCORE_KIND, "default").slice(0, 200).to_pylist()
        assert scores
        for score in scores:
            frame = loop.platform.series.read(
                SeriesQuery(
                    *WHOSE, object_ids=(score["object_id"],), quantities=(score["quantity"],),
                    from_ns=score["time_ns"] - 10 * SECOND_NS, to_ns=score["time_ns"],
                    known_at_ns=score["scored_at_ns"],
                )
            )  # fmt: skip
            if score["weight"] > 0:
                assert frame.values[-1] == score["outcome"]
            if score["model"] == "persistence":
                assert abs(abs(score["error"]) - score["crps"]) < 1e-9, "of a point mass the CRPS is |error|"


def test_fidelity_is_reported_with_what_it_rests_on(running: Any, tmp_path: Path) -> None:
    with running(tmp_path, START_NS, backfill_s=900) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + 10 * MINUTE_NS)
        figures = loop.platform.fidelity(FidelityQuery(WHOSE, horizon_s=10.0))
        by = {(figure.model, figure.quantity): figure for figure in figures}
        load = by["statistical", "RRU.PrbTotDl"]
        assert load.n > 100
        assert load.fidelity.value is not None
        assert load.fidelity.low is not None
        assert load.fidelity.low <= load.fidelity.value <= load.fidelity.high
        assert by["climatology", "RRU.PrbTotDl"].fidelity.value == 0, "the reference against itself"
        verdict = loop.platform.reliance(load)
        assert verdict.reliance in ("rely", "advise", "refuse")
        assert loop.platform.reliance(None).reliance == "refuse"


def test_what_cannot_be_used_is_a_dead_letter_and_nothing_else_is_lost(running: Any, tmp_path: Path) -> None:
    with running(tmp_path, START_NS, backfill_s=1_800) as loop:
        loop.take_in_the_past()
        log = loop.platform.log
        letters = sum(log.offsets(DEAD_LETTERS).values())
        assert letters > 0, "the emulated network sends a corrupt or unknown record now and then"
        assert all(lag == 0 for group in ("series", "graph") for lag in log.lag(group).values())


def test_a_restart_goes_on_where_it_stopped(running: Any, tmp_path: Path) -> None:
    stopped_ns = START_NS + 4 * MINUTE_NS
    with running(tmp_path, START_NS, backfill_s=600) as loop:
        loop.take_in_the_past()
        loop.live_until(stopped_ns)
        before = loop.platform.fidelity(FidelityQuery(WHOSE, quantity="RRU.PrbTotDl", horizon_s=60.0))
        points = loop.platform.series.ping().detail["points"]
    with running(tmp_path, stopped_ns, backfill_s=0) as loop:
        assert loop.platform.series.ping().detail["points"] == points
        again = loop.platform.fidelity(FidelityQuery(WHOSE, quantity="RRU.PrbTotDl", horizon_s=60.0))
        assert [(f.model, f.n) for f in again] == [(f.model, f.n) for f in before]
        assert [f.crps for f in again] == pytest.approx([f.crps for f in before], rel=1e-12)
        loop.take_in_the_past()
        loop.live_until(stopped_ns + 2 * MINUTE_NS)
        later = loop.platform.fidelity(FidelityQuery(WHOSE, quantity="RRU.PrbTotDl", horizon_s=60.0))
        assert later[0].n > again[0].n, "forecasts sealed before the restart are scored after it"


def test_a_forecast_for_a_decision_is_sealed_and_says_how_far_to_rely(running: Any, tmp_path: Path) -> None:
    with running(tmp_path, START_NS, backfill_s=600) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + MINUTE_NS)
        state = loop.platform.follower.state
        target = next(t for t in state.targets if t.quantity == "RRU.PrbTotDl")
        live = loop.platform.issue(ForecastRequest(WHOSE, (target,), (10.0, 60.0)))
        assert [each.horizon_s for each in live] == [10.0, 60.0]
        assert all(each.seal for each in live)
        assert all(len(each.values) > 0 for each in live)
        past = loop.platform.issue(
            ForecastRequest(WHOSE, (target,), (10.0,), "persistence", START_NS + 30 * SECOND_NS)
        )
        known = loop.platform.series.read(
            SeriesQuery(
                *WHOSE, object_ids=(target.object_id,), quantities=(target.quantity,),
                to_ns=START_NS + 30 * SECOND_NS, known_at_ns=START_NS + 30 * SECOND_NS,
            )
        )  # fmt: skip
        assert past[0].values == [known.values[-1]], "as of then: the last value that was known then"
        newest = loop.platform.ledger.seals(FORECAST_KIND, limit=1000)[-1]
        assert newest.digest == past[0].seal
        assert newest.sealed_at_ns == loop.clock.ns, "sealed when it was made, whatever time it is about"


def test_the_page_of_forecasts_is_newest_first_and_complete(running: Any, tmp_path: Path) -> None:
    with running(tmp_path, START_NS, backfill_s=300) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + 3 * MINUTE_NS)
        query = ForecastQuery(WHOSE, quantity="RRU.PrbTotDl", model="statistical", horizon_s=10.0, limit=1000)
        found = loop.platform.outcomes(query)
        issued = [each.forecast.issued_at_ns for each in found]
        assert issued == sorted(issued, reverse=True)
        settled = [each for each in found if each.value is not None]
        assert settled
        sealed = loop.platform.ledger.scan(
            FORECAST_KIND, "default",
            where={"quantity": "RRU.PrbTotDl", "model": "statistical", "horizon_s": 10.0},
        )  # fmt: skip
        assert len(found) == len(sealed)


def test_a_grace_longer_than_a_step_keeps_nothing_from_the_twin(running: Any, tmp_path: Path) -> None:
    with running(tmp_path, START_NS, backfill_s=300, twin={"grace_s": 35.0}) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + 4 * MINUTE_NS)
        assert loop.platform.follower.scored > 500


def test_what_is_issued_on_request_is_not_among_the_twin_s_own(running: Any, tmp_path: Path) -> None:
    with running(tmp_path, START_NS, backfill_s=300) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + MINUTE_NS)
        platform = loop.platform
        own = platform.forecasts(ForecastQuery(WHOSE, limit=10_000))
        asked = ForecastRequest(WHOSE, (own[0].target,), (10.0,), None, START_NS + 30 * SECOND_NS)
        (fresh,) = platform.issue(asked)
        assert fresh.seal is not None
        assert platform.forecasts(ForecastQuery(WHOSE, limit=10_000)) == own
