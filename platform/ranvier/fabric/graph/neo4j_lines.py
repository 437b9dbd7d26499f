"""The timelines that one batch touches, held in memory while it is worked on. Pure.

Line   what the batch must know of one slot: the last instant that it speaks of, its open fact, and of
       the rest only the stretches around late claims (see `neo4j_loader`)
Lines  takes claims in order of valid time and gathers what begins, what ends and what is said
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ranvier.fabric.graph import timeline
from ranvier.fabric.graph.claims import Claim
from ranvier.fabric.graph.timeline import UPSERT, Assertion, Run, State
from ranvier.fabric.ports import FOREVER_NS

BEFORE_ALL = -(2**63)


class Fact(NamedTuple):
    """A run of knowledge. `stored` is whether the server has it; `turn` the batch that wrote it."""

    slot: int
    state: State
    valid_from: int
    valid_to: int
    recorded_at: int
    turn: int
    stored: bool = True
    superseded_at: int = FOREVER_NS

    @property
    def run(self) -> Run:
        """The fact without its knowledge."""
        return Run(self.valid_from, self.valid_to, self.state)

    @property
    def is_open(self) -> bool:
        """Whether it holds with no end in sight: part of the graph as it is now."""
        return self.valid_to == FOREVER_NS


class Line:
    """What is known here of one slot. `facts` by the instant at which they begin; `said` tells what stands."""

    __slots__ = ("facts", "last_ns", "open_from", "said")

    def __init__(self) -> None:
        self.last_ns = BEFORE_ALL
        self.open_from: int | None = None
        self.facts: dict[int, Fact] = {}
        self.said: dict[Assertion, bool] = {}

    def hold(self, fact: Fact) -> None:
        """Take in a fact that the server has."""
        self.facts[fact.valid_from] = fact
        if fact.is_open:
            self.open_from = fact.valid_from

    @property
    def open_fact(self) -> Fact | None:
        """The fact that has no end yet."""
        return None if self.open_from is None else self.facts[self.open_from]

    def instants(self) -> Iterable[int]:
        """When something stands that sets the state."""
        return (said.at_ns for said, stands in self.said.items() if stands and said.op == UPSERT)


class Lines:
    """All timelines of a batch, and what is to be written of them.

    `recorded_at_ns` is the time of recording of the claims to come; it only rises.
    """

    def __init__(self, turn: int) -> None:
        self.recorded_at_ns, self.turn = BEFORE_ALL, turn
        self.of: dict[int, Line] = {}
        self.begun: dict[tuple[int, int], Fact] = {}
        self.ended: list[Fact] = []
        self.said: list[Claim] = []
        self.overruled: list[tuple[Claim, Assertion]] = []

    def take(self, claim: Claim) -> bool:
        """Take one claim into its timeline; whether that altered it. Claims come sorted by valid time."""
        line = self.of[claim.slot]
        return self._advance(claim, line) if claim.at_ns > line.last_ns else self._revise(claim, line)

    def _advance(self, claim: Claim, line: Line) -> bool:
        slot, at_ns, op, stated, matching, _ = claim
        line.last_ns = at_ns
        self._say(claim, line)
        fact = line.open_fact
        before = fact.state if fact else None
        after = stated if op == UPSERT else timeline.fold(before, (claim.assertion,), matching)
        if after == before:
            return False
        if fact:
            self._end(fact, line)
            self._begin(slot, Run(fact.valid_from, at_ns, fact.state), line)
        if after:
            self._begin(slot, Run(at_ns, FOREVER_NS, after), line)
        return True

    def _revise(self, claim: Claim, line: Line) -> bool:
        new = claim.assertion
        if new in line.said:
            return False
        here = [said for said, stands in line.said.items() if stands and said.at_ns == new.at_ns]
        for other in timeline.overruled(new, here, claim.matching):
            line.said[other] = False
            self.overruled.append((claim, other))
        self._say(claim, line)
        until = min((at_ns for at_ns in line.instants() if at_ns > new.at_ns), default=FOREVER_NS)
        start = max((at_ns for at_ns in line.facts if at_ns < new.at_ns), default=BEFORE_ALL)
        old = [line.facts[at_ns] for at_ns in sorted(line.facts) if start <= at_ns <= until]
        stretch = sorted(
            (said for said, stands in line.said.items() if stands and new.at_ns <= said.at_ns < until),
            key=lambda said: said.at_ns,
        )
        wanted = timeline.revised([fact.run for fact in old], stretch, until, claim.matching)
        return self._replace(claim.slot, line, old, wanted)

    def _replace(self, slot: int, line: Line, old: list[Fact], wanted: list[Run]) -> bool:
        kept = {fact.run for fact in old} & set(wanted)
        for fact in old:
            if fact.run not in kept:
                self._end(fact, line)
        for run in wanted:
            if run not in kept:
                self._begin(slot, run, line)
        return len(kept) < max(len(old), len(wanted))

    # ------------------------------------------------------------ gathering
    def _say(self, claim: Claim, line: Line) -> None:
        line.said[claim.assertion] = True
        self.said.append(claim)

    def _begin(self, slot: int, run: Run, line: Line) -> None:
        fact = Fact(slot, run.state, run.from_ns, run.to_ns, self.recorded_at_ns, self.turn, stored=False)
        line.hold(fact)
        self.begun[slot, run.from_ns] = fact

    def _end(self, fact: Fact, line: Line) -> None:
        del line.facts[fact.valid_from]
        if fact.is_open:
            line.open_from = None
        if not fact.stored:
            del self.begun[fact.slot, fact.valid_from]
        # What begins and ends at one time of recording was never known to anyone: it leaves no trace.
        if fact.stored or fact.recorded_at < self.recorded_at_ns:
            self.ended.append(fact._replace(superseded_at=self.recorded_at_ns))
