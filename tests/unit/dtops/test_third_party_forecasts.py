"""A third party's Parquet: what is right is scored like ours, what is wrong is named, row by row."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.dtops.referee.backtest import Plan, referee
from ranvier.dtops.referee.chronicle import Chronicle
from ranvier.dtops.referee.replay import Schedule, replay
from ranvier.dtops.referee.report import Overall, Report
from ranvier.dtops.referee.report_page import to_html
from ranvier.dtops.referee.report_text import to_markdown
from ranvier.dtops.referee.scoreboard import Scoreboard
from ranvier.dtops.referee.spool_ledger import SpoolLedger
from ranvier.dtops.referee.theirs import Theirs, read_theirs
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import load

S = 10**9
HORIZONS = (1.0, 5.0)


def row(**changes: Any) -> dict[str, Any]:
    good = {
        "model": "sim", "object_id": "ue", "quantity": "q", "issued_at": 100 * S, "horizon_s": 5.0,
        "levels": None, "values": None, "samples": [1.0, 2.0],
    }  # fmt: skip
    return good | changes


SCHEMA = pa.schema(
    [
        ("model", pa.string()), ("object_id", pa.string()), ("quantity", pa.string()),
        ("issued_at", pa.int64()), ("horizon_s", pa.float64()), ("levels", pa.list_(pa.float64())),
        ("values", pa.list_(pa.float64())), ("samples", pa.list_(pa.float64())),
        ("known_at", pa.int64()), ("valid_at", pa.int64()),
    ]
)  # fmt: skip


def read(tmp_path: Path, rows: list[dict[str, Any]]) -> Theirs:
    path = tmp_path / "theirs.parquet"
    filled = [{"known_at": each["issued_at"], "valid_at": None, **each} for each in rows]
    for each in filled:
        if each["valid_at"] is None and each["issued_at"] is not None and each["horizon_s"] is not None:
            each["valid_at"] = int(each["issued_at"] + each["horizon_s"] * S)
    pq.write_table(pa.Table.from_pylist(filled, SCHEMA), path)
    return read_theirs(path, HORIZONS, S, ("q",))


FAULTS = {
    "no object": ({"object_id": None}, "object_id"),
    "issued after its valid time": ({"horizon_s": -5.0}, "horizon_s"),
    "knows what comes after": ({"known_at": 101 * S}, "known_at"),
    "another valid time": ({"valid_at": 90 * S}, "valid_at"),
    "neither kind": ({"samples": None}, "samples"),
    "both kinds": ({"values": [1.0], "levels": [0.5]}, "samples"),
    "NaN": ({"samples": [1.0, float("nan")]}, "samples"),
    "levels missing": ({"samples": None, "values": [1.0, 2.0], "levels": [0.5]}, "levels"),
    "crossing quantiles": ({"samples": None, "values": [2.0, 1.0], "levels": [0.2, 0.8]}, "values"),
    "levels that fall": ({"samples": None, "values": [1.0, 2.0], "levels": [0.8, 0.2]}, "levels"),
    "levels beyond 1": ({"samples": None, "values": [1.0, 2.0], "levels": [0.5, 1.0]}, "levels"),
    "before 1970": ({"issued_at": 0}, "issued_at"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_row_is_named_with_its_field_and_the_rest_is_used(tmp_path: Path, fault: str) -> None:
    changes, named = FAULTS[fault]
    theirs = read(tmp_path, [row(issued_at=50 * S), row(**changes), row(issued_at=60 * S)])
    assert [(bad.row, bad.field) for bad in theirs.bad] == [(1, named)]
    assert sum(len(bundle.row) for rival in theirs.rivals for bundle in rival.bundles) == 2


def test_contradictory_rows_are_all_refused_and_equal_ones_count_once(tmp_path: Path) -> None:
    """Nobody chooses afterwards which of two forecasts was meant."""
    rows = [row(), row(samples=[3.0, 4.0]), row(issued_at=200 * S), row(issued_at=200 * S)]
    theirs = read(tmp_path, rows)
    assert sorted(bad.row for bad in theirs.bad) == [0, 1]
    assert [bundle.row.tolist() for bundle in theirs.rivals[0].bundles] == [[2]]
    assert theirs.passed_over["they repeat an earlier row"] == 1


def test_two_forecasts_within_one_step_of_the_grid_contradict_each_other(tmp_path: Path) -> None:
    theirs = read(tmp_path, [row(issued_at=100 * S), row(issued_at=100 * S + S // 2, samples=[9.0])])
    assert theirs.bad_rows == 2


def test_other_horizons_and_quantities_are_counted_and_not_faults(tmp_path: Path) -> None:
    theirs = read(tmp_path, [row(horizon_s=7.0), row(quantity="other"), row()])
    assert theirs.bad_rows == 0
    assert sum(theirs.passed_over.values()) == 2


def test_a_file_without_the_columns_says_which_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"model": ["a"], "quantity": ["q"]}), path)
    with pytest.raises(InputError, match=r"object_id.*issued_at.*samples"):
        read_theirs(path, HORIZONS, S, ("q",))


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"model,object_id\n")
    with pytest.raises(InputError, match="Parquet"):
        read_theirs(path, HORIZONS, S, ("q",))


def test_timestamps_are_taken_as_utc(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.Table.from_pylist([row()], SCHEMA)
    times = pa.array([100_000], pa.timestamp("ms", "UTC"))
    pq.write_table(table.set_column(3, "issued_at", times).drop(["known_at", "valid_at"]), path)
    theirs = read_theirs(path, HORIZONS, S, ("q",))
    assert theirs.issue_times_ns == (100 * S,)


def scored(tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[Scoreboard, Theirs]:
    """A ramp of 200 s with our baselines and theirs."""
    theirs = read(tmp_path, rows)
    board = Scoreboard(("climatology", "persistence"), HORIZONS, S, {}, theirs.entered(), quantities=["q"])
    theirs.bind(board)
    schedule = Schedule(10 * S, 60 * S, 30 * S, 10 * S, theirs.issue_times_ns)
    with Chronicle() as chronicle, closing(SpoolLedger()) as ledger:
        for t in range(1, 201):
            chronicle.add(MeasurementReport("ue", "UE", t * S, t * S, {"q": float(t)}), t * S)
        replay(chronicle, [Climatology(), Persistence()], LoadBinSynchroniser(S), board, schedule, ledger)
    return board, theirs


def test_theirs_are_scored_with_the_same_code_on_the_points_that_they_share(tmp_path: Path) -> None:
    """They forecast persistence's own values at off-schedule times: the same scores come out."""
    times = [13, 47, 101, 153]
    rows = [
        row(issued_at=t * S, horizon_s=h, samples=[float(t)], model="sim") for t in times for h in HORIZONS
    ]
    board, theirs = scored(tmp_path, rows)
    count, mine, other, reference = np.moveaxis(board.paired("sim (theirs)", "persistence"), -1, 0)
    assert np.array_equal(mine, other)
    assert count.sum(axis=0)[0].tolist() == [4.0, 4.0]
    assert board.sums["sim (theirs)"].sum(axis=0)[0, :, :2].tolist() == [[4.0, 4.0], [4.0, 20.0]]
    assert np.array_equal(board.reference_of("sim (theirs)")[..., 1], reference)
    assert theirs.rivals[0].matched == 8


def test_few_points_of_theirs_leave_ours_on_all_their_points(tmp_path: Path) -> None:
    board, _ = scored(tmp_path, [row(issued_at=t * S, samples=[float(t)]) for t in (20, 40, 60)])
    assert board.sums["persistence"].sum(axis=0)[0, :, 0].tolist() == [19.0, 19.0]
    assert board.sums["sim (theirs)"].sum(axis=0)[0, :, 0].tolist() == [0.0, 3.0]


RSRP, SINR = "MDT.M1.RSRP", "MDT.M1.SINR"
NARROW, SPARSE, COPY, SOME = "narrow (theirs)", "sparse (theirs)", "copy (theirs)", "some (theirs)"


@pytest.fixture(scope="module")
def refereed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Report]:
    """20 minutes of two KPIs, without and with four third parties.

    narrow  knows the future of one KPI at one horizon
    sparse  knows the future of everything, but forecasts at six of the 119 issues only
    copy    says what persistence says, everywhere; some: at these six issues only
    """
    rng = np.random.default_rng(3)
    truth = {RSRP: -90 + rng.normal(size=1_201), SINR: 5 + rng.normal(size=1_201)}
    path, rows = tmp_path_factory.mktemp("theirs") / "theirs.parquet", []
    for kpi, series in truth.items():
        for t in range(10, 1_200, 10):
            for h in (1, 10):
                given = {"quantity": kpi, "issued_at": t * S, "horizon_s": float(h)}
                future = series[min(t + h, 1_200)]
                rows.append(row(**given, model="copy", samples=[series[t]]))
                if t % 200 == 0 or t == 500:
                    rows.append(row(**given, model="sparse", samples=[future]))
                    rows.append(row(**given, model="some", samples=[series[t]]))
                if (kpi, h) == (RSRP, 10):
                    rows.append(row(**given, model="narrow", samples=[future]))
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA).drop(["known_at", "valid_at"]), path)
    ontology, plan = load(), Plan(horizons_s=(1.0, 10.0), block_s=60.0)
    with Chronicle() as chronicle:
        for t in range(1, 1_201):
            values = {kpi: float(series[t]) for kpi, series in truth.items()}
            chronicle.add(MeasurementReport("ue", "UE", t * S, t * S, values), t * S)
        models = [Climatology(), Persistence()]
        alone = referee(chronicle, models, ontology, plan)
        return alone, referee(chronicle, models, ontology, plan, theirs=path)


def overall(report: Report, model: str) -> Overall:
    return next(each for each in report.overall if each.model == model)


def test_nobody_is_credited_with_what_they_never_forecast(refereed: tuple[Report, Report]) -> None:
    """One perfect KPI at one horizon is a line of the table, and no figure over KPIs and horizons."""
    report = refereed[1]
    assert report.row(NARROW, RSRP, 10.0).fidelity.fidelity.value == 1.0  # type: ignore[union-attr]
    for kpi, horizon in ((RSRP, 1.0), (SINR, 1.0), (SINR, 10.0)):
        line = report.row(NARROW, kpi, horizon)
        assert line is not None
        assert (line.fidelity.n, line.answered) == (0, 0)
        assert np.isnan(line.fidelity.fidelity.value)
    found = overall(report, NARROW)
    assert np.isnan([found.mean.value, *(each.value for each in found.by_quantity.values())]).all()
    assert found.share == 0


def test_there_is_no_difference_where_one_of_the_two_said_nothing(refereed: tuple[Report, Report]) -> None:
    cells = {(d.quantity, d.horizon_s) for d in refereed[1].differences if NARROW in (d.model, d.other)}
    assert cells == {(RSRP, 10.0)}


def test_few_points_make_no_leader_and_say_so(refereed: tuple[Report, Report]) -> None:
    """Perfect on 5 % of the points: their own lines say 1.00, and nothing calls them best."""
    report = refereed[1]
    found = overall(report, SPARSE)
    assert found.mean.value == 1.0
    assert found.share == pytest.approx(6 / 119, abs=0.01)
    leaders = {cell: report.leader(*cell)[0] for cell in report.cells}
    assert leaders.pop((RSRP, 10.0)) == NARROW  # all points of that comparison, and perfect
    assert set(leaders.values()) == {"climatology"}
    text = to_markdown(report)
    assert f"{SPARSE}, on as few as 5.0 % of the points" in text
    assert f"{NARROW}, not at every KPI and horizon | – | – | –" in text
    assert f"{SPARSE} ☆" not in text
    assert f"{SPARSE} ★" not in text
    assert any(SPARSE in caveat and "not ranked" in caveat for caveat in report.caveats)
    page = to_html(report)
    assert "climatology leads in 3 of 4" in page
    cards = page[page.index("class='cards'") :]
    assert cards.index("persistence") < cards.index("sparse")


def test_ours_stay_as_they_are_whoever_joins(refereed: tuple[Report, Report]) -> None:
    alone, beside = refereed
    ours = [line for line in beside.rows if line.fidelity.model in ("climatology", "persistence")]
    assert ours == list(alone.rows)
    assert [each for each in beside.overall if each.model in ("climatology", "persistence")] == list(
        alone.overall
    )


def test_whoever_says_what_persistence_says_gets_what_persistence_gets(
    refereed: tuple[Report, Report],
) -> None:
    report = refereed[1]
    theirs, ours = overall(report, COPY), overall(report, "persistence")
    assert (theirs.mean, theirs.by_quantity, theirs.share) == (ours.mean, ours.by_quantity, 1.0)
    for kpi, horizon in report.cells:
        theirs_line, our_line = report.row(COPY, kpi, horizon), report.row("persistence", kpi, horizon)
        assert theirs_line is not None
        assert our_line is not None
        assert replace(theirs_line.fidelity, model="persistence") == our_line.fidelity
    gains = {d.gain.value for d in report.differences if {d.model, d.other} == {COPY, "persistence"}}
    assert gains == {0.0}


def test_a_figure_over_horizons_is_the_ratio_of_the_sums_on_their_own_points(
    refereed: tuple[Report, Report],
) -> None:
    for kpi, found in overall(refereed[1], SOME).by_quantity.items():
        lines = [
            f for f in (line.fidelity for line in refereed[1].rows) if (f.model, f.quantity) == (SOME, kpi)
        ]
        assert [f.n for f in lines] == [6, 6]
        ratio = sum(f.n * f.crps.value for f in lines) / sum(f.n * f.crps_reference for f in lines)
        assert found.value == pytest.approx(1 - ratio, rel=1e-12)


def test_two_third_parties_are_compared_on_the_points_of_both(refereed: tuple[Report, Report]) -> None:
    def gains(model: str, other: str) -> list[float]:
        found = [d for d in refereed[1].differences if {d.model, d.other} == {model, other}]
        return [d.gain.value if d.model == model else -d.gain.value for d in found]

    assert [abs(gain) for gain in gains(SOME, COPY)] == [0.0] * 4
    assert len(gains(SPARSE, SOME)) == 4
    assert min(gains(SPARSE, SOME)) > 0


def test_nobody_can_pass_for_one_of_ours(tmp_path: Path) -> None:
    theirs = read(tmp_path, [row(model="climatology")])
    assert [rival.name for rival in theirs.rivals] == ["climatology (theirs)"]
