"""The whole referee: from records to the table, its page, and what the data cannot tell."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.aiops.baselines.statistical import Statistical
from ranvier.dtops.forecast import Forecast
from ranvier.dtops.referee.backtest import Plan, backtest, referee
from ranvier.dtops.referee.chronicle import Chronicle
from ranvier.dtops.referee.report import Report
from ranvier.dtops.referee.report_page import to_html
from ranvier.dtops.referee.report_text import BEGIN, END, number, table_of, to_markdown, write_markdown
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import load

S = 10**9
RSRP, RATE = "MDT.M1.RSRP", "MDT.M5.UEThpDl"


@pytest.fixture(scope="module")
def report() -> Report:
    """Two UEs for 20 minutes: a mean-reverting RSRP, and a rate that is always the same."""
    rng = np.random.default_rng(0)
    with Chronicle() as chronicle:
        for who in ("one", "two"):
            level = 0.0
            for t in range(1, 1_201):
                level = 0.95 * level + rng.normal()
                values = {RSRP: -90.0 + level, RATE: 1_000.0}
                chronicle.add(MeasurementReport(who, "UE", t * S, t * S, values, suspect=t == 7), t * S)
        models = [Climatology(), Persistence(), Statistical()]
        return referee(chronicle, models, load(), Plan(horizons_s=(1.0, 10.0), block_s=60.0))


def test_every_contender_has_a_line_for_each_kpi_and_horizon(report: Report) -> None:
    assert len(report.rows) == 3 * 2 * 2
    for row in report.rows:
        assert row.fidelity.n <= row.with_outcome <= row.asked
    assert report.figures["seals checked"] == report.figures["issues"] == 120


def test_the_figures_are_what_the_series_gives(report: Report) -> None:
    """AR(1) with φ = 0.95: persistence over h steps errs with variance 2σ²(1 − φ^h); E|e| = √(2/π) sd.

    The standard error of a mean of 240 absolute errors, with spells of correlation, is below a fifth of it.
    """
    row = report.row("persistence", RSRP, 1.0)
    assert row is not None
    sd = np.sqrt(2 * (1 - 0.95) / (1 - 0.95**2))
    assert row.fidelity.crps.value == pytest.approx(np.sqrt(2 / np.pi) * sd, rel=0.2)


def test_a_constant_kpi_is_undefined_and_says_why(report: Report) -> None:
    row = report.row("statistical", RATE, 1.0)
    assert row is not None
    assert np.isnan(row.fidelity.fidelity.value)
    assert any(RATE in text and "undefined" in text for text in report.caveats)
    overall = {each.model: each.mean.value for each in report.overall}
    assert not np.isnan(overall["statistical"])  # the other KPI still counts


def test_suspect_values_are_left_out_and_counted(report: Report) -> None:
    assert any("4 values are marked suspect" in text for text in report.caveats)


def test_the_caveats_come_from_the_data(report: Report) -> None:
    text = " ".join(report.caveats)
    assert "within 0.0 days" in text
    assert "Only 2 objects" in text


def test_json_is_whole_and_has_no_nan(report: Report) -> None:
    found = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert len(found["rows"]) == len(report.rows)


def test_the_terminal_and_markdown_tables_hold_every_contender(report: Report) -> None:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table_of(report))
    console.file.close()
    for text in (console.export_text(), to_markdown(report)):
        assert text.count("persistence") >= 4
        assert "undefined" in text


def test_markdown_goes_between_the_markers_and_nowhere_else(report: Report, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nstale text\n{END}\nafter\n")
    write_markdown(report, page)
    write_markdown(report, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "stale text" not in text
    assert text.count(BEGIN) == 1
    page.write_text("no markers")
    with pytest.raises(InputError):
        write_markdown(report, page)


class _Balance(HTMLParser):
    """Notes tags that are not closed in order."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_stands_by_itself_and_is_well_formed(report: Report) -> None:
    page = to_html(report)
    assert not re.search(r"(src|href)=|url\(|@import|<script", page)
    parser = _Balance()
    parser.feed(page)
    assert (parser.wrong, parser.open) == ([], [])
    assert "prefers-color-scheme: dark" in page
    assert "nan" not in re.sub(r"<style>.*?</style>|\w*nan\w+|\w+nan", "", page)


@pytest.mark.parametrize(
    ("value", "text"),
    [(6.836, "6.84"), (0.0, "0"), (1234.5, "1,234"), (float("nan"), "–"), (-0.0123, "-0.0123")],
)
def test_numbers_have_three_figures(value: float, text: str) -> None:
    assert number(value) == text


def test_the_reference_must_be_among_the_contenders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="climatology"):
        backtest(tmp_path, [Persistence()], load())


NOTHING = {
    "a picture": (
        "a.png",
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        r"files 1, .*refused records 1; .*a\.png.*pm-file",
    ),
    "a damaged zip": ("a.zip", b"PK\x03\x04 and no more", r"files 1, .*refused records 1; .*a damaged zip"),
    "a foreign table": ("a.csv", b"a,b\n1,2\n", r"files 1, .*refused records 1; .*a\.csv.*drive-test"),
    "nothing": ("", b"", r"files 0, reports 0, refused records 0; check that the path"),
}


@pytest.mark.parametrize("what", NOTHING)
def test_an_archive_without_measurements_says_what_was_found(tmp_path: Path, what: str) -> None:
    name, content, told = NOTHING[what]
    if name:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"expected measurements to forecast; got none in .*{told}"):
        backtest(tmp_path, [Climatology()], load())


def test_only_the_first_three_refusals_are_told(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"{n}.txt").write_text("nothing here")
    with pytest.raises(InputError, match=r"refused records 5; .*0\.txt.*1\.txt.*2\.txt") as caught:
        backtest(tmp_path, [Climatology()], load())
    assert "3.txt" not in str(caught.value)


def filled(chronicle: Chronicle, quantity: str, seconds: int = 60) -> None:
    for t in range(1, seconds + 1):
        chronicle.add(MeasurementReport("one", "UE", t * S, t * S, {quantity: float(t)}), t * S)


def test_a_quantity_that_the_archive_lacks_is_told_with_those_that_it_has() -> None:
    with Chronicle() as chronicle:
        filled(chronicle, RSRP)
        with pytest.raises(InputError, match=f"measurements of {RATE}.*it has {RSRP}"):
            referee(chronicle, [Climatology()], load(), Plan(quantities=(RATE,)))


@dataclass
class Fails:
    """A user's predictor with a fault."""

    error: Exception | None
    name: str = "mine"
    version: str = "1"

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        if self.error is not None:
            raise self.error
        return None  # type: ignore[return-value]


@pytest.mark.parametrize("error", [ZeroDivisionError("by nought"), KeyError("UE"), None])
def test_a_predictor_that_fails_is_named_with_the_issue_and_the_error(error: Exception | None) -> None:
    with Chronicle() as chronicle:
        filled(chronicle, RSRP)
        told = rf"mine issued at 1970-01-01T00:00:.*Z; got {'NoneType' if error is None else type(error).__name__}"
        with pytest.raises(InputError, match=told) as caught:
            referee(chronicle, [Climatology(), Fails(error)], load(), Plan(horizons_s=(1.0,)))
        assert caught.value.__cause__ is error
        assert "mend the predictor mine" in caught.value.remedy


def test_a_subcounter_is_told_in_the_unit_of_its_family() -> None:
    with Chronicle() as chronicle:
        filled(chronicle, "RRC.ConnEstabAtt.mo-Data")
        report = referee(chronicle, [Climatology()], load(), Plan(horizons_s=(1.0,)))
    assert {row.unit for row in report.rows} == {load().quantity("RRC.ConnEstabAtt").unit} != {""}


def test_a_drive_test_is_refereed_from_its_file(drive_tests: Path, tmp_path: Path) -> None:
    """One file of 701 rows: every row is accounted for, and the statistical forecast leads at one second."""
    with zipfile.ZipFile(drive_tests) as archive:
        name = next(n for n in archive.namelist() if n.endswith("B_2019.11.24_13.06.36.csv"))
        archive.extract(name, tmp_path)
    ontology = load()
    models = [Climatology(), Persistence(), Statistical(ontology.quantities)]
    report = backtest(tmp_path, models, ontology, Plan(quantities=(RSRP,), every_s=5.0))
    assert report.figures["reports"] + report.figures["records that could not be read"] == 701
    reference, ours = report.row("climatology", RSRP, 1.0), report.row("statistical", RSRP, 1.0)
    assert reference is not None
    assert ours is not None
    assert ours.fidelity.n == reference.fidelity.n > 100
    assert ours.fidelity.crps.value < reference.fidelity.crps.value
