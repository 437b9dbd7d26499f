"""`Keeper`: keeps the catalogue while a run reads files and events.

    begin ► (watch ► records pass on ► the file is catalogued)* ► end

Each record goes to the dataset of its kind: Measurements, topology, alarms. A refused record counts against
the dataset that its file feeds, and is itself a record of the dead letters.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import msgspec

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.catalogue import openlineage
from ranvier.fabric.catalogue.fingerprint import Fingerprint
from ranvier.fabric.catalogue.lineage_folder import LineageFolder
from ranvier.fabric.catalogue.own_datasets import ALARMS, DEAD_LETTERS, MEASUREMENTS, TOPOLOGY
from ranvier.fabric.catalogue.port import Catalogue, Observation
from ranvier.fabric.catalogue.quality import DAY_NS, QualityState
from ranvier.fabric.catalogue.run import Run, RunState, SourceFile
from ranvier.fabric.catalogue.tally import Tally
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.source import Bad, Good

Came = Fingerprint | None
"""What came as a file, or None for events, which are counted and not listed."""

FED = (MEASUREMENTS, TOPOLOGY, ALARMS, DEAD_LETTERS)
USUAL = {"nrm": TOPOLOGY, "ves": ALARMS}
"""The dataset that an adapter's files feed where none of its records says so."""


class Keeper:
    """Keeps the catalogue for one run. The datasets of `own_datasets` are registered before.

    Not for several threads at once. `lineage`: where run events go; None writes none.
    """

    def __init__(self, catalogue: Catalogue, run: Run, lineage: LineageFolder | None = None) -> None:
        self._catalogue, self._lineage = catalogue, lineage
        self._run = msgspec.structs.replace(run, state="START", outputs=FED)
        self._tallies = {name: Tally(catalogue.get(run.tenant, name).dataset, run.run_id) for name in FED}

    def begin(self) -> None:
        """The run has started. Raises StoreError where the catalogue cannot be written."""
        self._record()

    def end(self, now_ns: int, error: str = "") -> None:
        """The run has ended, well or, with an `error`, badly."""
        state: RunState = "FAIL" if error else "COMPLETE"
        self._run = msgspec.structs.replace(self._run, state=state, ended_at_ns=now_ns, error=error)
        self._record()

    def watch(
        self, records: Iterable[Good | Bad], came: Came, adapter: str, received_at_ns: int | None
    ) -> Iterator[Good | Bad]:
        """Pass the records of one delivery on; it is catalogued when they are exhausted.

        A file that the catalogue knows already passes too, and changes nothing in it. `received_at_ns` None:
        each record came when it was due, as in a recording that is replayed.
        """
        refused = yield from self._count(records, received_at_ns)
        received_at_ns = self._run.started_at_ns if received_at_ns is None else received_at_ns
        taken = {dataset: self._tallies[dataset].take() for dataset in FED}
        fed = [dataset for dataset in FED[:3] if taken[dataset].days] or [USUAL.get(adapter, MEASUREMENTS)]
        if refused:
            taken[fed[0]] = _refusing(taken[fed[0]], refused, received_at_ns)
        observed = [taken[dataset] for dataset in FED if taken[dataset].days or dataset in fed]
        if isinstance(came, Fingerprint):
            came.exhaust()
            size, digest = came.size_bytes, came.sha256
            file = SourceFile(came.name, digest, size, adapter, received_at_ns, self._run.run_id)
            observed = [_of_file(each, file) for each in observed]
        self._catalogue.observe(observed)

    def _count(
        self, records: Iterable[Good | Bad], received_at_ns: int | None
    ) -> Generator[Good | Bad, None, int]:
        """Count each record in its dataset; returns how many were refused."""
        measured, topology = self._tallies[MEASUREMENTS], self._tallies[TOPOLOGY]
        alarms, letters = self._tallies[ALARMS], self._tallies[DEAD_LETTERS]
        refused = 0
        for record in records:
            at_ns = self._run.started_at_ns if received_at_ns is None else received_at_ns
            if isinstance(record, Bad):
                refused += 1
                letters.count(record.letter, at_ns)
            elif isinstance(record.payload, MeasurementReport):
                measured.count(record.payload, record.payload.end_ns if received_at_ns is None else at_ns)
            else:
                tally = alarms if isinstance(record.payload, Alarm) else topology
                tally.count(record.payload, at_ns)
            yield record
        return refused

    def _record(self) -> None:
        self._catalogue.record(self._run)
        if self._lineage is None:
            return
        outputs = [self._catalogue.get(self._run.tenant, name) for name in self._run.outputs]
        files, _ = self._catalogue.files(self._run.tenant, MEASUREMENTS)
        read = [file for file in files if file.run_id == self._run.run_id]
        event = openlineage.run_event(self._run, [], outputs, read)
        self._lineage.emit(event, self._run.ended_at_ns or self._run.started_at_ns)


def _refusing(taken: Observation, refused: int, recorded_at_ns: int) -> Observation:
    """The observation, with refused records on the day on which they came."""
    day = recorded_at_ns // DAY_NS
    state = taken.days.get(day, QualityState()) + QualityState(refused=refused, recorded_ns=recorded_at_ns)
    return msgspec.structs.replace(taken, days={**taken.days, day: state})


def _of_file(taken: Observation, file: SourceFile) -> Observation:
    """The observation as what came of this file."""
    total = sum(taken.days.values(), QualityState())
    known = msgspec.structs.replace(
        file, accepted=total.accepted, refused=total.refused, first_ns=total.first_ns, last_ns=total.last_ns
    )
    return msgspec.structs.replace(taken, file=known)
