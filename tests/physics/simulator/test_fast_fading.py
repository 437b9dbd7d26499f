"""Fast fading: Rayleigh, Rice, Jakes and the delay profile in closed form, then invariances and extremes."""

import math
from functools import lru_cache

import numpy as np
import pytest
import torch
from scipy import special, stats

from ranvier.dtops.simulator.link import fading
from ranvier.dtops.simulator.link import fading_compiled as compiled
from ranvier.dtops.simulator.seeds import Seeds

LINKS = 20_000
"""Means of them have a standard error of σ / 141; tests allow five of these."""
SIGMAS = 5.0
SUBBAND_HZ = 1.08e6
NO_SIGHT = -math.inf
torch.set_num_threads(1)


@lru_cache(maxsize=4)
def drawn(
    k_db: float = NO_SIGHT, spread_s: float = 3e-7, links: int = LINKS, cell: int = 3
) -> fading.RayParameters:
    rays = fading.draw_rays(Seeds.of([11]), torch.arange(links)[None], torch.tensor([[cell]]))
    flat = torch.full((1, links), spread_s)
    return fading.ray_parameters(rays, flat, torch.full((1, links), k_db), SUBBAND_HZ)


def still(parameters: fading.RayParameters) -> torch.Tensor:
    return torch.zeros(parameters.amplitude.shape[:-1], dtype=torch.float64)


def assert_mean(values: np.ndarray, expected: float) -> None:
    error = values.std() / math.sqrt(values.size)
    assert abs(values.mean() - expected) < SIGMAS * error


@pytest.mark.parametrize("k_db", [NO_SIGHT, 0.0, 9.0])
def test_mean_power_is_one_and_the_fourth_moment_that_of_random_phases(k_db: float) -> None:
    parameters = drawn(k_db)
    power = fading.fading_power(parameters, still(parameters), 1).double().numpy()[0, :, 0]
    shares = (parameters.amplitude**2).numpy()[0]
    assert_mean(power, 1.0)
    assert_mean(power**2 - (2 - (shares**2).sum(-1)), 0.0)


def test_moments_with_line_of_sight_are_those_of_rice_but_for_the_clusters_number() -> None:
    k = 10**0.9
    shares = (drawn(9.0).amplitude ** 2).numpy()[0]
    clusters = (shares[:, : fading.RAYS] ** 2).sum(-1)
    np.testing.assert_allclose(
        2 - (shares**2).sum(-1), (2 + 4 * k + k**2) / (1 + k) ** 2 - clusters, rtol=1e-6
    )


def test_a_thousand_links_without_sight_cannot_be_told_from_rayleigh() -> None:
    # 12 rays differ from the exponential by (ΣP²/2) x (1 − x/2) exp(−x) < 0.02; 0.1 % of samples of 1,000
    # are further than 0.0617 from their own distribution.
    parameters = drawn()
    power = fading.fading_power(parameters, still(parameters), 1)[0, :1000, 0].numpy()
    assert stats.kstest(power, "expon").statistic < 0.0617


def test_autocorrelation_is_that_of_jakes() -> None:
    parameters = drawn()
    entry = [
        fading.serving_channel(parameters, still(parameters) + way, 1)[0, :, 0, 0, 0].numpy()
        for way in (0.0, 0.1, 0.25, 0.5, 1.0, 2.4, 1000.3)
    ]
    power = float((parameters.polarised[0, :, :, 0] ** 2).sum(-1).mean())
    for way, later in zip((0.1, 0.25, 0.5, 1.0, 2.4, 1000.3), entry[1:], strict=True):
        product = later * entry[0].conj() / power
        assert_mean(product.real, float(special.j0(2 * math.pi * way)))
        assert_mean(product.imag, 0.0)


@pytest.mark.parametrize("k_db", [NO_SIGHT, 3.0])
def test_frequency_correlation_is_the_transform_of_the_delay_profile(k_db: float) -> None:
    parameters = drawn(k_db)
    h = fading.serving_channel(parameters, still(parameters), 12)[0, :, :, 0, 0].numpy()
    shares = parameters.polarised[0, :, :, 0].numpy() ** 2
    for apart in (1, 3, 11):
        turns = apart * parameters.delay_turns[0].numpy()
        transform = (shares * np.exp(2j * math.pi * turns)).sum(-1)
        assert_mean((h[:, 0] * h[:, apart].conj() - transform).real, 0.0)
        assert_mean((h[:, 0] * h[:, apart].conj() - transform).imag, 0.0)


@pytest.mark.parametrize("k_db", [NO_SIGHT, -3.0, 12.0])
def test_delay_spread_is_the_links(k_db: float) -> None:
    parameters = drawn(k_db, 1.2e-7)
    shares, delay = (parameters.amplitude**2).numpy(), parameters.delay_turns.numpy() / SUBBAND_HZ
    mean = (shares * delay).sum(-1)
    spread = np.sqrt((shares * delay**2).sum(-1) - mean**2)
    np.testing.assert_allclose(spread, 1.2e-7, rtol=1e-6)


@pytest.mark.parametrize("k_db", [NO_SIGHT, 6.0])
def test_entries_of_h_have_mean_power_one_and_the_cross_polar_ratio(k_db: float) -> None:
    shares = (drawn(k_db).polarised ** 2).numpy()[0]
    total = shares.sum(1).mean(0)
    assert total.mean() == pytest.approx(1.0, rel=1e-6)
    ratio = shares[:, : fading.RAYS, 0].sum() / shares[:, : fading.RAYS, 1].sum()
    assert 10 * math.log10(ratio) == pytest.approx(fading.CROSS_POLAR_RATIO_DB, abs=1e-6)
    assert (shares[:, fading.RAYS, 1:3] == 0).all()


def test_users_cells_and_entries_fade_independently() -> None:
    parameters = drawn()
    h = fading.serving_channel(parameters, still(parameters), 1)[0, :, 0].reshape(LINKS, 4)
    other = drawn(cell=4)
    h2 = fading.serving_channel(other, still(other), 1)[0, :, 0].reshape(LINKS, 4)
    power = (h.abs() ** 2).numpy().T
    pairs = [(power[0], (h2[:, 0].abs() ** 2).numpy()), (power[0, 1:], power[0, :-1])]
    for one, two in pairs:
        assert abs(np.corrcoef(one, two)[0, 1]) < SIGMAS / math.sqrt(len(one))
    for i, j in ((0, 1), (0, 3), (1, 2)):
        product = (h[:, i] * h[:, j].conj()).numpy()
        assert_mean(product.real, 0.0)


# The compiled form.

USERS, INTERFERERS, SUBBANDS = 130, 5, 18


class Scene:
    """Links of some users with random cells, spreads and K."""

    def __init__(self, users: int = USERS) -> None:
        rng = np.random.default_rng(5)
        rows = INTERFERERS + 1
        self.key = np.arange(users) * 7 + 3
        self.cell = np.stack([rng.permutation(57)[:rows] for _ in range(users)], axis=1)
        self.spread = rng.uniform(2e-8, 8e-7, (rows, users)).astype(np.float32)
        self.k_db = np.where(rng.random((rows, users)) < 0.5, -np.inf, 7.0).astype(np.float32)
        self.way = rng.uniform(0, 1e7, users)

    def only(self, users: np.ndarray) -> "Scene":
        fewer = Scene.__new__(Scene)
        fewer.key, fewer.way = self.key[users], self.way[users]
        fewer.cell, fewer.spread, fewer.k_db = (
            each[:, users].copy() for each in (self.cell, self.spread, self.k_db)
        )
        return fewer

    def refresh(self, store: compiled.RayStore) -> None:
        compiled.refresh(
            store, -9, self.key, self.cell, self.spread, self.k_db, compiled.Grid(SUBBANDS, SUBBAND_HZ)
        )

    def faded(self, store: compiled.RayStore | None = None) -> tuple[np.ndarray, np.ndarray]:
        if store is None:
            store = compiled.ray_store(len(self.key), INTERFERERS)
            self.refresh(store)
        serving = np.zeros((2, 4, SUBBANDS, len(self.key)), np.float32)
        power = np.zeros((INTERFERERS, SUBBANDS, len(self.key)), np.float32)
        compiled.fading(store, self.way, serving, power, compiled.scratch(SUBBANDS))
        return serving, power


def test_compiled_and_torch_agree_within_rounding() -> None:
    # Phasors are off by 2.1e-7, starts and steps by 2π 6e-8 and 6e-8 a sub-band; 13 rays of total power
    # below 2 add up to amplitudes of at most √26.
    scene = Scene()
    serving, power = scene.faded()
    rays = fading.draw_rays(
        Seeds.of([-9]), torch.tensor(scene.key)[None, None], torch.tensor(scene.cell)[None]
    )
    parameters = fading.ray_parameters(
        rays, torch.tensor(scene.spread)[None], torch.tensor(scene.k_db)[None], SUBBAND_HZ
    )
    way = torch.tensor(scene.way)[None]
    h = fading.serving_channel(fading.RayParameters(*(each[:, 0] for each in parameters)), way, SUBBANDS)
    faded = fading.fading_power(
        fading.RayParameters(*(each[:, 1:] for each in parameters)), way[:, None], SUBBANDS
    )
    tolerance = math.sqrt(26) * (2.1e-7 + 2 * math.pi * 6e-8 + SUBBANDS * 1.2e-7)
    found = (serving[0] + 1j * serving[1]).transpose(2, 1, 0)
    assert np.abs(h[0].reshape(USERS, SUBBANDS, 4).numpy() - found).max() < tolerance
    assert np.abs(faded[0].numpy() - power.transpose(0, 2, 1)).max() < 2 * math.sqrt(26) * tolerance


def test_users_in_another_order_or_number_fade_bit_for_bit_alike() -> None:
    scene = Scene()
    chosen = np.random.default_rng(1).permutation(USERS)[:97]
    serving, power = scene.faded()
    fewer_serving, fewer_power = scene.only(chosen).faded()
    assert (serving[..., chosen] == fewer_serving).all()
    assert (power[..., chosen] == fewer_power).all()


def test_torch_gives_the_same_bits_for_one_realisation_and_among_many() -> None:
    user, cell = torch.arange(6)[None], torch.arange(6)[None] + 9
    alone = fading.draw_rays(Seeds.of([5]), user, cell)
    among = fading.draw_rays(Seeds.of([4, 5, 6]), user, cell)
    assert all(torch.equal(one[0], many[1]) for one, many in zip(alone, among, strict=True))


def test_a_store_that_was_updated_equals_a_new_one() -> None:
    scene = Scene()
    store = compiled.ray_store(USERS, INTERFERERS)
    scene.refresh(store)
    scene.faded(store)
    scene.cell[[0, 2]] = scene.cell[[2, 0]]
    scene.spread[1, :40] *= np.float32(1.5)
    scene.k_db[3, 50:] = -np.inf
    scene.cell[4, 7] = -1
    scene.refresh(store)
    for old, new in zip(scene.faded(store), scene.faded(), strict=True):
        assert (old == new).all()


def test_any_instant_can_be_asked_for_in_any_order() -> None:
    scene = Scene()
    store = compiled.ray_store(USERS, INTERFERERS)
    scene.refresh(store)
    at_first = scene.faded(store)
    scene.way = scene.way + 12.3
    scene.faded(store)
    scene.way = scene.way - 12.3
    scene.way = np.asarray(Scene().way)
    assert all((one == two).all() for one, two in zip(at_first, scene.faded(store), strict=True))


def test_a_link_fades_alike_as_server_and_as_interferer() -> None:
    scene = Scene()
    serving, _ = scene.faded()
    scene.cell[[0, 1]] = scene.cell[[1, 0]]
    scene.spread[[0, 1]] = scene.spread[[1, 0]]
    scene.k_db[[0, 1]] = scene.k_db[[1, 0]]
    _, power = scene.faded()
    share = 1 / (1 + 10 ** (scene.k_db[1].astype(float) / 10))
    leak = 10 ** (-fading.CROSS_POLAR_RATIO_DB / 10)
    of_server = (serving[0, 0] ** 2 + serving[1, 0] ** 2) / (2 / (1 + leak * share))
    np.testing.assert_allclose(power[0], of_server, atol=2e-5)


def test_nobody_has_no_power_and_no_delay_spread_no_selectivity() -> None:
    scene = Scene()
    scene.cell[2, :] = -1
    scene.spread[:] = 0.0
    serving, power = scene.faded()
    assert (power[1] == 0).all()
    assert np.abs(serving - serving[:, :, :1]).max() < SUBBANDS * 1.2e-7 * math.sqrt(26)


def test_the_phasor_is_as_exact_as_stated() -> None:
    turns = np.linspace(-0.5, 0.5, compiled.LANES, endpoint=False, dtype=np.float32)
    real, imaginary, one = (np.ones(compiled.LANES, np.float32) for _ in range(3))
    worst = 0.0
    for shift in np.linspace(0, 1 / compiled.LANES, 200, dtype=np.float32):
        at = (turns + shift).astype(np.float32)
        compiled._phasor(at, one, real, imaginary)
        exact = np.exp(2j * math.pi * at.astype(np.float64))
        worst = max(worst, np.abs(real - exact.real).max(), np.abs(imaginary - exact.imag).max())
    assert worst < 2.1e-7
