"""Feeds tell what a network or an archive told, in order, and leave nothing behind."""

from __future__ import annotations

import tempfile
from itertools import islice, pairwise, takewhile
from pathlib import Path

import pytest

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.event import encode
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.source import SourceContext
from ranvier.gateway.emulator.city import EmulatorConfig
from ranvier.gateway.emulator.network import EmulatedNetwork
from ranvier.gateway.runtime.feed import ArchiveFeed, EmulatedFeed, NoFeed
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import load

S = 10**9
T0 = 1_700_000_000 * S


@pytest.fixture(autouse=True)
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where spools are put; each test leaves it empty."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def context() -> SourceContext:
    return SourceContext("", load(), network="mine")


def report(cell: int, start_s: int, period_s: int) -> MeasurementReport:
    start_ns = T0 + start_s * S
    values = {"RRU.PrbTotDl": 1.0}
    return MeasurementReport(
        f"NRCellDU={cell}", "NRCellDU", start_ns, start_ns + period_s * S, values, network="mine"
    )


def written(folder: Path, **files: list[MeasurementReport]) -> Path:
    archive = folder / "archive"
    archive.mkdir()
    for name, reports in files.items():
        lines = [encode(each, str(n)) for n, each in enumerate(reports)]
        (archive / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return archive


def test_files_that_overlap_are_told_in_one_order(tmp_path: Path, spools: Path) -> None:
    one = [report(1, at, 15) for at in range(0, 150, 15)]
    two = [report(2, at, 10) for at in range(5, 125, 10)]
    feed = ArchiveFeed(written(tmp_path, a=one, b=two), context())
    span = feed.scan()
    assert span.first_ns == T0 + 15 * S
    assert span.step_s == 10.0, "the shortest period"
    arrivals = list(feed.arrivals())
    assert all(a.due_ns < b.due_ns for a, b in pairwise(arrivals))
    told = [p for each in arrivals for p in each.payloads]
    assert sorted((p.object_id, p.start_ns) for p in told if isinstance(p, MeasurementReport)) == sorted(
        (p.object_id, p.start_ns) for p in one + two
    )
    assert not any(spools.iterdir()), "what lay on disk is gone with the last arrival"


def test_what_cannot_be_read_is_told_as_a_dead_letter(tmp_path: Path) -> None:
    archive = written(tmp_path, a=[report(1, 0, 10)])
    with (archive / "a.jsonl").open("ab") as file:
        file.write(b"{no json\n")
    feed = ArchiveFeed(archive, context())
    feed.scan()
    first, second = feed.arrivals()
    assert [type(payload) for payload in first.payloads] == [DeadLetter]
    assert len(second.payloads) == 1
    assert (feed.account.read, feed.account.dead) == (2, 1)


def test_an_archive_without_measurements_is_refused_and_leaves_nothing(tmp_path: Path, spools: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    feed = ArchiveFeed(tmp_path / "empty.jsonl", context())
    with pytest.raises(InputError):
        feed.scan()
    assert not any(spools.iterdir())


def test_a_feed_that_is_closed_before_its_end_leaves_nothing(tmp_path: Path, spools: Path) -> None:
    feed = ArchiveFeed(written(tmp_path, a=[report(1, at, 10) for at in range(0, 100, 10)]), context())
    feed.scan()
    assert next(feed.arrivals()).payloads
    feed.close()
    feed.close()
    assert not any(spools.iterdir())


def test_the_emulated_network_sends_its_past_and_then_goes_on() -> None:
    network = EmulatedNetwork(EmulatorConfig(seed=1, sites=1, period_s=10))
    feed = EmulatedFeed(network, context(), T0, backfill_s=60)
    arrivals = list(takewhile(lambda each: each.due_ns <= T0 + 30 * S, feed.arrivals()))
    due = [each.due_ns for each in arrivals]
    assert due == sorted(due)
    ends = {p.end_ns for each in arrivals for p in each.payloads if isinstance(p, MeasurementReport)}
    assert min(ends) <= T0 - 40 * S, "its past"
    assert max(ends) > T0, "its present"
    assert {p.network for each in arrivals for p in each.payloads} == {"mine"}


def test_the_same_seed_tells_the_same() -> None:
    def told() -> list[object]:
        network = EmulatedNetwork(EmulatorConfig(seed=5, sites=1, period_s=10))
        return [each.payloads for each in islice(EmulatedFeed(network, context(), T0, 30).arrivals(), 60)]

    assert told() == told()


def test_no_feed_tells_nothing() -> None:
    assert list(NoFeed().arrivals()) == []


def test_an_archive_goes_on_after_what_was_known_when_it_stopped(tmp_path: Path) -> None:
    feed = ArchiveFeed(written(tmp_path, a=[report(1, at, 10) for at in range(0, 100, 10)]), context())
    feed.scan()
    feed.after_ns = T0 + 40 * S
    assert [arrival.due_ns - T0 for arrival in feed.arrivals()] == [at * S for at in range(50, 101, 10)]


def test_the_emulated_network_sends_no_past_that_is_known(tmp_path: Path) -> None:
    network = EmulatedNetwork(EmulatorConfig(sites=1, period_s=10))
    feed = EmulatedFeed(network, context(), T0, backfill_s=600, after_ns=T0 - 60 * S)
    past = list(takewhile(lambda arrival: arrival.due_ns <= T0, feed.arrivals()))
    assert past
    assert min(arrival.due_ns for arrival in past) >= T0 - 60 * S
