"""Tables of a run: the network's KPIs and the users at a period's end; traces by slot and measurement period."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch

from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.kpis import network_kpis
from ranvier.dtops.simulator.link.noise import prb_noise_mw
from ranvier.dtops.simulator.run_state import RunState
from ranvier.dtops.simulator.simulator import BlockOutcome, Period, Simulator


def kpi_table(period: Period, slot_s: float) -> pa.Table:
    """One row for each realisation: KPIs of the whole network, its power, handovers and failures."""
    found = {
        name: column.cpu().numpy() for name, column in network_kpis(period.tallies.cells, slot_s).items()
    }
    seconds = period.slots * slot_s
    control = period.control
    joules = period.energy_ws.cpu().numpy().sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found |= {
            "power_w": joules / seconds,
            "energy_per_bit_nj": 1e9 * joules / period.tallies.cells.delivered_bits.cpu().numpy().sum(axis=1),
            "handovers": control.executions.flatten(1).sum(dim=1).cpu().numpy().astype(float),
            "handover_failures": control.failures.flatten(1).sum(dim=1).cpu().numpy().astype(float),
            "ping_pongs": control.ping_pongs.sum(dim=1).cpu().numpy(),
            "link_failures": control.link_failures.sum(dim=1).cpu().numpy(),
        }  # fmt: skip
    count = len(joules)
    return pa.table(
        {
            "realisation": np.arange(count, dtype=np.int32),
            "first_slot": np.full(count, period.first), "slots": np.full(count, period.slots), **found,
        }
    )  # fmt: skip


def user_table(period: Period, state: RunState, run: Simulator) -> pa.Table:
    """One row for each realisation and user: place, cell, radio at the period's end, and what it got."""
    users, slot_s = period.tallies.users, run.carrier.slot_s
    realisations, count = users.delivered_bits.shape
    link = radio.link_of(state.gains.cell, state.control.serving)
    rsrp = state.air.rsrp_dbm.gather(2, link.clamp(min=0)[..., None])[..., 0]
    served = link >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "x_m": state.motion.position_m[..., 0], "y_m": state.motion.position_m[..., 1],
            "height_m": state.motion.position_m[..., 2], "serving_cell": state.control.serving,
            "ss_rsrp_dbm": torch.where(served, rsrp, torch.nan),
            "rate_kbit_s": users.delivered_bits / (period.slots * slot_s) / 1e3,
            "sinr_db": users.sinr_db / users.scheduled_slots,
            "rlc_delay_ms": users.rlc_delay_slots / users.rlc_packets * (slot_s * 1e3),
            "loss_ratio": users.lost_bits / users.offered_bits,
        }  # fmt: skip
    r, key = np.divmod(np.arange(realisations * count), count)
    return pa.table(
        {
            "realisation": r.astype(np.int32), "user": run.population.key.cpu().numpy()[key],
            "first_slot": np.full(len(r), period.first),
            **{name: column.reshape(-1).cpu().numpy() for name, column in columns.items()},
        }
    )  # fmt: skip


def trace_table(outcome: BlockOutcome, run: Simulator) -> pa.Table:
    """Rows of a block: each user in each slot in which it was sent or delivered something."""
    traces = outcome.traces
    busy = (traces.user_prbs > 0) | (traces.user_bits > 0)
    r, u, n = (each.cpu().numpy() for each in torch.nonzero(busy, as_tuple=True))
    at = (torch.from_numpy(r), torch.from_numpy(u), torch.from_numpy(n))
    return pa.table(
        {
            "slot": n + outcome.block.first, "realisation": r.astype(np.int32),
            "user": run.population.key.cpu().numpy()[u],
            "delivered_bits": traces.user_bits[at].cpu().numpy(), "prbs": traces.user_prbs[at].cpu().numpy(),
            "sinr_db": traces.user_sinr_db[at].cpu().numpy(), "mcs": traces.user_mcs[at].cpu().numpy(),
            "queue_bits": traces.user_queue[at].cpu().numpy(),
        }
    )  # fmt: skip


def cell_trace_table(outcome: BlockOutcome) -> pa.Table:
    """Rows of a block: each cell (its place in the layout) in each slot in which it sent data."""
    prbs = outcome.traces.cell_prbs
    at = torch.nonzero(prbs > 0, as_tuple=True)
    r, c, n = (each.cpu().numpy() for each in at)
    return pa.table(
        {
            "slot": n + outcome.block.first, "realisation": r.astype(np.int32), "cell": c.astype(np.int32),
            "prbs": prbs[at].cpu().numpy(),
        }
    )  # fmt: skip


def measurement_table(outcome: BlockOutcome, state: RunState, run: Simulator) -> pa.Table:
    """Rows of a measurement period: each user that is there, with its place and what it measured.

    ss_rsrp_dbm and sinr_db (wideband, at the local mean) are those of the serving cell; cqi is the mean over
    sub-bands of what the scheduler knows when the block ends. Without a serving cell (−1) they are null.
    """
    link = radio.link_of(state.gains.cell, state.control.serving)
    rsrp = state.air.rsrp_dbm.gather(2, link.clamp(min=0)[..., None])[..., 0]
    noise_mw = prb_noise_mw(run.carrier, run.scenario.noise_figure_db)
    sinr = state.air.sinr_db(link, state.load, state.gains.cell, noise_mw)
    at = torch.nonzero(state.sessions.present, as_tuple=True)
    r, u = (each.cpu().numpy() for each in at)
    place, alone = state.motion.position_m[at].cpu().numpy(), (link[at] < 0).cpu().numpy()
    return pa.table(
        {
            "slot": np.full(len(r), outcome.block.first), "realisation": r.astype(np.int32),
            "user": run.population.key.cpu().numpy()[u], "x_m": place[:, 0], "y_m": place[:, 1],
            "serving_cell": state.control.serving[at].cpu().numpy().astype(np.int32),
            "ss_rsrp_dbm": pa.array(rsrp[at].cpu().numpy(), mask=alone),
            "sinr_db": pa.array(sinr[at].cpu().numpy(), mask=alone),
            "cqi": pa.array(state.slots.cqi[at].float().mean(dim=-1).cpu().numpy(), mask=alone),
        }
    )  # fmt: skip
