"""When each thing was said: the times of recording of a slot's assertions, found from its facts. Pure.

The tables keep every assertion, but the time of recording only of the facts that followed. To tell a store's
history to another store, each assertion is given a time such that, told in that order, the second store holds
at every time of knowledge exactly the facts that the first one did.

What held at an instant, as known from one time of knowledge to the next, is a chain of beliefs:

    knowledge ──────R1─────────R2──────────R3──────►
    at instant t   (nothing)   A           B

- An upsert of B at t is told at the beginning of the last unbroken stretch in which B was believed of t (R3).
  Had it been recorded later than that, it would have said what was believed already, so telling it earlier
  changes no belief: the timeline is a function of the set of assertions, and a redundant one adds nothing.
- A removal at t is told at the beginning of the last stretch in which nothing that it clears was believed of
  t, or what was stood on an upsert at the same instant, which is above removals.
- Only where several upserts contradict each other at one instant does the order of telling matter. They are
  told in the order in which the beliefs about that instant show them, those that nobody ever saw just before
  one that overruled them, and the outcome is checked by telling it.

So at every time of knowledge the second store believes the same of every instant. One thing is not kept: where
what was said and unsaid within one batch made the first store record a fact anew that it believed before and
after, the second store may date that fact from when it was first believed.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from ranvier.fabric.graph.timeline import UPSERT, Assertion, State, clears, fold
from ranvier.fabric.ports import FOREVER_NS
from ranvier.ontology.errors import StoreError

BEFORE_ALL = -(2**63)
MOST_SEARCHED, MOST_STRETCHES = 16, 500


class Belief(NamedTuple):
    """A fact: a state over valid time, believed over [recorded_at, superseded_at)."""

    valid_from: int
    valid_to: int
    state: State
    recorded_at: int
    superseded_at: int


class Said(NamedTuple):
    """An assertion, and whether it still stands: one that was overruled at its own instant does not."""

    assertion: Assertion
    live: bool


class Telling(NamedTuple):
    """An assertion with the time at which to tell it; BEFORE_ALL: it never mattered."""

    recorded_at: int
    assertion: Assertion


Back = Callable[[], Iterator[tuple[int, State | None]]]


class _Stretch(NamedTuple):
    """From `since` to the next time of knowledge: what was believed of an instant, and just before it."""

    since: int
    prior: State | None
    state: State | None


def retell(beliefs: Sequence[Belief], said: Sequence[Said], matching: int) -> list[Telling]:
    """All assertions of a slot, in the order in which to tell them. `said` is in order of its instants.

    Raises StoreError where the facts do not follow from the assertions: the file is damaged.
    """
    knowledge = _Knowledge(beliefs)
    tellings: list[Telling] = []
    for at_ns, several in groupby(said, key=lambda each: each.assertion.at_ns):
        instant = list(several)
        if all(each.live for each in instant):
            tellings += _agreeing(instant, knowledge.back(at_ns), matching)
        else:
            tellings += _contradicting(instant, knowledge.stretches(at_ns), matching)
    return sorted(tellings, key=lambda telling: telling.recorded_at)


class _Knowledge:
    """The beliefs about one slot. Ask in order of rising instants, so that each costs little."""

    def __init__(self, beliefs: Sequence[Belief]) -> None:
        self._coming = sorted(beliefs, reverse=True)
        self._current: list[tuple[int, Belief]] = []
        self._ended = sorted(beliefs, key=lambda b: b.superseded_at)
        self._ends = [belief.superseded_at for belief in self._ended]

    def back(self, at_ns: int) -> Back:
        """Since when what was believed of an instant: the latest belief first, the ignorance at last."""
        return partial(self._chain, at_ns, self._latest(at_ns))

    def _latest(self, at_ns: int) -> Belief | None:
        while self._coming and self._coming[-1].valid_from <= at_ns:
            belief = self._coming.pop()
            heapq.heappush(self._current, (-belief.superseded_at, belief))
        while self._current and self._current[0][1].valid_to <= at_ns:
            heapq.heappop(self._current)
        return self._current[0][1] if self._current else None

    def _chain(self, at_ns: int, belief: Belief | None) -> Iterator[tuple[int, State | None]]:
        until = FOREVER_NS
        while belief is not None:
            if belief.superseded_at < until:
                yield belief.superseded_at, None
            yield belief.recorded_at, belief.state
            until = belief.recorded_at
            belief = self._before(at_ns, until)
        yield BEFORE_ALL, None

    def _before(self, at_ns: int, until: int) -> Belief | None:
        """The last belief about an instant that had ended by a time of knowledge."""
        place = bisect_left(self._ends, until + 1)
        while place:
            place -= 1
            belief = self._ended[place]
            if belief.valid_from <= at_ns < belief.valid_to:
                return belief
        return None

    def stretches(self, at_ns: int) -> list[_Stretch]:
        """What was believed of an instant and of the one before it, earliest first."""
        latest = self._latest(at_ns)
        here = dict(self._chain(at_ns, latest))
        before = dict(self._chain(at_ns - 1, self._before(at_ns - 1, FOREVER_NS)))
        found: list[_Stretch] = []
        prior, state = before[BEFORE_ALL], here[BEFORE_ALL]
        for since in sorted(here.keys() | before.keys()):
            prior, state = before.get(since, prior), here.get(since, state)
            found.append(_Stretch(since, prior, state))
        return found


# ---------------------------------------------------------------- an instant without contradiction
def _agreeing(instant: Sequence[Said], back: Back, matching: int) -> list[Telling]:
    """At most one upsert, and removals: told before it."""
    upserts = [each.assertion for each in instant if each.assertion.op == UPSERT]
    if len(upserts) > 1:
        raise _damaged(instant)
    stands = FOREVER_NS
    if upserts:
        stands = _since(back, lambda _, state: state == upserts[0].state, instant)
    removals = [
        Telling(_since(back, _Tolerates(each.assertion.state, stands, matching), instant), each.assertion)
        for each in instant
        if each.assertion.op != UPSERT
    ]
    return removals + [Telling(stands, upsert) for upsert in upserts]


class _Tolerates:
    """Whether a removal could have been recorded, given what was believed since a time."""

    def __init__(self, removed: State, stands: int, matching: int) -> None:
        self._removed, self._stands, self._matching = removed, stands, matching

    def __call__(self, since: int, state: State | None) -> bool:
        return since >= self._stands or not clears(self._removed, state, self._matching)


def _since(back: Back, holds: Callable[[int, State | None], bool], instant: Sequence[Said]) -> int:
    """The beginning of the last unbroken stretch over which `holds` does."""
    found = None
    for since, state in back():
        if not holds(since, state):
            break
        found = since
    if found is None:
        raise _damaged(instant)
    return found


# ---------------------------------------------------------------- an instant with contradictions
class _Instant:
    """What has been told of one instant so far, as the store's writer takes it."""

    def __init__(self, matching: int) -> None:
        self._matching = matching
        self.live: dict[Assertion, bool] = {}

    def tell(self, new: Assertion) -> None:
        """The latest upsert stands, and a removal of it after it."""
        for other, live in self.live.items():
            if live and other.op == UPSERT and self._overrules(new, other):
                self.live[other] = False
        self.live[new] = True

    def _overrules(self, new: Assertion, other: Assertion) -> bool:
        return new.op == UPSERT or clears(new.state, other.state, self._matching)

    def state(self, prior: State | None) -> State | None:
        """What holds from the instant on."""
        return fold(prior, [each for each, live in self.live.items() if live], self._matching)

    def copy(self) -> _Instant:
        """The same, to go on from apart."""
        copied = _Instant(self._matching)
        copied.live = dict(self.live)
        return copied


def _contradicting(
    instant: Sequence[Said], stretches: Sequence[_Stretch], matching: int
) -> list[Telling]:  # fmt: skip
    found = _followed(instant, stretches, matching)
    if found is None and len(instant) <= MOST_SEARCHED and len(stretches) <= MOST_STRETCHES:
        found = _Search(instant, stretches).tellings(0, _Instant(matching))
    if found is None:
        raise _damaged(instant)
    return found


def _followed(
    instant: Sequence[Said], stretches: Sequence[_Stretch], matching: int
) -> list[Telling] | None:  # fmt: skip
    """Follow the beliefs: tell what each change shows, and what nobody saw where it shows least."""
    told, left = _Instant(matching), [each.assertion for each in instant]
    tellings: list[Telling] = []
    for since, prior, state in stretches:
        if told.state(prior) == state:
            continue
        shown = next((each for each in left if _shows(told, each, prior, state)), None)
        if shown is None:
            return None
        told.tell(shown)
        left.remove(shown)
        tellings.append(Telling(since, shown))
    for unseen in sorted(left, key=lambda each: each.op):
        tellings = _with_unseen(tellings, unseen, stretches, matching)
    return tellings if _holds(tellings, instant, stretches, matching) else None


def _with_unseen(
    tellings: list[Telling], unseen: Assertion, stretches: Sequence[_Stretch], matching: int
) -> list[Telling]:
    """With one more just before another of the same time: where it has no effect, or one that ends at once."""
    best, place = 2, 0
    for number, each in enumerate(tellings):
        told = _Instant(matching)
        for before in tellings[:number]:
            told.tell(before.assertion)
        prior = next(stretch.prior for stretch in stretches if stretch.since == each.recorded_at)
        after = told.copy()
        after.tell(unseen)
        effect = int(after.state(prior) != told.state(prior))
        after.tell(each.assertion)
        told.tell(each.assertion)
        if effect < best and after.state(prior) == told.state(prior):
            best, place = effect, number
    recorded_at = tellings[place].recorded_at if tellings else BEFORE_ALL
    return [*tellings[:place], Telling(recorded_at, unseen), *tellings[place:]]


def _shows(told: _Instant, new: Assertion, prior: State | None, state: State | None) -> bool:
    after = told.copy()
    after.tell(new)
    return after.state(prior) == state


def _holds(
    tellings: Sequence[Telling], instant: Sequence[Said], stretches: Sequence[_Stretch], matching: int
) -> bool:
    """Whether this telling gives the beliefs of each stretch, and leaves the same ones standing."""
    told, place = _Instant(matching), 0
    for since, prior, state in stretches:
        while place < len(tellings) and tellings[place].recorded_at <= since:
            told.tell(tellings[place].assertion)
            place += 1
        if told.state(prior) != state:
            return False
    return told.live == {each.assertion: each.live for each in instant}


class _Search:
    """Any telling that gives the beliefs: what was found to lead nowhere is not tried again."""

    def __init__(self, instant: Sequence[Said], stretches: Sequence[_Stretch]) -> None:
        self._final = {each.assertion: each.live for each in instant}
        self._stretches = stretches
        self._failed: set[tuple[int, frozenset[tuple[Assertion, bool]]]] = set()

    def tellings(self, place: int, told: _Instant) -> list[Telling] | None:
        """Those from the stretch at `place` on; None where there are none."""
        if place == len(self._stretches):
            return [] if told.live == self._final else None
        known = (place, frozenset(told.live.items()))
        if known in self._failed:
            return None
        since, prior, state = self._stretches[place]
        found = self.tellings(place + 1, told) if told.state(prior) == state else None
        for new in self._final if found is None else ():
            after = self._after(told, new)
            rest = None if after is None else self.tellings(place, after)
            if rest is not None:
                return [Telling(since, new), *rest]
        if found is None:
            self._failed.add(known)
        return found

    def _after(self, told: _Instant, new: Assertion) -> _Instant | None:
        """With `new` told; None where it was told already, or overrules what still stands in the end."""
        if new in told.live:
            return None
        after = told.copy()
        after.tell(new)
        overruled = (each for each, live in after.live.items() if not live)
        return None if any(self._final[each] for each in overruled) else after


def _damaged(instant: Sequence[Said]) -> StoreError:
    return StoreError(
        "facts that follow from what was said", f"others at {instant[0].assertion.at_ns} ns",
        f"the graph's file is damaged, or more than {MOST_SEARCHED} things contradict each other at that instant: "
        "fill a new graph from the log, or from a backup",
    )  # fmt: skip
