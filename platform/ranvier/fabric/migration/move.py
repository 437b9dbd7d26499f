"""Moves log, graph and series from one side to the other. Kill it at any point, and run it again.

    checks ► log ► graph ► series ► the sinks' offsets, the groups' commits ► both sides compared

Each part goes on where it had come to: the log by its own ends, graph and series by a cursor that is kept after
each batch. A batch that is told twice changes nothing: a graph knows what it was told, a point overwrites
itself. The offsets come last, so no sink ever goes on from a store that is not whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ranvier.fabric.ingest import GRAPH, SERIES
from ranvier.fabric.migration import compare, log_move, progress
from ranvier.fabric.migration.compare import Bar, Row
from ranvier.fabric.migration.progress import Progress
from ranvier.fabric.migration.sides import GraphTeller, SeriesTeller, Side
from ranvier.fabric.ports import EventLog, Offsets
from ranvier.fabric.sinks import GraphSink, SeriesSink
from ranvier.ontology.errors import InputError, StoreError

SINK_TOPICS = {SERIES: SeriesSink.topics, GRAPH: GraphSink.topics}
JOIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration: from where to where, the folder that remembers it, and who tells the time of the clock."""

    source: Side
    target: Side
    to: str
    folder: Path
    now: Callable[[], str]

    def run(self, bar: Bar) -> list[Row]:
        """Move what is not moved yet, compare, and say what each side has.

        Raises InputError where the target holds something else, or where the source cannot tell all.
        """
        log_move.check_partitions(self.source.log, self.target.log)
        graph, series = self.source.graph_teller(), self.source.series_teller()
        try:
            kept = self._begun(graph, series)
            self._move(kept, graph, series, bar)
            rows = compare.compare(self.source, self.target, kept, graph, series, bar)
        finally:
            graph.close()
            series.close()
        if all(row.equal for row in rows):
            kept.done, kept.ended_at = True, self.now()
            progress.write(self.folder, kept)
        return rows

    def done_at(self) -> str | None:
        """When this migration was done; None where it is not, or where the target no longer has anything."""
        kept = progress.read(self.folder)
        if (
            kept is None
            or not kept.done
            or (kept.source, kept.target) != (self.source.name, self.target.name)
        ):
            return None
        return kept.ended_at if self.target.graph.offsets() or self.target.series.offsets() else None

    # ------------------------------------------------------------ beginning, or going on
    def _begun(self, graph: GraphTeller, series: SeriesTeller) -> Progress:
        kept = progress.read(self.folder)
        now = fingerprint(self.source, series)
        if kept is not None and (kept.source, kept.target) == (self.source.name, self.target.name):
            changed = sorted(name for name, value in kept.print_.items() if now.get(name) != value)
            if not changed and not kept.done:
                return kept
            if not is_empty(self.target, graph, series):
                raise InputError(
                    "a source that stays as it was when the migration began",
                    f"changes in {', '.join(changed) or 'what was done already'}",
                    _EMPTY.format(self.target.name),
                )  # fmt: skip
        elif not is_empty(self.target, graph, series):
            raise InputError(
                "an empty target, or one that a migration of this source has begun to fill",
                f"data in {self.target.name}", _EMPTY.format(self.target.name),
            )  # fmt: skip
        fresh = Progress(
            source=self.source.name, target=self.target.name, to=self.to, print_=now,
            bases=log_move.bases_of(self.source.log), began_at=self.now(),
        )  # fmt: skip
        progress.write(self.folder, fresh)
        return fresh

    # ------------------------------------------------------------ the parts
    def _move(self, kept: Progress, graph: GraphTeller, series: SeriesTeller, bar: Bar) -> None:
        bar.begin("log records", log_move.records_of(self.source.log, kept.bases))
        log_move.move_log(self.source.log, self.target.log, kept, bar.advance)
        bar.begin("graph changes", graph.prepare())
        bar.advance(kept.graph)
        for told in graph.batches(kept.graph):
            self.target.graph.apply(told.changes, told.recorded_at_ns)
            bar.advance(told.number - kept.graph)
            kept.graph = told.number
            progress.write(self.folder, kept)
        bar.begin("points", series.total(kept.series))
        for written in series.versions(kept.series):
            self.target.series.write(written.reports, written.recorded_at_ns)
            bar.advance(written.points)
            kept.series = written.cursor
            progress.write(self.folder, kept)
        self._set_offsets(kept)

    def _set_offsets(self, kept: Progress) -> None:
        """Where the sinks go on, and the same for the groups, so that their lag is right from the start."""
        graph = log_move.in_target(self.source.graph.offsets(), kept)
        series = log_move.in_target(self.source.series.offsets(), kept)
        if graph:
            self.target.graph.apply([], 0, graph)
        if series:
            self.target.series.write([], [], series)
        for group, offsets in ((GRAPH, graph), (SERIES, series)):
            commit(self.target.log, group, offsets)


_EMPTY = "empty {} (or choose another prefix and space), and begin anew"


def commit(log: EventLog, group: str, offsets: Offsets) -> None:
    """Have `group` go on from these offsets. Raises StoreError where others are in the group."""
    consumer = log.consumer(group, SINK_TOPICS[group])
    try:
        end_s = time.monotonic() + JOIN_S
        consumer.seek(offsets)
        while set(offsets) - set(consumer.assigned()):
            if time.monotonic() > end_s:
                raise StoreError(
                    f"all partitions of the group {group}", f"{len(consumer.assigned())} within {JOIN_S:g} s",
                    "stop the platforms and ingest processes of the target, and run it again",
                )  # fmt: skip
            consumer.poll(1, 0.2)
        consumer.commit(offsets)
    finally:
        consumer.close()


def fingerprint(side: Side, series: SeriesTeller) -> dict[str, str]:
    """What tells that a side has not changed: how far its log, its sinks and its points have come."""
    ends = {place: end for topic in log_move.TOPICS for place, end in side.log.offsets(topic).items()}
    return {
        "the log": repr(sorted(ends.items())),
        "the graph": repr(sorted(side.graph.offsets().items())),
        "the series": repr((sorted(side.series.offsets().items()), series.total())),
    }


def is_empty(side: Side, graph: GraphTeller, series: SeriesTeller) -> bool:
    """Whether a side holds nothing of what the tellers of the other tell, and no sink has begun."""
    if side.graph.offsets() or side.series.offsets():
        return False
    if any(end for topic in log_move.TOPICS for end in side.log.offsets(topic).values()):
        return False
    owners = {*graph.scopes(), *((tenant, network) for tenant, network, _ in series.scopes())}
    return not any(
        side.graph.page(*owner, compare.NOW_NS, compare.NOW_NS, limit=1).nodes
        or side.series.series(*owner, None, 1)[0]
        for owner in owners
    )
