"""What every adapter of `EventLog` guarantees. A new adapter joins by one line in `FACTORIES`."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.ports import Entry, EventLog, Record
from ranvier.ontology.errors import InputError, StoreError

FACTORIES: dict[str, Callable[[Path], EventLog]] = {
    "sqlite": lambda folder: SqliteLog(folder / "log.db"),
}
Open = Callable[[], EventLog]


@pytest.fixture(params=sorted(FACTORIES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same log again and again; everything is closed in the end."""
    opened: list[EventLog] = []

    def make() -> EventLog:
        opened.append(FACTORIES[request.param](tmp_path))
        return opened[-1]

    yield make
    for log in opened:
        log.close()


@pytest.fixture
def log(reopen: Open) -> EventLog:
    return reopen()


def entries(*pairs: tuple[str, int]) -> list[Entry]:
    return [Entry(key, str(number).encode()) for key, number in pairs]


def numbered(count: int, keys: int = 7, start: int = 0) -> list[Entry]:
    return entries(*((f"key {n % keys}", n) for n in range(start, start + count)))


def values(records: list[Record]) -> list[int]:
    return sorted(int(record.value) for record in records)


def after(records: list[Record]) -> dict[tuple[str, int], int]:
    return {(r.topic, r.partition): r.offset + 1 for r in records}


def everything(log: EventLog, topic: str) -> list[Record]:
    return [r for _, part in log.offsets(topic) for r in log.read(topic, part, 0, 10_000)]


def test_a_record_comes_back_as_it_was_appended(log: EventLog) -> None:
    log.append("t", [Entry("ключ", b"\x00\xff", {"id": "7"})], 42)
    (record,) = log.consumer("g", ["t"]).poll(10)
    assert (record.topic, record.key, record.value) == ("t", "ключ", b"\x00\xff")
    assert (record.headers, record.recorded_at_ns, record.offset) == ({"id": "7"}, 42, 0)


def test_all_records_of_a_key_share_a_partition_in_the_order_of_appending(log: EventLog) -> None:
    for start in range(0, 300, 50):
        log.append("t", numbered(50, start=start), start)
    seen: dict[str, list[int]] = defaultdict(list)
    parts: dict[str, set[int]] = defaultdict(set)
    for record in everything(log, "t"):
        seen[record.key].append(int(record.value))
        parts[record.key].add(record.partition)
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert all(len(part) == 1 for part in parts.values())
    assert sum(map(len, seen.values())) == 300


def test_offsets_run_from_zero_without_gaps(log: EventLog) -> None:
    log.append("t", numbered(100), 1)
    log.append("t", numbered(100), 2)
    for (topic, part), end in log.offsets("t").items():
        assert [r.offset for r in log.read(topic, part, 0, 1000)] == list(range(end))


def test_poll_gives_at_most_what_is_asked_for_and_goes_on(log: EventLog) -> None:
    log.append("t", numbered(100), 1)
    consumer = log.consumer("g", ["t"])
    got: list[Record] = []
    while batch := consumer.poll(9):
        assert len(batch) <= 9
        got += batch
    assert values(got) == list(range(100))


def test_a_flood_in_one_partition_does_not_starve_the_others(log: EventLog) -> None:
    log.append("t", [Entry("flood", b"x")] * 1000, 1)
    log.append("t", numbered(20, keys=20), 2)
    consumer = log.consumer("g", ["t"])
    few = [record for _ in range(10) for record in consumer.poll(40) if record.key != "flood"]
    flooded = {r.partition for r in everything(log, "t") if r.key == "flood"}
    others = [r for r in everything(log, "t") if r.partition not in flooded]
    assert {r.offset for r in others} <= {r.offset for r in few}


def test_a_group_goes_on_after_what_it_committed_and_no_further(reopen: Open) -> None:
    log = reopen()
    log.append("t", numbered(60), 1)
    consumer = log.consumer("g", ["t"])
    first = consumer.poll(30)
    consumer.commit(after(first))
    consumer.poll(10)
    log.close()
    again = reopen().consumer("g", ["t"])
    assert values(again.poll(1000)) == sorted(set(range(60)) - set(values(first)))


def test_groups_do_not_disturb_each_other(log: EventLog) -> None:
    log.append("t", numbered(10), 1)
    one, two = log.consumer("one", ["t"]), log.consumer("two", ["t"])
    one.commit(after(one.poll(10)))
    assert values(two.poll(10)) == list(range(10))


def test_seek_goes_back_and_forth(log: EventLog) -> None:
    log.append("t", numbered(40), 1)
    ends = log.offsets("t")
    consumer = log.consumer("g", ["t"])
    consumer.seek(ends)
    assert consumer.poll(10) == []
    consumer.seek(dict.fromkeys(ends, 0))
    assert values(consumer.poll(100)) == list(range(40))


def test_two_members_share_the_partitions_and_each_record_comes_to_one(log: EventLog) -> None:
    one, two = log.consumer("g", ["t"]), log.consumer("g", ["t"])
    one.poll(1)
    two.poll(1)
    log.append("t", numbered(200), 1)
    first, second = one.poll(1000), two.poll(1000)
    assert values(first + second) == list(range(200))
    assert {r.partition for r in first}.isdisjoint(r.partition for r in second)
    assert first
    assert second


def test_a_member_that_closes_hands_over_at_once_from_what_was_committed(log: EventLog) -> None:
    one = log.consumer("g", ["t"])
    log.append("t", numbered(50), 1)
    done = one.poll(20)
    one.commit(after(done))
    two = log.consumer("g", ["t"])
    one.close()
    assert values(two.poll(100)) == sorted(set(range(50)) - set(values(done)))


def test_lag_counts_what_the_group_has_not_committed(log: EventLog) -> None:
    log.append("t", numbered(50), 1)
    consumer = log.consumer("g", ["t"])
    assert sum(log.lag("g").values()) == 50
    consumer.commit(after(consumer.poll(20)))
    assert sum(log.lag("g").values()) == 30


def test_offsets_by_time_are_those_of_the_first_record_at_or_after_it(log: EventLog) -> None:
    for time_ns in (10, 20, 20, 15, 30):
        log.append("t", [Entry("one key", str(time_ns).encode())], time_ns)
    (part,) = {r.partition for r in everything(log, "t")}
    found = {at: log.offsets("t", at)["t", part] for at in (0, 10, 11, 20, 21, 31)}
    assert found == {0: 0, 10: 0, 11: 1, 20: 1, 21: 4, 31: 5}


def test_truncate_keeps_what_is_young_or_not_yet_committed_by_every_group(log: EventLog) -> None:
    for time_ns in (1, 2, 3):
        log.append("t", [Entry("k", str(time_ns).encode())], time_ns)
    quick, slow = log.consumer("quick", ["t"]), log.consumer("slow", ["t"])
    quick.commit(after(quick.poll(10)))
    assert log.truncate("t", 3) == 0
    slow.commit(after(slow.poll(1)))
    assert log.truncate("t", 3) == 1
    assert values(everything(log, "t")) == [2, 3]
    slow.commit(after(slow.poll(10)))
    assert log.truncate("t", 3) == 1
    assert [(r.offset, r.value) for r in everything(log, "t")] == [(2, b"3")]
    assert sum(log.lag("quick").values()) == 0


@pytest.mark.parametrize("topic", ["telemetry.alarms", "telemetry.deadletters"])
def test_a_topic_that_no_group_reads_is_forgotten_by_time_alone(log: EventLog, topic: str) -> None:
    for time_ns in (1, 2, 3):
        log.append(topic, [Entry("k", str(time_ns).encode())], time_ns)
    log.consumer("g", ["another topic"])
    assert log.truncate(topic, 3) == 2
    assert values(everything(log, topic)) == [3]
    log.append(topic, [Entry("k", b"4")], 4)
    assert [r.offset for r in everything(log, topic)] == [2, 3]


def test_a_time_below_the_truncated_beginning_leads_to_the_oldest_record(log: EventLog) -> None:
    for time_ns in (1, 2, 3):
        log.append("t", [Entry("k", b"")], time_ns)
    log.truncate("t", 3)
    (part,) = {r.partition for r in everything(log, "t")}
    assert log.offsets("t", 0)["t", part] == 2
    assert log.offsets("t", 4)["t", part] == 3


def test_poll_waits_for_a_record_and_gives_up_at_the_timeout(log: EventLog) -> None:
    consumer = log.consumer("g", ["t"])
    begin = time.monotonic()
    assert consumer.poll(10, timeout_s=0.1) == []
    assert time.monotonic() - begin >= 0.1
    late = threading.Timer(0.1, lambda: log.append("t", numbered(1), 1))
    late.start()
    assert len(consumer.poll(10, timeout_s=30)) == 1
    late.join()


def test_an_append_that_fails_leaves_nothing(log: EventLog) -> None:
    bad = [*numbered(10), Entry("k", "not bytes" * 3, {"id": object()})]  # type: ignore[arg-type, dict-item]
    with pytest.raises((TypeError, StoreError)):
        log.append("t", bad, 1)
    log.append("t", numbered(1), 2)
    assert len(everything(log, "t")) == 1


def test_an_unknown_topic_is_empty_and_no_topics_are_refused(log: EventLog) -> None:
    assert log.read("nothing", 0, 0, 10) == []
    assert set(log.offsets("nothing").values()) == {0}
    with pytest.raises(InputError, match="topic"):
        log.consumer("g", [])


def test_a_closed_consumer_says_so(log: EventLog) -> None:
    consumer = log.consumer("g", ["t"])
    consumer.close()
    with pytest.raises(StoreError, match="closed"):
        consumer.poll(1)


def test_threads_may_append_at_once(log: EventLog) -> None:
    def append(start: int) -> None:
        for n in range(10):
            log.append("t", numbered(5, start=start + 5 * n), n)

    threads = [threading.Thread(target=append, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(everything(log, "t")) == sorted(100 * t + n for t in range(4) for n in range(50))


ELSEWHERE = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_event_log import FACTORIES, numbered
log = FACTORIES[{factory!r}](Path({folder!r}))
for n in range({batches}):
    log.append("t", numbered(20, start=20 * n), n)
    print(20 * (n + 1), flush=True)
log.close()
"""


def elsewhere(factory: str, folder: Path, batches: int) -> subprocess.Popen[str]:
    """Another process that appends batches of 20 and tells after each how many it has appended."""
    script = ELSEWHERE.format(
        here=str(Path(__file__).parent), factory=factory, folder=str(folder), batches=batches
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("factory", sorted(FACTORIES))
def test_processes_may_append_at_once(factory: str, tmp_path: Path) -> None:
    log = FACTORIES[factory](tmp_path)
    with elsewhere(factory, tmp_path, batches=30) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for n in range(30):
            log.append("t", numbered(20, start=10_000 + 20 * n), n)
        other.stdout.read()
    assert other.returncode == 0
    assert values(everything(log, "t")) == [*range(600), *range(10_000, 10_600)]
    log.close()


@pytest.mark.parametrize("factory", sorted(FACTORIES))
def test_what_was_appended_survives_kill_9_in_whole_batches(factory: str, tmp_path: Path) -> None:
    with elsewhere(factory, tmp_path, batches=100_000) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines() if line]
    log = FACTORIES[factory](tmp_path)
    kept = values(everything(log, "t"))
    log.close()
    assert kept == list(range(len(kept)))
    assert len(kept) >= told[-1]
    assert len(kept) % 20 == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.tuples(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 999)), max_size=20),
        max_size=6,
    ),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    committing=st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_nothing_is_lost_or_reordered_whatever_is_committed_between_restarts(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[tuple[str, int]]], sizes: list[int], committing: list[bool],
) -> None:  # fmt: skip
    for factory in FACTORIES.values():
        folder = tmp_path_factory.mktemp("log")
        appended: dict[str, list[int]] = defaultdict(list)
        processed: dict[str, list[int]] = defaultdict(list)
        for n, batch in enumerate(batches or [[]]):
            log = factory(folder)
            log.append("t", entries(*batch), n)
            for key, number in batch:
                appended[key].append(number)
            consumer = log.consumer("g", ["t"])
            got = consumer.poll(sizes[n % len(sizes)])
            if committing[n % len(committing)]:
                consumer.commit(after(got))
                for record in got:
                    processed[record.key].append(int(record.value))
            log.close()
        log = factory(folder)
        for record in log.consumer("g", ["t"]).poll(10_000):
            processed[record.key].append(int(record.value))
        log.close()
        assert processed == appended


def test_ping_tells_version_and_size(log: EventLog) -> None:
    log.append("t", numbered(10), 1)
    health = log.ping()
    assert health.ok
    assert health.detail["records"] == 10
    assert int(health.detail["bytes"]) > 0
