"""A real drive test replayed as a live feed: what was measured and who served is in the stores, exactly."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ranvier.dtops.scorekeeper import SCORE_KIND
from ranvier.fabric.event import DEAD_LETTERS
from ranvier.fabric.ports import FOREVER_NS, SeriesQuery
from ranvier.fabric.snapshot import Relation
from ranvier.gateway.runtime.main_job import main_job
from ranvier.gateway.settings import load_settings

SECOND_NS = 10**9
SPEED = 15.0
MEMBER = "Download/Driving/B_2020.01.16_07.26.43.csv"
ROWS = 240


@pytest.fixture(scope="module")
def rows(drive_tests: Path) -> list[dict[str, str]]:
    """The first rows of one drive, as the tool wrote them."""
    with zipfile.ZipFile(drive_tests) as archive, archive.open(MEMBER) as raw:
        return list(csv.DictReader(io.TextIOWrapper(raw, "utf-8")))[:ROWS]


@pytest.fixture(scope="module")
def replayed(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The platform after the whole drive has been replayed, still running."""
    folder = tmp_path_factory.mktemp("replay")
    file = folder / "drive.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    settings = load_settings(
        None, store={"folder": folder / "stores"}, api={"port": 0}, feed={"path": file, "replay_speed": SPEED}
    )
    with main_job(settings) as job:
        for _ in range(1200):
            figures = job.platform.figures()
            done = job.workers.feed_done and not any(figures.sink_lag.values())
            if done and (figures.as_of_ns or 0) >= instants(rows)[-1]:
                break
            assert not job.workers.stop.wait(0.05), job.workers.failure
        yield job.platform


def instants(rows: list[dict[str, str]]) -> list[int]:
    """The rows' instants in nanoseconds, those of one second told apart by their order."""
    found: list[int] = []
    for row in rows:
        local = datetime.strptime(row["Timestamp"], "%Y.%m.%d_%H.%M.%S").replace(
            tzinfo=ZoneInfo("Europe/Dublin")
        )
        second = int(local.timestamp()) * SECOND_NS
        same = sum(at // SECOND_NS * SECOND_NS == second for at in found)
        found.append(second + same)
    return found


def test_every_row_is_accounted_for(replayed: Any, rows: list[dict[str, str]]) -> None:
    frame = replayed.series.read(SeriesQuery(*replayed.whose, quantities=("MDT.M5.UEThpDl",)))
    letters = sum(replayed.log.offsets(DEAD_LETTERS).values())
    with_rate = [at for at, row in zip(instants(rows), rows, strict=True) if row["DL_bitrate"] != "-"]
    assert letters == 0
    assert frame.end_ns.tolist() == with_rate


def test_the_values_are_those_of_the_file(replayed: Any, rows: list[dict[str, str]]) -> None:
    frame = replayed.series.read(SeriesQuery(*replayed.whose, quantities=("MDT.M1.RSRP",)))
    level = [float(row["RSRP"]) for row in rows if row["RSRP"] != "-"]
    assert frame.values.tolist() == level


def test_serving_cells_and_handovers_are_in_the_graph_with_their_times(
    replayed: Any, rows: list[dict[str, str]]
) -> None:
    serving: list[tuple[str, int]] = []
    for at, row in zip(instants(rows), rows, strict=True):
        if row["RAWCELLID"] != "-" and (not serving or serving[-1][0] != row["RAWCELLID"]):
            serving.append((row["RAWCELLID"], at))
    history = replayed.graph.history(*replayed.whose, "UE=drive", FOREVER_NS)
    served = sorted(
        (fact for fact in history if isinstance(fact, Relation) and fact.relation == "serves"),
        key=lambda fact: fact.valid_from_ns,
    )
    assert [(fact.source_id.split("=")[-1], fact.valid_from_ns) for fact in served] == serving
    assert len(serving) > 1, "the excerpt has a handover"
    for before, after in pairwise(served):
        assert before.valid_to_ns == after.valid_from_ns
    first, second = served[0], served[1]
    neighbourhood = replayed.graph.neighbourhood(
        *replayed.whose, first.source_id, second.valid_from_ns, FOREVER_NS
    )
    adjacent = {r.target_id for r in neighbourhood.relations if r.relation == "adjacent"}
    assert second.source_id in adjacent, "a handover makes neighbours"


def test_forecasts_of_the_drive_were_scored(replayed: Any) -> None:
    scores = replayed.ledger.scan(SCORE_KIND, "default")
    quantities = set(scores["quantity"].to_pylist())
    assert quantities == {"MDT.M1.RSRP", "MDT.M1.SINR", "MDT.M5.UEThpDl"}
    assert len(scores) > 100
