"""Accounts for every record: what the stores and the dead letters hold, against what the log implies.

Nothing here uses the code under test to judge it, with one exception that is said where it stands: the
graph's timelines are those of an embedded graph store filled from the log alone, in order, in one go.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ranvier.fabric import event
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ports import FOREVER_NS, EventLog, GraphStore, Offsets, SeriesQuery, SeriesStore
from ranvier.fabric.refusals import HEADER
from ranvier.fabric.snapshot import Node, Relation, Snapshot
from tests.faults import log_model
from tests.faults.account import Account
from tests.faults.log_model import LogContent
from tests.faults.profiles import ontology
from tests.faults.stream import CELLS, NETWORK, SITES, T0_NS, UES, Item, S, cell, element

TENANT = "default"
ORIGINS = ("observed", "run:7")
KNOWN_AT_READS = 6
VERSION_READS = 60
AS_OF_READS = 5
COPIES = "copies of dead letters under the same id"


@dataclass(frozen=True, slots=True)
class Era:
    """A stretch of the run that ended with everything drained: what was known then must stay what was known.

    known_at_ns  later than everything recorded in the era, earlier than everything after it
    ends         of the topology topic, when the era ended
    """

    known_at_ns: int
    ends: Offsets


@dataclass(frozen=True, slots=True)
class Rows:
    """How many values a series store holds, all versions counted; `distinct` where equal ones are one."""

    count: int
    distinct: bool


@dataclass(frozen=True, slots=True)
class Stores:
    """What is verified."""

    log: EventLog
    graph: GraphStore
    series: SeriesStore


def verify(
    stores: Stores,
    items: list[Item],
    eras: Sequence[Era],
    rows: Rows | None = None,
    letters_once: bool = True,
) -> Account:
    """The account of a run that has drained, of which these items were acknowledged to the producer.

    rows  how many values the series store holds in all, where its adapter can tell
    letters_once  whether a copy of a dead letter, under the same id, is a difference; see `check_letters`
    """
    account = Account()
    content = log_model.look(stores.log, items, account)
    check_series(stores.series, content, account)
    check_rows(content, rows, account)
    check_graph(stores.graph, content, eras, account)
    check_letters(content, account)
    if letters_once:
        account.same(COPIES, 0, account.counts[COPIES])
    for group in ("series", "graph"):
        behind = {place: lag for place, lag in stores.log.lag(group).items() if lag}
        account.same(f"consumer lag of group {group}", {}, behind)
    account.count("differences", account.differences.total())
    return account


# ---------------------------------------------------------------- series
Key = tuple[str, str, int, int]
Version = tuple[int, int, float, bool]
"""Revision, time of recording, value, suspect: versions compare as the store must rank them."""


def versions_of(content: LogContent, origin: str) -> dict[Key, list[Version]]:
    """All versions of each point of one origin, in the log's order."""
    found: dict[Key, list[Version]] = defaultdict(list)
    for record, report in content.reports:
        if report.origin == origin:
            for quantity, value in report.values.items():
                key = (report.object_id, quantity, report.start_ns, report.end_ns)
                found[key].append((report.revision, record.recorded_at_ns, value, report.suspect))
    return found


def known(versions: dict[Key, list[Version]], known_at_ns: int, after_ns: int = -1) -> dict[Key, Version]:
    """What a read must give: the highest revision, then the latest recorded, of what was recorded by then."""
    found = {}
    for key, several in versions.items():
        then = [each for each in several if each[1] <= known_at_ns]
        if then and (best := max(then, key=lambda each: each[:2]))[1] > after_ns:
            found[key] = best
    return found


def check_series(series: SeriesStore, content: LogContent, account: Account) -> None:
    """Reads at several times of knowledge, single versions, the list of series, and the offsets."""
    rng = random.Random(len(content.items))
    pairs: set[tuple[str, str]] = set()
    points = 0
    for origin in ORIGINS:
        versions = versions_of(content, origin)
        pairs |= {key[:2] for key in versions}
        recorded = sorted({version[1] for several in versions.values() for version in several})
        points += len(versions)
        sample = rng.sample(recorded, min(KNOWN_AT_READS, len(recorded)))
        for known_at_ns in (FOREVER_NS, *sample):
            query = SeriesQuery(TENANT, NETWORK, origin=origin, known_at_ns=known_at_ns)
            _compare(
                f"series known at {known_at_ns}", known(versions, known_at_ns), read(series, query), account
            )
        _check_versions(series, versions, origin, rng, account)
    _compare_sets("series listed", pairs, _listed(series), account)
    _check_offsets("series", series.offsets(), content, (event.MEASUREMENTS, event.FEEDBACK), account)
    account.count("points implied by the log", points)
    account.count("versions of points implied by the log", len(distinct_versions(content)))
    found = (len(series.read(SeriesQuery(TENANT, NETWORK, origin=each))) for each in ORIGINS)
    account.count("points found as known at the end", sum(found))


def distinct_versions(content: LogContent) -> set[tuple[Any, ...]]:
    """The versions that differ in anything."""
    return {
        (origin, key, version)
        for origin in ORIGINS
        for key, several in versions_of(content, origin).items()
        for version in several
    }


def check_rows(content: LogContent, rows: Rows | None, account: Account) -> None:
    """How many values the store holds in all versions, counted by the store itself.

    A store of rows has each record's values once: what was redelivered added none. A store of natural keys
    has each version once, so that records which say the very same at the very same time are one.
    """
    if rows is None:
        account.count("NOT CHECKED: values in the series store, all versions", 1)
    else:
        said = [
            (
                record.recorded_at_ns,
                msgspec.json.encode(msgspec.structs.replace(report, source="")),
                len(report.values),
            )
            for record, report in content.reports
        ]
        implied = sum(each[2] for each in (set(said) if rows.distinct else said))
        account.count("values in the series store, all versions", rows.count)
        account.same("values in the series store, all versions", implied, rows.count)


def read(series: SeriesStore, query: SeriesQuery) -> dict[Key, Version]:
    """A frame as versions, their revision left out (-1): the port does not give it."""
    frame = series.read(query)
    columns = (
        frame.object_ids.tolist(), frame.quantities.tolist(), frame.start_ns.tolist(), frame.end_ns.tolist(),
        frame.recorded_at_ns.tolist(), frame.values.tolist(), frame.suspect.tolist(),
    )  # fmt: skip
    found = {}
    for object_id, quantity, start, end, recorded, value, suspect in zip(*columns, strict=True):
        found[object_id, quantity, start, end] = (-1, recorded, value, suspect)
    if len(found) != len(frame):
        raise AssertionError(f"a frame gave {len(frame) - len(found)} natural keys more than once: {query}")
    return found


def _compare(kind: str, expected: dict[Key, Version], found: dict[Key, Version], account: Account) -> None:
    for key in expected.keys() - found.keys():
        account.differ(f"point missing ({kind})", f"{key} = {expected[key]}")
    for key in found.keys() - expected.keys():
        account.differ(f"point that nobody sent ({kind})", f"{key} = {found[key]}")
    for key in expected.keys() & found.keys():
        if expected[key][1:] != found[key][1:]:
            account.differ(
                f"point with another value ({kind})", f"{key}: {expected[key]}, found {found[key]}"
            )


def _check_versions(
    series: SeriesStore, versions: dict[Key, list[Version]], origin: str, rng: random.Random, account: Account
) -> None:
    """Single versions, by what was recorded at one instant of one object: those that later ones overruled too."""
    several = [(key, version) for key, many in versions.items() for version in many if len(many) > 1]
    by_object: dict[str, dict[Key, list[Version]]] = defaultdict(dict)
    for key, many in versions.items():
        by_object[key[0]][key] = many
    for key, version in rng.sample(several, min(VERSION_READS, len(several))):
        at_ns = version[1]
        query = SeriesQuery(
            TENANT, NETWORK, (key[0],), from_ns=key[3] - 1, to_ns=key[3], known_at_ns=at_ns,
            recorded_after_ns=at_ns - 1, origin=origin,
        )  # fmt: skip
        ending = {k: v for k, v in by_object[key[0]].items() if k[3] == key[3]}
        _compare("a single version", known(ending, at_ns, at_ns - 1), read(series, query), account)
    account.count(f"single versions looked at ({origin})", min(VERSION_READS, len(several)))


def _listed(series: SeriesStore) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    cursor = None
    while True:
        page, cursor = series.series(TENANT, NETWORK, cursor, 1000)
        found |= set(page)
        if cursor is None:
            return found


def _compare_sets(kind: str, expected: set[Any], found: set[Any], account: Account) -> None:
    for each in expected - found:
        account.differ(f"{kind}: missing", repr(each))
    for each in found - expected:
        account.differ(f"{kind}: that nobody sent", repr(each))


def _check_offsets(
    sink: str, stored: Offsets, content: LogContent, topics: Iterable[str], account: Account
) -> None:
    for place, end in content.ends.items():
        if place[0] in topics and stored.get(place, 0) != end:
            account.differ(
                f"offsets of the {sink} store",
                f"{place}: the log ends at {end}, it is at {stored.get(place)}",
            )


# ---------------------------------------------------------------- graph
def entities() -> list[str]:
    """All that the stream ever names."""
    return [
        *(cell(number) for number in range(CELLS)), *(element(number) for number in range(0, CELLS, 3)),
        *(f"Site={number}" for number in range(SITES)), *(f"UE={number}" for number in range(UES)),
    ]  # fmt: skip


def fact(each: Node | Relation) -> tuple[Any, ...]:
    """What is claimed of the world, without when the store came to know it."""
    properties = tuple(sorted(each.properties.items()))
    if isinstance(each, Node):
        return "node", each.node_class, each.node_id, "", properties, each.valid_from_ns, each.valid_to_ns
    return (
        "relation", each.relation, each.source_id, each.target_id, properties, each.valid_from_ns,
        each.valid_to_ns,
    )  # fmt: skip


def check_graph(graph: GraphStore, content: LogContent, eras: Sequence[Era], account: Account) -> None:
    """The whole history of every entity, and snapshots, against a graph filled from the log alone.

    That graph is the embedded adapter, whose timelines are a pure function of what was said and in which
    order: it is fed each partition in order, without faults, era by era.
    """
    with tempfile.TemporaryDirectory(prefix="ranvier-replay-", dir=_memory()) as folder:
        replay = SqliteGraph(Path(folder) / "graph.db", ontology())
        instants = _replay(replay, content, eras)
        for number, (era_ns, replayed_ns) in enumerate(instants):
            kind = f"history known at the end of era {number + 1} of {len(instants)}"
            _compare_histories(kind, (replay, replayed_ns), (graph, era_ns), account)
        last_ns = max((c.valid_from_ns for many in content.changes.values() for _, c in many), default=T0_NS)
        for step in range(AS_OF_READS):
            as_of_ns = T0_NS + (last_ns + S - T0_NS) * (step + 1) // AS_OF_READS
            for era_ns, replayed_ns in instants[-2:]:
                expected = _shape(replay.snapshot(TENANT, NETWORK, as_of_ns, replayed_ns))
                found = _shape(graph.snapshot(TENANT, NETWORK, as_of_ns, era_ns))
                _compare_counts(f"snapshot as of {as_of_ns}", expected, found, account)
        replay.close()
    _check_offsets("graph", graph.offsets(), content, (event.TOPOLOGY,), account)


def _memory() -> str | None:
    """A folder in memory, where there is one: the replay is thrown away."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _replay(replay: SqliteGraph, content: LogContent, eras: Sequence[Era]) -> list[tuple[int, int]]:
    """Feed it; for each era when the platform and when the replay had just come to know it."""
    ends = [*((era.known_at_ns, era.ends) for era in eras), (FOREVER_NS, None)]
    instants = []
    for number, (era_ns, until) in enumerate(ends):
        before = eras[number - 1].ends if number else {}
        for place, several in sorted(content.changes.items()):
            low, high = before.get(place, 0), FOREVER_NS if until is None else until.get(place, 0)
            for record, change in several:
                if low <= record.offset < high:
                    replay.apply([change], 1000 * (number + 1))
        instants.append((era_ns, 1000 * (number + 1)))
    return instants


def _compare_histories(
    kind: str, expected: tuple[GraphStore, int], found: tuple[GraphStore, int], account: Account
) -> None:
    facts = 0
    for entity in entities():
        wanted = Counter(fact(each) for each in expected[0].history(TENANT, NETWORK, entity, expected[1]))
        got = Counter(fact(each) for each in found[0].history(TENANT, NETWORK, entity, found[1]))
        facts += wanted.total()
        _compare_counts(kind, wanted, got, account)
    account.count("facts in the " + kind, facts)


def _shape(snapshot: Snapshot) -> Counter[Any]:
    return Counter(fact(each) for each in (*snapshot.nodes, *snapshot.relations))


def _compare_counts(kind: str, expected: Counter[Any], found: Counter[Any], account: Account) -> None:
    for each, times in (expected - found).items():
        account.differ(f"fact missing ({kind})", f"{each}, {times} times")
    for each, times in (found - expected).items():
        account.differ(f"fact that the log does not imply ({kind})", f"{each}, {times} times")


# ---------------------------------------------------------------- dead letters
def check_letters(content: LogContent, account: Account) -> None:
    """Each bad record has its letter, with its reason and its bytes, and nothing else has one.

    Into a log over a network delivery is at least once: a letter whose acknowledgement was lost, or that a
    process wrote which had lost its partition without knowing, may be there again under the same id. Copies
    are counted. Where neither can happen (the embedded log), `verify` calls them a difference.
    """
    named: dict[str, list[DeadLetter]] = defaultdict(list)
    unnamed: list[DeadLetter] = []
    for record in content.letters:
        letter = event.decode(record.value)
        assert isinstance(letter, DeadLetter), letter
        name = record.headers.get(HEADER)
        if name is None:
            unnamed.append(letter)
        else:
            named[name].append(letter)
    for name in content.bad.keys() - named.keys():
        account.differ("bad record without a dead letter", f"{name}: a {content.bad[name][1].kind}")
    for name in named.keys() - content.bad.keys():
        account.differ("dead letter of a good record", f"{name}: {named[name][0].reason}")
    for name in named.keys() & content.bad.keys():
        _check_letter(name, named[name], content, account)
    _check_unsent(unnamed, content, account)
    account.count("dead letters, each id once", len(named))
    account.count(COPIES, sum(len(many) - 1 for many in named.values()))


def _check_letter(name: str, letters: Sequence[DeadLetter], content: LogContent, account: Account) -> None:
    record, item = content.bad[name]
    for letter in letters:
        if letter.raw != record.value[: event.MAX_BYTES]:
            account.differ("dead letter with other bytes", f"{name}: {letter.raw[:100]!r}")
        if item.bad not in letter.reason:
            account.differ("dead letter with another reason", f"{name}, a {item.kind}: {letter.reason}")


def _check_unsent(letters: Sequence[DeadLetter], content: LogContent, account: Account) -> None:
    """What could not be encoded went to the dead letters at the producer; there is no record to name."""
    items = [item for item in content.items if item.topic == event.DEAD_LETTERS]
    words = {item.bad for item in items}
    found = {
        log_model.number_in(letter.raw) for letter in letters if any(word in letter.reason for word in words)
    }
    _compare_sets("letters of what could not be sent", {item.number for item in items}, found, account)
    account.count("dead letters of what could not be sent as it was", len(found))
