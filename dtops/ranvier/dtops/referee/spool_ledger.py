"""`SpoolLedger`: the seal chain of a backtest, on a temporary file that ends with it.

The same seals as the platform's ledger, without its durability: a backtest seals some 10,000 issues, and
nobody needs them after the report.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ranvier.fabric.ports import FOREVER_NS, Health, Seal
from ranvier.ontology.errors import NotFound, StoreError

_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")


class SpoolLedger:
    """An append-only file of Arrow messages with their seals in memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="ranvier-ledger-")  # noqa: SIM115 - closed by close()
        self._seals: dict[str, list[Seal]] = {}
        self._place: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._end = 0

    def append(self, kind: str, key: str, rows: pa.Table, sealed_at_ns: int) -> Seal:
        """Append and seal; a key that the kind already has returns its first seal unchanged."""
        seals = self._seals.setdefault(kind, [])
        if (kind, key) in self._place:
            return seals[self._place[kind, key][2]]
        raw = _bytes(rows)
        previous = seals[-1].digest if seals else ""
        seal = Seal(
            len(seals),
            kind,
            key,
            sealed_at_ns,
            rows.num_rows,
            _digest(previous, kind, key, sealed_at_ns, raw),
        )
        self._file.seek(self._end)
        self._file.write(raw)
        self._place[kind, key] = (self._end, len(raw), len(seals))
        self._end += len(raw)
        seals.append(seal)
        return seal

    def get(self, kind: str, key: str) -> pa.Table:
        """The rows appended under a key. Raises NotFound."""
        if (kind, key) not in self._place:
            raise NotFound(f"a {kind} by a key of the ledger", key, "scan the kind for its keys")
        return pa.ipc.open_stream(self._raw(kind, key)).read_all()

    def _raw(self, kind: str, key: str) -> bytes:
        start, size, _ = self._place[kind, key]
        self._file.seek(start)
        return self._file.read(size)

    def scan(
        self, kind: str, tenant: str, from_ns: int = 0, to_ns: int = FOREVER_NS,
        where: Mapping[str, str | int | Sequence[str]] | None = None, limit: int | None = None,
    ) -> pa.Table:  # fmt: skip
        """Rows with time_ns in [from_ns, to_ns), newest last, where columns equal (or are among) values."""
        tables = [self.get(kind, seal.key) for seal in self._seals.get(kind, ())]
        if not tables:
            return pa.table({})
        rows = pa.concat_tables(tables)
        keep = pc.and_(pc.greater_equal(rows["time_ns"], from_ns), pc.less(rows["time_ns"], to_ns))
        keep = pc.and_(keep, pc.equal(rows["tenant"], tenant))
        for column, wanted in (where or {}).items():
            among = [wanted] if isinstance(wanted, str | int) else list(wanted)
            keep = pc.and_(keep, pc.is_in(rows[column], pa.array(among)))
        rows = rows.filter(keep).sort_by("time_ns")
        return rows if limit is None else rows.slice(max(0, rows.num_rows - limit))

    def seals(self, kind: str, after: int = -1, limit: int = 100) -> tuple[Seal, ...]:
        """The seals of a kind in order."""
        return tuple(self._seals.get(kind, ())[after + 1 : after + 1 + limit])

    def seal(self, kind: str, key: str) -> Seal | None:
        """The seal of a key; None where the kind has no such key."""
        place = self._place.get((kind, key))
        return None if place is None else self._seals[kind][place[2]]

    def verify(self, kind: str) -> int:
        """Recompute every digest from the file. Raises StoreError at the first break."""
        previous = ""
        for seal in self._seals.get(kind, ()):
            raw = self._raw(kind, seal.key)
            if _digest(previous, kind, seal.key, seal.sealed_at_ns, raw) != seal.digest:
                raise StoreError("rows as they were sealed", f"others under {seal.key}", "discard this run")
            previous = seal.digest
        return len(self._seals.get(kind, ()))

    def ping(self) -> Health:
        """Always there, with its size."""
        sealed = sum(len(seals) for seals in self._seals.values())
        return Health("spool ledger", True, {"seals": sealed, "bytes": self._end})

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


def _bytes(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_LZ4) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _digest(previous: str, kind: str, key: str, sealed_at_ns: int, raw: bytes) -> str:
    head = "\x1f".join((previous, kind, key, str(sealed_at_ns))).encode()
    return hashlib.sha256(head + b"\x1f" + raw).hexdigest()
