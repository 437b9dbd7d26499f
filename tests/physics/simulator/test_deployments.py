"""Deployments, drops and motion: geometry, uniformity, and where users may be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ranvier.dtops.simulator import motion
from ranvier.dtops.simulator.deployment.from_snapshot import frequency_hz, from_snapshot
from ranvier.dtops.simulator.deployment.hexagonal_grid import SITES_OF_RINGS, HexagonalGrid
from ranvier.dtops.simulator.drop import Drop, population
from ranvier.dtops.simulator.scenario_file import load_scenario, scenario_names
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.fabric.snapshot import Node, Relation, Snapshot
from ranvier.ontology.errors import InputError

MOVING = ("quick", "rma-21", "manhattan", "railway", "port-yard", "indoor-hotspot")


# ---------------------------------------------------------------- grids
@pytest.mark.parametrize("sites", list(SITES_OF_RINGS)[:6])
def test_neighbouring_sites_are_the_inter_site_distance_apart(sites: int) -> None:
    plan = HexagonalGrid(sites=sites).plan()
    assert len(plan.site_ids) == sites
    apart = np.linalg.norm(plan.position_m[:, None] - plan.position_m, axis=2)
    np.fill_diagonal(apart, np.inf)
    if sites > 1:
        assert np.allclose(apart.min(axis=1), 500.0)


@pytest.mark.parametrize("sites", [7, 19, 37])
def test_on_a_plane_that_repeats_every_site_has_six_neighbours(sites: int) -> None:
    plan = HexagonalGrid(sites=sites).plan()
    apart = plan.position_m[:, None, None] - (plan.position_m[None, :, None] + plan.wraparound)
    least = np.linalg.norm(apart, axis=-1).min(axis=2)
    np.fill_diagonal(least, np.inf)
    assert (np.isclose(least, 500.0).sum(axis=1) == 6).all()


def test_translations_are_of_equal_length_sixty_degrees_apart() -> None:
    images = HexagonalGrid(sites=19).plan().wraparound[1:]
    lengths = np.linalg.norm(images, axis=1)
    # A hexagon of n rings tiles the plane at √(3n² + 3n + 1) inter-site distances: √19 for two rings.
    assert np.allclose(lengths, 500.0 * math.sqrt(19))
    assert np.allclose(np.diff(np.unwrap(np.arctan2(images[:, 1], images[:, 0]))), math.pi / 3)


# ---------------------------------------------------------------- drops
def test_users_are_uniform_over_the_hexagon_of_their_site() -> None:
    """Each of six triangles holds a sixth of 12,000 users, and r² is uniform within the inner circle: 4 σ."""
    grid = HexagonalGrid(sites=1, bearings_deg=(0.0,), wraparound=False)
    drop = Drop(total=12_000, minimum_distance_m=0.0)
    place = population(drop, grid, 1, (), Seeds.of([3])).position_m[0, :, :2].numpy()
    corner = 500.0 / math.sqrt(3)
    angle = np.mod(np.arctan2(place[:, 1], place[:, 0]), 2 * np.pi)
    counts = np.bincount((angle // (np.pi / 3)).astype(int), minlength=6)
    assert np.abs(counts - 2000).max() < 4 * math.sqrt(12_000 / 6 * 5 / 6)
    radius = np.hypot(*place.T)
    assert radius.max() <= corner + 1e-6
    inner = (radius < 125.0).mean()
    expected = math.pi * 125**2 / (1.5 * math.sqrt(3) * corner**2)
    assert inner == pytest.approx(expected, abs=4 * math.sqrt(expected / 12_000))


def test_shares_are_those_asked_for_and_distances_are_kept() -> None:
    scenario = load_scenario("uma-57").changed(users={"per_cell": 40, "indoor_share": 0.8, "car_share": 0.5})
    people = scenario.population(Seeds.of([1]))
    n = len(people)
    assert float(people.indoor.float().mean()) == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / n))
    assert not bool((people.in_car & people.indoor).any())
    masts = torch.as_tensor(scenario.layout().sites.position_m)
    away = ((people.position_m[0, :, None, :2] - masts) ** 2).sum(-1).amin(-1).sqrt()
    assert float(away.min()) >= 35.0
    heights = set(people.position_m[0, :, 2][people.indoor[0]].tolist())
    assert heights <= {1.5 + 3 * floor for floor in range(8)}
    assert set(people.position_m[0, :, 2][~people.indoor[0]].tolist()) == {1.5}


def test_a_user_is_the_same_whatever_else_is_in_the_population() -> None:
    few, many = (
        load_scenario("uma-57").changed(users={"total": n}).population(Seeds.of([4, 5])) for n in (50, 400)
    )
    assert torch.equal(few.position_m, many.position_m[:, :50])
    assert torch.equal(few.indoor, many.indoor[:, :50])
    assert torch.equal(few.service, many.service[:50])


@pytest.mark.parametrize("name", scenario_names())
def test_users_begin_within_the_bounds(name: str) -> None:
    if name == "large-1000":
        pytest.skip("the same grid as uma-57, larger")
    scenario = load_scenario(name)
    place, (x0, y0, x1, y1) = scenario.population(Seeds.of([1])).position_m[0], scenario.layout().bounds_m
    assert bool(((place[:, 0] >= x0 - 1) & (place[:, 0] <= x1 + 1)).all())
    assert bool(((place[:, 1] >= y0 - 1) & (place[:, 1] <= y1 + 1)).all())


# ---------------------------------------------------------------- motion
@pytest.mark.parametrize("name", MOVING)
def test_where_users_are_does_not_depend_on_when_it_was_asked(name: str) -> None:
    scenario, seeds = load_scenario(name), Seeds.of([1, 2])
    people, ground = scenario.population(seeds), scenario.ground()
    steps = motion.begun(people, ground, seeds)
    for k in range(1, 126):
        steps = motion.advanced(steps, people, ground, seeds, k * 0.16)
    once = motion.advanced(motion.begun(people, ground, seeds), people, ground, seeds, 20.0)
    assert torch.equal(once.position_m, steps.position_m)


@pytest.mark.parametrize("name", MOVING)
def test_users_stay_where_they_may_go(name: str) -> None:
    scenario, seeds = load_scenario(name), Seeds.of([1])
    people, ground = scenario.population(seeds), scenario.ground()
    state, (x0, y0, x1, y1) = motion.begun(people, ground, seeds), ground.bounds_m
    for k in range(1, 60):
        state = motion.advanced(state, people, ground, seeds, k * 5.0)
        x, y = state.position_m[..., 0], state.position_m[..., 1]
        assert bool(((x >= x0 - 1) & (x <= x1 + 1) & (y >= y0 - 1) & (y <= y1 + 1)).all())
        if ground.street_m > 0:
            off = [((each - low) / ground.street_m - torch.round((each - low) / ground.street_m)).abs()
                   for each, low in ((x, x0), (y, y0))]  # fmt: skip
            assert float(torch.minimum(*off).max()) < 1e-6


def test_users_go_at_their_speed() -> None:
    scenario, seeds = load_scenario("railway"), Seeds.of([1])
    people, ground = scenario.population(seeds), scenario.ground()
    state = motion.begun(people, ground, seeds)
    later = motion.advanced(state, people, ground, seeds, 4.0)
    way = (later.position_m - state.position_m)[..., 0]
    assert torch.allclose(way[way > 0], torch.tensor(350 / 3.6 * 4.0, dtype=way.dtype))


def test_a_step_on_streets_turns_at_crossings_with_the_stated_odds() -> None:
    """Straight on with ½: of those who turn within the area, who goes on as before; 4 σ."""
    scenario, seeds = load_scenario("manhattan").changed(users={"total": 400}), Seeds.of([1, 2])
    people, ground = scenario.population(seeds), scenario.ground()
    state = motion.begun(people, ground, seeds)
    state = motion.advanced(state, people, ground, seeds, 200.0)
    before, end = state.heading, state.end_m
    inner = ((end > 1) & (end < 4 * 130 - 1)).all(dim=-1)
    after = motion.advanced(state, people, ground, seeds, 200.0 + 130 / (5 / 3.6))
    once = inner & (after.leg == state.leg + 1)
    straight = (after.heading == before)[once].float()
    assert float(straight.mean()) == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / len(straight)))


# ---------------------------------------------------------------- the live graph
def node(name: str, **properties: object) -> Node:
    return Node(name, "NRCellDU", properties, 0, None, 0)


def live(*nodes: Node, relations: tuple[Relation, ...] = ()) -> Snapshot:
    return Snapshot(0, 0, nodes, relations)


FULL = {
    "latitude": 31.0, "longitude": -41.0, "bearing": 30.0, "tilt_deg": 5.0, "height_m": 30.0,
    "tx_power_dbm": 43.0, "arfcnDL": 632_628, "bSChannelBwDL": 40,
}  # fmt: skip
CELL = "SubNetwork=x,ManagedElement=gNB-{},GNBDUFunction=1,NRCellDU={}"


def test_a_live_cell_stands_as_the_graph_says() -> None:
    same = Relation("sameCell", CELL.format(1, 1), "CU-1", {}, 0, None, 0)
    north = node(CELL.format(2, 1), **{**FULL, "latitude": 31.01})
    found = from_snapshot(live(node(CELL.format(1, 1), **FULL), north, relations=(same,)))
    layout = found.layout
    assert layout.cells.power_dbm.tolist() == [43.0, 43.0]
    assert layout.carriers[0].frequency_hz == pytest.approx(3.48942e9)
    assert layout.carriers[0].prbs == 106
    apart = layout.sites.position_m[1] - layout.sites.position_m[0]
    assert apart == pytest.approx([0.0, math.radians(0.01) * 6_371_000], abs=1e-6)
    assert found.names.cu == ("CU-1", CELL.format(2, 1))
    assert found.assumed == {"subcarrier_spacing_khz": 2}


def test_sectors_of_one_mast_are_co_sited() -> None:
    cells = [node(CELL.format(1, i), **{**FULL, "bearing": 120.0 * i}) for i in range(3)]
    layout = from_snapshot(live(*cells)).layout
    assert len(layout.sites) == 1
    assert layout.cells.gnb.tolist() == [0, 0, 0]


def test_what_a_cell_lacks_is_assumed_and_told_and_one_without_a_place_is_named() -> None:
    bare = node(CELL.format(1, 1), latitude=1.0, longitude=1.0)
    found = from_snapshot(live(bare, node(CELL.format(1, 2), bearing=3.0)))
    assert found.left_out == (CELL.format(1, 2),)
    assert found.assumed["tx_power_dbm"] == 1
    assert found.layout.cells.power_dbm.tolist() == [46.0]


def test_a_graph_without_places_is_refused() -> None:
    with pytest.raises(InputError, match="latitude and longitude"):
        from_snapshot(live(node("a", bearing=1.0)))


def test_locked_cells_are_off() -> None:
    found = from_snapshot(live(node(CELL.format(1, 1), **FULL, administrativeState="LOCKED")))
    assert not found.layout.cells.on[0]


@pytest.mark.parametrize(("arfcn", "hz"), [(151_600, 758e6), (632_628, 3489.42e6), (2_054_167, 26_500.08e6)])
def test_channel_numbers_are_frequencies(arfcn: int, hz: float) -> None:
    """Values of the raster of TS 38.104 5.4.2.1: 5, 15 and 60 kHz."""
    assert frequency_hz(arfcn) == pytest.approx(hz)


def test_turning_a_grid_turns_its_users_with_it() -> None:
    grid = HexagonalGrid(sites=7)
    turned = replace(grid, turn_deg=90.0)
    drop = Drop(total=50)
    a, b = (population(drop, each, 21, (), Seeds.of([1])).position_m[0, :, :2] for each in (grid, turned))
    # Bearings grow clockwise: a quarter turn takes north to east.
    assert torch.allclose(b, torch.stack([a[:, 1], -a[:, 0]], dim=1), atol=1e-6)
