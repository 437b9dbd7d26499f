"""`Bookkeeping`: the catalogue of a platform, kept while telemetry comes in and forecasts go out.

a delivery's records ► watch (counted, and listed where a file came) ► the records, unchanged
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from ranvier.fabric.catalogue.fingerprint import Fingerprint
from ranvier.fabric.catalogue.keeper import Keeper
from ranvier.fabric.catalogue.lineage_folder import LineageFolder
from ranvier.fabric.catalogue.own_datasets import FORECASTS, MEASUREMENTS, SCORES, TOPOLOGY, own_datasets
from ranvier.fabric.catalogue.port import Catalogue
from ranvier.fabric.catalogue.run import Run
from ranvier.fabric.sources.source import Bad, Good
from ranvier.gateway.api.platform import Whose

FILES = frozenset({"pm-file", "nrm", "drive-test"})
"""The adapters whose deliveries are files; the others bring events, which are counted and not listed."""


Watch = Callable[[Iterable[Good | Bad], Fingerprint | None, str, int | None], Iterator[Good | Bad]]


def unwatched(
    records: Iterable[Good | Bad], came: Fingerprint | None, adapter: str, now_ns: int | None
) -> Iterator[Good | Bad]:
    """Pass the records on and count nothing."""
    del came, adapter, now_ns
    return iter(records)


class Bookkeeping:
    """Two runs: what comes in ("ingest") and what the twin makes of it ("forecast")."""

    def __init__(
        self, catalogue: Catalogue, whose: Whose, now_ns: int, period_s: float | None = None,
        lineage: Path | None = None,
    ) -> None:  # fmt: skip
        self._catalogue, self._whose, self._now_ns = catalogue, whose, now_ns
        self._folder = None if lineage is None else LineageFolder(lineage)
        self.register(period_s)
        self._forecast = self._run("forecast", now_ns, (MEASUREMENTS, TOPOLOGY), (FORECASTS, SCORES))
        self._ingest: Keeper | None = None
        self._lock = threading.Lock()

    def register(self, period_s: float | None) -> None:
        """Describe the platform's own datasets; `period_s` is the granularity period of the Measurements."""
        tenant, network = self._whose
        for dataset in own_datasets(tenant, "", self._now_ns, period_s, tenant, network):
            self._catalogue.register(dataset)

    def _run(self, job: str, now_ns: int, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> Run:
        return Run(
            str(uuid.uuid4()), job, "START", now_ns, inputs, outputs,
            tenant=self._whose.tenant, network=self._whose.network,
        )  # fmt: skip

    def _begin(self) -> Keeper:
        keeper = Keeper(self._catalogue, self._run("ingest", self._now_ns), self._folder)
        keeper.begin()
        self._catalogue.record(self._forecast)
        return keeper

    def watch(
        self, records: Iterable[Good | Bad], came: Fingerprint | None, adapter: str, now_ns: int | None
    ) -> Iterator[Good | Bad]:
        """Pass one delivery's records on and count them. One delivery at a time; others wait.

        `now_ns` None: a recording, in which each record came when it was due.
        """
        with self._lock:
            if self._ingest is None:
                self._ingest = self._begin()
            yield from self._ingest.watch(records, came if adapter in FILES else None, adapter, now_ns)

    def end(self, now_ns: int, error: str = "") -> None:
        """Write down that both runs have ended, where they had begun."""
        if self._ingest is not None:
            self._ingest.end(now_ns, error)
            ended = msgspec.structs.replace(
                self._forecast, state="FAIL" if error else "COMPLETE", ended_at_ns=now_ns, error=error
            )
            self._catalogue.record(ended)
