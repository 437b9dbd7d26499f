"""Feeds: the built-in emulated network, or the user's own files, as arrivals in the order of their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ranvier.fabric.event import Payload
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.archive import open_archive
from ranvier.fabric.sources.source import Account, Bad, SourceContext
from ranvier.gateway.runtime.spool import Arrival, Spool

if TYPE_CHECKING:
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


class EmulatedFeed:
    """The emulated network from `start_ns` on, with its past of `backfill_s` first."""

    emulated = True

    def __init__(
        self, network: EmulatedNetwork, context: SourceContext, start_ns: int, backfill_s: float
    ) -> None:
        self.name = "emulated network"
        self._network, self._context, self._start_ns = network, context, start_ns
        self._backfill_ns = int(backfill_s * SECOND_NS)

    def arrivals(self) -> Iterator[Arrival]:
        """The past at once, then a second at a time for ever."""
        begin_ns = self._start_ns - self._backfill_ns
        for delivery in self._network.history(begin_ns, self._start_ns):
            yield Arrival(delivery.due_ns, self._payloads(delivery.adapter, delivery.source, delivery.body))
        now_ns = self._start_ns
        while True:
            for delivery in self._network.deliveries(now_ns, now_ns + SECOND_NS):
                payloads = self._payloads(delivery.adapter, delivery.source, delivery.body)
                yield Arrival(delivery.due_ns, payloads)
            now_ns += SECOND_NS
            yield Arrival(now_ns, [])

    def _payloads(self, adapter: str, source: str, body: bytes) -> list[Payload]:
        from dataclasses import replace

        records = ADAPTERS[adapter].read(body, replace(self._context, source=source))
        return [record.letter if isinstance(record, Bad) else record.payload for record in records]


class ArchiveFeed:
    """The user's own files, in the order in which what they tell became known."""

    emulated = False

    def __init__(self, path: Path, context: SourceContext, progress: Progress = lambda _: None) -> None:
        self.name = path.name
        self._path, self._context, self._progress = path, context, progress
        self.account = Account()

    def arrivals(self) -> Iterator[Arrival]:
        """Reads all files first, onto disk, because files overlap in time."""
        with Spool() as spool:
            for member in open_archive(self._path, self._context):
                self._progress(f"reading {member.name}")
                for record in self.account.count(member.read(self._context)):
                    spool.put(record.letter if isinstance(record, Bad) else record.payload)
            self._progress(f"read {self.account.read} records, {self.account.dead} of them dead letters")
            yield from spool.arrivals()
