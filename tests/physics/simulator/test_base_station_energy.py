"""The power of cells: closed forms of TR 38.864's states, invariance to cuts, and what saving saves."""

import pytest
import torch

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.energy import EnergyModel, EnergySettings, EnergyState
from ranvier.ontology.errors import InputError

CARRIER = Carrier()
RATED_DBM = 46.0
UNIT_W = 10**1.6 / (0.28 * 280)
"""Of a cell of 46 dBm, 39.8 W, that radiates 28 % of its power at full load."""
ROUNDING_J = 2.0**-27
"""Of a slot's energy."""


def model(settings: EnergySettings | None = None, carrier: Carrier = CARRIER, beams: int = 1) -> EnergyModel:
    return EnergyModel(
        settings or EnergySettings(), carrier, torch.tensor([RATED_DBM], dtype=torch.float64), beams
    )


def joules(
    of: EnergyModel, prbs: torch.Tensor, *, first: int = 0, state: EnergyState | None = None,
    power_dbm: float = RATED_DBM, on: bool = True,
) -> float:  # fmt: skip
    state = state or of.fresh(1)
    return float(
        of.spent(state, prbs[None, None], first, torch.tensor([power_dbm]), torch.tensor([on]))[0, 0]
    )


def relative(energy_j: float, slot_ms: float = 1.0) -> float:
    """Relative power × slots."""
    return energy_j / (UNIT_W * slot_ms * 1e-3)


def nothing(slots: int) -> torch.Tensor:
    return torch.zeros(slots, dtype=torch.int16)


SIGNAL_SLOT = 55 + 4 / 14 * 27.5 + 20 * 4 / (14 * 106) * (280 - 82.5)
"""One SSB: micro sleep, four symbols at 1.5 P3 instead, and 20 PRBs over four symbols of 106 over 14."""


def test_full_cell_takes_its_rated_power_over_the_efficiency() -> None:
    spent = joules(model(), torch.full((1000,), 106))
    assert spent == pytest.approx(10**1.6 / 0.28, abs=1000 * ROUNDING_J)


def test_empty_cell_dozes_between_signals_and_pays_for_waking() -> None:
    # After a signal: six slots of micro sleep, 13 of light sleep, and the energy of leaving it.
    of, state = model(), model().fresh(1)
    joules(of, nothing(20), state=state)
    spent = relative(joules(of, nothing(2000), first=20, state=state))
    expected = 100 * (SIGNAL_SLOT + 6 * 55 + 13 * 25 + 90)
    assert spent == pytest.approx(expected, rel=1e-6)


def test_cell_that_may_not_sleep_stays_in_micro_sleep_between_signals() -> None:
    of = model(EnergySettings(light=False, deep=False))
    assert relative(joules(of, nothing(2000))) == pytest.approx(100 * (SIGNAL_SLOT + 19 * 55), rel=1e-6)


def test_every_other_slot_full_is_the_mean_of_full_and_micro_sleep() -> None:
    prbs = torch.tensor([106, 0]).repeat(500)
    assert relative(joules(model(), prbs)) == pytest.approx(500 * (280 + 55), rel=1e-6)


def test_symbol_shutdown_saves_the_static_power_of_symbols_without_data() -> None:
    # 53 of 106 PRBs fit into 7 of 14 symbols. Slot 1, so that no signal is in it.
    half = torch.tensor([53])
    without = relative(joules(model(EnergySettings(symbols=False)), half, first=1))
    with_it = relative(joules(model(), half, first=1))
    assert without == pytest.approx(82.5 + 0.5 * (280 - 82.5), rel=1e-6)
    assert without - with_it == pytest.approx(0.5 * 27.5, rel=1e-5)


def test_deep_sleep_where_signals_are_far_apart() -> None:
    # 160 ms: 6 slots of micro, then light up to 50 slots of silence, deep for the rest, E1 for waking.
    of = model(EnergySettings(signal_period_ms=160.0))
    state = of.fresh(1)
    joules(of, nothing(160), state=state)
    spent = relative(joules(of, nothing(160), first=160, state=state))
    assert spent == pytest.approx(SIGNAL_SLOT + 6 * 55 + 44 * 25 + 109 * 1 + 1000, rel=1e-6)


def test_sleep_of_category_two_takes_too_long_for_the_signals() -> None:
    of = model(EnergySettings(category=2))
    state = of.fresh(1)
    of.spent(state, nothing(2000)[None, None], 0, torch.tensor([RATED_DBM]), torch.tensor([True]))
    assert int(state.depth[0, 0]) == 0


def test_cell_that_is_off_takes_the_power_of_deep_sleep_and_its_energy_to_come_back() -> None:
    of = model()
    state = of.fresh(1)
    assert relative(joules(of, nothing(40), state=state, on=False)) == pytest.approx(40, rel=1e-4)
    # Slot 60 has a signal: it is the first thing that a cell that was switched on at 45 wakes for.
    before = relative(joules(of, nothing(15), first=45, state=state))
    assert before == pytest.approx(15 * 1, rel=1e-4)
    after = relative(joules(of, nothing(1), first=60, state=state))
    assert after == pytest.approx(SIGNAL_SLOT + 1000, rel=1e-6)


def test_less_power_lowers_only_the_dynamic_part() -> None:
    full = torch.tensor([106])
    lower = relative(joules(model(), full, first=1, power_dbm=RATED_DBM - 10))
    assert lower == pytest.approx(82.5 + 0.1 * (280 - 82.5), rel=1e-6)


def test_unused_antennas_lower_the_dynamic_part_in_proportion() -> None:
    spent = relative(joules(model(EnergySettings(antenna_share=0.25)), torch.tensor([106]), first=1))
    assert spent == pytest.approx(82.5 + 0.25 * (280 - 82.5), rel=1e-6)


def test_more_beams_take_more_slots_of_signals() -> None:
    # Eight SSBs, two a slot: four slots.
    of = model(EnergySettings(light=False, deep=False), beams=8)
    two = 55 + 8 / 14 * 27.5 + 2 * 20 * 4 / (14 * 106) * (280 - 82.5)
    assert relative(joules(of, nothing(20))) == pytest.approx(4 * two + 16 * 55, rel=1e-6)


@pytest.mark.parametrize("numerology", [0, 1, 3])
def test_watts_of_a_full_cell_do_not_depend_on_the_numerology(numerology: int) -> None:
    carrier = Carrier(30e9, 100e6, 3) if numerology == 3 else Carrier(3.5e9, 20e6, numerology)
    spent = joules(model(carrier=carrier), torch.full((400,), carrier.prbs))
    assert spent / (400 * carrier.slot_s) == pytest.approx(10**1.6 / 0.28, rel=1e-5)


def test_cuts_change_nothing_bit_for_bit() -> None:
    generator = torch.Generator().manual_seed(3)
    busy = torch.rand((3, 5, 900), generator=generator) < 0.1
    prbs = torch.where(busy, torch.randint(1, 107, busy.shape, generator=generator), 0)
    power = torch.tensor([46.0, 43.0, 40.0, 46.0, 30.0])
    on = torch.tensor([True, True, True, False, True])
    of = EnergyModel(EnergySettings(), CARRIER, torch.full((5,), 46.0, dtype=torch.float64))
    whole_state, cut_state = of.fresh(3), of.fresh(3)
    whole = of.spent(whole_state, prbs, 0, power, on)
    total = torch.zeros_like(whole)
    for first, end in ((0, 1), (1, 40), (40, 47), (47, 300), (300, 899), (899, 900)):
        total += of.spent(cut_state, prbs[..., first:end], first, power, on)
    assert torch.equal(total, whole)
    assert torch.equal(cut_state.silent, whole_state.silent)
    assert torch.equal(cut_state.depth, whole_state.depth)


def test_more_data_in_the_same_slots_never_takes_less() -> None:
    generator = torch.Generator().manual_seed(4)
    prbs = torch.randint(0, 54, (400,), generator=generator)
    some, more = joules(model(), prbs), joules(model(), 2 * prbs)
    assert more > some


def test_power_beyond_the_range_is_refused() -> None:
    with pytest.raises(InputError, match="80 at most"):
        EnergyModel(EnergySettings(), CARRIER, torch.tensor([81.0]))


@pytest.mark.parametrize(
    ("field", "value"),
    [("full_efficiency", 0.0), ("antenna_share", 1.5), ("signal_period_ms", -1.0), ("reference", "set9")],
)
def test_bad_settings_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        EnergySettings(**{field: value})  # type: ignore[arg-type]
