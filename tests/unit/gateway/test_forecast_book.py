"""The forecast book reads the ledger backwards, a page at a time, and puts outcomes beside what was forecast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.forecast_rows import rows_of
from ranvier.dtops.issue import FORECAST_KIND, issue_key
from ranvier.dtops.twin import Twin
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.gateway.api.platform import ForecastPosition, ForecastQuery, Whose
from ranvier.gateway.runtime.forecast_book import ForecastBook
from ranvier.ontology.ontology import load

S = 10**9
STEP_NS = 10 * S
T0 = 1_700_000_000 * S
ISSUES = 40
NOW = T0 + ISSUES * STEP_NS
WHOSE = Whose("default", "north")
TARGETS = tuple(Target(f"NRCellDU={n}", "RRU.PrbTotDl") for n in (1, 2))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ParquetLedger, DuckdbSeries]]:
    folder: Path = tmp_path_factory.mktemp("stores")
    ledger, series = ParquetLedger(folder / "ledger"), DuckdbSeries(folder / "series.duckdb", load())
    reports = []
    for number in range(ISSUES):
        issued_ns = T0 + number * STEP_NS + S
        values = np.full((2, 2, 3), float(number)) + np.arange(3)
        values[1, 1] = np.nan  # of the second target nothing is known so far ahead
        made = Forecast(
            "statistical",
            "1",
            issued_ns,
            issued_ns,
            TARGETS,
            (10.0, 60.0),
            values,
            step_ns=STEP_NS,
            network="north",
        )
        key = issue_key(Twin(network="north"), STEP_NS, issued_ns)
        ledger.append(FORECAST_KIND, key, rows_of([made]), issued_ns)
        end_ns = T0 + (number + 1) * STEP_NS
        reports.append(
            MeasurementReport(
                "NRCellDU=1",
                "NRCellDU",
                end_ns - STEP_NS,
                end_ns,
                {"RRU.PrbTotDl": float(number + 1)},
                network="north",
            )
        )
    series.write(reports, [report.end_ns for report in reports])
    yield ledger, series
    series.close()
    ledger.close()


@pytest.fixture
def book(stores: tuple[ParquetLedger, DuckdbSeries]) -> ForecastBook:
    return ForecastBook(*stores)


def order(each: Any) -> tuple[Any, ...]:
    return -each.issued_at_ns, each.target.object_id, each.target.quantity, each.model, each.horizon_s


def test_pages_follow_each_other_newest_first_without_gap_or_repetition(book: ForecastBook) -> None:
    pages, after = [], None
    while page := book.forecasts(ForecastQuery(WHOSE, after=after, limit=7), NOW):
        pages += page
        last = page[-1]
        after = ForecastPosition(last.issued_at_ns, *last.target, last.model, last.horizon_s)
    assert len(pages) == ISSUES * 4
    assert [order(each) for each in pages] == sorted({order(each) for each in pages})


def test_a_page_is_what_was_asked_for(book: ForecastBook) -> None:
    query = ForecastQuery(
        WHOSE, "NRCellDU=2", horizon_s=10.0, from_ns=T0 + 5 * STEP_NS, to_ns=T0 + 10 * STEP_NS, limit=100
    )
    found = book.forecasts(query, NOW)
    assert {each.target.object_id for each in found} == {"NRCellDU=2"}
    assert [each.issued_at_ns for each in found] == [T0 + n * STEP_NS + S for n in range(9, 4, -1)]
    assert book.forecasts(ForecastQuery(WHOSE, model="nobody"), NOW) == []
    assert book.forecasts(ForecastQuery(Whose("default", "south")), NOW) == []


def test_each_forecast_carries_its_seal_and_its_values(
    book: ForecastBook, stores: tuple[ParquetLedger, DuckdbSeries]
) -> None:
    newest = book.forecasts(ForecastQuery(WHOSE, limit=4), NOW)
    seal = stores[0].seals(FORECAST_KIND, limit=1_000)[-1]
    assert {each.seal for each in newest} == {seal.digest}
    assert list(newest[0].values) == [39.0, 40.0, 41.0]
    assert list(newest[3].values) == [], "nothing was forecast there"


def test_the_outcome_is_the_measurement_of_the_step_that_was_forecast(book: ForecastBook) -> None:
    found = book.outcomes(ForecastQuery(WHOSE, "NRCellDU=1", limit=1_000), NOW)
    for each in found:
        valid_ns = each.forecast.issued_at_ns // STEP_NS * STEP_NS + round(each.forecast.horizon_s * S)
        if valid_ns <= NOW:
            assert each.end_ns == valid_ns
            assert each.value == (valid_ns - T0) / STEP_NS
        else:
            assert (each.end_ns, each.value) == (None, None)
    assert any(each.value is None for each in found), "some are about what has not happened yet"


def test_an_outcome_that_never_came_is_none(book: ForecastBook) -> None:
    found = book.outcomes(ForecastQuery(WHOSE, "NRCellDU=2", limit=1_000), NOW)
    assert found
    assert all(each.value is None for each in found)


def test_the_newest_page_reads_only_the_newest_rows(stores: tuple[ParquetLedger, DuckdbSeries]) -> None:
    ledger, series = stores
    asked: list[int] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(ledger, name)

        def scan(self, kind: str, tenant: str, from_ns: int, *rest: Any) -> Any:
            asked.append(from_ns)
            return ledger.scan(kind, tenant, from_ns, *rest)

    ForecastBook(Watched(), series).forecasts(ForecastQuery(WHOSE, limit=4), NOW)  # type: ignore[arg-type]
    assert len(asked) == 1
    assert asked[0] > T0 + (ISSUES - 15) * STEP_NS


def test_an_empty_ledger_has_no_forecasts(tmp_path: Path, stores: tuple[ParquetLedger, DuckdbSeries]) -> None:
    ledger = ParquetLedger(tmp_path)
    assert ForecastBook(ledger, stores[1]).outcomes(ForecastQuery(WHOSE), NOW) == []
    ledger.close()
