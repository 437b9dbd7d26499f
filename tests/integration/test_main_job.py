"""`ranvier run` as a process: what it says, that it stops, and that nothing is lost when it is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.event import MEASUREMENTS, TOPOLOGY, encode
from ranvier.fabric.intake import Intake
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import SeriesQuery
from ranvier.gateway.bootstrap import open_platform, open_stores
from ranvier.gateway.runtime.stores import Stores
from ranvier.gateway.runtime.workers import drain
from ranvier.gateway.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("main-job")]
S = 10**9
T0 = 1_700_000_000 * S


def refused(running: Any) -> str:
    """What a run that must not come up complains of: one line, exit status 1."""
    assert running.process.wait(60) == 1, running.said
    lines = running.complained.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("ranvier: expected ")
    return str(lines[0])


@pytest.fixture(scope="module")
def stopped(run_platform: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run that was looked at while it was up, and then stopped with Ctrl-C."""
    folder = tmp_path_factory.mktemp("job")
    running = run_platform(folder)
    running.wait(lambda: running.get("/readyz").status_code == 200)
    running.seen = {path: running.get(path) for path in ("/", "/v1/live/snapshot", "/metrics", "/healthz")}
    running.seen_url = running.url
    running.second = run_platform(folder)
    other = run_platform(folder.with_name("elsewhere"), "--port", running.url.rsplit(":", 1)[1])
    running.other_complaint = refused(other)
    running.wait(lambda: running.figures()["forecasts_scored"] > 0)
    begin = time.monotonic()
    running.status = running.stop(signal.SIGINT)
    running.stopping_s = time.monotonic() - begin
    return running


def test_it_prints_its_address_and_that_its_network_is_emulated(stopped: Any) -> None:
    assert f"Ranvier runs at {stopped.seen_url}" in stopped.said
    assert "no real network stands behind it" in stopped.said
    assert str(stopped.folder) in stopped.said


def test_it_serves_the_page_the_figures_and_the_metrics(stopped: Any) -> None:
    assert {path: found.status_code for path, found in stopped.seen.items()} == dict.fromkeys(
        stopped.seen, 200
    )
    figures = stopped.seen["/v1/live/snapshot"].json()["figures"]
    assert figures["points_accepted"] > 0
    assert "ranvier_" in stopped.seen["/metrics"].text
    assert all(store["ok"] for store in stopped.seen["/healthz"].json()["stores"])


def test_ctrl_c_ends_it_in_seconds_and_leaves_no_trace_of_running(stopped: Any) -> None:
    assert stopped.status == 0
    assert stopped.said.strip().endswith("stopped")
    assert stopped.stopping_s < 20
    assert not (stopped.folder / "running.json").exists()


def test_it_complains_of_nothing_and_leaves_nothing_open(stopped: Any) -> None:
    assert stopped.complained == ""


def test_a_second_run_on_the_same_stores_is_refused_in_one_line(stopped: Any) -> None:
    complaint = refused(stopped.second)
    assert "another process" in complaint
    assert stopped.status == 0, "the first one went on"


def test_a_port_in_use_is_refused_in_one_line(stopped: Any) -> None:
    assert "a free port" in stopped.other_complaint
    assert "--port" in stopped.other_complaint


# ---------------------------------------------------------------- kill -9
def keys_in_log(stores: Stores) -> set[tuple[Any, ...]]:
    """The natural keys of all points that the log holds and that ingest accepts."""
    intake, found = Intake(stores.ontology), set()
    for (topic, partition), end in stores.log.offsets(MEASUREMENTS).items():
        offset = 0
        while offset < end:
            records = stores.log.read(topic, partition, offset, 1_000)
            for report in (each.payload for each in intake.measurements(records)[0]):
                place = report.object_id, report.start_ns, report.end_ns
                found |= {(*place, quantity) for quantity in report.values}
            offset = records[-1].offset + 1
    return found


def test_after_kill_9_the_next_start_goes_on_and_nothing_is_lost(
    run_platform: Callable[..., Any], tmp_path: Path
) -> None:
    first = run_platform(tmp_path)
    first.wait(lambda: first.figures()["points_accepted"] > 200)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    assert (tmp_path / "running.json").exists(), "a killed process cannot tidy up"
    settings = load_settings(None, store={"folder": tmp_path})
    with open_stores(settings) as stores:
        at_the_kill = keys_in_log(stores)
    second = run_platform(tmp_path)
    second.wait(lambda: second.get("/readyz").status_code == 200)
    assert second.stop(signal.SIGINT) == 0
    assert second.complained == ""
    with open_platform(settings) as platform:
        drain(platform)  # what came between the last look and the stop
        stores = platform.stores
        stored = {**stores.series.offsets(), **stores.graph.offsets()}
        for topic in (MEASUREMENTS, TOPOLOGY):
            for place, end in stores.log.offsets(topic).items():
                assert stored.get(place, 0) == end
        frame = stores.series.read(SeriesQuery(network="emulated"))
        rows = zip(frame.object_ids, frame.start_ns, frame.end_ns, frame.quantities, strict=True)
        points = [(str(o), int(start), int(end), str(q)) for o, start, end, q in rows]
        assert len(points) == len(set(points)), "each point once"
        assert set(points) == keys_in_log(stores)
        assert set(points) >= at_the_kill


# ---------------------------------------------------------------- the user's own files
def own_file(folder: Path) -> Path:
    """Ten minutes of one cell, a period each ten seconds, as CloudEvents; one line is cut off."""
    file = folder / "my-network.jsonl"
    reports = [
        MeasurementReport(
            "ManagedElement=1,GNBDUFunction=1,NRCellDU=1", "NRCellDU", T0 + n * 10 * S, T0 + (n + 1) * 10 * S,
            {"RRU.PrbTotDl": float(n % 50)},
        )
        for n in range(60)
    ]  # fmt: skip
    lines = [encode(report, str(n)) for n, report in enumerate(reports)]
    file.write_bytes(b"\n".join([*lines, lines[0][:40]]) + b"\n")
    return file


def test_a_feed_of_ones_own_is_replayed_to_its_end(run_platform: Callable[..., Any], tmp_path: Path) -> None:
    running = run_platform(tmp_path / "stores", "--feed", str(own_file(tmp_path)), "--speed", "50")
    # At this speed a busy machine may pass over steps, so whether any forecast meets its outcome is not asked.
    running.wait(lambda: running.figures()["forecasts_issued"] > 0)
    running.wait(lambda: running.figures()["points_accepted"] == 60)
    figures = running.figures()
    assert figures["feed"] == "my-network.jsonl"
    assert figures["feed_emulated"] is False
    assert figures["events_refused"] == 1
    assert len(running.get("/v1/deadletters").json()["items"]) == 1
    assert [each["object_id"] for each in running.get("/v1/series").json()["items"]] == [
        "ManagedElement=1,GNBDUFunction=1,NRCellDU=1"
    ]
    assert running.stop(signal.SIGTERM) == 0
    assert "replaying my-network.jsonl at 50 times its speed" in running.said
    assert running.complained == ""


@pytest.mark.parametrize("kind", ["missing", "of no known kind"])
def test_a_feed_that_cannot_be_used_is_refused_in_one_line(
    run_platform: Callable[..., Any], tmp_path: Path, kind: str
) -> None:
    feed = tmp_path / "feed.bin"
    if kind != "missing":
        feed.write_bytes(os.urandom(500))
    complaint = refused(run_platform(tmp_path / "stores", "--feed", str(feed)))
    assert "feed.bin" in complaint
    assert not (tmp_path / "stores" / "running.json").exists()
