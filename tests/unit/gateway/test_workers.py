"""The workers: what fails stops the platform with its reason, the feed waits for the sinks, stopping is prompt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.event import MEASUREMENTS
from ranvier.fabric.ingest import Ingest, publish
from ranvier.fabric.measurement import MeasurementReport
from ranvier.gateway.bootstrap import open_platform
from ranvier.gateway.runtime import patience
from ranvier.gateway.runtime import workers as under_test
from ranvier.gateway.runtime.sink_lag import SinkLag
from ranvier.gateway.runtime.spool import Arrival
from ranvier.gateway.runtime.twin_platform import TwinPlatform
from ranvier.gateway.runtime.workers import Workers, drain
from ranvier.gateway.settings import load_settings
from ranvier.ontology.errors import StoreError

S = 10**9
CELL = "ManagedElement=1,GNBDUFunction=1,NRCellDU=1"
PATIENCE_S = 30.0
GIVE_UP_AFTER_S = 2.0


class GivenFeed:
    """Arrivals that the test gives; then an error, an end, or a wait."""

    name, emulated = "given", False

    def __init__(self, arrivals: Sequence[Arrival], error: Exception | None = None) -> None:
        self._arrivals, self._error = arrivals, error

    def arrivals(self) -> Iterator[Arrival]:
        yield from self._arrivals
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """It holds nothing."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "IDLE_S", 0.01)
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.01)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[TwinPlatform]:
    ingest = {"give_up_after_s": GIVE_UP_AFTER_S}
    settings = load_settings(None, store={"folder": tmp_path}, network="given", ingest=ingest)
    with open_platform(settings, feed_step_s=1.0) as opened:
        yield opened


def report(ago_s: int) -> MeasurementReport:
    end_ns = time.time_ns() // S * S - ago_s * S
    return MeasurementReport(CELL, "NRCellDU", end_ns - S, end_ns, {"RRU.PrbTotDl": 50.0}, network="given")


def past(count: int, at_once: int = 1) -> list[Arrival]:
    reports = [report(ago_s) for ago_s in range(count, 0, -1)]
    return [Arrival(reports[n].end_ns, reports[n : n + at_once]) for n in range(0, count, at_once)]


def eventually(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def ended(workers: Workers) -> None:
    """Wait until the workers stop by themselves, and close them."""
    try:
        assert workers.stop.wait(PATIENCE_S)
    finally:
        workers.close()


def in_log(platform: TwinPlatform) -> int:
    return sum(platform.log.offsets(MEASUREMENTS).values())


def test_a_feed_flows_into_the_stores_and_the_twin(platform: TwinPlatform) -> None:
    workers = Workers(platform, GivenFeed(past(90)))
    workers.start()
    try:
        eventually(lambda: workers.feed_done and bool(getattr(platform.follower.state, "targets", ())))
        assert platform.series.ping().detail["points"] == 90
        assert platform.counts.points.total == 90
        state = platform.follower.state
        assert state is not None
        assert [target.object_id for target in state.targets] == [CELL]
    finally:
        workers.close()
    assert workers.failure is None


def test_a_feed_that_fails_stops_the_platform_with_its_reason(platform: TwinPlatform) -> None:
    workers = Workers(platform, GivenFeed(past(3), OSError("the disk is gone")))
    workers.start()
    ended(workers)
    assert str(workers.failure) == "the disk is gone"


def test_a_twin_that_fails_stops_the_platform_with_its_reason(
    platform: TwinPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(now_ns: int, clock_ns: object) -> bool:
        raise ArithmeticError("no such state")

    monkeypatch.setattr(platform.follower, "step", broken)
    workers = Workers(platform, GivenFeed(past(3)))
    workers.start()
    ended(workers)
    assert str(workers.failure) == "no such state"


class FailingSeries:
    """A series store whose first writes fail."""

    def __init__(self, inner: Any, failures: int) -> None:
        self._inner, self.left = inner, failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, *given: Any) -> int:
        if self.left:
            self.left -= 1
            raise StoreError("a disk with room", "none", "make room")
        return int(self._inner.write(*given))


def with_series(platform: TwinPlatform, monkeypatch: pytest.MonkeyPatch, failures: int) -> FailingSeries:
    failing, real = FailingSeries(platform.stores.series, failures), under_test.Ingest
    monkeypatch.setattr(under_test, "Ingest", lambda log, series, *rest: real(log, failing, *rest))
    return failing


def test_a_store_that_fails_for_a_while_loses_nothing(
    platform: TwinPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = with_series(platform, monkeypatch, 5)
    workers = Workers(platform, GivenFeed(past(20)))
    workers.start()
    try:
        eventually(lambda: platform.series.ping().detail["points"] == 20)
    finally:
        workers.close()
    assert failing.left == 0
    assert workers.failure is None


def test_what_a_worker_waits_for_is_shown_until_it_goes_on(
    platform: TwinPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = with_series(platform, monkeypatch, 1_000)
    workers = Workers(platform, GivenFeed(past(20)))
    workers.start()
    try:
        eventually(lambda: "a disk with room" in platform.figures().waiting.get("ingest", ""))
        failing.left = 0
        eventually(lambda: platform.series.ping().detail["points"] == 20)
        eventually(lambda: not platform.figures().waiting)
    finally:
        workers.close()


def test_a_store_that_keeps_failing_stops_the_platform_once_its_time_is_over(
    platform: TwinPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_series(platform, monkeypatch, 1_000_000)
    begin = time.monotonic()
    workers = Workers(platform, GivenFeed(past(20)))
    workers.start()
    ended(workers)
    assert time.monotonic() - begin >= GIVE_UP_AFTER_S
    assert isinstance(workers.failure, StoreError)
    assert in_log(platform) == 20, "what came lies in the log, for the next start"


class FailingLog:
    """A log that fails where it is told to."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.appends_left: list[bool] = []
        self.lag_fails = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def append(self, *given: Any) -> None:
        if self.appends_left and self.appends_left.pop(0):
            raise StoreError("a broker that answers", "none", "start it")
        self._inner.append(*given)

    def lag(self, group: str) -> Any:
        if self.lag_fails:
            self.lag_fails -= 1
            raise StoreError("a broker that answers", "none", "start it")
        return self._inner.lag(group)


def with_log(platform: TwinPlatform) -> FailingLog:
    failing = FailingLog(platform.stores.log)
    platform.stores = replace(platform.stores, log=failing)
    platform.sink_lag = SinkLag(failing, 0.0, 1.0)  # type: ignore[arg-type]
    return failing


def test_the_feed_appends_each_record_once_when_the_log_fails_between_its_appends(
    platform: TwinPlatform,
) -> None:
    failing = with_log(platform)
    reports = [report(ago_s) for ago_s in range(2_500, 0, -1)]
    failing.appends_left = [False, True, True, False]  # three appends of a batch: the second fails twice
    workers = Workers(platform, GivenFeed([Arrival(reports[-1].end_ns, reports)]))
    workers.start()
    try:
        eventually(lambda: workers.feed_done)
    finally:
        workers.close()
    assert failing.appends_left == []
    assert in_log(platform) == 2_500


def test_feed_and_twin_wait_for_a_log_that_does_not_tell_its_lag(platform: TwinPlatform) -> None:
    failing = with_log(platform)
    failing.lag_fails = 6
    workers = Workers(platform, GivenFeed(past(90)))
    workers.start()
    try:
        eventually(lambda: bool(getattr(platform.follower.state, "targets", ())))
    finally:
        workers.close()
    assert failing.lag_fails == 0
    assert workers.failure is None


def test_figures_stand_while_the_log_does_not_answer(platform: TwinPlatform) -> None:
    with_log(platform).lag_fails = 1
    assert platform.figures().sink_lag == {}
    assert platform.figures().sink_lag == {"series": 0, "graph": 0}


def test_a_twin_that_meets_a_failing_store_goes_on_with_it(
    platform: TwinPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, real = [StoreError("a server that answers", "none", "start it")] * 3, platform.follower.step

    def failing(*given: Any) -> bool:
        if left:
            raise left.pop()
        return real(*given)

    monkeypatch.setattr(platform.follower, "step", failing)
    workers = Workers(platform, GivenFeed(past(90)))
    workers.start()
    try:
        eventually(lambda: not left and platform.follower.state is not None)
    finally:
        workers.close()
    assert workers.failure is None


def test_without_ingest_in_the_main_job_the_records_are_left_to_others(tmp_path: Path) -> None:
    settings = load_settings(None, store={"folder": tmp_path}, network="given", ingest={"in_main_job": False})
    with open_platform(settings, feed_step_s=1.0) as platform:
        workers = Workers(platform, GivenFeed(past(20)))
        workers.start()
        try:
            eventually(lambda: workers.feed_done)
            assert platform.series.ping().detail["points"] == 0
            drain(platform)  # another ingest
            eventually(lambda: platform.follower.state is not None)
        finally:
            workers.close()


def test_the_feed_waits_while_the_sinks_are_behind(
    platform: TwinPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, step = threading.Event(), Ingest.step

    def held(self: Ingest, now_ns: int, timeout_s: float = 0.0) -> Any:
        go_on.wait(PATIENCE_S)
        return step(self, now_ns, timeout_s)

    monkeypatch.setattr(Ingest, "step", held)
    monkeypatch.setattr(under_test, "MAX_BEHIND_RECORDS", 20)
    monkeypatch.setattr(under_test, "PUBLISHED_AT_ONCE", 10)
    workers = Workers(platform, GivenFeed(past(400, at_once=5)))
    workers.start()
    try:
        eventually(lambda: in_log(platform) > 20)
        time.sleep(0.3)  # it would publish all in less
        assert in_log(platform) <= 20 + 10, "what is in flight is bounded"
        go_on.set()
        eventually(lambda: platform.series.ping().detail["points"] == 400)
    finally:
        go_on.set()
        workers.close()


def test_stopping_does_not_wait_for_a_feed_that_waits(platform: TwinPlatform) -> None:
    in_an_hour = time.time_ns() + 3_600 * S
    workers = Workers(platform, GivenFeed([*past(3), Arrival(in_an_hour, [])]))
    before = set(threading.enumerate())  # what other tests' servers still have is not theirs
    workers.start()
    eventually(lambda: platform.counts.points.total == 3)
    begin = time.monotonic()
    workers.close()
    assert time.monotonic() - begin < 10, "it waits for an hour"
    left = set(threading.enumerate()) - before
    assert not [each for each in left if each.name.startswith("ranvier-")]
    assert workers.failure is None


def test_workers_that_were_never_started_can_be_closed(platform: TwinPlatform) -> None:
    Workers(platform, GivenFeed([])).close()


def test_drain_takes_all_that_the_log_holds(platform: TwinPlatform) -> None:
    publish(platform.log, [report(ago_s) for ago_s in range(30, 0, -1)], "test", platform.now_ns())
    drain(platform)
    assert platform.series.ping().detail["points"] == 30
    assert not any(platform.figures().sink_lag.values())
    drain(platform)
    assert platform.series.ping().detail["points"] == 30
