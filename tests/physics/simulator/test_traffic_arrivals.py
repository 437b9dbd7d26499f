"""What users ask for: closed forms of each service, and that neither cuts, nor others, nor demand spoil a draw.

Bounds are 4.4 standard errors (two-sided 1e-5) of the sample at hand, worked out beside each.
"""

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic import keys, voice, web
from ranvier.dtops.simulator.traffic.arrivals import Span, arrivals
from ranvier.dtops.simulator.traffic.frames import draw
from ranvier.dtops.simulator.traffic.poisson_points import STRETCH_SLOTS
from ranvier.dtops.simulator.traffic.services import (
    AnyService,
    ConstantRate,
    Ftp3,
    FullBuffer,
    Voice,
    Web,
    Xr,
)
from ranvier.dtops.simulator.traffic.xr import truncated
from ranvier.ontology.errors import InputError

MS = 1e-3
SIGMAS = 4.4
SERVICES: tuple[AnyService, ...] = (
    Ftp3(files_per_s=20), ConstantRate(), Voice(spurt_s=0.3), Xr(), Web(pages_per_s=20),
    ConstantRate(interval_ms=0.4), Xr(frames_per_s=90, jitter_ms=3, most_jitter_ms=9),
)  # fmt: skip
of_each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.kind)


def asked(
    service: AnyService, first: int, slots: int, *, seeds: Seeds | None = None, users: Tensor | int = 20,
    demand: float = 1.0, slot_s: float = MS,
) -> Tensor:  # fmt: skip
    seeds = seeds or Seeds.of([1, 2])
    key = torch.arange(users) + 1 if isinstance(users, int) else users
    of_user = torch.full((len(seeds), len(key)), demand, dtype=torch.float64)
    return arrivals(
        [service], torch.zeros(len(key), dtype=torch.int64), key, of_user, seeds, Span(first, slots, slot_s)
    )


def blocks(service: AnyService, slots: int, users: int, demand: float = 1.0) -> Iterator[Tensor]:
    for first in range(0, slots, 400):
        yield asked(service, first, 400, seeds=Seeds.of([5]), users=users, demand=demand)


# ------------------------------------------------------------ invariances


@of_each_service
@pytest.mark.parametrize("slot_s", [1e-3, 0.125e-3])
def test_cuts_change_nothing(service: AnyService, slot_s: float) -> None:
    start = 3_600_000 - 170  # across the change of an hour
    whole = asked(service, start, 340, slot_s=slot_s)
    parts = [
        asked(service, start + a, b - a, slot_s=slot_s) for a, b in ((0, 1), (1, 39), (39, 160), (160, 340))
    ]
    assert whole.sum() > 0
    assert torch.equal(torch.cat(parts, dim=2), whole)


@of_each_service
def test_user_asks_the_same_whoever_else_is_there(service: AnyService) -> None:
    many = asked(service, 0, 400, users=torch.arange(100))
    few = asked(service, 0, 400, users=torch.tensor([71, 3]))
    assert torch.equal(few, many[:, [71, 3]])


@of_each_service
def test_realisation_asks_the_same_whatever_the_batch(service: AnyService) -> None:
    both, alone = asked(service, 0, 400), asked(service, 0, 400, seeds=Seeds.of([2]))
    assert torch.equal(both[1:], alone)
    assert not torch.equal(both[0], both[1])


@of_each_service
def test_arrivals_are_of_the_run_and_not_of_the_scene(service: AnyService) -> None:
    a = asked(service, 0, 400, seeds=Seeds.of([1], [9]))
    b = asked(service, 0, 400, seeds=Seeds.of([2], [9]))
    assert torch.equal(a, b)


@of_each_service
def test_more_demand_is_never_less_in_any_slot(service: AnyService) -> None:
    levels = [asked(service, 0, 800, demand=demand) for demand in (0.0, 0.3, 1.0, 1.1, 8.0)]
    assert levels[0].sum() == 0
    for less, more in itertools.pairwise(levels):
        assert bool((more >= less).all())


def test_services_are_mixed_by_user_and_the_rest_asks_for_nothing() -> None:
    service = torch.tensor([1, -1, 0, 2, 1])
    key = torch.arange(5)
    demand = torch.ones((1, 5), dtype=torch.float64)
    mixed = arrivals(
        [Xr(), ConstantRate(), FullBuffer()], service, key, demand, Seeds.of([1]), Span(0, 200, MS)
    )
    assert mixed[0, 1].sum() == 0
    assert mixed[0, 3].sum() == 0
    for user, of in ((0, ConstantRate()), (2, Xr()), (4, ConstantRate())):
        alone = asked(of, 0, 200, seeds=Seeds.of([1]), users=torch.tensor([user]))
        assert torch.equal(mixed[:, user], alone[:, 0])


# ------------------------------------------------------------ closed forms


@pytest.mark.parametrize("demand", [1.0, 400.0])
def test_files_are_a_poisson_process(demand: float) -> None:
    # n users, each Poisson of mean m: the sum has variance nm; (n − 1) s²/m̄ is χ² with n − 1 degrees.
    service, users, slots = Ftp3(files_per_s=0.5), 1000, 4000
    files = torch.stack([each[0].sum(-1) for each in blocks(service, slots, users, demand)]).sum(0)
    counts = files.double() / service.file_bits
    mean = 0.5 * demand * slots * MS
    assert abs(counts.sum() - users * mean) < SIGMAS * math.sqrt(users * mean)
    assert counts.var() / counts.mean() == pytest.approx(1, abs=SIGMAS * math.sqrt(2 / (users - 1)))


def test_files_come_in_every_slot_alike() -> None:
    # χ² over the places in a stretch, of 39 degrees of freedom: mean 39, variance 78.
    service = Ftp3(files_per_s=5)
    counts = torch.zeros(STRETCH_SLOTS, dtype=torch.float64)
    for each in blocks(service, 4000, 500):
        counts += each.double().reshape(-1, STRETCH_SLOTS).sum(0) / service.file_bits
    expected = float(counts.mean())
    assert expected > 100
    assert float(((counts - expected) ** 2).sum() / expected) < 39 + SIGMAS * math.sqrt(78)


def test_numbers_of_files_in_neighbouring_slots_are_independent() -> None:
    # The correlation of n pairs has a standard error of 1/√n.
    found = torch.cat(list(blocks(Ftp3(files_per_s=200), 2000, 50)), dim=2)[0].double()
    a, b = found[:, :-1].flatten(), found[:, 1:].flatten()
    correlation = torch.corrcoef(torch.stack([a, b]))[0, 1]
    assert abs(correlation) < SIGMAS / math.sqrt(len(a))


def test_constant_rate_is_met_in_each_second_and_its_packets_are_evenly_spaced() -> None:
    bits = asked(ConstantRate(bit_s=2e6, interval_ms=10), 0, 1000)
    assert bool((bits.sum(-1) == 2_000_000).all())
    for user in bits.flatten(0, 1):
        slots = torch.nonzero(user)[:, 0]
        assert bool((slots.diff() == 10).all())


def test_phases_of_users_are_spread_over_the_interval() -> None:
    # The mean of n uniforms has a standard error of 1/√(12 n) of the interval.
    first = (asked(ConstantRate(interval_ms=100), 0, 100, users=500) > 0).long().argmax(-1).double()
    assert (first + 0.5).mean() / 100 == pytest.approx(0.5, abs=SIGMAS / math.sqrt(12 * first.numel()))


def test_voice_has_its_activity_and_its_mean_spurt() -> None:
    # A draw holds for d (1 + U′ − U), of mean square 7/6 d²: over n cells the share of talk has a variance of
    # 7/6 a(1 − a)/n. Ends of spurts are n·a(1 − a) in the mean.
    service = Voice(activity=0.4, spurt_s=1.5)
    cell_s, seconds, users = 1.5 * 0.6, 90.0, 60
    time_s = torch.arange(0, seconds, 0.01, dtype=torch.float64).expand(1, users, -1)
    talk = voice.talks(service, Seeds.of([3]), torch.arange(users), time_s)
    cells = users * seconds / cell_s
    assert talk.double().mean() == pytest.approx(0.4, abs=SIGMAS * math.sqrt(7 / 6 * 0.24 / cells))
    ends = int((talk[..., :-1] & ~talk[..., 1:]).sum())
    spurt_s = float(talk.sum()) * 0.01 / ends
    # Relative error of a mean of geometric lengths (at most one mean) over the square root of their number.
    assert spurt_s == pytest.approx(1.5, rel=SIGMAS / math.sqrt(ends))


def test_voice_frames_are_those_of_talk_or_of_silence() -> None:
    service = Voice()
    bits = asked(service, 0, 4000, users=200)
    assert set(bits.unique().tolist()) == {0, service.frame_bits, service.silence_bits}
    frames = (bits == service.frame_bits).sum() / (2 * 200 * 200)
    # 4 s are four cells of d = 1 s for each of 400 users.
    assert float(frames) == pytest.approx(0.5, abs=SIGMAS * math.sqrt(0.25 / (4 * 400)))


def test_voice_that_never_pauses_has_a_frame_each_20_ms() -> None:
    bits = asked(Voice(activity=1.0), 0, 1000)
    assert bool((bits.sum(-1) == 50 * 320).all())


def test_video_frames_have_the_sizes_of_the_report() -> None:
    service = Xr(bit_s=30e6)
    sizes = asked(service, 40, 2000, users=50)
    sizes = sizes[sizes > 0].double() / (30e6 / 60)
    # Of n: mean ± σ/√n, σ ± σ/√(2n); at 4.8 σ truncation takes nothing off.
    assert sizes.mean() == pytest.approx(1, abs=SIGMAS * 0.105 / math.sqrt(len(sizes)))
    assert sizes.std() == pytest.approx(0.105, abs=SIGMAS * 0.105 / math.sqrt(2 * len(sizes)))
    assert sizes.min() >= 0.5
    assert sizes.max() <= 1.5


def test_video_frames_jitter_within_four_milliseconds_around_an_even_pace() -> None:
    service = Xr(size_deviation=0.01)
    slots = torch.nonzero(asked(service, 0, 3000, seeds=Seeds.of([1]), users=1)[0, 0])[:, 0].double()
    frame_ms = 1000 / 60
    number = torch.round((slots - slots[0]) / frame_ms)
    off = slots - number * frame_ms
    assert bool((number.diff() == 1).all())
    assert off.max() - off.min() <= 8 + 1


def test_truncated_normals_have_their_closed_form_deviation() -> None:
    # Within ±c: variance 1 − 2 c φ(c) / (2 Φ(c) − 1); that of two milliseconds within ±4 is 1.76 ms.
    drawn = truncated(draw(Seeds.of([1]), "test", torch.arange(200), torch.arange(200)), 2.0)
    density, mass = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
    expected = math.sqrt(1 - 4 * density / mass)
    assert drawn.abs().max() <= 2
    assert drawn.mean() == pytest.approx(0, abs=SIGMAS * expected / 200)
    assert drawn.std() == pytest.approx(expected, abs=SIGMAS * expected / math.sqrt(2 * 40_000))


def test_day_has_as_many_pages_whatever_its_profile() -> None:
    for service in (Web(), Web(hourly=(1.0,) * 12 + (5.0,) * 12)):
        assert float(web.hour_factor(service, torch.device("cpu")).mean()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("start_hour", "hour"), [(0.0, 0), (20.0, 20), (23.5, 23)])
def test_pages_follow_the_hour_of_the_day(start_hour: float, hour: int) -> None:
    service = Web(pages_per_s=5, start_hour=start_hour, page_deviation=1e-3, page_bits=1000)
    users, slots = 400, 2000
    bits = sum(int(each.sum()) for each in blocks(service, slots, users))
    factor = service.hourly[hour] * 24 / math.fsum(service.hourly)
    expected = users * slots * MS * 5 * factor
    assert bits / 1000 == pytest.approx(expected, abs=SIGMAS * math.sqrt(expected) + 1e-3 * expected)


def test_rate_of_pages_changes_with_the_hour_in_the_middle_of_a_block() -> None:
    quiet_then_busy = Web(pages_per_s=50, start_hour=0.0, hourly=(1.0, 9.0) * 12)
    found = asked(quiet_then_busy, 3_600_000 - 100, 200, users=200)
    # 50/s times 0.2 before and 1.8 after; a slot has a page with the probability 1 − exp(−mean): binomial.
    for part, mean in ((found[..., :100], 0.01), (found[..., 100:], 0.09)):
        share = 1 - math.exp(-mean)
        error = math.sqrt(share * (1 - share) / part.numel())
        assert (part > 0).double().mean() == pytest.approx(share, abs=SIGMAS * error)


def test_page_sizes_are_lognormal_up_to_the_largest() -> None:
    service = Web(page_bits=1e6, page_deviation=1.0, largest_page_bits=1e6 * math.e)
    keys = Seeds.of([1]).run_keys(7, torch.arange(20_000)[None])[0]
    sizes = web.page_bits(service, keys).double()
    assert sizes.max() <= service.largest_page_bits
    # P(X ≤ x) = Φ(ln x/m) / Φ(1); the share below the median is 1/2 over 0.8413, with a binomial error.
    share = 0.5 / (0.5 * math.erfc(-1 / math.sqrt(2)))
    error = math.sqrt(share * (1 - share) / len(sizes))
    assert (sizes <= 1e6).double().mean() == pytest.approx(share, abs=SIGMAS * error)


def test_full_buffer_brings_no_packets() -> None:
    assert asked(FullBuffer(), 0, 100).sum() == 0


# ------------------------------------------------------------ rejects


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (lambda: Ftp3(files_per_s=0), "files_per_s"),
        (lambda: ConstantRate(interval_ms=-1), "interval_ms"),
        (lambda: Voice(activity=1.2), "activity"),
        (lambda: Xr(frames_per_s=0), "frames_per_s"),
        (lambda: Web(hourly=(1.0,) * 23), "hourly"),
        (lambda: Web(start_hour=24.0), "start_hour"),
    ],
)  # fmt: skip
def test_bad_parameters_are_refused_by_name(made: object, field: str) -> None:
    with pytest.raises(InputError, match=field):
        made()  # type: ignore[operator]


# ------------------------------------------------------------ the compiled keys and torch's


def test_compiled_keys_are_those_of_the_streams() -> None:
    seeds, user, number = Seeds.of([1, 2**63 + 5]), torch.tensor([0, 7, -3, 2**40]), torch.tensor([-1, 0, 5])
    word = streams.purpose("anything")
    reference = seeds.run_keys(word, user[None, :, None], number[None, None])
    assert torch.equal(keys.run_keys(seeds, "anything", user, number), reference)
    assert torch.equal(keys.user_keys(seeds, "anything", user), seeds.run_keys(word, user[None]))
    assert torch.equal(keys.again(reference, 3), streams.chain(reference, 3))
