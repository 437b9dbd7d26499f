"""`Spool`: what an archive tells, put on disk and read again in the order in which it became known.

    payloads ► put (a bucket a quarter of an hour) ► arrivals (one bucket sorted at a time)

Memory holds one bucket, whatever the size of the archive.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

import msgspec

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.event import Payload, decode, encode
from ranvier.fabric.measurement import MeasurementReport

BUCKET_NS = 900 * 10**9
_OPEN_FILES = 64


class Arrival(NamedTuple):
    """What becomes known at `due_ns`."""

    due_ns: int
    payloads: list[Payload]


class _Entry(msgspec.Struct, array_like=True):
    due_ns: int
    order: int
    event: bytes


_ENTRIES = msgspec.msgpack.Decoder(_Entry)
_ENCODER = msgspec.msgpack.Encoder()


def known_at(payload: Payload) -> int:
    """When a payload of an archive became known: at the end of its period, or when it happened.

    A dead letter has no time of its own: 0, so it comes first.
    """
    if isinstance(payload, MeasurementReport):
        return payload.end_ns
    if isinstance(payload, Alarm):
        return payload.event_time_ns
    return 0 if isinstance(payload, DeadLetter) else payload.valid_from_ns


class Spool:
    """A context manager: leaving it deletes what lies on disk."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ranvier-spool-", dir=folder)
        self._files: dict[int, IO[bytes]] = {}
        self.count = 0

    def put(self, payload: Payload) -> None:
        """Keep one payload until its time comes."""
        due_ns = known_at(payload)
        entry = _ENCODER.encode(_Entry(due_ns, self.count, encode(payload, str(self.count))))
        self._bucket(due_ns // BUCKET_NS).write(len(entry).to_bytes(4, "big") + entry)
        self.count += 1

    def _bucket(self, number: int) -> IO[bytes]:
        file = self._files.get(number)
        if file is None:
            if len(self._files) >= _OPEN_FILES:
                self._close_files()
            file = self._files[number] = (Path(self._folder.name) / f"{number:020d}").open("ab")
        return file

    def arrivals(self) -> Iterator[Arrival]:
        """All that was put in, in order of the time at which it became known, then as it was put in."""
        self._close_files()
        for path in sorted(Path(self._folder.name).iterdir()):
            entries = sorted(_read(path), key=lambda entry: (entry.due_ns, entry.order))
            payloads: list[Payload] = []
            for place, entry in enumerate(entries):
                payloads.append(decode(entry.event))
                if place + 1 == len(entries) or entries[place + 1].due_ns != entry.due_ns:
                    yield Arrival(entry.due_ns, payloads)
                    payloads = []

    def _close_files(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def close(self) -> None:
        """Delete what lies on disk."""
        self._close_files()
        self._folder.cleanup()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(path: Path) -> Iterator[_Entry]:
    with path.open("rb") as file:
        while size := file.read(4):
            yield _ENTRIES.decode(file.read(int.from_bytes(size, "big")))
