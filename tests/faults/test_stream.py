"""The stream is a pure function of its seed, and names its own items."""

from __future__ import annotations

from collections import Counter

from ranvier.fabric import event
from ranvier.fabric.topology_change import RelationChange
from tests.faults.stream import Item, Stream, number_in

COUNT = 6000


def items(seed: int = 1) -> list[Item]:
    stream = Stream(seed)
    return [stream.next() for _ in range(COUNT)]


def test_one_seed_gives_one_stream_and_another_seed_another() -> None:
    assert items() == items()
    assert items(2) != items()


def test_every_item_in_the_log_names_its_number() -> None:
    for item in items():
        if item.topic != event.DEAD_LETTERS:
            assert (
                number_in(item.raw if item.payload is None else event.encode(item.payload, "x"))
                == item.number
            )


def test_every_kind_comes_and_each_bad_one_says_what_its_reason_holds() -> None:
    kinds = Counter(item.kind for item in items())
    assert {
        "report",
        "resent report",
        "late report",
        "handover",
        "removal",
        "correction",
        "undecodable",
    } <= kinds.keys()
    assert sum(bool(item.bad) for item in items()) > COUNT / 100


def test_no_two_moves_of_one_slot_that_lie_in_different_partitions_share_an_instant() -> None:
    moves = {
        (change.source_id, change.valid_from_ns, change.target_id)
        for item in items()
        if isinstance(change := item.payload, RelationChange) and change.relation == "locatedAt"
    }
    assert len(moves) == len({move[:2] for move in moves})
