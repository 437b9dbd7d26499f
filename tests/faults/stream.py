"""The seeded stream: what the producer sends, as a pure function of the seed.

Item `number` is the same whatever process asks for it and whenever, so the verifier knows every record: what
it is, whether it is good, and of a bad one a word that its reason must hold. An item names itself: a payload
in its `source`, raw bytes in their text.

Two valid times of different items never coincide except where they mean to (a correction): the time of an
item ends in its number, in nanoseconds. What the graph makes of the set is then independent of the order in
which different partitions are read.
"""

from __future__ import annotations

import heapq
import random
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ranvier.fabric import event
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange

NETWORK = "faults"
T0_NS = 1_700_000_000 * 10**9
S = 10**9
PERIOD_NS = 10 * S
CELLS, UES, SITES = 24, 40, 8
COUNTERS = ("RRU.PrbTotDl", "DRB.MeanActiveUeDl", "DRB.EstabAtt", "DRB.UEUnresVolDl")
LOOK_BACK = 400
TRIES = 8
APART = 120
"""How far apart at least two items are of which the later corrects the earlier: never in one batch."""
BIG_BYTES, LARGE_BYTES, HUGE_BYTES = 700_000, 7_000_000, 9_000_000
_NAME = re.compile(rb"item/(\d+)(?!\d)")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the producer sends: a payload by `publish`, or raw bytes to a topic.

    bad     "" where the record is good, else a word that the reason of its dead letter holds
    kind    what it is, for the counts
    """

    number: int
    kind: str
    payload: event.Payload | None = None
    raw: bytes = b""
    topic: str = ""
    bad: str = ""

    @property
    def key(self) -> str:
        """The key in the log."""
        return event.key_of(self.payload) if self.payload else f"default/{NETWORK}/raw {self.number % 16}"


def name_of(number: int) -> str:
    """How an item names itself."""
    return f"item/{number}"


def number_in(raw: bytes) -> int | None:
    """The number of the item that these bytes are of; None where they name none."""
    found = _NAME.search(raw)
    return int(found[1]) if found else None


def cell(number: int) -> str:
    """The distinguished name of a cell."""
    return f"ManagedElement={number // 3},GNBDUFunction=1,NRCellDU={number}"


def element(number: int) -> str:
    """The distinguished name of the element that holds a cell."""
    return f"ManagedElement={number // 3}"


class Stream:
    """Generates the items in order. `item(n)` looks again at what `take` has passed."""

    def __init__(self, seed: int, oversize: bool = True) -> None:
        self._large = LARGE if oversize else LARGE[:1]
        self._rng = random.Random(seed)
        self._number = 0
        self._regular = 0
        self._held: list[tuple[int, int, MeasurementReport]] = []
        self._reports: deque[tuple[int, MeasurementReport]] = deque(maxlen=LOOK_BACK)
        self._last_said: dict[tuple[str, str, int], int] = {}
        self._changes: deque[tuple[int, TopologyChange]] = deque(maxlen=LOOK_BACK)
        self._handovers: dict[int, tuple[int, int]] = {}
        self._opening: Iterator[TopologyChange] = self._network()
        self._bad = 0

    def __iter__(self) -> Iterator[Item]:
        while True:
            yield self.next()

    def next(self) -> Item:
        """The next item."""
        item = self._make()
        self._number += 1
        return item

    def _make(self) -> Item:
        opening = next(self._opening, None)
        if opening is not None:
            return self._change("network", opening)
        if self._held and self._held[0][0] <= self._number:
            return self._report("late report", heapq.heappop(self._held)[2])
        kinds, weights = zip(*((make, weight) for make, weight in self._choices()), strict=True)
        make: Callable[[], Item] = self._rng.choices(kinds, weights)[0]
        return make()

    def _choices(self) -> Iterator[tuple[Callable[[], Item], float]]:
        yield self._regular_report, 74
        yield self._late_report, 3
        yield self._resent_report, 3
        yield self._revised_report, 3
        yield self._corrected_report, 1
        yield self._other_report, 2
        yield self._handover, 4
        yield self._late_handover, 1.5
        yield self._letting_go, 1
        yield self._node_change, 2
        yield self._corrected_node, 0.5
        yield self._removal, 1
        yield self._neighbour, 1
        yield self._move, 0.5
        yield self._resent_change, 1.5
        yield self._bad_item, 2.5

    # ------------------------------------------------------------ measurements
    def _values(self) -> dict[str, float]:
        rng = self._rng
        drawn = (
            float(rng.randrange(101)), round(rng.uniform(0, 40), 3), float(rng.randrange(500)), rng.random() * 100
        )  # fmt: skip
        picked = [pair for pair in zip(COUNTERS, drawn, strict=True) if rng.random() < 0.9]
        return dict(picked or [(COUNTERS[0], drawn[0])])

    def _next_report(self) -> MeasurementReport:
        step, number = divmod(self._regular, CELLS)
        self._regular += 1
        start = T0_NS + step * PERIOD_NS
        return MeasurementReport(
            cell(number), "NRCellDU", start, start + PERIOD_NS, self._values(),
            suspect=self._rng.random() < 0.02, source=name_of(self._number), network=NETWORK,
        )  # fmt: skip

    def _report(self, kind: str, report: MeasurementReport) -> Item:
        named = msgspec.structs.replace(report, source=name_of(self._number))
        self._reports.append((self._number, named))
        self._last_said[_point_of(named)] = self._number
        return Item(self._number, kind, named)

    def _regular_report(self) -> Item:
        return self._report("report", self._next_report())

    def _late_report(self) -> Item:
        """Hold one back for later, and send the one after it now."""
        due = self._number + self._rng.randint(20, 600)
        heapq.heappush(self._held, (due, self._number, self._next_report()))
        return self._regular_report()

    def _earlier_report(self) -> MeasurementReport | None:
        """One of which nothing was said within a batch: two values of one time of recording have no order."""
        for _ in range(TRIES):
            each = self._rng.choice(self._reports)[1] if self._reports else None
            if each is not None and self._last_said[_point_of(each)] <= self._number - APART:
                return each
        return None

    def _resent_report(self) -> Item:
        earlier = self._earlier_report()
        return self._report("resent report", earlier) if earlier else self._regular_report()

    def _revised_report(self) -> Item:
        earlier = self._earlier_report()
        if earlier is None:
            return self._regular_report()
        revision = earlier.revision + self._rng.randint(1, 3)
        return self._report(
            "revised report", msgspec.structs.replace(earlier, revision=revision, values=self._values())
        )

    def _corrected_report(self) -> Item:
        """Other values under the same revision: the latest recorded wins."""
        earlier = self._earlier_report()
        if earlier is None:
            return self._regular_report()
        return self._report("corrected report", msgspec.structs.replace(earlier, values=self._values()))

    def _other_report(self) -> Item:
        """A heartbeat, which has no values, or a counter of one of the twin's own runs."""
        report = self._next_report()
        if self._rng.random() < 0.4:
            return self._report("heartbeat", msgspec.structs.replace(report, values={}))
        return self._report("feedback", msgspec.structs.replace(report, origin="run:7"))

    # ------------------------------------------------------------ topology
    def _now_ns(self, back_s: int = 0) -> int:
        """A valid time that no other item has."""
        return T0_NS + (self._number - back_s) * S + self._number % S

    def _change(self, kind: str, change: TopologyChange) -> Item:
        named: TopologyChange = msgspec.structs.replace(change, source=name_of(self._number), network=NETWORK)
        self._changes.append((self._number, named))
        return Item(self._number, kind, named)

    def _network(self) -> Iterator[TopologyChange]:
        """What is there from the beginning."""
        for number in range(SITES):
            yield NodeChange(f"Site={number}", "Site", T0_NS - S, {"number": number})
        for number in range(0, CELLS, 3):
            yield NodeChange(element(number), "ManagedElement", T0_NS - S)
            # One instant for each, so that no two relations of one slot share theirs.
            yield RelationChange("locatedAt", element(number), f"Site={number // 3 % SITES}", T0_NS - S)
        for number in range(CELLS):
            yield NodeChange(
                cell(number), "NRCellDU", T0_NS - S, {"tilt": 4.0, "on": True, "name": f"cell {number}"}
            )
            yield RelationChange("adjacent", cell(number), cell((number + 1) % CELLS), T0_NS - S)
        for number in range(UES):
            yield NodeChange(f"UE={number}", "UE", T0_NS - S)

    def _handover(self, back_s: int = 0, kind: str = "handover") -> Item:
        ue, to = self._rng.randrange(UES), self._rng.randrange(CELLS)
        at_ns = self._now_ns(back_s)
        if back_s == 0:
            self._handovers[ue] = (to, at_ns)
        return self._change(kind, RelationChange("serves", cell(to), f"UE={ue}", at_ns, {"rsrp": -80.5 - to}))

    def _late_handover(self) -> Item:
        return self._handover(self._rng.randint(50, 3000), "late handover")

    def _letting_go(self) -> Item:
        """A cell says that it let a UE go; it may have been handed over meanwhile."""
        if not self._handovers:
            return self._handover()
        ue = self._rng.choice(sorted(self._handovers))
        served_by = self._rng.choice([self._handovers[ue][0], self._rng.randrange(CELLS)])
        return self._change(
            "release", RelationChange("serves", cell(served_by), f"UE={ue}", self._now_ns(), op="remove")
        )

    def _node_change(self) -> Item:
        late_s = self._rng.choice([0, 0, 0, self._rng.randint(10, 2000)])
        properties = {
            "tilt": float(self._rng.randrange(12)),
            "on": self._rng.random() < 0.9,
            "name": "zell · 細胞",
        }
        change = NodeChange(cell(self._rng.randrange(CELLS)), "NRCellDU", self._now_ns(late_s), properties)
        return self._change("node change", change)

    def _corrected_node(self) -> Item:
        """Other properties from the same instant on: the latest in the log stands."""
        known = [
            each for number, each in self._changes
            if isinstance(each, NodeChange) and each.op == "upsert" and number <= self._number - APART
        ]  # fmt: skip
        if not known:
            return self._node_change()
        earlier = self._rng.choice(known)
        return self._change("correction", msgspec.structs.replace(earlier, properties={"by": self._number}))

    def _removal(self) -> Item:
        """A UE goes, or comes back; or a cell goes for good measure and is there again with its next change."""
        ue = f"UE={self._rng.randrange(UES)}"
        if self._rng.random() < 0.5:
            return self._change("node change", NodeChange(ue, "UE", self._now_ns()))
        if self._rng.random() < 0.2:
            gone = cell(self._rng.randrange(CELLS))
            return self._change("removal", NodeChange(gone, "NRCellDU", self._now_ns(), op="remove"))
        return self._change("removal", NodeChange(ue, "UE", self._now_ns(), op="remove"))

    def _neighbour(self) -> Item:
        ends = self._rng.sample(range(CELLS), 2)
        op = self._rng.choice(["upsert", "upsert", "remove"])
        change = RelationChange("adjacent", cell(ends[0]), cell(ends[1]), self._now_ns(), op=op)
        return self._change("neighbour", change)

    def _move(self) -> Item:
        """Functional at its source: the element stands at one site at a time."""
        number = self._rng.randrange(0, CELLS, 3)
        site = f"Site={self._rng.randrange(SITES)}"
        back_s = self._rng.choice([0, 0, self._rng.randint(10, 1000)])
        return self._change("move", RelationChange("locatedAt", element(number), site, self._now_ns(back_s)))

    def _resent_change(self) -> Item:
        return self._change("resent change", self._rng.choice(self._changes)[1])

    # ------------------------------------------------------------ bad ones
    def _bad_item(self) -> Item:
        """The kinds of bad records in turn."""
        self._bad += 1
        rarely, round_ = self._bad % RARELY == 0, self._bad // RARELY
        kind, make = self._large[round_ % len(self._large)] if rarely else BAD[self._bad % len(BAD)]
        made = make(self._number, self._next_report())
        return replace(made, number=self._number, kind=kind)


def _point_of(report: MeasurementReport) -> tuple[str, str, int]:
    return report.origin, report.object_id, report.start_ns


def _raw(number: int, topic: str, raw: bytes, bad: str) -> Item:
    return Item(number, "", None, raw, topic, bad)


def _event(number: int, kind: str, data: str, *, topic: str, bad: str) -> Item:
    """A CloudEvent written by hand, as another program would."""
    text = f'{{"specversion":"1.0","id":"x","type":"{kind}","source":"{name_of(number)}","data":{data}}}'
    return _raw(number, topic, text.encode(), bad)


def _with(bad: str, **given: Any) -> Callable[[int, MeasurementReport], Item]:
    def make(number: int, report: MeasurementReport) -> Item:
        changed = {name: value(report) if callable(value) else value for name, value in given.items()}
        return Item(number, "", msgspec.structs.replace(report, source=name_of(number), **changed), bad=bad)

    return make


def _change_with(bad: str, make: Callable[[int], TopologyChange]) -> Callable[[int, MeasurementReport], Item]:
    def made(number: int, _: MeasurementReport) -> Item:
        at_ns = T0_NS + number * S
        change: TopologyChange = msgspec.structs.replace(make(at_ns), source=name_of(number), network=NETWORK)
        return Item(number, "", change, bad=bad)

    return made


def _report_json(number: int, value: str) -> str:
    return (
        f'{{"object_id":"{cell(1)}","object_class":"NRCellDU","start_ns":1,"end_ns":2,'
        f'"values":{{"RRU.PrbTotDl":{value}}},"source":"{name_of(number)}","network":"{NETWORK}"}}'
    )


REPORT = "ranvier.measurement-report.v1"
M, T = event.MEASUREMENTS, event.TOPOLOGY
MakeBad = Callable[[int, MeasurementReport], Item]


def _signed(number: int, report: MeasurementReport) -> bytes:
    return event.encode(msgspec.structs.replace(report, source=name_of(number)), "x")


def _hugs(at_ns: int) -> TopologyChange:
    return RelationChange("hugs", cell(1), "UE=1", at_ns)


def _unspeakable(number: int, report: MeasurementReport) -> Item:
    """What JSON cannot carry goes to the dead letters without ever being in a topic of telemetry."""
    named = msgspec.structs.replace(report, object_id="NRCellDU=\ud800", source=name_of(number))
    return Item(number, "", named, topic=event.DEAD_LETTERS, bad="that JSON can carry")


def _huge(number: int, report: MeasurementReport) -> Item:
    """Larger than an event may be: `publish` makes a dead letter of it, with as much as there is room for."""
    named = msgspec.structs.replace(report, source=name_of(number) + "/" + "x" * HUGE_BYTES)
    return Item(number, "", named, topic=event.DEAD_LETTERS, bad="bytes at most")


BAD: tuple[tuple[str, MakeBad], ...] = (
    ("undecodable", lambda n, _: _raw(n, M, b"\xff\x00 " + name_of(n).encode(), "CloudEvent")),
    ("cut off", lambda n, r: _raw(n, M, _signed(n, r)[:-10], "CloudEvent")),
    ("unknown quantity", _with("name of a quantity", values={"RRU.PrbTotDl": 1.0, "No.Such": 1.0})),
    ("out of bounds", _with("RRU.PrbTotDl in [0", values={"RRU.PrbTotDl": 101.0})),
    ("not a number", lambda n, _: _event(n, REPORT, _report_json(n, "NaN"), topic=M, bad="CloudEvent")),
    ("not finite", lambda n, _: _event(n, REPORT, _report_json(n, "1e999"), topic=M, bad="expected")),
    ("unknown class", _with("class of the ontology", object_class="NRCellXX")),
    ("period turned round", _with("a period", end_ns=lambda r: r.start_ns - 1)),
    ("revision too high", _with("revision", revision=2**40)),
    ("unknown type", lambda n, _: _event(n, "ranvier.none.v9", "{}", topic=T, bad="a type among")),
    ("wrong topic", lambda n, r: _raw(n, T, _signed(n, r), "topology change")),
    ("unknown relation", _change_with("relation of the ontology", _hugs)),
    ("wrong ends", _change_with("serves from", lambda at: RelationChange("serves", "UE=1", cell(1), at))),
    ("empty id", _change_with("ids that are not empty", lambda at: RelationChange("adjacent", cell(2), "", at))),
    ("property of no type", _change_with(
        "CloudEvent", lambda at: NodeChange(cell(2), "NRCellDU", at, {"tilt": [1]}))),  # type: ignore[dict-item]
    ("property too large", _change_with(
        "properties", lambda at: NodeChange(cell(2), "NRCellDU", at, {"tilt": 2**63}))),
    ("not text", _unspeakable),
)  # fmt: skip
RARELY = 100
LARGE: tuple[tuple[str, MakeBad], ...] = (
    ("big", lambda n, _: _raw(n, M, name_of(n).encode() + b"/" + b"x" * BIG_BYTES, "CloudEvent")),
    ("large", lambda n, _: _raw(n, M, name_of(n).encode() + b"/" + b"x" * LARGE_BYTES, "CloudEvent")),
    ("huge", _huge),
    (
        "foreign and huge",
        lambda n, _: _raw(n, M, name_of(n).encode() + b"/" + b"x" * HUGE_BYTES, "bytes are here"),
    ),
)
"""One bad item in `RARELY`, so that the log stays small."""
