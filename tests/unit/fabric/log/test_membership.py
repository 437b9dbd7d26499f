"""Leases of a SqliteLog's consumers, with a clock of the test's own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.ports import Entry
from ranvier.ontology.errors import StoreError

LEASE_S = 10.0
S = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1_000 * S

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logs(tmp_path: Path, clock: Clock) -> Iterator[tuple[SqliteLog, SqliteLog]]:
    """The same file opened twice, as two processes would."""
    pair = tuple(SqliteLog(tmp_path / "log.db", lease_s=LEASE_S, clock_ns=clock) for _ in range(2))
    pair[0].append("t", [Entry(f"key {n}", str(n).encode()) for n in range(100)], 1)
    yield pair  # type: ignore[misc]
    for log in pair:
        log.close()


def test_a_silent_member_loses_its_partitions_when_its_lease_is_over(
    logs: tuple[SqliteLog, SqliteLog], clock: Clock
) -> None:
    silent = logs[0].consumer("g", ["t"])
    silent.poll(1)
    other = logs[1].consumer("g", ["t"])
    clock.now_ns += int(LEASE_S * S) - 1
    assert other.poll(1000) == []
    clock.now_ns += int(LEASE_S * S) // 3  # members look after each other at each renewal
    assert len(other.poll(1000)) == 100


def test_a_member_that_comes_back_late_does_not_move_the_offsets_of_its_successor(
    logs: tuple[SqliteLog, SqliteLog], clock: Clock
) -> None:
    late, other = logs[0].consumer("g", ["t"]), logs[1].consumer("g", ["t"])
    taken = late.poll(1000)
    clock.now_ns += int(2 * LEASE_S * S)
    got = other.poll(1000)
    assert got
    other.commit({(r.topic, r.partition): r.offset + 1 for r in got})
    before = logs[0].lag("g")
    late.commit({(r.topic, r.partition): 1 for r in taken})
    assert logs[0].lag("g") == before


def test_a_member_that_joins_gets_its_share_at_the_others_next_poll(
    logs: tuple[SqliteLog, SqliteLog],
) -> None:
    one = logs[0].consumer("g", ["t"])
    first = one.poll(1000)
    one.commit({(r.topic, r.partition): r.offset + 1 for r in first})
    two = logs[1].consumer("g", ["t"])
    assert two.poll(1000) == []
    one.poll(1000)
    logs[0].append("t", [Entry(f"key {n}", b"") for n in range(100)], 2)
    mine, theirs = one.poll(1000), two.poll(1000)
    assert len(mine) + len(theirs) == 100
    assert {r.partition for r in mine} & {r.partition for r in theirs} == set()
    assert len({r.partition for r in mine}) == len({r.partition for r in theirs}) == 2


def test_a_clock_that_is_set_back_does_not_lock_the_partitions(
    logs: tuple[SqliteLog, SqliteLog], clock: Clock
) -> None:
    silent = logs[0].consumer("g", ["t"])
    silent.poll(1)
    clock.now_ns -= 500 * S
    assert len(logs[1].consumer("g", ["t"]).poll(1000)) == 100


KEPT_S = 7 * 86_400.0


def committed(log: SqliteLog, group: str) -> None:
    """A consumer that reads all there is, commits it, and leaves."""
    consumer = log.consumer(group, ["t"])
    consumer.commit({(r.topic, r.partition): r.offset + 1 for r in consumer.poll(1000)})
    consumer.close()


def test_a_group_that_is_never_seen_again_holds_the_log_back_for_its_time_only(
    logs: tuple[SqliteLog, SqliteLog], clock: Clock
) -> None:
    logs[0].consumer("abandoned", ["t"]).close()
    committed(logs[0], "g")
    clock.now_ns += int(KEPT_S * S)
    assert logs[0].truncate("t", 2) == 0
    committed(logs[0], "g")
    clock.now_ns += 1
    assert logs[0].truncate("t", 2) == 100
    assert sum(logs[0].lag("g").values()) == 0
    assert logs[0].lag("abandoned") == {}


def test_a_group_that_is_slow_but_alive_is_never_given_up(
    logs: tuple[SqliteLog, SqliteLog], clock: Clock
) -> None:
    slow = logs[0].consumer("slow", ["t"])
    for _ in range(10):
        clock.now_ns += int(KEPT_S * S) - 1
        slow.poll(1)
        assert logs[1].truncate("t", 2) == 0


def test_a_group_that_was_given_up_comes_back_as_a_new_one(
    logs: tuple[SqliteLog, SqliteLog], clock: Clock
) -> None:
    committed(logs[0], "late")
    clock.now_ns += int(KEPT_S * S) + 1
    assert logs[1].truncate("t", 1) == 0
    assert logs[0].lag("late") == {}
    again = logs[0].consumer("late", ["t"])
    assert len(again.poll(1000)) == 100
    assert sum(logs[0].lag("late").values()) == 100
    assert logs[1].truncate("t", 2) == 0


def test_another_number_of_partitions_is_refused(tmp_path: Path) -> None:
    SqliteLog(tmp_path / "log.db", partitions=4).close()
    with pytest.raises(StoreError, match="8 partitions"):
        SqliteLog(tmp_path / "log.db", partitions=8)


def test_a_file_that_is_no_database_is_refused_with_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database, but long enough to look like a header " * 20)
    with pytest.raises(StoreError, match="event log"):
        SqliteLog(tmp_path / "log.db")


JOIN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from ranvier.fabric.log.sqlite import SqliteLog
log = SqliteLog(Path(sys.argv[1]), lease_s=3600.0)
assert len(log.consumer("g", ["t"]).poll(1000)) == 100
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_member_is_succeeded_at_once_whatever_its_lease(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", lease_s=3600.0)
    log.append("t", [Entry(f"key {n}", b"") for n in range(100)], 1)
    done = subprocess.run([sys.executable, "-c", JOIN_AND_DIE, str(tmp_path / "log.db")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(log.consumer("g", ["t"]).poll(1000)) == 100
    log.close()
