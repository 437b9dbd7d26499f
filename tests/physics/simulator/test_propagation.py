"""The large-scale channel of TR 38.901: closed forms, statistics of its fields, co-siting, and purity of place."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.layout import Antenna
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.propagation import penetration
from ranvier.dtops.simulator.propagation.antenna_pattern import beam_azimuths_deg, gain_db
from ranvier.dtops.simulator.propagation.line_of_sight import environment_height, los_probability
from ranvier.dtops.simulator.propagation.measured_gains import MeasuredGains
from ranvier.dtops.simulator.propagation.path_loss import Paths, check_frequency, path_loss_db
from ranvier.dtops.simulator.propagation.radio_map_gains import RadioMapGains
from ranvier.dtops.simulator.propagation.random_field import WAVES, fields, values
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario import Scenario, parse
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.ontology.errors import InputError


def paths(distance: float, height: float = 1.5, site: float = 25.0) -> Paths:
    d = torch.tensor([distance], dtype=torch.float64)
    h, s = torch.full_like(d, height), torch.full_like(d, site)
    return Paths(d, d, torch.sqrt(d * d + (s - h) ** 2), h, s, torch.ones_like(d))


# ---------------------------------------------------------------- closed forms
@pytest.mark.parametrize(
    ("environment", "los", "distance", "site", "expected"),
    [
        # By hand from table 7.4.1-1 at 3.5 GHz, before the breakpoint.
        ("uma", True, 100.0, 25.0, 28.0 + 22 * math.log10(math.hypot(100, 23.5)) + 20 * math.log10(3.5)),
        ("uma", False, 500.0, 25.0, 13.54 + 39.08 * math.log10(math.hypot(500, 23.5)) + 20 * math.log10(3.5)),
        ("umi", True, 50.0, 10.0, 32.4 + 21 * math.log10(math.hypot(50, 8.5)) + 20 * math.log10(3.5)),
        ("umi", False, 200.0, 10.0, 22.4 + 35.3 * math.log10(math.hypot(200, 8.5)) + 21.3 * math.log10(3.5)),
        ("inh-open", True, 20.0, 3.0, 32.4 + 17.3 * math.log10(math.hypot(20, 1.5)) + 20 * math.log10(3.5)),
        (
            "inh-open",
            False,
            40.0,
            3.0,
            17.3 + 38.3 * math.log10(math.hypot(40, 1.5)) + 24.9 * math.log10(3.5),
        ),
    ],
)
def test_path_loss_is_that_of_the_table(
    environment: str, los: bool, distance: float, site: float, expected: float
) -> None:
    found = path_loss_db(environment, 3.5, paths(distance, site=site), torch.tensor([los]))  # type: ignore[arg-type]
    assert float(found) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("environment", ["uma", "umi", "rma"])
def test_path_loss_is_continuous_at_the_breakpoint_and_grows(environment: str) -> None:
    """The two branches meet; for UMa and UMi within the 0.1 dB of the table's own rounding of constants."""
    d = torch.linspace(50, 5000, 20_000, dtype=torch.float64)
    h, s = torch.full_like(d, 1.5), torch.full_like(d, 25.0)
    p = Paths(d, d, torch.sqrt(d * d + 23.5**2), h, s, torch.ones_like(d))
    found = path_loss_db(environment, 3.5, p, torch.ones_like(d, dtype=torch.bool))  # type: ignore[arg-type]
    steps = torch.diff(found)
    assert steps.min() > -1e-9
    assert steps.max() < 0.2


def test_without_line_of_sight_nothing_is_stronger_than_with_it() -> None:
    for environment in ("uma", "umi", "rma", "inh-open", "inh-mixed"):
        for distance in (20.0, 200.0, 2000.0):
            p = paths(distance, site=35.0 if environment == "rma" else 10.0)
            sight, blocked = (
                float(path_loss_db(environment, 2.0, p, torch.tensor([los])))  # type: ignore[arg-type]
                for los in (True, False)
            )
            assert blocked >= sight


def test_line_of_sight_is_sure_nearby_and_rare_far_away() -> None:
    near, far = torch.tensor([10.0], dtype=torch.float64), torch.tensor([2000.0], dtype=torch.float64)
    for environment in ("uma", "umi"):
        height = torch.tensor([1.5], dtype=torch.float64)
        assert float(los_probability(environment, near, height)) == pytest.approx(1.0)  # type: ignore[arg-type]
        assert float(los_probability(environment, far, height)) < 0.02  # type: ignore[arg-type]
    # UMi at 100 m: 18/100 + exp(−100/36) (1 − 18/100).
    hundred = torch.tensor([100.0], dtype=torch.float64)
    assert float(los_probability("umi", hundred, height)) == pytest.approx(0.18 + math.exp(-100 / 36) * 0.82)


def test_the_environment_is_one_metre_high_for_users_on_the_ground() -> None:
    d = torch.full((1000,), 500.0, dtype=torch.float64)
    u = torch.rand(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert (environment_height("uma", d, torch.full_like(d, 1.5), u) == 1).all()
    high = environment_height("uma", d, torch.full_like(d, 22.5), u)
    assert set(high.tolist()) <= {1.0, 12.0, 15.0, 18.0, 21.0}
    assert len(set(high.tolist())) > 1


def test_walls_lose_what_the_table_says() -> None:
    """Low loss at 6 GHz: 5 − 10 lg(0.3 · 10^(−3.2/10) + 0.7 · 10^(−29/10)); high loss: 0.7 coated, 0.3 concrete."""
    low, high = (float(penetration.wall_loss_db(6.0, torch.tensor(flag))) for flag in (True, False))
    assert low == pytest.approx(5 - 10 * math.log10(0.3 * 10**-0.32 + 0.7 * 10**-2.9))
    assert high == pytest.approx(5 - 10 * math.log10(0.7 * 10**-2.48 + 0.3 * 10**-2.9))


@pytest.mark.parametrize(("environment", "hz"), [("rma", 31e9), ("uma", 0.4e9), ("umi", 101e9)])
def test_a_frequency_outside_the_model_is_refused(environment: str, hz: float) -> None:
    with pytest.raises(InputError, match="frequency_hz of"):
        check_frequency(environment, hz)  # type: ignore[arg-type]


# ---------------------------------------------------------------- antennas
def towards(azimuth_deg: float, elevation_deg: float) -> torch.Tensor:
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    return 100 * torch.tensor(
        [math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), math.sin(e)], dtype=torch.float64
    )


def gain(antenna: Antenna, offset: torch.Tensor, azimuth: float = 0.0, tilt: float = 0.0) -> torch.Tensor:
    return gain_db(
        antenna, torch.tensor(azimuth, dtype=torch.float64), torch.tensor(tilt, dtype=torch.float64), offset
    )


def test_the_pattern_peaks_where_the_column_is_steered_at_eight_dbi_and_the_array_s_gain() -> None:
    """Where the element is down by 12 (12/65)² dB."""
    found = float(gain(Antenna(), towards(0.0, -12.0)))
    assert found == pytest.approx(8 + 10 * math.log10(10) - 12 * (12 / 65) ** 2, abs=1e-6)


def test_an_element_is_three_db_down_at_half_its_beamwidth_and_thirty_at_its_back() -> None:
    one = Antenna(rows=1, electrical_tilt_deg=0.0)
    assert float(gain(one, towards(32.5, 0.0))) == pytest.approx(8 - 3)
    assert float(gain(one, towards(180.0, 0.0))) == pytest.approx(8 - 30)


@pytest.mark.parametrize("turn", [17.0, 90.0, 245.0])
def test_turning_antenna_and_user_together_changes_nothing(turn: float) -> None:
    base = gain(Antenna(), towards(20.0, -5.0), 0.0, 4.0)
    assert torch.allclose(gain(Antenna(), towards(20.0 + turn, -5.0), turn, 4.0), base, atol=1e-6)


def test_mechanical_tilt_lowers_the_beam_ahead() -> None:
    plain = Antenna(electrical_tilt_deg=0.0)
    assert float(gain(plain, towards(0.0, -7.0), tilt=7.0)) == pytest.approx(8 + 10, abs=1e-6)


def test_beams_point_where_they_say() -> None:
    panel = Antenna(rows=1, columns=8, beams=4, electrical_tilt_deg=0.0)
    for index, azimuth in enumerate(beam_azimuths_deg(panel)):
        assert int(gain(panel, towards(azimuth, 0.0)).argmax()) == index


def test_an_antenna_all_around_favours_no_bearing() -> None:
    found = [float(gain(Antenna(), towards(a, -12.0), float("nan"))) for a in (0.0, 77.0, 180.0)]
    assert found == pytest.approx([found[0]] * 3)


# ---------------------------------------------------------------- fields
def test_a_field_is_standard_normal_at_a_place() -> None:
    """4,000 fields: KS at 0.1 %. By the central limit the sum of J cosines has a kurtosis of 3 − 1.5/J."""
    field = fields(torch.arange(4000), torch.full((4000,), 50.0))
    found = values(field, torch.full((4000,), 12.0), torch.full((4000,), -7.0)).numpy()
    assert stats.kstest(found, "norm").pvalue > 1e-3
    assert stats.kurtosis(found, fisher=False) == pytest.approx(3 - 1.5 / WAVES, abs=5 * math.sqrt(24 / 4000))


@pytest.mark.parametrize("distance", [5.0, 25.0, 50.0, 150.0])
def test_a_field_s_correlation_falls_exponentially(distance: float) -> None:
    """A correlation from n fields has a standard error of (1 − ρ²)/√n; four of them."""
    n, scale = 20_000, 50.0
    field = fields(torch.arange(n), torch.full((n,), scale))
    here, there = (values(field, torch.full((n,), x), torch.zeros(n)).numpy() for x in (0.0, distance))
    rho = math.exp(-distance / scale)
    assert np.corrcoef(here, there)[0, 1] == pytest.approx(rho, abs=4 * (1 - rho**2) / math.sqrt(n) + 1e-3)


# ---------------------------------------------------------------- gains of a population
SMALL = parse({"deployment": {"kind": "hexagonal_grid", "sites": 7}, "users": {"per_cell": 6}})


def source_of(scenario: Scenario, seeds: Seeds, **how: object) -> tuple[StatisticalGains, torch.Tensor]:
    people = scenario.population(seeds)
    return StatisticalGains(seeds, people, scenario.layout(), **how), people.position_m  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> LinkGains:
    source, place = source_of(SMALL, Seeds.of([1, 2, 3]))
    return source.gains(source.layout, place)


def test_co_sited_sectors_share_their_large_scale_parameters(found: LinkGains) -> None:
    for column in (found.los, found.delay_spread_s, found.k_factor_db):
        by_site = column.reshape(*column.shape[:2], -1, 3)
        assert (by_site == by_site[..., :1]).all()


def test_users_asked_for_alone_get_the_same(found: LinkGains) -> None:
    source, place = source_of(SMALL, Seeds.of([1, 2, 3]))
    which = torch.tensor([[0, 3], [2, 100], [1, 7]])
    some = source.gains(source.layout, place, which)
    for name in LinkGains.__slots__:
        assert torch.equal(getattr(some, name)[0], getattr(found, name)[which[:, 0], which[:, 1]])


def test_a_realisation_has_the_same_gains_alone(found: LinkGains) -> None:
    source, place = source_of(SMALL, Seeds.of([2]))
    assert torch.equal(source.gains(source.layout, place).gain_db[0], found.gain_db[1])


def test_a_place_and_its_images_are_one_place() -> None:
    """For the site of a user's own hexagon, apart from the grid of one metre: at 35 m a metre is 0.6 dB at most."""
    source, place = source_of(SMALL, Seeds.of([1]), line_of_sight=True, shadowing=False)
    smooth = StatisticalGains(
        source.seeds, source.population, replace(source.layout, antennas=(Antenna(isotropic=True),)),
        line_of_sight=True, shadowing=False,
    )  # fmt: skip
    own = (torch.arange(place.shape[1]) % 7 * 3)[None, :, None]
    base = smooth.gains(smooth.layout, place).gain_db[..., 0].gather(2, own)
    for image in source.layout.wraparound[1:]:
        moved = place.clone()
        moved[..., :2] += torch.as_tensor(image)
        again = smooth.gains(smooth.layout, moved).gain_db[..., 0].gather(2, own)
        assert torch.allclose(again, base, atol=0.6)


def test_shadowing_has_the_spread_of_the_table_without_line_of_sight() -> None:
    """Residuals of 3 · 2,646 links of outdoor users over 21 independent site fields: σ = 6 dB within 15 %."""
    outdoors = SMALL.changed(users={"indoor_share": 0.0, "per_cell": 20})
    seeds = Seeds.of(range(12))
    drawn, place = source_of(outdoors, seeds, line_of_sight=False)
    plain, _ = source_of(outdoors, seeds, line_of_sight=False, shadowing=False)
    apart = (drawn.gains(drawn.layout, place).gain_db - plain.gains(plain.layout, place).gain_db).numpy()
    assert apart.std() == pytest.approx(6.0, rel=0.15)


def test_sites_are_independent_unless_told_otherwise() -> None:
    outdoors = SMALL.changed(users={"indoor_share": 0.0, "per_cell": 2})
    seeds = Seeds.of(range(200))
    for rho in (0.0, 0.5):
        drawn, place = source_of(outdoors, seeds, line_of_sight=False, site_correlation=rho)
        plain, _ = source_of(outdoors, seeds, line_of_sight=False, shadowing=False)
        which = torch.tensor([[r, 0] for r in range(200)])
        apart = (
            drawn.gains(drawn.layout, place, which).gain_db - plain.gains(plain.layout, place, which).gain_db
        )
        first, second = apart[0, :, 0, 0].numpy(), apart[0, :, 9, 0].numpy()
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(rho, abs=4 * (1 - rho**2) / math.sqrt(200))


def test_fewer_links_are_the_nearest_sites_whole() -> None:
    few = SMALL.changed(links=9)
    source, place = source_of(few, Seeds.of([1]))
    found = source.gains(source.layout, place)
    assert found.cell.shape[2] == 9
    assert (found.cell.reshape(1, -1, 3, 3) // 3).diff(dim=-1).eq(0).all()


# ---------------------------------------------------------------- the port, whoever knows the gains
def sources() -> list[object]:
    statistical, _ = source_of(SMALL, Seeds.of([1]))
    layout = SMALL.layout()
    cells = len(layout.cells)
    table = torch.linspace(-120, -80, 126 * cells, dtype=torch.float64).reshape(1, 126, cells)
    maps = np.linspace(-130, -70, cells * 40 * 40).reshape(cells, 40, 40)
    return [
        pytest.param(statistical, id="statistical"),
        pytest.param(MeasuredGains(table), id="measured"),
        pytest.param(RadioMapGains(maps, (-1000.0, -1000.0), 50.0), id="radio map"),
    ]


@pytest.mark.parametrize("source", sources())
def test_a_source_of_gains_is_a_pure_function_of_place(source: object) -> None:
    place, layout = SMALL.population(Seeds.of([1])).position_m, SMALL.layout()
    one, two = (source.gains(layout, place) for _ in range(2))  # type: ignore[attr-defined]
    assert torch.equal(one.gain_db, two.gain_db)
    some = source.gains(layout, place, torch.tensor([[0, 5]]))  # type: ignore[attr-defined]
    assert torch.equal(some.gain_db[0, 0], one.gain_db[0, 5])
    assert one.gain_db.shape[:3] == one.cell.shape == one.los.shape == one.delay_spread_s.shape
    assert not torch.isnan(one.gain_db).any()


def test_a_radio_map_is_bilinear_in_db_and_silent_outside() -> None:
    layout = SMALL.layout()
    cells = len(layout.cells)
    maps = np.broadcast_to(np.arange(4)[None, None, :] * 10.0 - 100, (cells, 4, 4)).copy()
    source = RadioMapGains(maps, (0.0, 0.0), 100.0)
    place = torch.tensor([[[100.0, 150.0, 1.5], [50.0, 50.0, 1.5], [-30.0, 50.0, 1.5]]], dtype=torch.float64)
    gains = source.gains(layout, place).gain_db[0, :, 0, 0]
    # Values are at the middles of pixels: x = 100 m lies between those of pixels 0 and 1.
    assert gains[0] == pytest.approx(-95.0)
    assert gains[1] == pytest.approx(-100.0)
    assert torch.isneginf(gains[2])


def test_a_carrier_of_another_frequency_loses_more() -> None:
    low, place = source_of(SMALL, Seeds.of([1]))
    high = StatisticalGains(low.seeds, low.population, replace(low.layout, carriers=(Carrier(7e9),)))
    apart = low.gains(low.layout, place).gain_db - high.gains(high.layout, place).gain_db
    assert float(apart.median()) > 20 * math.log10(2) - 0.5
