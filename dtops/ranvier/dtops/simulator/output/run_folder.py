"""`RunFolder`: a run on disk, a granularity period at a time, in constant memory; stopped anywhere, it goes on.

    manifest.json        the scenario, the seeds, how far it is, and the digest of all sums so far
    counters/NNNNNN.parquet   Measurements of the period
    kpis/…  users/…      the network's KPIs and the users at the period's end, by realisation
    traces/…             what each cell and user did in each slot, where asked for
    changes/NNNNNN.jsonl topology changes of the period
    state.pt             where the next period goes on

A period's files are written beside and renamed, then the state, then the manifest: what the manifest counts is
whole. Whatever lies beyond it is written again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ranvier.dtops.simulator.run_state import RunState
from ranvier.dtops.simulator.simulator import Period
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import InputError, NotFound

MANIFEST, STATE = "manifest.json", "state.pt"
KINDS = ("counters", "kpis", "users", "traces")
COUNTERS = pa.schema(
    [
        ("realisation", pa.int32()), ("object_id", pa.dictionary(pa.int32(), pa.string())),
        ("object_class", pa.dictionary(pa.int32(), pa.string())),
        ("quantity", pa.dictionary(pa.int32(), pa.string())), ("start_ns", pa.int64()),
        ("end_ns", pa.int64()), ("value", pa.float64()),
    ]
)  # fmt: skip


class RunFolder:
    """One run's folder. `create` begins one, `open` takes one up."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = path, manifest

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any]) -> RunFolder:
        """Begin a run. Raises InputError where the folder holds something already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError("an empty folder for the run", str(path), "choose another --out, or --resume")
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path, {**manifest, "slots_done": 0, "periods": 0, "digest": "", "state": "RUNNING"})
        folder._write_manifest()
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Take up a run. Raises NotFound where there is none, InputError where its manifest is broken."""
        try:
            return cls(path, json.loads((path / MANIFEST).read_text("utf-8")))
        except FileNotFoundError:
            raise NotFound("a run's folder with a manifest.json", str(path), "check the path") from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError("a manifest in JSON", f"{path / MANIFEST}: {error}", "simulate again") from None

    def add(
        self, period: Period, reports: Iterable[MeasurementReport], tables: Mapping[str, pa.Table],
        changes: Iterable[TopologyChange], state: RunState,
    ) -> None:  # fmt: skip
        """One period more, wholly there when this returns."""
        number = self.manifest["periods"]
        for kind, table in {"counters": counters_table(reports), **tables}.items():
            self._write(f"{kind}/{number:06d}.parquet", lambda at, table=table: _parquet(table, at))
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in changes)
        self._write(f"changes/{number:06d}.jsonl", lambda at: at.write_bytes(lines))
        kept = state.to_bytes()
        self._write(STATE, lambda at: at.write_bytes(kept))
        self.manifest |= {
            "slots_done": period.first + period.slots, "periods": number + 1,
            "digest": digest(period, self.manifest["digest"]),
        }  # fmt: skip
        self._write_manifest()

    def finish(self, state: str, **more: Any) -> None:
        """Say how the run ended: COMPLETE, ABORT or FAIL."""
        self.manifest |= {"state": state, **more}
        self._write_manifest()

    def state(self) -> RunState:
        """Where the run goes on. Raises InputError where it has not come to the end of a period."""
        at = self.path / STATE
        if not at.exists():
            raise InputError(
                "a run with a period behind it", f"{self.path}: none", "simulate it from the start"
            )
        return RunState.from_bytes(at.read_bytes())

    def table(self, kind: str) -> pa.Table:
        """All periods of one kind, in order."""
        files = [self.path / kind / f"{n:06d}.parquet" for n in range(self.manifest["periods"])]
        found = [pq.read_table(each) for each in files if each.exists()]
        if not found:
            raise NotFound(f"{kind} in the run", str(self.path), "simulate with them, or for a whole period")
        return pa.concat_tables(found, promote_options="permissive")

    def _write(self, name: str, write: Any) -> None:
        at = self.path / name
        at.parent.mkdir(exist_ok=True)
        beside = at.with_name(f".{at.name}.part")
        write(beside)
        os.replace(beside, at)

    def _write_manifest(self) -> None:
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False)
        self._write(MANIFEST, lambda at: at.write_text(text, "utf-8"))


def digest(period: Period, before: str) -> str:
    """SHA-256 over the digest before and every sum of the period, hex: equal only for equal runs."""
    found = hashlib.sha256(before.encode())
    found.update(np.array([period.first, period.slots], dtype=np.int64).tobytes())
    for holder in (period.tallies.cells, period.tallies.users, period.control):
        for each in fields(holder):
            found.update(np.ascontiguousarray(getattr(holder, each.name).numpy()).tobytes())
    return found.hexdigest()


def counters_table(reports: Iterable[MeasurementReport]) -> pa.Table:
    """Measurements as rows."""
    rows = [
        (int(report.origin.rsplit(".", 1)[1]), report.object_id, report.object_class, quantity,
         report.start_ns, report.end_ns, value)
        for report in reports for quantity, value in report.values.items()
    ]  # fmt: skip
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[] for _ in COUNTERS]
    return pa.table(
        [pa.array(column, type=each.type) for column, each in zip(columns, COUNTERS, strict=True)],
        schema=COUNTERS,
    )


def _parquet(table: pa.Table, at: Path) -> None:
    pq.write_table(table, at, compression="zstd")
