"""`RunFolder`: a run on disk, a granularity period at a time, in constant memory; stopped anywhere, it goes on.

    manifest.json             the scenario, seeds and versions, the tables' columns, how far the run is, and the
                              digest of all sums so far
    counters/NNNNNN.parquet   Measurements of period NNNNNN
    kpis/…  users/…           the network's KPIs and the users at the period's end, by realisation
    traces/…  cell_traces/…  measurements/…   by slot and by measurement period, where asked for
    changes/NNNNNN.jsonl      topology changes of the period
    state/NNNNNN.pt           where the period after NNNNNN − 1 others goes on

A period's files are written beside and renamed, then the state after it under a name of its own, then the
manifest: what the manifest counts is whole, and the state that belongs to it is there. Whatever lies beyond is
written again, so a block is in a run once or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ranvier.dtops.simulator.output import durable_file
from ranvier.dtops.simulator.output.growing_table import GrowingTable
from ranvier.dtops.simulator.run_state import RunState
from ranvier.dtops.simulator.simulator import Period
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import InputError, NotFound

MANIFEST = "manifest.json"
VERSIONS_OF = ("ranvier", "torch", "numba", "numpy", "pyarrow")
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
        self._growing: dict[str, GrowingTable] = {}

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any]) -> RunFolder:
        """Begin a run. Raises InputError where the folder holds something already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError("an empty folder for the run", str(path), "choose another --out, or --resume")
        path.mkdir(parents=True, exist_ok=True)
        progress = {"slots_done": 0, "periods": 0, "digest": "", "state": "RUNNING", "tables": {}}
        folder = cls(path, {**manifest, "versions": _versions(), **progress})
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

    def append(self, kind: str, rows: pa.Table) -> None:
        """Rows of a block. They appear with the rest of the period, when `add` is called."""
        if kind not in self._growing:
            self._growing[kind] = GrowingTable(self._file(kind, self.manifest["periods"]))
            self._describe(kind, rows)
        self._growing[kind].append(rows)

    def add(
        self, period: Period, reports: Iterable[MeasurementReport], tables: Mapping[str, pa.Table],
        changes: Iterable[TopologyChange], state: RunState,
    ) -> None:  # fmt: skip
        """One period more, with the rows appended for it: wholly there when this returns."""
        number = self.manifest["periods"]
        for each in self._growing.values():
            each.finish()
        self._growing = {}
        for kind, table in {"counters": counters_table(reports), **tables}.items():
            self._describe(kind, table)
            durable_file.write(self._file(kind, number), partial(_parquet, table))
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in changes)
        durable_file.write(self.path / f"changes/{number:06d}.jsonl", lambda at: at.write_bytes(lines))
        kept = state.to_bytes()
        durable_file.write(self._state(number + 1), lambda at: at.write_bytes(kept))
        self.manifest |= {
            "slots_done": period.first + period.slots, "periods": number + 1,
            "digest": digest(period, self.manifest["digest"]),
        }  # fmt: skip
        self._write_manifest()
        self._state(number).unlink(missing_ok=True)

    def take_up(self) -> None:
        """Say that the run goes on."""
        self.manifest = {name: value for name, value in self.manifest.items() if name != "error"}
        self.manifest |= {"state": "RUNNING", "versions": _versions()}
        self._write_manifest()

    def finish(self, state: str, **more: Any) -> None:
        """Say how the run ended: COMPLETE, ABORT or FAIL. What was appended since the last period is dropped."""
        for each in self._growing.values():
            each.abandon()
        self._growing = {}
        self.manifest |= {"state": state, **more}
        self._write_manifest()

    def state(self) -> RunState:
        """Where the run goes on. Raises InputError where it has not come to the end of a period."""
        at = self._state(self.manifest["periods"])
        if not at.exists():
            raise InputError(
                "a run with a period behind it", f"{self.path}: none", "simulate it from the start"
            )
        return RunState.from_bytes(at.read_bytes())

    def files(self, kind: str) -> list[Path]:
        """The Parquet files of one kind, in order, for what reads them piece by piece."""
        files = [self._file(kind, number) for number in range(self.manifest["periods"])]
        return [each for each in files if each.exists()]

    def table(self, kind: str) -> pa.Table:
        """All periods of one kind, in order."""
        found = [pq.read_table(each) for each in self.files(kind)]
        if not found:
            raise NotFound(f"{kind} in the run", str(self.path), "simulate with them, or for a whole period")
        return pa.concat_tables(found, promote_options="permissive")

    def _file(self, kind: str, number: int) -> Path:
        return self.path / kind / f"{number:06d}.parquet"

    def _state(self, periods: int) -> Path:
        return self.path / "state" / f"{periods:06d}.pt"

    def _describe(self, kind: str, table: pa.Table) -> None:
        if kind not in self.manifest["tables"]:
            self.manifest["tables"][kind] = {each.name: str(each.type) for each in table.schema}

    def _write_manifest(self) -> None:
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False)
        durable_file.write(self.path / MANIFEST, lambda at: at.write_text(text, "utf-8"))


def _versions() -> dict[str, str]:
    """Of what the figures depend on; a checkout that is not installed has none of its own."""
    found = {}
    for name in VERSIONS_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def digest(period: Period, before: str) -> str:
    """SHA-256 over the digest before and every sum of the period, hex: equal only for equal runs."""
    found = hashlib.sha256(before.encode())
    found.update(np.array([period.first, period.slots], dtype=np.int64).tobytes())
    for holder in (period.tallies.cells, period.tallies.users, period.control):
        for each in fields(holder):
            found.update(np.ascontiguousarray(getattr(holder, each.name).numpy()).tobytes())
    found.update(np.ascontiguousarray(period.energy_ws.numpy()).tobytes())
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
