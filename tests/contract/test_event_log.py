"""What every adapter of `EventLog` guarantees. A new adapter joins by one line in `FACTORIES`.

A log across a network answers in its own time, so the tests are patient: they poll until what they wait for
has come, and fail after `PATIENCE_S`.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.fabric.log.kafka import KafkaConfig, KafkaLog
from ranvier.fabric.log.kafka_client import Admin
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.ports import Consumer, Entry, EventLog, Record
from ranvier.ontology.errors import InputError, StoreError
from tests.servers.connect import address, parameters

PATIENCE_S = 60.0
QUIET_S = 1.0
"""How long a test listens to be sure that nothing comes."""


def kafka_config(folder: Path) -> KafkaConfig:
    """Each folder has a log of its own, by its prefix."""
    prefix = f"test.{sha256(str(folder).encode()).hexdigest()[:12]}."
    return KafkaConfig(address("kafka")["bootstrap"], prefix=prefix, session_s=6.0)


def remove_kafka(folder: Path) -> None:
    """Delete that log's topics and groups from the server."""
    config = kafka_config(folder)
    admin = Admin(config)
    admin.delete(admin.topics(config.prefix), admin.groups(config.prefix))
    admin.close()


FACTORIES: dict[str, Callable[[Path], EventLog]] = {
    "sqlite": lambda folder: SqliteLog(folder / "log.db"),
    "kafka": lambda folder: KafkaLog(kafka_config(folder)),
}
REMOVERS: dict[str, Callable[[Path], None]] = {"kafka": remove_kafka}
"""What is left outside the folder."""
ATOMIC = {"sqlite"}
"""Whose appends leave all or nothing when the process dies; the others may leave a part, in order."""
EXAMPLES = {"sqlite": 25, "kafka": 4}
"""Of the property test: a restart of a Kafka consumer takes a few tenths of a second."""
Open = Callable[[], EventLog]


@pytest.fixture(params=parameters(FACTORIES))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The name of a factory and a folder of its log; what it left elsewhere is removed in the end."""
    yield request.param, tmp_path
    REMOVERS.get(request.param, lambda _: None)(tmp_path)


@pytest.fixture
def reopen(folder: tuple[str, Path]) -> Iterator[Open]:
    """Opens the same log again and again; everything is closed in the end."""
    opened: list[EventLog] = []

    def make() -> EventLog:
        opened.append(FACTORIES[folder[0]](folder[1]))
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


def take(consumers: Consumer | Sequence[Consumer], count: int) -> list[Record]:
    """`count` records of the members, polled in turn; fewer where patience ends."""
    members = consumers if isinstance(consumers, Sequence) else [consumers]
    got: list[Record] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(got) < count and time.monotonic() < deadline:
        for member in members:
            if len(got) < count:
                got += member.poll(count - len(got), timeout_s=0.05)
    return got


def some(consumer: Consumer, max_records: int) -> list[Record]:
    """What the next poll gives that gives something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if got := consumer.poll(max_records, timeout_s=1.0):
            return got
    return []


def quiet(consumer: Consumer) -> bool:
    """Whether nothing comes for a while."""
    return not consumer.poll(1000, timeout_s=QUIET_S)


def settle(members: Sequence[Consumer], places: int = 4) -> list[Record]:
    """Poll in turn until the members share all places and each has some; what came meanwhile."""
    got: list[Record] = []
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for member in members:
            got += member.poll(1, timeout_s=0.05)
        shares = [member.assigned() for member in members]
        if all(shares) and sum(map(len, shares)) == places == len(set().union(*shares)):
            return got
    raise AssertionError(f"the members do not share {places} places: {shares}")


def everything(log: EventLog, topic: str) -> list[Record]:
    return [r for _, part in log.offsets(topic) for r in log.read(topic, part, 0, 10_000)]


def test_a_record_comes_back_as_it_was_appended(log: EventLog) -> None:
    log.append("t", [Entry("ключ", b"\x00\xff", {"id": "7"})], 42)
    (record,) = take(log.consumer("g", ["t"]), 1)
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
    while len(got) < 100:
        batch = some(consumer, 9)
        assert 0 < len(batch) <= 9
        got += batch
    assert quiet(consumer)
    assert values(got) == list(range(100))


def test_a_flood_in_one_partition_does_not_starve_the_others(log: EventLog) -> None:
    log.append("t", [Entry("flood", b"x")] * 1000, 1)
    log.append("t", numbered(20, keys=20), 2)
    consumer = log.consumer("g", ["t"])
    few = [record for _ in range(10) for record in some(consumer, 40) if record.key != "flood"]
    flooded = {r.partition for r in everything(log, "t") if r.key == "flood"}
    others = [r for r in everything(log, "t") if r.partition not in flooded]
    assert {r.offset for r in others} <= {r.offset for r in few}


def test_a_group_goes_on_after_what_it_committed_and_no_further(reopen: Open) -> None:
    log = reopen()
    log.append("t", numbered(60), 1)
    consumer = log.consumer("g", ["t"])
    first = take(consumer, 30)
    consumer.commit(after(first))
    some(consumer, 10)
    log.close()
    again = reopen().consumer("g", ["t"])
    assert values(take(again, 30)) == sorted(set(range(60)) - set(values(first)))
    assert quiet(again)


def test_groups_do_not_disturb_each_other(log: EventLog) -> None:
    log.append("t", numbered(10), 1)
    one, two = log.consumer("one", ["t"]), log.consumer("two", ["t"])
    one.commit(after(take(one, 10)))
    assert values(take(two, 10)) == list(range(10))


def test_seek_goes_back_and_forth(log: EventLog) -> None:
    log.append("t", numbered(40), 1)
    ends = log.offsets("t")
    consumer = log.consumer("g", ["t"])
    consumer.seek(ends)
    assert quiet(consumer)
    consumer.seek(dict.fromkeys(ends, 0))
    assert values(take(consumer, 40)) == list(range(40))
    consumer.seek(ends)
    assert quiet(consumer)


def test_two_members_share_the_partitions_and_each_record_comes_to_one(log: EventLog) -> None:
    one, two = log.consumer("g", ["t"]), log.consumer("g", ["t"])
    settle([one, two])
    log.append("t", numbered(200), 1)
    got: dict[int, list[Record]] = {0: [], 1: []}
    deadline = time.monotonic() + PATIENCE_S
    while sum(map(len, got.values())) < 200 and time.monotonic() < deadline:
        got[0] += one.poll(1000, timeout_s=0.05)
        got[1] += two.poll(1000, timeout_s=0.05)
    assert values(got[0] + got[1]) == list(range(200))
    assert {r.partition for r in got[0]}.isdisjoint(r.partition for r in got[1])
    assert got[0]
    assert got[1]


def test_a_member_tells_its_places_and_when_it_took_them_anew(log: EventLog) -> None:
    one = log.consumer("g", ["t"])
    assert one.assigned() == {}
    settle([one])
    alone = dict(one.assigned())
    two = log.consumer("g", ["t"])
    settle([one, two])
    shared, given = dict(one.assigned()), dict(two.assigned())
    assert shared.keys() | given.keys() == alone.keys() == {("t", part) for part in range(4)}
    assert shared.keys().isdisjoint(given)
    two.close()
    settle([one])
    assert all(one.assigned()[place] != alone[place] for place in given)


def test_what_a_member_commits_of_anothers_places_is_not_remembered(log: EventLog) -> None:
    log.append("t", numbered(100), 1)
    one = log.consumer("g", ["t"])
    got = take(one, 100)
    two = log.consumer("g", ["t"])
    settle([one, two])
    one.commit(after(got))
    of_two = [r for r in got if (r.topic, r.partition) in two.assigned()]
    assert of_two
    assert sum(log.lag("g").values()) == len(of_two)


def test_a_sought_place_that_comes_later_goes_on_from_there(log: EventLog) -> None:
    log.append("t", numbered(100), 1)
    one, two = log.consumer("g", ["t"]), log.consumer("g", ["t"])
    two.seek(log.offsets("t"))
    settle([one, two])
    one.close()
    assert quiet(two)
    log.append("t", numbered(50, start=100), 2)
    assert values(take(two, 50)) == list(range(100, 150))


def test_a_member_that_closes_hands_over_at_once_from_what_was_committed(log: EventLog) -> None:
    one = log.consumer("g", ["t"])
    log.append("t", numbered(50), 1)
    done = take(one, 20)
    one.commit(after(done))
    two = log.consumer("g", ["t"])
    one.close()
    begin = time.monotonic()
    assert values(take(two, 30)) == sorted(set(range(50)) - set(values(done)))
    assert time.monotonic() - begin < 5


def test_lag_counts_what_the_group_has_not_committed(log: EventLog) -> None:
    log.append("t", numbered(50), 1)
    consumer = log.consumer("g", ["t"])
    assert sum(log.lag("g").values()) == 50
    consumer.commit(after(take(consumer, 20)))
    assert sum(log.lag("g").values()) == 30


def test_offsets_by_time_are_those_of_the_first_record_at_or_after_it(log: EventLog) -> None:
    for time_ns in (10, 20, 20, 15, 30):
        log.append("t", [Entry("one key", str(time_ns).encode())], time_ns)
    (part,) = {r.partition for r in everything(log, "t")}
    found = {at: log.offsets("t", at)["t", part] for at in (0, 10, 11, 20, 21, 31)}
    assert found == {0: 0, 10: 0, 11: 1, 20: 1, 21: 4, 31: 5}


def test_times_are_kept_to_the_nanosecond_far_ahead_and_far_back(log: EventLog) -> None:
    now = 1_767_225_600_123_456_789
    times = [0, now, now + 1, now + 500_000, now + 10**6, 4_102_444_800_000_000_001, 1, now + 10**9]
    for time_ns in times:
        log.append("t", [Entry("one key", b"")], time_ns)
    records = everything(log, "t")
    assert [r.recorded_at_ns for r in records] == times
    part = records[0].partition
    for at in sorted({*times, now - 1, now + 2, now + 10**6 + 1, 2**63 - 1}):
        first = next((n for n, time_ns in enumerate(times) if time_ns >= at), len(times))
        assert log.offsets("t", at)["t", part] == first, at


def test_truncate_keeps_what_is_young_or_not_yet_committed_by_every_group(log: EventLog) -> None:
    for time_ns in (1, 2, 3):
        log.append("t", [Entry("k", str(time_ns).encode())], time_ns)
    quick, slow = log.consumer("quick", ["t"]), log.consumer("slow", ["t"])
    quick.commit(after(take(quick, 3)))
    assert log.truncate("t", 3) == 0
    slow.commit(after(take(slow, 1)))
    assert log.truncate("t", 3) == 1
    assert values(everything(log, "t")) == [2, 3]
    slow.commit(after(take(slow, 2)))
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


@pytest.mark.parametrize("topic", ["a.b", "a_b", "a-b", "мережа 5G/тривоги", "\u0000-20"])
def test_a_topic_may_have_any_name(log: EventLog, topic: str) -> None:
    log.append("a.b", entries(("k", 1)), 1)
    log.append(topic, entries(("k", 2)), 1)
    assert values(take(log.consumer("g", [topic]), 1 + (topic == "a.b")))[-1] == 2
    assert {place[0] for place in log.lag("g")} == {topic}


def test_a_large_entry_goes_through_among_small_ones(log: EventLog) -> None:
    large = Entry("k", bytes(range(256)) * 12_000)
    log.append("t", [*entries(("k", 1)), large, *entries(("k", 2))], 1)
    got = take(log.consumer("g", ["t"]), 3)
    assert [r.value for r in got] == [b"1", large.value, b"2"]
    assert [r.value for r in everything(log, "t")] == [b"1", large.value, b"2"]


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
sys.path[:0] = [{here!r}, {root!r}]
from test_event_log import FACTORIES, numbered
log = FACTORIES[{factory!r}](Path({folder!r}))
for n in range({batches}):
    log.append("t", numbered(20, start=20 * n), n)
    print(20 * (n + 1), flush=True)
log.close()
"""


READER = """
import sys
import time
from pathlib import Path
sys.path[:0] = [{here!r}, {root!r}]
from test_event_log import FACTORIES, take
consumer = FACTORIES[{factory!r}](Path({folder!r})).consumer("g", ["t"])
print(len(take(consumer, {batches})), flush=True)
time.sleep(600)
"""


def elsewhere(factory: str, folder: Path, batches: int, script: str = ELSEWHERE) -> subprocess.Popen[str]:
    """Another process that appends batches of 20 and tells after each how many it has appended."""
    here = Path(__file__).parent
    script = script.format(
        here=str(here), root=str(here.parent.parent), factory=factory, folder=str(folder), batches=batches
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def test_processes_may_append_at_once(folder: tuple[str, Path], log: EventLog) -> None:
    with elsewhere(*folder, batches=30) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for n in range(30):
            log.append("t", numbered(20, start=10_000 + 20 * n), n)
        other.stdout.read()
    assert other.returncode == 0
    assert values(everything(log, "t")) == [*range(600), *range(10_000, 10_600)]


def test_what_was_appended_survives_kill_9(folder: tuple[str, Path], reopen: Open) -> None:
    with elsewhere(*folder, batches=100_000) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines() if line]
    kept = everything(reopen(), "t")
    by_key: dict[str, list[int]] = defaultdict(list)
    for record in kept:
        by_key[record.key].append(int(record.value))
    assert set(range(told[-1])) <= set(values(kept))
    for n in range(7):
        numbers = by_key[f"key {n}"]
        assert numbers == list(range(n, n + 7 * len(numbers), 7))
    if folder[0] in ATOMIC:
        assert values(kept) == list(range(len(kept)))
        assert len(kept) % 20 == 0


def test_the_next_member_need_not_wait_for_one_whose_process_has_died(
    folder: tuple[str, Path], log: EventLog
) -> None:
    log.append("t", numbered(20), 1)
    with elsewhere(*folder, batches=20, script=READER) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "20\n"
        other.kill()
    begin = time.monotonic()
    assert values(take(log.consumer("g", ["t"]), 20)) == list(range(20))
    assert time.monotonic() - begin < 5


Batches = list[list[tuple[str, int]]]
BATCHES = st.lists(
    st.lists(st.tuples(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 999)), max_size=20),
    max_size=6,
)


@pytest.mark.parametrize("factory", parameters(FACTORIES))
def test_nothing_is_lost_or_reordered_whatever_is_committed_between_restarts(
    factory: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @settings(max_examples=EXAMPLES[factory], deadline=None)
    @given(
        batches=BATCHES,
        sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5),
        committing=st.lists(st.booleans(), min_size=1, max_size=5),
    )
    def holds(batches: Batches, sizes: list[int], committing: list[bool]) -> None:
        folder = tmp_path_factory.mktemp("log")
        appended, processed = restarted(FACTORIES[factory], folder, batches or [[]], sizes, committing)
        REMOVERS.get(factory, lambda _: None)(folder)
        assert processed == appended

    holds()


def restarted(
    factory: Callable[[Path], EventLog], folder: Path, batches: Batches, sizes: list[int],
    committing: list[bool],
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:  # fmt: skip
    """What was appended under each key, and what came in the polls that were committed and in the last."""
    appended: dict[str, list[int]] = defaultdict(list)
    processed: dict[str, list[int]] = defaultdict(list)
    left = 0
    for n, batch in enumerate(batches):
        log = factory(folder)
        log.append("t", entries(*batch), n)
        left += len(batch)
        for key, number in batch:
            appended[key].append(number)
        consumer = log.consumer("g", ["t"])
        got = take(consumer, min(sizes[n % len(sizes)], left))
        if committing[n % len(committing)]:
            consumer.commit(after(got))
            left -= len(got)
            for record in got:
                processed[record.key].append(int(record.value))
        log.close()
    log = factory(folder)
    for record in take(log.consumer("g", ["t"]), left):
        processed[record.key].append(int(record.value))
    log.close()
    return appended, processed


def test_ping_tells_version_and_size(log: EventLog) -> None:
    log.append("t", numbered(10), 1)
    health = log.ping()
    assert health.ok
    assert health.detail["records"] == 10
    assert int(health.detail["bytes"]) > 0
