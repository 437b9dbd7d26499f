"""Control's decisions as changes of the graph, its tallies, and what its settings refuse."""

from dataclasses import fields, replace

import pytest
import torch

from ranvier.dtops.simulator.control.graph_changes import RunOrigin, changes
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import A3, A5, ControlSettings, RadioLink, Sessions
from ranvier.dtops.simulator.control.state import NOWHERE, ControlEvents
from ranvier.dtops.simulator.control.tally import ControlTally
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import InputError

CELLS = ("SubNetwork=a,NRCellDU=1", "SubNetwork=a,NRCellDU=2")
INTEGERS = ("before", "serving", "source", "target", "blamed")


def quiet(users: int) -> ControlEvents:
    """Nothing happens to users without a cell."""
    made = {
        each.name: torch.full((1, users), NOWHERE)
        if each.name in INTEGERS
        else torch.zeros(1, users, dtype=torch.bool)
        for each in fields(ControlEvents)
    }
    return ControlEvents(**made)


def told(events: ControlEvents) -> list[tuple[str, ...]]:
    users = events.before.shape[1]
    origin = RunOrigin("demo", CELLS, 10**18, 500_000)
    made = changes(events, 80, torch.arange(users) + 40, torch.full((1, users), 3), origin)
    assert all(each.valid_from_ns == 10**18 + 40_000_000 for each in made)
    assert all(each.source == "simulator:demo:0" for each in made)
    return [
        (each.node_class, each.op, each.node_id)
        if isinstance(each, NodeChange)
        else (each.relation, each.op, each.source_id, each.target_id)
        for each in made
        if isinstance(each, NodeChange | RelationChange)
    ]


def test_an_arrival_is_a_node_and_the_cell_that_serves_it() -> None:
    events = replace(quiet(1), arrived=torch.tensor([[True]]), serving=torch.tensor([[1]]))
    assert told(events) == [
        ("UE", "upsert", "UE=demo.0.40.3"),
        ("serves", "upsert", CELLS[1], "UE=demo.0.40.3"),
    ]


def test_a_handover_is_one_relation_that_ends_the_one_before() -> None:
    events = replace(quiet(2), before=torch.tensor([[0, 0]]), serving=torch.tensor([[0, 1]]))
    assert told(events) == [("serves", "upsert", CELLS[1], "UE=demo.0.41.3")]


def test_who_loses_coverage_is_served_no_more_but_stays_and_who_leaves_goes() -> None:
    events = replace(quiet(2), before=torch.tensor([[0, 1]]), left=torch.tensor([[False, True]]))
    assert told(events) == [
        ("serves", "remove", CELLS[0], "UE=demo.0.40.3"),
        ("serves", "remove", CELLS[1], "UE=demo.0.41.3"),
        ("UE", "remove", "UE=demo.0.41.3"),
    ]


def test_nothing_is_told_of_users_to_whom_nothing_happens() -> None:
    assert told(quiet(3)) == []


def test_tallies_of_steps_add_up_by_pair_and_by_cell() -> None:
    yes = torch.tensor([[True, True]])
    events = replace(
        quiet(2), before=torch.tensor([[0, 1]]), serving=torch.tensor([[1, 0]]), source=torch.tensor([[0, 1]]),
        target=torch.tensor([[1, 0]]), executing=yes, reestablishing=yes,
    )  # fmt: skip
    tally = ControlTally.zeros(1, 2)
    for _ in range(3):
        tally.add(events)
    assert tally.executions[0].tolist() == [[0, 3], [3, 0]]
    assert tally.reestablishments[0].tolist() == [3, 3]
    assert tally.successes.sum() == 0
    within, between = tally.split(tally.executions, torch.tensor([5, 5]))
    assert within.tolist() == [[3, 3]]
    assert between.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: A3(offset_db=16), "offset_db"),
        (lambda: A3(hysteresis_db=-1), "hysteresis_db"),
        (lambda: A5(serving_below_dbm=-160), "serving_below_dbm"),
        (lambda: RadioLink(in_db=-9), "in_db"),
        (lambda: RadioLink(t301_ms=50), "t301_ms"),
        (lambda: RadioLink(n310=0), "n310"),
        (lambda: ControlSettings(filter_k=20), "filter_k"),
        (lambda: ControlSettings(t304_ms=10), "t304_ms"),
        (lambda: Sessions(1.0, 0.0), "holding_s"),
        (lambda: Sessions(1.0, 1.0, (1.0,) * 23), "hourly"),
        (lambda: Sessions(1.0, 1.0, (-1.0,) * 24), "hourly"),
        (lambda: Moment(41, 40, 1e-3), "slot"),
    ],
)
def test_settings_out_of_range_are_refused_with_the_field_named(make: object, field: str) -> None:
    with pytest.raises(InputError, match=field):
        make()  # type: ignore[operator]


def test_times_are_rounded_up_to_slots_and_periods() -> None:
    moment = Moment(0, 80, 0.5e-3)
    assert [moment.slots_of(ms) for ms in (0, 0.1, 0.5, 40)] == [0, 1, 1, 80]
    assert [moment.periods_of(ms) for ms in (0, 1, 40, 41, 160)] == [0, 1, 1, 2, 4]
