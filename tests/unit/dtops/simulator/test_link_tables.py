"""Schemes, transport blocks, reports and noise: figures of the standards, and what is refused."""

import numpy as np
import pytest
import torch

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.link import bler, counter_compiled, interferers_error, mcs, noise, tables
from ranvier.dtops.simulator.link.cqi import cqi_table
from ranvier.dtops.simulator.link.link_adaptation import OuterLoop
from ranvier.ontology.errors import InputError


@pytest.mark.parametrize(
    ("prbs", "rate_1024", "bits", "layers", "expected"),
    [(273, 948, 8, 4, 1_277_992), (1, 120, 2, 1, 32), (106, 948, 8, 1, 122_976), (106, 948, 8, 2, 245_976)],
)
def test_transport_blocks_have_the_standards_sizes(
    prbs: int, rate_1024: float, bits: int, layers: int, expected: int
) -> None:
    rate = rate_1024 / 1024
    wanted = mcs.information_bits(np.array([prbs]), np.array(bits * rate), layers)
    assert mcs.transport_block_bits(wanted, np.array(rate))[0] == expected


def test_transport_blocks_grow_with_prbs_and_are_bytes_of_equal_code_blocks() -> None:
    found = tables.link_tables(273)
    assert (np.diff(found.transport_bits, axis=2) >= 0).all()
    assert (found.transport_bits[:, :, 0] == 0).all()
    assert (found.transport_bits % 8 == 0).all()
    rate = mcs.mcs_table().rate
    for layer, m in ((0, 0), (1, 3), (1, 27)):
        blocks, each = mcs.code_blocks(found.transport_bits[layer, m], rate[m])
        assert (each <= mcs.LARGEST_CODE_BLOCK).all()
        assert (each == np.round(each)).all()
        assert (blocks == found.code_blocks[layer, m]).all()


def test_small_blocks_take_the_least_size_that_is_enough() -> None:
    sizes = mcs.SMALL_BLOCKS
    assert (np.diff(sizes) > 0).all()
    assert len(sizes) == 93
    assert mcs.transport_block_bits(np.array([0.0, 20.0, 25.0, 3824.0]), np.array(0.5)).tolist() == [
        0,
        24,
        24,
        3824,
    ]


@pytest.mark.parametrize(("name", "schemes", "highest"), [("64qam", 29, 5.5547), ("256qam", 28, 7.4063)])
def test_tables_end_with_the_standards_efficiency(name: mcs.TableName, schemes: int, highest: float) -> None:
    table = mcs.mcs_table(name)
    assert len(table) == schemes
    assert table.efficiency[-1] == pytest.approx(highest, abs=5e-5)
    bits, rate = cqi_table(name)
    assert bits[15] * rate[15] == pytest.approx(highest, abs=5e-5)
    assert len(bits) == 16


def test_tensors_hold_the_same_tables() -> None:
    found = tables.link_tables(25, "64qam")
    for array, tensor in zip(found, tables.on(found), strict=True):
        np.testing.assert_array_equal(array, tensor.numpy())


@pytest.mark.parametrize("ask", [mcs.mcs_table, cqi_table])
def test_an_unknown_table_is_refused(ask: object) -> None:
    with pytest.raises(InputError, match="1024qam"):
        ask("1024qam")  # type: ignore[operator]


def test_a_scheme_without_a_curve_is_refused() -> None:
    with pytest.raises(InputError, match="cqi_table"):
        bler.centre_and_width_db(2, 0.9, np.array([100.0]))


@pytest.mark.parametrize("wrong", [{"target_bler": 0.0}, {"target_bler": 1.0}, {"down_db": 0.0}])
def test_an_outer_loop_that_cannot_settle_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        OuterLoop(**wrong)


def test_larger_code_blocks_have_steeper_curves() -> None:
    _, width = bler.centre_and_width_db(4, 490 / 1024, np.array([24.0, 100, 1000, 2000, 8448]))
    assert (np.diff(width) < 0).all()
    assert width[-1] / width[-2] == pytest.approx((8448 / 2000) ** bler.WIDTH_EXPONENT)


def test_noise_is_minus_174_dbm_a_hertz_and_the_noise_figure() -> None:
    assert noise.noise_density_dbm_hz(0.0) == pytest.approx(-173.975, abs=1e-3)
    assert 10 * np.log10(noise.noise_mw(20e6, 9.0)) == pytest.approx(-173.975 + 73.010 + 9, abs=1e-3)
    carrier = Carrier()
    assert noise.subband_prbs(carrier) == (6,) * 17 + (4,)
    assert sum(noise.subband_noise_mw(carrier)) == pytest.approx(noise.noise_mw(106 * 180e3))


def test_compiled_keys_are_those_of_streams() -> None:
    words = [-(2**63), 2**63 - 1, 0, 17, streams.purpose("anything")]
    key = np.uint64(0)
    for word in words:
        key = np.uint64(counter_compiled.extend(key, np.int64(word)))
    expected = streams.chain(torch.tensor(words[0]), *words[1:])
    assert int(key) == int(expected) % 2**64
    assert counter_compiled.uniform(key) == float(streams.uniform(expected))
    assert counter_compiled.exponential(key) == pytest.approx(float(streams.exponential(expected)), 1e-15)


def test_letting_all_interferers_fade_is_no_error_and_fewer_are_more() -> None:
    gains = interferers_error.synthetic_gains(users=40)
    rows = interferers_error.strongest_interferers_error(gains, (2, 8, 56), instants=1)
    assert rows[-1].rms_db == 0
    assert rows[0].rms_db > rows[1].rms_db > 0


def test_the_snapshot_wraps_around_and_has_shadowing_per_site() -> None:
    gains = interferers_error.synthetic_gains(users=2000).numpy()
    served = np.bincount(gains.argmax(1) // 3, minlength=19)
    # 2,000 users fall on 19 like sites: 105 each, with a standard deviation of 10.
    assert np.abs(served - 2000 / 19).max() < 5 * np.sqrt(2000 / 19)
