"""`Refusals`: sends what a sink refused to the dead letters, each record once.

Dead letters are appended before the sink stores its offsets, so that none is lost; a crash in between makes
the sink see the record again. What it then refuses again is already there, under the name of its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ranvier.fabric import event
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.intake import Refused
from ranvier.fabric.ports import FOREVER_NS, Entry, EventLog, Offsets, Record

HEADER = "refused"
PAGE = 1000
ADAPTER = "native"
"""What the log holds are native events, so the native adapter reads them again."""


class Refusals:
    """The way from one sink to the dead letters."""

    def __init__(self, log: EventLog, group: str) -> None:
        self._log, self._group = log, group
        self._sent: set[str] = set()

    def look_back(self, goes_on: Offsets, batch: int) -> None:
        """Learn what was sent of the records from `goes_on` on, before a crash: at most a batch of them."""
        if not any(self._log.offsets(event.DEAD_LETTERS).values()):
            return  # the usual case, and the records need not be read for their times
        # Clocks may have gone back within a batch, so the earliest of its times counts.
        recorded = [
            at_ns for (topic, part), at in goes_on.items() for at_ns in self._times(topic, part, at, batch)
        ]
        if not recorded:
            return
        for (topic, part), offset in self._log.offsets(event.DEAD_LETTERS, min(recorded)).items():
            self._learn(topic, part, offset, goes_on)

    def _times(self, topic: str, part: int, offset: int, count: int) -> Iterator[int]:
        """When the `count` records from `offset` on were recorded, or those that there are."""
        end = offset + count
        while offset < end and (page := self._log.read(topic, part, offset, min(PAGE, end - offset))):
            yield from (record.recorded_at_ns for record in page)
            offset = page[-1].offset + 1

    def _learn(self, topic: str, part: int, offset: int, goes_on: Offsets) -> None:
        while page := self._log.read(topic, part, offset, PAGE):
            names = (letter.headers.get(HEADER, "") for letter in page)
            own = (name for name in names if name.startswith(f"{self._group}/"))
            self._sent.update(name for name in own if not self._is_past(name, goes_on))
            offset = page[-1].offset + 1

    def send(self, refused: Sequence[Refused], now_ns: int) -> None:
        """Append a dead letter for each that has none yet.

        No letter is older than its record, whatever the clocks say: `look_back` searches from that time on.
        """
        now_ns = max(now_ns, *(each.record.recorded_at_ns for each in refused))
        named = {self._name(each.record): each for each in refused}
        fresh = {name: each for name, each in named.items() if name not in self._sent}
        self._log.append(event.DEAD_LETTERS, [_letter(n, e) for n, e in fresh.items()], now_ns)
        self._sent.update(fresh)

    def settle(self, goes_on: Offsets) -> None:
        """The sink has stored up to `goes_on`: what lies below, or in places not named, is not seen again."""
        if self._sent:
            self._sent = {name for name in self._sent if not self._is_past(name, goes_on)}

    def _name(self, record: Record) -> str:
        return f"{self._group}/{record.topic}/{record.partition}/{record.offset}"

    def _is_past(self, name: str, goes_on: Offsets) -> bool:
        topic, part, offset = name.removeprefix(f"{self._group}/").rsplit("/", 2)
        return int(offset) < goes_on.get((topic, int(part)), FOREVER_NS)


def _letter(name: str, refused: Refused) -> Entry:
    record = refused.record
    cut = len(record.value) > event.MAX_BYTES
    told = f" (the first {event.MAX_BYTES:,} of its {len(record.value):,} bytes are here)" if cut else ""
    letter = DeadLetter(
        reason=refused.reason + told,
        source=refused.source or f"{record.topic}/{record.partition}",
        position=f"{record.topic}/{record.partition}, offset {record.offset}",
        raw=record.value[: event.MAX_BYTES],
        adapter=ADAPTER,
        tenant=refused.tenant,
        network=refused.network,
    )
    entry = event.entry_of(letter, f"refused/{name}")
    return msgspec.structs.replace(entry, headers={**entry.headers, HEADER: name})
