"""The emulated traffic behaves as an operator expects of cells."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.gateway.emulator.city import EmulatorConfig, build
from ranvier.gateway.emulator.happenings import SLOT_PERIODS, Happening, Retune, happening
from ranvier.gateway.emulator.traffic import CellTotals, Traffic, _fair_shares
from ranvier.ontology.errors import InputError

CONFIG = EmulatorConfig(day_s=600.0, faults=False)
DAY = 3_000_000  # index of the first period of some day of 60 periods


def fields(totals: CellTotals) -> list[np.ndarray]:
    return [totals.share_s, totals.volume_mbit, totals.busy_s, totals.connected_s, totals.handovers]


def same(a: CellTotals, b: CellTotals) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(fields(a), fields(b), strict=True))


@pytest.fixture(scope="module")
def day() -> list[CellTotals]:
    traffic = Traffic(build(CONFIG))
    return [traffic.totals(DAY + k) for k in range(60)]


def test_a_period_is_the_same_alone_and_in_a_row(day: list[CellTotals]) -> None:
    assert same(Traffic(build(CONFIG)).totals(DAY + 41), day[41])


def test_periods_may_be_asked_for_in_any_order(day: list[CellTotals]) -> None:
    traffic = Traffic(build(CONFIG))
    assert all(same(traffic.totals(DAY + k), day[k]) for k in (30, 12, 31, 13))


def test_another_seed_is_another_city(day: list[CellTotals]) -> None:
    other = EmulatorConfig(day_s=600.0, faults=False, seed=8)
    assert not same(Traffic(build(other)).totals(DAY + 30), day[30])


def test_noon_is_busier_than_night(day: list[CellTotals]) -> None:
    volume = np.array([totals.volume_mbit.sum() for totals in day])
    assert volume[25:40].mean() > 3 * volume[:5].mean()


def test_cells_stay_within_their_blocks_and_counts_make_sense(day: list[CellTotals]) -> None:
    for totals in day:
        assert np.all((totals.share_s >= 0) & (totals.share_s <= 0.97 * totals.duration_s + 1e-9))
        assert np.all(totals.busy_s <= totals.connected_s + 1e-9)
        intra, intra_made, inter, inter_made = totals.handovers
        assert np.all((intra_made <= intra) & (inter_made <= inter))
    assert sum(totals.handovers[2].sum() for totals in day) > 10


def test_throughput_falls_as_load_rises(day: list[CellTotals]) -> None:
    load = np.concatenate([totals.share_s / totals.duration_s for totals in day])
    busy = np.concatenate([totals.busy_s for totals in day])
    rate = np.concatenate([totals.volume_mbit for totals in day]) / np.maximum(busy, 1e-9)
    light, heavy = (load > 0.05) & (load < 0.3) & (busy > 0), (load > 0.8) & (busy > 0)
    assert np.median(rate[light]) > 2 * np.median(rate[heavy])


def _with(monkeypatch: pytest.MonkeyPatch, what: Happening | None, change: Retune | None = None) -> Traffic:
    monkeypatch.setattr("ranvier.gateway.emulator.traffic.happening", lambda *_: what)
    monkeypatch.setattr("ranvier.gateway.emulator.traffic.retune", lambda *_: change)
    return Traffic(build(CONFIG))


def _hour(traffic: Traffic) -> list[CellTotals]:
    return [traffic.totals(DAY + k) for k in range(20, 50)]


def _volume(rows: list[CellTotals]) -> np.ndarray:
    return sum(totals.volume_mbit for totals in rows)  # type: ignore[return-value]


def test_a_cell_in_outage_serves_nobody_and_its_neighbours_take_the_load(
    monkeypatch: pytest.MonkeyPatch, day: list[CellTotals]
) -> None:
    busiest = int(_volume(day[20:50]).argmax())
    down = _volume(_hour(_with(monkeypatch, Happening("outage", busiest, 0, 2**40))))
    usual = _volume(day[20:50])
    near = list(build(CONFIG).neighbours[busiest])
    assert down[busiest] == 0
    assert down[near].sum() > usual[near].sum()


def test_a_degraded_carrier_carries_less(monkeypatch: pytest.MonkeyPatch, day: list[CellTotals]) -> None:
    busiest = int(_volume(day[20:50]).argmax())
    degraded = _volume(_hour(_with(monkeypatch, Happening("degraded", busiest, 0, 2**40))))
    assert degraded[busiest] < 0.8 * _volume(day[20:50])[busiest]


def test_a_crowd_brings_traffic(monkeypatch: pytest.MonkeyPatch, day: list[CellTotals]) -> None:
    crowd = Happening("crowd", 0, DAY, DAY + 60)
    busy = sum(totals.busy_s.sum() for totals in _hour(_with(monkeypatch, crowd)))
    assert busy > 1.2 * sum(totals.busy_s.sum() for totals in day[20:50])


def test_a_cell_of_less_power_has_fewer_users(monkeypatch: pytest.MonkeyPatch, day: list[CellTotals]) -> None:
    cell = int(sum(t.connected_s for t in day[20:50]).argmax())  # type: ignore[union-attr]
    weak = _hour(_with(monkeypatch, None, Retune(cell, 0.0, -10.0, 0, 2**40)))
    now = sum(t.connected_s for t in weak)
    before = sum(t.connected_s for t in day[20:50])
    part_now, part_before = now[cell] / now.sum(), before[cell] / before.sum()  # type: ignore[index, union-attr]
    assert part_now < part_before


def test_happenings_begin_and_end_within_their_slot() -> None:
    config = EmulatorConfig()
    kinds = set()
    for period in range(50 * SLOT_PERIODS):
        now = happening(config, period, 21, 6)
        if now is not None:
            kinds.add(now.kind)
            assert now.first // SLOT_PERIODS == (now.last - 1) // SLOT_PERIODS == period // SLOT_PERIODS
    assert kinds == {"outage", "degraded", "crowd"}


def test_a_day_is_half_an_hour_of_short_periods_and_24_hours_of_quarter_hours() -> None:
    assert EmulatorConfig().day_ns == 1800 * 10**9
    assert EmulatorConfig(period_s=900).day_ns == 86_400 * 10**9


def test_shares_are_fair_and_within_the_budget() -> None:
    wanted = np.array([0.1, 0.9, 0.9, 0.3])
    serving = np.array([0, 0, 0, 1])
    share = _fair_shares(wanted, serving, 0.97, 2)
    assert share == pytest.approx([0.1, 0.435, 0.435, 0.3])


@pytest.mark.parametrize(
    "wrong",
    [{"period_s": 0.1}, {"sites": 0}, {"sectors": 9}, {"day_s": 55.0}, {"day_s": 601.0}, {"traffic": 0.0}],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        EmulatorConfig(**wrong)  # type: ignore[arg-type]
