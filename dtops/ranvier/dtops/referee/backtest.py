"""`backtest`: the whole of it. An archive and contenders go in, a Report comes out.

open_archive ► Chronicle ► replay, once for each granularity ► Scoreboard ► Report
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from ranvier.dtops.ports import Predictor, Synchroniser
from ranvier.dtops.referee import report as reports
from ranvier.dtops.referee.caveats import caveats_of
from ranvier.dtops.referee.chronicle import Chronicle
from ranvier.dtops.referee.replay import SECOND_NS, Progress, Schedule, replay, silent
from ranvier.dtops.referee.report import Frame, Report
from ranvier.dtops.referee.scoreboard import Scoreboard
from ranvier.dtops.referee.spool_ledger import SpoolLedger
from ranvier.dtops.referee.theirs import Theirs, read_theirs
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Ledger
from ranvier.fabric.sources.archive import Member, open_archive
from ranvier.fabric.sources.source import Good, SourceContext
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import InputError, OntologyError
from ranvier.ontology.ontology import Ontology, Quantity

PM_FILE = "pm-file"
Told = MeasurementReport | NodeChange | RelationChange
KPIS = (
    "MDT.M1.RSRP", "MDT.M1.SINR", "MDT.M5.UEThpDl", "DRB.UEThpDl", "RRU.PrbTotDl", "DRB.MeanActiveUeDl",
    "RRC.ConnMean", "DRB.RlcSduDelayDl",
)  # fmt: skip
"""What is forecast where the user names nothing: those of these that the archive has, else all it has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run a backtest; None means: from the data.

    quantities         what is forecast; None: the KPIs above that are there
    horizons_s         how far ahead; None: 1, 5, 10, 30, 60 steps of rows by the second, else 1, 2, 4, 8 steps
    step_s             grid of instantaneous rows; counters bring their own granularity period
    every_s            between two issues; None: ten steps of rows by the second, else one step
    block_s            length of a block of the bootstrap; None: ten times the longest horizon
    delivery_delay_s   a counter file is taken to be known so long after its last period ended
    seed               of the bootstrap and of the randomised PIT
    partial            names of predictors that have no word on some targets: they take no points from the others
    followed           what keeps the state in step instead of the referee's synchroniser, which it is given with
                       the step in seconds
    """

    quantities: tuple[str, ...] | None = None
    horizons_s: tuple[float, ...] | None = None
    step_s: float = 1.0
    every_s: float | None = None
    block_s: float | None = None
    delivery_delay_s: float = 60.0
    confidence: float = 0.9
    seed: int = 0
    weights: Mapping[str, float] | None = None
    partial: tuple[str, ...] = ()
    followed: Callable[[Synchroniser, float], Synchroniser] | None = None


def backtest(
    path: Path, predictors: Sequence[Predictor], ontology: Ontology, plan: Plan | None = None, *,
    theirs: Path | None = None, ledger: Ledger | None = None,
    progress: Progress = silent,
) -> Report:  # fmt: skip
    """Replay the archive at `path` and score the predictors, and a third party's forecasts (Parquet) beside them.

    One predictor must be called "climatology": it is the reference. Without a `ledger` the seals live on a
    temporary file. Raises InputError where the archive or the Parquet cannot be used.
    """
    plan = plan or Plan()
    if reports.REFERENCE not in [each.name for each in predictors]:
        raise InputError(f'a predictor named "{reports.REFERENCE}"', "none", "add it: it is the reference")
    with Chronicle() as chronicle:
        read_archive(path, chronicle, ontology, plan, progress)
        return referee(chronicle, predictors, ontology, plan, theirs=theirs, ledger=ledger, progress=progress)


def read_archive(
    path: Path, chronicle: Chronicle, ontology: Ontology, plan: Plan, progress: Progress = silent
) -> None:
    """Fill a chronicle from the user's files, each record with the time at which it was known."""
    chronicle.census.archive, context = path.name, SourceContext(path.name, ontology)
    for member in open_archive(path, context):
        chronicle.census.files += 1
        progress(f"reading {member.name}", 0.0)
        if member.adapter is not None and member.adapter.name == PM_FILE:
            _take_whole(member, context, chronicle, plan)
        else:
            _take_rows(member, context, chronicle)


def _good(member: Member, context: SourceContext, chronicle: Chronicle) -> Iterator[Told]:
    for record in member.read(context):
        if not isinstance(record, Good):
            letter = record.letter
            chronicle.census.refuse(letter.source, letter.position, letter.reason)
        elif isinstance(record.payload, Told):
            yield record.payload


def _take_rows(member: Member, context: SourceContext, chronicle: Chronicle) -> None:
    """A row or event is known when it and all before it in its file had been written."""
    known = 0
    for payload in _good(member, context, chronicle):
        ended = payload.end_ns if isinstance(payload, MeasurementReport) else payload.valid_from_ns
        known = max(known, ended)
        chronicle.add(payload, known)


def _take_whole(member: Member, context: SourceContext, chronicle: Chronicle, plan: Plan) -> None:
    """A counter file is known as a whole, the delivery delay after its last period."""
    told = list(_good(member, context, chronicle))
    ends = [each.end_ns if isinstance(each, MeasurementReport) else each.valid_from_ns for each in told]
    known = max(ends, default=0) + int(plan.delivery_delay_s * SECOND_NS)
    for payload in told:
        chronicle.add(payload, known)


def referee(
    chronicle: Chronicle, predictors: Sequence[Predictor], ontology: Ontology, plan: Plan, *,
    theirs: Path | None = None, ledger: Ledger | None = None, progress: Progress = silent,
) -> Report:  # fmt: skip
    """The same on a Chronicle that is filled already."""
    started = time.monotonic()
    kinds = _wanted(chronicle, plan)
    strata: dict[int, list[str]] = {}
    for quantity in kinds:
        strata.setdefault(chronicle.step_of(quantity, int(plan.step_s * SECOND_NS)), []).append(quantity)
    if not strata:
        raise _nothing_to_forecast(chronicle, plan)
    parts = []
    with closing(SpoolLedger()) as spool:
        sealed: Ledger = spool if ledger is None else ledger
        for step_ns, quantities in sorted(strata.items()):
            stratum = _Stratum(chronicle, predictors, ontology, plan, step_ns, tuple(quantities))
            parts.append(stratum.run(theirs, sealed, progress))
    return _put_together(parts, chronicle, time.monotonic() - started)


def _nothing_to_forecast(chronicle: Chronicle, plan: Plan) -> InputError:
    """Why there is none, from what was counted as the archive was read."""
    census = chronicle.census
    refused = sum(census.unreadable.values())
    name = f" in {census.archive}" if census.archive else ""
    got = f"none{name}: files {census.files:,}, reports {census.reports:,}, refused records {refused:,}"
    if refused:
        got += "; the first: " + " | ".join(census.first_refusals)
    if plan.quantities is not None and len(chronicle.kinds):
        return InputError(
            f"measurements of {', '.join(plan.quantities)}", got, f"it has {', '.join(chronicle.kinds.names)}"
        )
    if refused:
        return InputError("measurements to forecast", got, "see docs/sources.md for what is read, and how")
    return InputError("measurements to forecast", got, "check that the path holds your telemetry")


def _wanted(chronicle: Chronicle, plan: Plan) -> list[str]:
    there = chronicle.kinds.names
    if plan.quantities is not None:
        return [name for name in plan.quantities if name in there]
    return [name for name in KPIS if name in there] or list(there)


@dataclass(frozen=True, slots=True)
class _Stratum:
    """The quantities of one granularity, refereed together."""

    chronicle: Chronicle
    predictors: Sequence[Predictor]
    ontology: Ontology
    plan: Plan
    step_ns: int
    quantities: tuple[str, ...]

    def run(self, theirs: Path | None, ledger: Ledger, progress: Progress) -> Report:
        known = _defined(self.ontology, self.quantities)
        horizons = self._horizons()
        rival = None if theirs is None else read_theirs(theirs, horizons, self.step_ns, self.quantities)
        board = Scoreboard(
            tuple(each.name for each in self.predictors if each.name not in self.plan.partial), horizons,
            self.step_ns,
            {name: q.tolerance for name, q in known.items() if q.tolerance is not None},
            () if rival is None else rival.entered(), self.plan.seed, list(self.quantities),
            partial=tuple(each.name for each in self.predictors if each.name in self.plan.partial),
        )  # fmt: skip
        if rival is not None:
            rival.bind(board)
        synchroniser: Synchroniser = LoadBinSynchroniser(
            self.step_ns, lags=_lags(board.horizon_steps.tolist())
        )
        if self.plan.followed is not None:
            synchroniser = self.plan.followed(synchroniser, self.step_ns / SECOND_NS)
        replayed = replay(
            self.chronicle,
            self.predictors,
            synchroniser,
            board,
            self._schedule(horizons, rival),
            ledger,
            progress,
        )
        census = self.chronicle.census
        frame = Frame(
            census.first_ns, census.last_ns + 1, {name: q.unit for name, q in known.items()},
            self.plan.confidence, self.plan.seed,
        )  # fmt: skip
        progress("drawing intervals", 1.0)
        rows, differences = reports.rows_of(board, frame), reports.differences_of(board, frame)
        found = caveats_of(self.chronicle, board, replayed, rows, differences)
        versions = {each.name: each.version for each in self.predictors}
        return Report(
            "", census.first_ns, census.last_ns, versions | ({} if rival is None else rival.versions), rows,
            reports.overall_of(board, frame, self.plan.weights), differences,
            (*found, *_silences(self.predictors), *(() if rival is None else rival.remarks())),
            {"issues": replayed.issues, "stretches": replayed.stretches, "seals checked": ledger.verify("forecast"),
             "points": int(board.with_outcome.sum())}, self.plan.confidence,
        )  # fmt: skip

    def _horizons(self) -> tuple[float, ...]:
        step_s = self.step_ns / SECOND_NS
        if self.plan.horizons_s is None:
            return tuple(n * step_s for n in ((1, 5, 10, 30, 60) if step_s < 10 else (1, 2, 4, 8)))
        fitting = tuple(
            h for h in self.plan.horizons_s if h >= step_s and abs(h / step_s - round(h / step_s)) < 1e-9
        )
        if not fitting:
            raise InputError(
                f"horizons that are multiples of the grid of {step_s:g} s", str(self.plan.horizons_s),
                f"choose among {step_s:g}, {2 * step_s:g}, … s",
            )  # fmt: skip
        return fitting

    def _schedule(self, horizons: tuple[float, ...], rival: Theirs | None) -> Schedule:
        quick = self.step_ns < 10 * SECOND_NS
        every = self.step_ns * (10 if quick else 1)
        if self.plan.every_s is not None:
            every = max(self.step_ns, int(self.plan.every_s * SECOND_NS) // self.step_ns * self.step_ns)
        longest = int(max(horizons) * SECOND_NS)
        block = 10 * longest if self.plan.block_s is None else int(self.plan.block_s * SECOND_NS)
        return Schedule(
            every, block, max(longest, 10 * self.step_ns), 96 * self.step_ns,
            () if rival is None else rival.issue_times_ns,
        )  # fmt: skip


def _defined(ontology: Ontology, names: Sequence[str]) -> dict[str, Quantity]:
    """Those of the names that the ontology defines, subcounters (RRC.ConnEstabAtt.mo-Data) among them."""
    found = {}
    for name in names:
        with suppress(OntologyError):
            found[name] = ontology.quantity(name)
    return found


def _silences(predictors: Sequence[Predictor]) -> Iterator[str]:
    """What predictors say of themselves, where they end without a forecast and can tell why."""
    for each in predictors:
        if why := getattr(each, "silent_because", ""):
            yield f"{each.name} gives no forecast: {why}."


def _lags(horizon_steps: Sequence[int]) -> tuple[int, ...]:
    """The lags to learn: the horizons, and some between and beyond, for values that are a few steps old."""
    longest = max(horizon_steps)
    between = {n for n in (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90) if n <= 1.5 * longest}
    return tuple(sorted({*between, *horizon_steps, -(-3 * longest // 2)}))


def _put_together(parts: Sequence[Report], chronicle: Chronicle, took_s: float) -> Report:
    """The reports of all granularities as one."""
    census = chronicle.census
    caveats = [text for part in parts for text in part.caveats]
    if len(parts) > 1:
        caveats.append(f"The archive holds {len(parts)} granularities; each was replayed by itself.")
    for reason, count in census.unreadable.most_common(3):
        caveats.append(f"{count:,} records could not be read: {reason}.")
    figures = {
        "files": census.files, "reports": census.reports, "values": census.values,
        "records that could not be read": sum(census.unreadable.values()), "objects": len(chronicle.objects),
        "seconds": round(took_s, 1),
    }  # fmt: skip
    for part in parts:
        for name, count in part.figures.items():
            figures[name] = figures.get(name, 0) + count
    return Report(
        census.archive, census.first_ns, census.last_ns,
        {name: version for part in reversed(parts) for name, version in part.contenders.items()},
        tuple(r for p in parts for r in p.rows),
        tuple(o for p in parts for o in p.overall), tuple(d for p in parts for d in p.differences),
        tuple(dict.fromkeys(caveats)), figures, parts[0].confidence,
    )  # fmt: skip
