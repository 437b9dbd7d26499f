"""`Source`: from bytes to good and bad records, and the account that shows that none was lost.

    bytes ► Source.read ─┬─► Good (a payload and its position)
                         └─► Bad  (a dead letter: reason, position, the bytes as they came)

A record is the format's own unit: a row of a CSV, a measValue of a PM file, an event, a managed object. Each
record yields exactly one Good that is not `derived`, or exactly one Bad. What follows from a record besides
(a cell seen for the first time, a handover) comes as further Goods, marked `derived`, just before it.

No adapter raises on bad bytes, whatever they are, and none holds more than a bounded part of its input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Protocol

import msgspec

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.counter_state import CounterState
from ranvier.fabric.sources.mappings.mappings import Mappings
from ranvier.fabric.sources.notice import FileReady, Heartbeat
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.ontology import Ontology

SECOND_NS = 1_000_000_000
RAW_LIMIT = 1 << 20
"""The most bytes of one record that are read, or kept in a dead letter."""

GoodPayload = MeasurementReport | NodeChange | RelationChange | Alarm


class Good(msgspec.Struct, frozen=True, gc=False):
    """A payload that can go on, and where in the source it was.

    derived  it follows from a record and is none itself
    notice   what the source said of itself, for a caller who listens
    """

    payload: GoodPayload
    position: str
    derived: bool = False
    notice: Heartbeat | FileReady | None = None


class Bad(msgspec.Struct, frozen=True, gc=False):
    """A record that cannot be used."""

    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class SourceContext:
    """Where the bytes come from, whose they are, and what they are read against.

    source    name of the file (its path below what the user gave) or of the feed
    counters  the last readings of ever-rising counters, kept by the caller from file to file
    at_ns     the time of content that names none itself (a configuration snapshot)
    now_ns    the time now; an event later than `now_ns + max_skew_s` is a dead letter; None: no check
    """

    source: str
    ontology: Ontology
    tenant: str = "default"
    network: str = "default"
    mappings: Mappings = field(default_factory=Mappings)
    counters: CounterState = field(default_factory=CounterState)
    at_ns: int | None = None
    now_ns: int | None = None
    max_skew_s: float = 300.0

    @property
    def latest_ns(self) -> int:
        """The latest time that an event may have."""
        return 2**63 - 1 if self.now_ns is None else self.now_ns + int(self.max_skew_s * SECOND_NS)

    def bad(self, adapter: str, reason: str, position: str, raw: bytes, context: str = "") -> Bad:
        """A dead letter of this source; `raw` is cut to RAW_LIMIT bytes, and the reason then says so."""
        if len(raw) > RAW_LIMIT:
            reason += f"; kept the first {RAW_LIMIT} of {len(raw)} bytes"
            raw = raw[:RAW_LIMIT]
        return Bad(
            DeadLetter(reason, self.source, position, raw, adapter, context, self.tenant, self.network)
        )


class Source(Protocol):
    """One format. `read` streams: what it holds does not grow with the input."""

    @property
    def name(self) -> str:
        """The name under which a dead letter remembers the adapter."""
        ...

    def detect(self, head: bytes, context: SourceContext, /) -> bool:
        """Whether bytes that begin with `head` are of this format, judged by content."""
        ...

    def read(self, raw: IO[bytes] | bytes, context: SourceContext) -> Iterator[Good | Bad]:
        """Good and bad records in the order of the source. Never raises on bad bytes."""
        ...

    def replay(self, letter: DeadLetter, context: SourceContext) -> Iterator[Good | Bad]:
        """The records of a dead letter of this adapter, read again with the context that it kept."""
        ...


@dataclass(slots=True)
class Account:
    """How many records a source gave: read = accepted + dead, exactly."""

    accepted: int = 0
    derived: int = 0
    dead: int = 0
    values: int = 0

    @property
    def read(self) -> int:
        """Records read, good or bad."""
        return self.accepted + self.dead

    def count(self, records: Iterable[Good | Bad]) -> Iterator[Good | Bad]:
        """Pass records on and count them."""
        for record in records:
            if isinstance(record, Bad):
                self.dead += 1
            elif record.derived:
                self.derived += 1
            else:
                self.accepted += 1
                if isinstance(record.payload, MeasurementReport):
                    self.values += len(record.payload.values)
            yield record

    def __iadd__(self, other: Account) -> Account:
        self.accepted += other.accepted
        self.derived += other.derived
        self.dead += other.dead
        self.values += other.values
        return self
