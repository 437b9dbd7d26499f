"""A third party's forecasts: a Parquet file, checked row by row, entered beside our own.

docs/backtest.md documents the columns. A row that cannot be used is listed with its field and the reason, and
the rest is scored. The file's word is taken for when a forecast was issued: what we seal we can prove, what
they claim we can only check against itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.dtops.referee.scoreboard import Answer, Asked, Scoreboard
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
REQUIRED = ("model", "object_id", "quantity", "issued_at", "horizon_s")
BATCH = 65_536
MOST_ISSUES = 20_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not used: its number from 0, the field, and what was expected and came."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Rows of one model with the same number of members, or the same levels."""

    model: str
    levels: Floats | None
    target: Ints
    horizon: Ints
    step: Ints
    row: Ints
    values: Floats


@dataclass(slots=True)
class Rival:
    """One model of the file, as a contender."""

    name: str
    bundles: list[_Bundle]
    horizons: int
    pairs: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    matched: int = 0
    _index: list[tuple[Ints, Ints]] = field(default_factory=list)

    def bind(self, pairs: Ints) -> None:
        """Learn the referee's numbers of the targets, and index the rows by them."""
        self.pairs = pairs
        for bundle in self.bundles:
            keys = _key(pairs[bundle.target], bundle.horizon, bundle.step, self.horizons)
            order = np.argsort(keys, kind="stable")
            self._index.append((keys[order], order))

    def answers(self, asked: Asked) -> Sequence[tuple[Ints, Answer]]:
        """The rows for the points asked for."""
        wanted = _key(asked.pair, asked.horizon, asked.issued_step, self.horizons)
        found = []
        for bundle, (keys, order) in zip(self.bundles, self._index, strict=True):
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            hit = np.flatnonzero(keys[place] == wanted)
            self.matched += len(hit)
            found.append((hit, Answer(bundle.values[order[place[hit]]], bundle.levels, "clamped")))
        return found


def _key(pair: Ints, horizon: Ints, step: Ints, horizons: int) -> Ints:
    return np.asarray(((pair << 38) + step) * horizons + horizon)


@dataclass(slots=True)
class Theirs:
    """All of the file: its models, what was wrong with it, and when it was issued."""

    rows: int
    rivals: tuple[Rival, ...]
    targets: tuple[Target, ...]
    versions: dict[str, str]
    bad: tuple[BadRow, ...]
    bad_rows: int
    passed_over: Counter[str]
    issue_times_ns: tuple[int, ...]

    def entered(self) -> tuple[Rival, ...]:
        """The contenders of the file."""
        return self.rivals

    def bind(self, board: Scoreboard) -> None:
        """Tell the contenders the referee's numbers of targets."""
        pairs = np.array([board.pair(target) for target in self.targets], dtype=np.int64)
        for rival in self.rivals:
            rival.bind(pairs)

    def remarks(self) -> tuple[str, ...]:
        """How much of the file could be used, and what could not."""
        used = sum(len(bundle.row) for rival in self.rivals for bundle in rival.bundles)
        matched = sum(rival.matched for rival in self.rivals)
        said = [
            f"Of {self.rows:,} rows of the third party's file, {used:,} are usable and {matched:,} fall on a point "
            "that was asked for. When they were issued is the file's own claim: only our forecasts are sealed."
        ]
        said += [
            f"{count:,} of its rows were passed over: {why}." for why, count in self.passed_over.most_common()
        ]
        if self.bad_rows:
            first = "; ".join(f"row {bad.row}, {bad.field}: {bad.reason}" for bad in self.bad[:3])
            said.append(f"{self.bad_rows:,} of its rows are bad and were left out. The first: {first}.")
        return tuple(said)


class _Reader:
    """Reads a file batch by batch, and sorts its rows into bundles and faults."""

    def __init__(self, horizons_s: Sequence[float], step_ns: int, quantities: Sequence[str]) -> None:
        self.horizons, self.step_ns, self.quantities = np.array(horizons_s), step_ns, quantities
        self.targets: dict[Target, int] = {}
        self.bundles: dict[tuple[str, bytes, int], list[_Bundle]] = {}
        self.bad: list[BadRow] = []
        self.bad_rows = 0
        self.passed_over: Counter[str] = Counter()
        self.versions: dict[str, str] = {}

    def fault(self, rows: Ints, field_name: str, reason: str) -> None:
        self.bad_rows += len(rows)
        room = max(0, _SHOWN - len(self.bad))
        self.bad += [BadRow(int(row), field_name, reason) for row in rows[:room]]

    def take(self, batch: pa.RecordBatch, first_row: int) -> None:
        """Check the rows of a batch, field after field; a row is reported for its first fault only."""
        number = first_row + np.arange(batch.num_rows)
        good = np.ones(batch.num_rows, dtype=bool)
        for name, reason, faulty in self._faults(batch):
            self.fault(number[good & faulty], name, reason)
            good &= ~faulty
        horizon = _floats(batch, "horizon_s")
        column = np.abs(horizon[:, None] - self.horizons[None, :]).argmin(axis=1)
        known_horizon = np.abs(horizon - self.horizons[column]) < 1e-6
        known_kind = np.isin(np.array(batch["quantity"].to_pylist(), dtype=str), np.array(self.quantities))
        asked = self.horizons.tolist()
        self.passed_over[f"their horizon is none of those asked for ({asked} s)"] += int(
            (good & ~known_horizon).sum()
        )
        self.passed_over["their quantity is not refereed here"] += int(
            (good & known_horizon & ~known_kind).sum()
        )
        good &= known_horizon & known_kind
        if good.any():
            self._bundle(batch, np.flatnonzero(good), number, column)

    def _faults(self, batch: pa.RecordBatch) -> Iterator[tuple[str, str, Flags]]:
        for name in REQUIRED:
            yield name, "expected a value; got none", _flags(pc.is_null(batch[name]))
        issued, horizon = _times(batch, "issued_at"), _floats(batch, "horizon_s")
        yield "issued_at", "expected a time after 1970 in nanoseconds UTC; got another", issued <= 0
        yield (
            "horizon_s",
            "expected seconds above 0; got a forecast issued at or after its valid time",
            ~(horizon > 0),
        )
        if "known_at" in batch.schema.names:
            late = _times(batch, "known_at") > issued
            yield "known_at", "expected at or before issued_at; got later: it knows what comes after", late
        if "valid_at" in batch.schema.names:
            off = np.abs(_times(batch, "valid_at") - issued - horizon * 1e9) > self.step_ns / 2
            yield "valid_at", "expected issued_at + horizon_s; got another time", off
        yield from self._shape_faults(batch)

    def _shape_faults(self, batch: pa.RecordBatch) -> Iterator[tuple[str, str, Flags]]:
        samples, values, levels = (_lists(batch, name) for name in ("samples", "values", "levels"))
        both = ~((samples.size > 0) ^ (values.size > 0))
        yield "samples", "expected either samples, or values with levels; got both or neither", both
        short = (values.size > 0) & (values.size != levels.size)
        yield "levels", "expected one level for each value; got another number", short
        for name, lists in (("samples", samples), ("values", values), ("levels", levels)):
            yield (
                name,
                "expected finite numbers; got NaN, null or infinity",
                lists.any(~np.isfinite(lists.flat)),
            )
        yield "values", "expected quantiles that never fall; got crossing ones", values.any_fall(0.0)
        yield "levels", "expected levels that rise strictly; got others", levels.any_fall(np.nextafter(0, 1))
        yield (
            "levels",
            "expected levels within (0, 1); got others",
            levels.any((levels.flat <= 0) | (levels.flat >= 1)),
        )

    def _bundle(self, batch: pa.RecordBatch, rows: Ints, number: Ints, column: Ints) -> None:
        models, objects = batch["model"].to_pylist(), batch["object_id"].to_pylist()
        kinds, step = batch["quantity"].to_pylist(), _times(batch, "issued_at") // self.step_ns
        lists = {name: _lists(batch, name) for name in ("samples", "values", "levels")}
        groups: dict[tuple[str, bytes, int], list[int]] = {}
        for i in rows.tolist():
            sampled = lists["samples"].size[i] > 0
            levels = b"" if sampled else lists["levels"].of(i).tobytes()
            size = int(lists["samples" if sampled else "values"].size[i])
            groups.setdefault((models[i], levels, size), []).append(i)
        for (model, levels, size), members in groups.items():
            source = lists["values" if levels else "samples"]
            target = [
                self.targets.setdefault(Target(objects[i], kinds[i]), len(self.targets)) for i in members
            ]
            place = np.array(members)
            if "model_version" in batch.schema.names:
                self.versions[model] = str(batch["model_version"][members[0]])
            values = source.flat[source.start[place][:, None] + np.arange(size)]
            own_levels = np.frombuffer(levels) if levels else None
            bundle = _Bundle(
                model, own_levels, np.array(target), column[place], step[place], number[place], values
            )
            self.bundles.setdefault((model, levels, size), []).append(bundle)


@dataclass(frozen=True, slots=True)
class _Lists:
    """A list column, flat: row i holds flat[start[i] : start[i] + size[i]]."""

    flat: Floats
    start: Ints
    size: Ints

    def of(self, row: int) -> Floats:
        return self.flat[self.start[row] : self.start[row] + self.size[row]]

    def any(self, flags: Flags) -> Flags:
        """(rows,) whether a flag of its elements is set."""
        upto = np.concatenate([[0], np.cumsum(flags)])
        return np.asarray(upto[self.start + self.size] > upto[self.start])

    def any_fall(self, least: float) -> Flags:
        """(rows,) whether an element is not at least `least` above the one before it in its row."""
        falls = np.zeros(len(self.flat), dtype=bool)
        if len(self.flat):
            falls[1:] = np.diff(self.flat) < least
            falls[self.start[self.size > 0]] = False
        return self.any(falls)


def _lists(batch: pa.RecordBatch, name: str) -> _Lists:
    if name not in batch.schema.names:
        none = np.zeros(batch.num_rows, dtype=np.int64)
        return _Lists(np.zeros(0), none, none)
    column = batch[name]
    size = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = pc.fill_null(pc.list_flatten(column).cast(pa.float64()), float("nan")).to_numpy(
        zero_copy_only=False
    )
    return _Lists(flat, np.cumsum(size) - size, size)


def _floats(batch: pa.RecordBatch, name: str) -> Floats:
    column = pc.fill_null(batch[name].cast(pa.float64()), float("nan"))
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _times(batch: pa.RecordBatch, name: str) -> Ints:
    column = batch[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", column.type.tz))
    return np.asarray(pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False))


def _flags(column: pa.Array) -> Flags:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=bool)


def read_theirs(path: Path, horizons_s: Sequence[float], step_ns: int, quantities: Sequence[str]) -> Theirs:
    """A third party's forecasts. Raises InputError where the file is no Parquet of the documented columns."""
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(file.schema_arrow)
            reader, rows = _Reader(horizons_s, step_ns, quantities), 0
            for batch in file.iter_batches(BATCH):
                reader.take(batch, rows)
                rows += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "a Parquet file of forecasts", f"{path.name}: {error}", "see docs/backtest.md"
        ) from None
    return _gathered(reader, rows)


def _check_columns(schema: pa.Schema) -> None:
    missing = [name for name in REQUIRED if name not in schema.names]
    if "samples" not in schema.names and not {"values", "levels"} <= set(schema.names):
        missing.append("samples, or values and levels")
    if missing:
        raise InputError(
            f"the columns {', '.join(REQUIRED)} and samples, or values and levels",
            f"none called {', '.join(missing)}", "see docs/backtest.md",
        )  # fmt: skip
    kinds = {"model": pa.types.is_string, "object_id": pa.types.is_string, "quantity": pa.types.is_string}
    for name, fits in kinds.items():
        kind = schema.field(name).type
        if not (fits(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
            raise InputError(f"text in the column {name}", str(kind), "see docs/backtest.md")
    kind = schema.field("issued_at").type
    if not (pa.types.is_timestamp(kind) or pa.types.is_integer(kind)):
        raise InputError("a timestamp or nanoseconds (int64) in issued_at", str(kind), "see docs/backtest.md")
    for name in ("samples", "values", "levels"):
        if name in schema.names and not pa.types.is_list(schema.field(name).type):
            raise InputError(f"list<double> in {name}", str(schema.field(name).type), "see docs/backtest.md")


def _gathered(reader: _Reader, rows: int) -> Theirs:
    bundles: dict[str, list[_Bundle]] = {}
    for (model, _, _), parts in reader.bundles.items():
        bundles.setdefault(model, []).append(_merged(parts))
    for model, members in bundles.items():
        bundles[model] = _without_contradictions(reader, members)
    steps = [bundle.step for members in bundles.values() for bundle in members]
    issued = np.unique(np.concatenate(steps)) if steps else np.zeros(0, np.int64)
    thin = -(-len(issued) // MOST_ISSUES) or 1
    h = len(reader.horizons)
    rivals = tuple(
        Rival(_free_name(model), [b for b in members if len(b.row)], h) for model, members in bundles.items()
    )
    versions = {_free_name(model): reader.versions.get(model, "") for model in bundles}
    times = tuple(int(step) * reader.step_ns for step in issued[::thin])
    passed = Counter({why: count for why, count in reader.passed_over.items() if count})
    return Theirs(
        rows, rivals, tuple(reader.targets), versions, tuple(reader.bad), reader.bad_rows, passed, times
    )


def _free_name(model: str) -> str:
    """Their model's name, marked, so that it cannot pass for one of ours."""
    return f"{model} (theirs)"


def _merged(parts: list[_Bundle]) -> _Bundle:
    def all_of(name: str) -> NDArray[np.generic]:
        return np.concatenate([getattr(part, name) for part in parts])

    names = ("target", "horizon", "step", "row", "values")
    return _Bundle(parts[0].model, parts[0].levels, **{name: all_of(name) for name in names})  # type: ignore[arg-type]


def _without_contradictions(reader: _Reader, bundles: list[_Bundle]) -> list[_Bundle]:
    """Drop repeated rows; where repeats differ, drop all of them: nobody chooses afterwards."""
    key = np.concatenate([_key(b.target, b.horizon, b.step, len(reader.horizons)) for b in bundles])
    which = np.repeat(np.arange(len(bundles)), [len(b.row) for b in bundles])
    place = np.concatenate([np.arange(len(b.row)) for b in bundles])
    order = np.argsort(key, kind="stable")
    keep = [np.ones(len(b.row), dtype=bool) for b in bundles]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(key[order]) != 0]))
    sizes = np.diff(np.append(starts, len(order)))
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        members = order[start : start + size]
        same = len({(int(which[i]), bundles[which[i]].values[place[i]].tobytes()) for i in members}) == 1
        dropped = members[1:] if same else members
        for i in dropped:
            keep[which[i]][place[i]] = False
        if same:
            reader.passed_over["they repeat an earlier row"] += len(dropped)
        else:
            rows = np.sort([bundles[which[i]].row[place[i]] for i in members])
            reader.fault(rows, "samples or values", "expected one forecast; got several that differ")
    return [
        _Bundle(b.model, b.levels, b.target[k], b.horizon[k], b.step[k], b.row[k], b.values[k])
        for b, k in zip(bundles, keep, strict=True)
    ]
