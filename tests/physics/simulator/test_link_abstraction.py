"""From SINR to a decoded block: information, receivers, error curves, HARQ and the outer loop, in closed form."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from ranvier.dtops.simulator.link import (
    bler,
    bler_compiled,
    effective_sinr,
    effective_sinr_compiled,
    information,
    information_compiled,
    link_adaptation,
    link_adaptation_compiled,
)
from ranvier.dtops.simulator.link.tables import link_tables, on

TABLES = link_tables(106)
TENSORS = on(TABLES)
PRBS = np.array([6.0] * 17 + [4.0])
torch.set_num_threads(1)


def bpsk_capacity(sinr: float) -> float:
    """Of one dimension of QPSK: 1 − E log2(1 + exp(−2 (γ + √γ n)))."""

    def lost(n: float) -> float:
        return (
            math.exp(-n * n / 2) / math.sqrt(2 * math.pi) * np.logaddexp(0, -2 * (sinr + math.sqrt(sinr) * n))
        )

    return 1 - integrate.quad(lost, -12, 12, limit=200)[0] / math.log(2)


@pytest.mark.parametrize("sinr_db", [-15, -5, 0, 4, 9])
def test_information_of_qpsk_is_that_of_two_antipodal_signals(sinr_db: float) -> None:
    sinr = 10 ** (sinr_db / 10)
    assert information.bit_information(np.array([sinr]), 2)[0] == pytest.approx(bpsk_capacity(sinr), abs=3e-7)


@pytest.mark.parametrize(("bits", "sinr_db"), [(4, 6.0), (6, 12.0), (8, 18.0)])
def test_information_of_qam_is_the_mean_over_its_bits(bits: int, sinr_db: float) -> None:
    # Sampled on the two-dimensional constellation, with labels by bits of both axes.
    rng, n = np.random.default_rng(3), 40_000
    side = 1 << bits // 2
    axis = np.arange(side)
    gray = axis ^ (axis >> 1)
    point = (2.0 * axis[:, None] - side + 1) + 1j * (2.0 * axis - side + 1)
    label = (gray[:, None] << bits // 2 | gray).ravel()
    point = point.ravel() / math.sqrt((np.abs(point) ** 2).mean())
    sinr = 10 ** (sinr_db / 10)
    sent = rng.integers(len(point), size=n)
    received = math.sqrt(sinr) * point[sent] + (rng.normal(size=n) + 1j * rng.normal(size=n)) / math.sqrt(2)
    density = np.exp(-(np.abs(received[:, None] - math.sqrt(sinr) * point) ** 2))
    samples = np.zeros(n)
    for bit in range(bits):
        of_point = label >> bit & 1
        same = np.where(of_point == of_point[sent][:, None], density, 0).sum(1)
        samples += 1 - np.log2(density.sum(1) / same)
    samples /= bits
    found = information.bit_information(np.array([sinr]), bits)[0]
    assert abs(samples.mean() - found) < 5 * samples.std() / math.sqrt(n)


def test_information_rises_from_nothing_to_one_below_the_gaussian_bound() -> None:
    table, nodes = information.information_table(), information.node_sinr()
    assert (np.diff(table) >= 0).all()
    for m, bits in enumerate(information.MODULATION_BITS):
        assert (table[m] <= np.log2(1 + nodes) / bits + 1e-9).all()
        assert table[m, -1] == 1.0


@pytest.mark.parametrize("modulation", range(4))
def test_the_table_is_the_function_within_what_is_stated(modulation: int) -> None:
    sinr_db = np.linspace(-50, 45, 500)
    sinr = (10 ** (sinr_db / 10)).astype(np.float32)
    which = torch.full((500,), modulation)
    found = information.mutual_information(torch.tensor(sinr), which, TENSORS.curves).numpy()
    exact = information.bit_information(sinr.astype(float), information.MODULATION_BITS[modulation])
    assert np.abs(found - exact).max() < 2.2e-4
    curve = TABLES.curves[modulation]
    assert [information_compiled.mutual_information(each, curve) for each in sinr] == found.tolist()


@pytest.mark.parametrize("modulation", range(4))
def test_a_flat_channel_has_its_own_sinr_for_effective_sinr(modulation: int) -> None:
    sinr_db = np.linspace(-40, (9, 15, 21, 27)[modulation], 60)
    sinr = torch.tensor(10 ** (sinr_db / 10)).float()
    which = torch.full((60,), modulation)
    mean = effective_sinr.mean_information(
        sinr[:, None, None].expand(-1, 18, 2), torch.tensor(PRBS).expand(60, -1), which, TENSORS.curves
    )
    back = effective_sinr.effective_sinr_db(mean, which, TENSORS.curves).numpy()
    np.testing.assert_allclose(back, 10 * np.log10(sinr.numpy()), atol=1e-5)


def random_sinr(rows: int = 80, layers: int = 2) -> torch.Tensor:
    rng = np.random.default_rng(2)
    level = 10 ** rng.uniform(-1.5, 3.0, (rows, 1, 1))
    return torch.tensor(level * rng.exponential(size=(rows, 18, layers))).float()


def test_effective_sinr_lies_between_the_worst_and_the_mean_and_forgets_the_order() -> None:
    sinr, prbs = random_sinr(), torch.full((80, 18), 6.0)
    for modulation in range(4):
        which = torch.full((80,), modulation)
        mean = effective_sinr.mean_information(sinr, prbs, which, TENSORS.curves)
        found = effective_sinr.effective_sinr_db(mean, which, TENSORS.curves)
        told = mean < information.LARGEST
        assert (found >= 10 * torch.log10(sinr.amin((1, 2))) - 1e-5)[told].all()
        assert (found <= 10 * torch.log10(sinr.double().mean((1, 2))) + 1e-5)[told].all()
        turned = effective_sinr.mean_information(sinr.flip(1), prbs, which, TENSORS.curves)
        np.testing.assert_allclose(turned, mean, rtol=1e-12)


def test_compiled_effective_sinr_agrees() -> None:
    sinr, prbs = random_sinr(), torch.tensor(PRBS).expand(80, -1)
    for modulation in range(4):
        which = torch.full((80,), modulation)
        mean = effective_sinr.mean_information(sinr, prbs, which, TENSORS.curves)
        sinr_db = effective_sinr.effective_sinr_db(mean, which, TENSORS.curves)
        for row in range(80):
            each = np.ascontiguousarray(sinr[row].numpy().T)
            curve = TABLES.curves[modulation]
            found = effective_sinr_compiled.mean_information(each, PRBS, curve)
            assert found == pytest.approx(float(mean[row]), rel=1e-12)
            back = effective_sinr_compiled.effective_sinr_db(found, curve, TABLES.nodes)
            assert back == pytest.approx(float(sinr_db[row]), abs=1e-9)


# Receivers.


def random_channels(n: int = 200) -> torch.Tensor:
    rng = np.random.default_rng(8)
    return torch.tensor((rng.normal(size=(n, 2, 2)) + 1j * rng.normal(size=(n, 2, 2))) / math.sqrt(2)).to(
        torch.complex64
    )


def test_rank_one_is_the_largest_eigenvalue() -> None:
    h = random_channels()
    found = effective_sinr.rank1_sinr(effective_sinr.channel_gains(h), torch.full((200,), 3.0))
    exact = 3.0 * np.linalg.svd(h.numpy().astype(complex), compute_uv=False)[:, 0] ** 2
    np.testing.assert_allclose(found, exact, rtol=1e-5)


@pytest.mark.parametrize("snr", [0.01, 1.0, 1e4])
def test_rank_two_is_the_inverse_of_mmse(snr: float) -> None:
    h = random_channels()
    found = effective_sinr.rank2_sinr(effective_sinr.channel_gains(h), torch.full((200,), snr)).numpy()
    wide = h.numpy().astype(complex)
    inverse = np.linalg.inv(np.eye(2) + snr / 2 * wide.conj().transpose(0, 2, 1) @ wide)
    exact = 1 / np.diagonal(inverse, axis1=1, axis2=2).real - 1
    # |det|² of float32 entries is a difference: what is lost is relative to the product of the columns.
    power = (np.abs(wide) ** 2).sum(1)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6 * snr * power.max())


def test_compiled_receivers_agree() -> None:
    h = random_channels().reshape(10, 20, 4)
    entries = h.permute(2, 0, 1).numpy()
    gains = np.zeros((4, 10, 20), np.float32)
    effective_sinr_compiled.channel_gains(np.stack([entries.real, entries.imag]), gains)
    expected = effective_sinr.channel_gains(h.reshape(10, 20, 2, 2))
    np.testing.assert_allclose(gains.transpose(1, 2, 0), expected, rtol=2e-5, atol=1e-6)
    both = effective_sinr.rank2_sinr(expected, torch.full((10, 20), 5.0))
    for s, u in ((0, 0), (4, 7), (9, 19)):
        found = effective_sinr_compiled.rank2_sinr(*gains[1:, s, u], np.float32(5.0))
        np.testing.assert_allclose(found, both[s, u], rtol=1e-4)


# Block errors.


def test_block_error_is_half_at_the_centre_and_falls_with_sinr() -> None:
    sinr_db = torch.linspace(-12, 12, 400, dtype=torch.float64)
    centre, width, one = torch.tensor(1.0), torch.tensor(0.5), torch.tensor(1)
    found = bler.block_error(sinr_db, centre, width, one)
    assert float(bler.block_error(torch.tensor(1.0), centre, width, one)) == pytest.approx(0.5)
    moving = (found > 1e-12) & (found < 1 - 1e-12)
    assert (found.diff() <= 0).all()
    assert (found[moving].diff() < 0).all()
    assert found[0] == 1
    assert found[-1] < 1e-100


@pytest.mark.parametrize("blocks", [1, 3, 15])
def test_blocks_of_several_code_blocks_need_all_of_them(blocks: int) -> None:
    sinr_db = torch.tensor([0.2, 1.0, 1.9], dtype=torch.float64)
    centre, width = torch.tensor(1.0).double(), torch.tensor(0.5).double()
    single = bler.block_error(sinr_db, centre, width, torch.tensor(1))
    found = bler.block_error(sinr_db, centre, width, torch.tensor(blocks))
    np.testing.assert_allclose(found, 1 - (1 - single) ** blocks, rtol=1e-9)
    for each, expected in zip(sinr_db.tolist(), found.tolist(), strict=True):
        assert bler_compiled.block_error(each, 1.0, 0.5, blocks) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("error", [0.01, 0.1, 0.5])
def test_the_threshold_is_where_the_error_is(error: float) -> None:
    centre, width, blocks = (
        each[0, :, 106] for each in (TABLES.centre_db, TABLES.width_db, TABLES.code_blocks)
    )
    at = bler.sinr_db_at(error, centre, width, blocks)
    found = bler.block_error(*(torch.tensor(each) for each in (at, centre, width, blocks)))
    np.testing.assert_allclose(found, error, rtol=1e-9)


@pytest.mark.parametrize("table", ["64qam", "256qam"])
def test_error_curves_lie_beyond_capacity_and_in_the_order_of_their_rates(table: str) -> None:
    tables = link_tables(106, table)  # type: ignore[arg-type]
    assert (np.diff(tables.threshold_db) > 0).all()
    assert (np.diff(tables.cqi_threshold_db) > 0).all()
    bits = np.array(information.MODULATION_BITS)[tables.modulation]
    for m, threshold_db in enumerate(tables.threshold_db[0]):
        curve, rate = tables.curves[tables.modulation[m]], tables.efficiency[m] / bits[m]
        gap_db = threshold_db - 10 * math.log10(np.interp(rate, curve, tables.nodes))
        assert 0.2 < gap_db < 2.5


def test_two_equal_transmissions_gain_three_decibels_by_chase_and_no_less_by_redundancy() -> None:
    sinr = torch.tensor(10 ** np.linspace(-1, 2, 30)).float()
    assert torch.equal(bler.combine_chase(sinr, sinr), 2 * sinr)
    for modulation in range(4):
        which = torch.full((30,), modulation)
        once = information.mutual_information(sinr, which, TENSORS.curves)
        chase = information.mutual_information(2 * sinr, which, TENSORS.curves)
        # The curves are concave. The table is rounded to 12 decimals.
        assert (bler.combine_incremental(once, once) >= chase - 1e-11).all()
    assert float(bler.combine_incremental(torch.tensor(0.8), torch.tensor(0.7))) == 1.0


# Reports, choices and the outer loop.


def flat(sinr_db: np.ndarray, layers: int = 1) -> torch.Tensor:
    return torch.tensor(10 ** (sinr_db / 10)).float()[:, None, None].expand(-1, 18, layers)


def test_a_reported_cqi_is_decodable_and_the_next_is_not() -> None:
    sinr_db = np.linspace(-15, 32, 300)
    cqi = link_adaptation.wideband_cqi(flat(sinr_db), torch.tensor(PRBS), TENSORS).numpy()
    thresholds = np.append(TABLES.cqi_threshold_db[0], np.inf)
    assert (np.diff(cqi) >= 0).all()
    assert cqi[0] == 0
    assert cqi[-1] == 15
    # SINRs are float32: 3e-7 dB.
    assert (thresholds[cqi] <= sinr_db + 1e-5).all()
    assert (thresholds[cqi + 1] > sinr_db - 1e-5).all()


def test_compiled_reports_and_choices_agree() -> None:
    for layers in (1, 2):
        sinr = random_sinr(layers=layers)
        cqi = link_adaptation.wideband_cqi(sinr, torch.tensor(PRBS), TENSORS)
        rank = torch.full_like(cqi, layers)
        offset = torch.linspace(-3, 3, 80, dtype=torch.float64)
        mcs = link_adaptation.select_mcs(cqi, rank, offset, TENSORS)
        for row in range(80):
            each = np.ascontiguousarray(sinr[row].numpy().T)
            assert link_adaptation_compiled.wideband_cqi(each, PRBS, TABLES) == cqi[row]
            found = link_adaptation_compiled.select_mcs(int(cqi[row]), layers, float(offset[row]), TABLES)
            assert found == mcs[row]


def test_the_mcs_chosen_is_the_highest_that_meets_the_target() -> None:
    cqi = torch.arange(1, 16)
    mcs = link_adaptation.select_mcs(cqi, torch.ones_like(cqi), torch.zeros(15), TENSORS).numpy()
    sinr_db = TABLES.cqi_threshold_db[0, 1:]
    for m, at in zip(mcs, sinr_db, strict=True):
        errors = [
            bler_compiled.block_error(
                at, TABLES.centre_db[0, n, -1], TABLES.width_db[0, n, -1], TABLES.code_blocks[0, n, -1]
            )
            for n in range(len(TABLES.efficiency))
        ]
        assert m == max([n for n, error in enumerate(errors) if error <= 0.1 + 1e-9], default=0)


def test_two_layers_are_chosen_where_the_channel_bears_them() -> None:
    good = torch.eye(2, dtype=torch.complex64).expand(18, 2, 2) * math.sqrt(2)
    poor = torch.ones(18, 2, 2, dtype=torch.complex64)
    ranks = []
    for h, snr_db in ((good, 25.0), (good, -5.0), (poor, 25.0)):
        gains, snr = effective_sinr.channel_gains(h), torch.full((18,), 10 ** (snr_db / 10))
        one = link_adaptation.wideband_cqi(
            effective_sinr.rank1_sinr(gains, snr)[None, :, None], torch.tensor(PRBS), TENSORS
        )
        two = link_adaptation.wideband_cqi(
            effective_sinr.rank2_sinr(gains, snr)[None], torch.tensor(PRBS), TENSORS
        )
        ranks.append(int(link_adaptation.choose_rank(one, two, TENSORS)))
        assert link_adaptation_compiled.choose_rank(int(one), int(two), TABLES) == ranks[-1]
    assert ranks == [2, 1, 1]


@pytest.mark.parametrize("target", [0.01, 0.1, 0.3])
def test_the_outer_loop_makes_first_transmissions_fail_as_often_as_its_target(target: float) -> None:
    # n blocks of which e fail move Δ by (n − e) up − e down, so that e/n − b is (1 − b) (Δ_0 − Δ_n) / (n down)
    # exactly while Δ is not clipped: what remains of it tends to 0 as 1/n.
    loop = link_adaptation.OuterLoop(target_bler=target)
    rng, n, offset, failed = np.random.default_rng(4), 4000, -2.0, 0
    for u in rng.random(n):
        mcs = link_adaptation_compiled.select_mcs(9, 1, offset, TABLES)
        at = TABLES.centre_db[0, mcs, 50], TABLES.width_db[0, mcs, 50], TABLES.code_blocks[0, mcs, 50]
        acknowledged = u >= bler_compiled.block_error(13.0, *at)
        failed += not acknowledged
        offset = link_adaptation_compiled.outer_loop(
            offset, acknowledged, loop.up_db, loop.down_db, loop.least_db, loop.most_db
        )
    left = (1 - target) * (-2.0 - offset) / (n * loop.down_db)
    assert failed / n - target == pytest.approx(left, abs=1e-9)
    assert abs(offset) < 5


def test_retransmissions_do_not_move_the_outer_loop_and_limits_hold() -> None:
    loop = link_adaptation.OuterLoop(down_db=1.0, least_db=-1.5, most_db=0.05)
    offset = torch.tensor([0.0, 0.0, -1.0, 0.0])
    acknowledged = torch.tensor([True, False, False, True])
    first = torch.tensor([True, True, True, False])
    moved = link_adaptation.outer_loop(offset, acknowledged, first, loop)
    np.testing.assert_allclose(moved, [0.05, -1.0, -1.5, 0.0])
