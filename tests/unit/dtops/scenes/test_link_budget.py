"""The link budget against closed forms, at its extremes, and under other labels."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from ranvier.dtops.scenes.link_budget import FELT, FELT_POWER, FULL_BUFFER, ITERATIONS, SUBBANDS, link_budget
from ranvier.dtops.scenes.link_curve import curves, efficiency
from ranvier.dtops.scenes.scene import Scene
from tests.unit.dtops.scenes.plain_scenes import (
    NOISE_DBM,
    PRBS,
    plain_scene,
    relabelled,
    with_cells,
    with_users,
)

HERTZ, SLOT_S, BURST_BITS = PRBS * 12 * 15e3, 1e-3, 4e5


def linear(db: float) -> float:
    return float(10 ** (db / 10))


def rate(ratio: float) -> float:
    of = curves(np.zeros(1), np.zeros(1, dtype=bool))
    return HERTZ * float(efficiency(np.array([10 * np.log10(ratio)]), of)[0])


def burst_s(bits: float, rate_bit_s: float) -> float:
    return bits / rate_bit_s + SLOT_S / SUBBANDS


@pytest.mark.parametrize("gain_db", [-90.0, -120.0, -134.0])
def test_one_cell_and_one_user_have_the_snr_and_the_load_of_the_formulas(gain_db: float) -> None:
    found = link_budget(plain_scene([[gain_db]], offered_bit_s=2e6))
    snr = 43 - 10 * np.log10(PRBS) + gain_db - NOISE_DBM
    for column in (found.snr_db, found.sinr_db, found.full_db):
        assert column[0] == pytest.approx(snr)
    assert found.rate_bit_s[0] == pytest.approx(rate(linear(snr)))
    assert found.wanted[0] == pytest.approx(2e6 / BURST_BITS * burst_s(BURST_BITS, rate(linear(snr))))
    # The iteration halves the distance to a load that does not depend on itself.
    assert found.load[0] == pytest.approx(min(found.wanted[0], 1.0), rel=1.01 * 2.0**-ITERATIONS)


@pytest.mark.parametrize("offered_bit_s", [1e6, 3e6, 5e6])
def test_two_symmetric_cells_solve_the_scalar_equation(offered_bit_s: float) -> None:
    """ρ = λ t(ρ), solved by bisection; the iteration from 0 is off by ((1 + L)/2)^n ρ, L the slope.

    With one interferer the rate is that of its silence, as far as it is felt silent, and of its noise.
    """
    found = link_budget(plain_scene([[-95.0, -98.0], [-98.0, -95.0]], offered_bit_s=offered_bit_s))
    each = 43 - 10 * np.log10(PRBS)

    def wanted(load: float) -> float:
        mine, other = linear(each - 95), linear(each - 98)
        silent = np.exp(-((load / FELT) ** FELT_POWER))
        noise = linear(NOISE_DBM)
        mixed = silent * rate(mine / noise) + (1 - silent) * rate(mine / (other + noise))
        return offered_bit_s / BURST_BITS * burst_s(BURST_BITS, mixed)

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if wanted(middle) > middle else (low, middle)
    grid = np.linspace(0, high, 200)
    slope = float(np.diff([wanted(each) for each in grid]).max() / grid[1])
    assert 0 < high < 1
    assert slope < 1
    assert found.load == pytest.approx([high, high], abs=((1 + slope) / 2) ** ITERATIONS * high + 1e-12)
    assert found.load[0] == pytest.approx(found.load[1], rel=1e-12)


def test_a_full_buffer_takes_the_whole_cell() -> None:
    scene = with_users(plain_scene([[-90.0]], offered_bit_s=0.0), service=np.array([FULL_BUFFER]))
    found = link_budget(scene)
    assert found.load[0] == pytest.approx(1.0, abs=2.0**-ITERATIONS)
    assert found.offered_bit_s[0] == 0


def test_an_overloaded_cell_is_full_and_says_how_much_more_was_wanted() -> None:
    found = link_budget(plain_scene([[-90.0]], offered_bit_s=1e9))
    assert found.load[0] == pytest.approx(1.0, abs=2.0**-ITERATIONS)
    assert found.wanted[0] == pytest.approx(1e9 / BURST_BITS * burst_s(BURST_BITS, rate(1e9)))


def test_a_cell_that_is_off_serves_nobody_and_disturbs_nobody() -> None:
    scene = with_cells(plain_scene([[-90.0, -95.0], [-97.0, -92.0]]), on=np.array([True, False]))
    found = link_budget(scene)
    assert scene.links.cell[found.link].tolist() == [0, 0]
    assert np.array_equal(found.sinr_db, found.snr_db)
    assert np.array_equal(found.full_db, found.snr_db)
    assert (found.users[1], found.load[1]) == (0, 0)


def test_cells_on_other_carriers_do_not_disturb() -> None:
    scene = with_cells(plain_scene([[-90.0, -95.0], [-97.0, -92.0]]), dl_frequency_hz=np.array([2e9, 3e9]))
    found = link_budget(scene)
    assert np.array_equal(found.full_db, found.snr_db)


def test_out_of_reach_there_is_nothing_to_say() -> None:
    found = link_budget(plain_scene([[-90.0], [-200.0]]))
    assert found.link.tolist() == [0, -1]
    for name in ("rsrp_dbm", "snr_db", "full_db", "sinr_db", "rate_bit_s"):
        assert np.isnan(getattr(found, name)).tolist() == [False, True]
    assert found.users.tolist() == [1]
    assert found.offered_bit_s.tolist() == [1e6]


@pytest.mark.parametrize("scene", [plain_scene([]), plain_scene([[np.nan]])], ids=["no users", "no links"])
def test_without_anybody_in_reach_cells_are_empty(scene: Scene) -> None:
    found = link_budget(scene)
    assert found.load.tolist() == [0]
    assert len(found.link) == len(scene.users)


def test_labels_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    scene = plain_scene(rng.uniform(-125, -85, (40, 7)), offered_bit_s=3e6)
    cells, users = rng.permutation(7), rng.permutation(40)
    found, again = link_budget(scene), link_budget(relabelled(scene, cells, users))
    for each in fields(found):
        a, b = getattr(found, each.name), getattr(again, each.name)
        if each.name == "cell":
            assert np.array_equal(cells[b], a[users])
        elif each.name not in {"link", "below"}:
            assert np.allclose(b, a[cells if len(a) == 7 else users], rtol=1e-9)


def test_more_load_next_door_is_never_better() -> None:
    gains = [[-95.0, -98.0], [-98.0, -95.0]]
    calm, busy = (link_budget(plain_scene(gains, offered_bit_s=o)) for o in (1e5, 8e6))
    assert (busy.sinr_db < calm.sinr_db).all()
    assert (busy.sinr_db >= busy.full_db).all()
    empty = link_budget(plain_scene(gains, offered_bit_s=0.0))
    assert np.array_equal(empty.sinr_db, empty.snr_db)


def test_a_burst_takes_its_bits_and_a_sub_band_of_a_slot() -> None:
    """λ_u t_u with t_u = S / r + slot / sub-bands; activity and delay follow from them."""
    for bits, offered in ((300.0, 15e3), (1e6, 2e6)):
        plain = plain_scene([[-90.0]], offered_bit_s=offered)
        found = link_budget(replace(plain, users=replace(plain.users, burst_bits=np.array([bits]))))
        alone_s = burst_s(bits, found.rate_bit_s[0])
        assert found.burst_s[0] == pytest.approx(alone_s)
        assert found.wanted[0] == pytest.approx(offered / bits * alone_s)
        queued_s = alone_s / (1 - found.load[0])
        assert found.activity[0] == pytest.approx(min(offered / bits * (queued_s + 8e-3), 1.0))
        assert found.delay_s[0] == pytest.approx(queued_s + plain.slot_s / 2)
