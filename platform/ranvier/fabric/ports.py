"""What the fabric needs of its stores. Each port has an embedded adapter and one contract suite.

    append ► EventLog ► poll ─┬─► GraphStore.apply   (data and offset in one transaction)
                              └─► SeriesStore.write  (data and offset in one transaction)
    forecasts, scores, decisions ► Ledger

Times are nanoseconds since the Unix epoch, UTC. Nothing here reads a clock: `recorded_at_ns` is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.snapshot import Node, Relation, Snapshot
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import RanvierError

FOREVER_NS = 2**63 - 1
"""The end of a validity that has not ended, and the `known_at` that knows everything."""

Offsets = Mapping[tuple[str, int], int]
"""(topic, partition) to the offset of the next record to read."""


@dataclass(frozen=True, slots=True)
class Health:
    """What `ping` answers. `detail` holds figures worth showing: version, size in bytes, rows.

    cause  what was raised, where a server gave no answer or refused one
    """

    name: str
    ok: bool
    detail: Mapping[str, str | int | float] = field(default_factory=dict)
    error: str = ""
    cause: RanvierError | None = field(default=None, repr=False, compare=False)


# ---------------------------------------------------------------- event log
class Entry(msgspec.Struct, frozen=True):
    """What is appended: a key that fixes the partition, and so the order, a value, and headers."""

    key: str
    value: bytes
    headers: dict[str, str] = {}


class Record(msgspec.Struct, frozen=True, gc=False):
    """What is read: an entry with its place in the log and the time at which the log took it."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: dict[str, str]
    recorded_at_ns: int


class Consumer(Protocol):
    """One member of a consumer group. Each partition belongs to one member at a time."""

    def poll(self, max_records: int, timeout_s: float = 0.0) -> list[Record]:
        """The next records, in order within each partition; empty when none has come in `timeout_s`.

        A log across a network may give nothing at once where there is something: it comes with a later poll.
        """
        ...

    def assigned(self) -> Mapping[tuple[str, int], int]:
        """The places that this member owns as of its last poll, each with the number of the taking.

        The number differs whenever the place was taken up anew, also if this very member had it before:
        another may have read on in between, so whoever keeps offsets of its own asks for them again.
        """
        ...

    def commit(self, offsets: Offsets) -> None:
        """Remember where this group goes on. Called after the sinks are flushed, never before.

        A place that has meanwhile gone to another member is left alone: its records go to that one again.
        """
        ...

    def seek(self, offsets: Offsets) -> None:
        """Go on from these offsets; for a place of another member, once it comes to this one."""
        ...

    def close(self) -> None:
        """Leave the group, so that others take over the partitions at once."""
        ...


class EventLog(Protocol):
    """A durable log of topics and partitions, ordered by key. Delivery is at least once."""

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        """Append all entries; they are durable, and in order for each key, when this returns.

        Where it raises, none is there, or in a log without transactions some may be: append them again.
        """
        ...

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """Join `group` for `topics`."""
        ...

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> list[Record]:
        """Records from `offset` on, outside any group: for replay and for looking."""
        ...

    def offsets(self, topic: str, at_ns: int | None = None) -> Offsets:
        """The end of each partition, or the first offset recorded at or after `at_ns`."""
        ...

    def lag(self, group: str) -> Mapping[tuple[str, int], int]:
        """How many records each partition holds that `group` has not committed."""
        ...

    def truncate(self, topic: str, before_ns: int) -> int:
        """Forget records recorded before `before_ns` that every group has committed; how many went.

        Of a topic that no group reads all go that are older. A group of which no member was seen for a time
        that the adapter declares is given up: it holds nothing back, and starts anew if it comes again.
        """
        ...

    def ping(self) -> Health:
        """Whether the log answers, with its version and size."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


# ---------------------------------------------------------------- topology graph
@dataclass(frozen=True, slots=True)
class GraphPage:
    """One page of nodes, and the cursor of the next; None at the end."""

    nodes: tuple[Node, ...]
    cursor: str | None


class GraphStore(Protocol):
    """The typed graph with two times. Every read takes `as_of_ns` (valid) and `known_at_ns` (recorded)."""

    def apply(
        self, changes: Sequence[TopologyChange], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        """Apply changes and store the log's offsets in one transaction; how many altered the graph.

        A change that the store has seen alters nothing. A late change takes its place in the history.
        `recorded_at_ns` is that of all changes or of each; those of one time are taken together, the times in
        their order. Knowledge does not go back: a time before the store's latest counts as the latest.
        """
        ...

    def node(self, tenant: str, network: str, node_id: str, as_of_ns: int, known_at_ns: int) -> Node | None:
        """One node, or None where there was none."""
        ...

    def neighbourhood(
        self, tenant: str, network: str, node_id: str, as_of_ns: int, known_at_ns: int, hops: int = 1
    ) -> Snapshot:
        """The node, what it is related to within `hops`, and the relations between them."""
        ...

    def snapshot(
        self, tenant: str, network: str, as_of_ns: int, known_at_ns: int, classes: Sequence[str] | None = None
    ) -> Snapshot:
        """The whole graph, or the nodes of some classes and the relations between them."""
        ...

    def page(
        self, tenant: str, network: str, as_of_ns: int, known_at_ns: int, *,
        node_class: str | None = None, cursor: str | None = None, limit: int = 100,
    ) -> GraphPage:  # fmt: skip
        """The nodes in order of their id, a page at a time."""
        ...

    def history(
        self, tenant: str, network: str, entity_id: str, known_at_ns: int
    ) -> tuple[Node | Relation, ...]:
        """All that was ever valid of a node and of the relations it takes part in, in order of valid time."""
        ...

    def offsets(self) -> Offsets:
        """Where this sink goes on in the log."""
        ...

    def ping(self) -> Health:
        """Whether the store answers, with its size."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


# ---------------------------------------------------------------- time series
@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Which Measurements to read: those whose period ends in (from_ns, to_ns], as known at `known_at_ns`.

    None for `object_ids` or `quantities` means all. `recorded_after_ns` asks only for what was recorded
    after it: how a later revision is noticed.
    """

    tenant: str = "default"
    network: str = "default"
    object_ids: tuple[str, ...] | None = None
    quantities: tuple[str, ...] | None = None
    from_ns: int = 0
    to_ns: int = FOREVER_NS
    known_at_ns: int = FOREVER_NS
    recorded_after_ns: int = -1
    origin: str = "observed"
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SeriesFrame:
    """Measurements as columns, ordered by object, quantity and period end.

    All arrays have one length n. `values` are in the ontology's units, never NaN.
    """

    object_ids: NDArray[np.object_]
    quantities: NDArray[np.object_]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    recorded_at_ns: NDArray[np.int64]
    suspect: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)


class SeriesStore(Protocol):
    """Measurements by managed object, quantity and granularity period, with two times."""

    def write(
        self, reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        """Write reports and the log's offsets in one transaction; how many points were written.

        The natural key is (tenant, network, origin, object, quantity, start, end): a point written again
        with the same key is a revision; reads give the highest revision, then the latest recorded. A report
        without values says that its object was heard: it writes no point.
        """
        ...

    def read(self, query: SeriesQuery) -> SeriesFrame:
        """One value for each natural key, as known at the query's `known_at_ns`."""
        ...

    def downsample(self, query: SeriesQuery, period_ns: int) -> SeriesFrame:
        """One value for each object, quantity and period of `period_ns`, by the quantity's `aggregation`.

        Counts and energies sum, status inspections average over time, ratios are weighted by their volume,
        peaks take the highest and troughs the lowest. `suspect` tells where that is not the whole truth.
        """
        ...

    def series(
        self, tenant: str, network: str, cursor: str | None = None, limit: int = 100
    ) -> tuple[tuple[tuple[str, str], ...], str | None]:
        """The (object, quantity) pairs that have points, a page at a time, and the next cursor."""
        ...

    def forget(self, before_ns: int) -> int:
        """Delete points whose period ended before `before_ns` (retention); how many went."""
        ...

    def offsets(self) -> Offsets:
        """Where this sink goes on in the log."""
        ...

    def ping(self) -> Health:
        """Whether the store answers, with rows and size."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


# ---------------------------------------------------------------- ledger
@dataclass(frozen=True, slots=True)
class Seal:
    """The proof that rows were in the ledger at a time: a hash over them and over the seal before.

    digest = SHA-256(previous digest ‖ kind ‖ key ‖ sealed_at_ns ‖ Arrow IPC bytes of the rows), in hex.
    """

    sequence: int
    kind: str
    key: str
    sealed_at_ns: int
    rows: int
    digest: str


class Ledger(Protocol):
    """Append-only rows of forecasts, scores, fidelity and decisions, sealed as they are appended."""

    def append(self, kind: str, key: str, rows: pa.Table, sealed_at_ns: int) -> Seal:
        """Append `rows` and seal them. A key that the kind already has returns its first seal unchanged.

        Rows need the columns `tenant` (string) and `time_ns` (int64, what `scan` ranges over); all tables
        of one kind share one schema.
        """
        ...

    def get(self, kind: str, key: str) -> pa.Table:
        """The rows appended under `key`. Raises NotFound."""
        ...

    def scan(
        self, kind: str, tenant: str, from_ns: int = 0, to_ns: int = FOREVER_NS,
        where: Mapping[str, str | int | Sequence[str]] | None = None, limit: int | None = None,
    ) -> pa.Table:  # fmt: skip
        """Rows with time_ns in [from_ns, to_ns), newest last, where columns equal (or are among) values."""
        ...

    def seals(self, kind: str, after: int = -1, limit: int = 100) -> tuple[Seal, ...]:
        """The seals of a kind in order, from after a sequence number on."""
        ...

    def seal(self, kind: str, key: str) -> Seal | None:
        """The seal of `key`; None where the kind has no such key."""
        ...

    def verify(self, kind: str) -> int:
        """Recompute every digest of the kind; how many were checked. Raises StoreError at the first break."""
        ...

    def ping(self) -> Health:
        """Whether the ledger answers, with rows and size."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
