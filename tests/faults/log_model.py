"""What the log holds, against what was sent: the ground on which the stores are judged.

The stream says what each item is; the log says which of them it took, where, how often and when. Delivery
into the log is at least once, so an item may be there several times; it may not be missing or altered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ranvier.fabric import event
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import EventLog, Record
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import InputError
from tests.faults.account import Account
from tests.faults.stream import Item, number_in

PAGE = 1000
AGAIN = ("resent", "late", "revised", "corrected", "correction")
GROUPS = {event.MEASUREMENTS: "series", event.FEEDBACK: "series", event.TOPOLOGY: "graph"}


@dataclass(slots=True)
class LogContent:
    """Everything that the log implies.

    reports   good reports with the record that brought each; changes: likewise, by partition and in order
    bad       the records that must be refused, by the name of their dead letter, with the item
    letters   the records of the dead-letter topic
    items     what was sent, whatever became of it
    """

    reports: list[tuple[Record, MeasurementReport]] = field(default_factory=list)
    changes: dict[tuple[str, int], list[tuple[Record, TopologyChange]]] = field(default_factory=dict)
    bad: dict[str, tuple[Record, Item]] = field(default_factory=dict)
    letters: list[Record] = field(default_factory=list)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)


def records_of(log: EventLog, topic: str) -> Iterator[Record]:
    """All records of a topic, partition by partition."""
    for (_, part), end in sorted(log.offsets(topic).items()):
        offset = 0
        while offset < end:
            page = log.read(topic, part, offset, PAGE)
            if not page:
                break
            yield from page
            offset = page[-1].offset + 1


def look(log: EventLog, items: list[Item], account: Account) -> LogContent:
    """Read the log, and compare it with the items that were acknowledged."""
    content, times = LogContent(items=items), Counter[int]()
    first_seen: dict[tuple[str, str], list[int]] = defaultdict(list)
    for topic in GROUPS:
        content.ends.update(log.offsets(topic))
        for record in records_of(log, topic):
            item = _item(record, items, account)
            if item is None:
                continue
            times[item.number] += 1
            if times[item.number] == 1:
                first_seen[topic, record.key].append(item.number)
            _sort(record, item, content)
    content.letters = list(records_of(log, event.DEAD_LETTERS))
    _check_presence(items, times, account)
    for key, numbers in first_seen.items():
        if numbers != sorted(numbers):
            account.differ("order of a key in the log", f"{key}: items arrived as {numbers}")
    _count(items, times, content, account)
    return content


def _item(record: Record, items: list[Item], account: Account) -> Item | None:
    """The item that a record is, unaltered."""
    number = number_in(record.value)
    place = f"{record.topic}/{record.partition}, offset {record.offset}"
    if number is None or number >= len(items):
        account.differ("record in the log that nobody sent", f"{place}: {record.value[:80]!r}")
        return None
    item = items[number]
    if not _is_whole(record, item):
        account.differ("record altered in the log", f"{place}: item {number} as {record.value[:200]!r}")
        return None
    return item


def _is_whole(record: Record, item: Item) -> bool:
    if record.key != item.key:
        return False
    if item.payload is None:
        return record.value == item.raw and record.topic == item.topic
    if record.topic != event.topic_of(item.payload):
        return False
    try:
        return event.decode(record.value) == item.payload
    except InputError:
        # Bad on purpose: what cannot be decoded cannot be compared so.
        return bool(item.bad) and event.encode(item.payload, "").split(b'"data":')[1] in record.value


def _sort(record: Record, item: Item, content: LogContent) -> None:
    place = (record.topic, record.partition)
    if item.bad:
        name = f"{GROUPS[record.topic]}/{record.topic}/{record.partition}/{record.offset}"
        content.bad[name] = (record, item)
    elif isinstance(item.payload, MeasurementReport):
        content.reports.append((record, item.payload))
    elif isinstance(item.payload, NodeChange | RelationChange):
        content.changes.setdefault(place, []).append((record, item.payload))


def _check_presence(items: list[Item], times: Counter[int], account: Account) -> None:
    for item in items:
        # What `publish` itself refuses is never in a topic of telemetry; its letter is looked for.
        if not times[item.number] and item.topic != event.DEAD_LETTERS:
            account.differ("item lost before the log", f"item {item.number}, a {item.kind}, was acknowledged")


def _count(items: list[Item], times: Counter[int], content: LogContent, account: Account) -> None:
    account.count("items sent and acknowledged", len(items))
    again = sum(item.kind.split()[0] in AGAIN for item in items)
    account.count("of them resent, late, revised or corrected by the stream itself", again)
    account.count("of them bad", sum(bool(item.bad) for item in items))
    account.count("records in the log", times.total())
    account.count("records that the producer's retries repeated", times.total() - len(times))
    account.count("good reports in the log", len(content.reports))
    account.count("good topology changes in the log", sum(map(len, content.changes.values())))
    account.count("bad records in the log", len(content.bad))
