"""Feeds: the built-in emulated network, or the user's own files, as arrivals in the order of their time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ranvier.fabric.catalogue.fingerprint import Fingerprint
from ranvier.fabric.event import Payload
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.archive import Member, open_archive
from ranvier.fabric.sources.source import Account, Bad, Good, SourceContext
from ranvier.gateway.runtime.bookkeeping import Watch, unwatched
from ranvier.gateway.runtime.spool import Arrival, Spool
from ranvier.ontology.errors import InputError

if TYPE_CHECKING:
    from ranvier.gateway.emulator.delivery import Delivery
    from ranvier.gateway.emulator.network import EmulatedNetwork

SECOND_NS = 10**9
Progress = Callable[[str], None]


class Feed(Protocol):
    """Where telemetry comes from."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    @property
    def emulated(self) -> bool:
        """Whether it is the built-in emulated network and no real one."""
        ...

    def arrivals(self) -> Iterator[Arrival]:
        """What becomes known, in order of time; ends when there is nothing more."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class EmulatedFeed:
    """The emulated network from `start_ns` on; before it, its past of `backfill_s` from `after_ns` on."""

    emulated = True

    def __init__(
        self, network: EmulatedNetwork, context: SourceContext, start_ns: int, backfill_s: float,
        watch: Watch = unwatched, after_ns: int = 0,
    ) -> None:  # fmt: skip
        self.name, self._watch = "emulated network", watch
        self._network, self._context, self._start_ns = network, context, start_ns
        self._begin_ns = max(start_ns - int(backfill_s * SECOND_NS), min(after_ns, start_ns))

    def arrivals(self) -> Iterator[Arrival]:
        """The past at once, then a second at a time for ever."""
        for delivery in self._network.history(self._begin_ns, self._start_ns):
            yield Arrival(delivery.due_ns, self._payloads(delivery))
        now_ns = self._start_ns
        while True:
            for delivery in self._network.deliveries(now_ns, now_ns + SECOND_NS):
                yield Arrival(delivery.due_ns, self._payloads(delivery))
            now_ns += SECOND_NS
            yield Arrival(now_ns, [])

    def _payloads(self, delivery: Delivery) -> list[Payload]:
        came = Fingerprint(delivery.source, io.BytesIO(delivery.raw))
        context = replace(self._context, source=delivery.source)
        records = ADAPTERS[delivery.adapter].read(delivery.body, context)
        watched = self._watch(records, came, delivery.adapter, delivery.due_ns)
        return [record.letter if isinstance(record, Bad) else record.payload for record in watched]

    def close(self) -> None:
        """It holds nothing."""


class NoFeed:
    """Nothing of its own: the network sends its telemetry to the API."""

    name, emulated = "the API", False

    def arrivals(self) -> Iterator[Arrival]:
        """None."""
        return iter(())

    def close(self) -> None:
        """It holds nothing."""


@dataclass(frozen=True, slots=True)
class Span:
    """When an archive begins, and the grid that suits it: its shortest period, a second for instants."""

    first_ns: int
    step_s: float


class ArchiveFeed:
    """The user's own files, in the order in which what they tell became known.

    What became known by `after_ns` is left out: a start that goes on where the last one stopped sets it.
    """

    emulated = False

    def __init__(
        self, path: Path, context: SourceContext, progress: Progress = lambda _: None,
        watch: Watch = unwatched,
    ) -> None:  # fmt: skip
        self.name, self._watch = path.name, watch
        self._path, self._context, self._progress = path, context, progress
        self._spool: Spool | None = None
        self.account = Account()
        self.after_ns = -1

    def scan(self) -> Span:
        """Read all files once, onto disk, because files overlap in time. Raises InputError where none has data."""
        try:
            return self._scanned()
        except BaseException:
            self.close()
            raise

    def _scanned(self) -> Span:
        self._spool = spool = Spool()
        first_ns = shortest_ns = FOREVER_NS
        for member in open_archive(self._path, self._context):
            self._progress(f"reading {member.name}")
            for record in self.account.count(self._records(member)):
                payload = record.letter if isinstance(record, Bad) else record.payload
                spool.put(payload)
                if isinstance(payload, MeasurementReport):
                    first_ns = min(first_ns, payload.end_ns)
                    shortest_ns = min(shortest_ns, max(payload.end_ns - payload.start_ns, SECOND_NS))
        self._progress(f"{self.account.read} records, {self.account.dead} of them dead letters")
        if first_ns == FOREVER_NS:
            raise InputError(
                "files with measurements", f"none in {self._path}",
                "see docs/sources.md for what can be read, and `ranvier ingest` for why not",
            )  # fmt: skip
        return Span(first_ns, shortest_ns / SECOND_NS)

    def _records(self, member: Member) -> Iterator[Good | Bad]:
        came = Fingerprint(member.name, member.stream)
        told = replace(member, stream=io.BufferedReader(came))
        adapter = "" if member.adapter is None else member.adapter.name
        return self._watch(told.read(self._context), came, adapter, None)

    def arrivals(self) -> Iterator[Arrival]:
        """What the archive tells, in order; `scan` comes first."""
        if self._spool is None:
            self.scan()
        assert self._spool is not None
        for arrival in self._spool.arrivals():
            if arrival.due_ns > self.after_ns:
                yield arrival
        self.close()

    def close(self) -> None:
        """Delete what was put on disk; the feed is over then."""
        if self._spool is not None:
            self._spool.close()
