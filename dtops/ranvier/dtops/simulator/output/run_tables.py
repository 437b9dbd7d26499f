"""Tables of a period: the network's KPIs, the users as they are at its end, and traces by slot."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch

from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.kpis import network_kpis
from ranvier.dtops.simulator.run_state import RunState
from ranvier.dtops.simulator.simulator import BlockOutcome, Period, Simulator


def kpi_table(period: Period, slot_s: float) -> pa.Table:
    """One row for each realisation: KPIs of the whole network, its power, handovers and failures."""
    found = {name: column.numpy() for name, column in network_kpis(period.tallies.cells, slot_s).items()}
    seconds = period.slots * slot_s
    control = period.control
    joules = period.energy_ws.numpy().sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found |= {
            "power_w": joules / seconds,
            "energy_per_bit_nj": 1e9 * joules / period.tallies.cells.delivered_bits.numpy().sum(axis=1),
            "handovers": control.executions.flatten(1).sum(dim=1).numpy().astype(float),
            "handover_failures": control.failures.flatten(1).sum(dim=1).numpy().astype(float),
            "ping_pongs": control.ping_pongs.sum(dim=1).numpy(),
            "link_failures": control.link_failures.sum(dim=1).numpy(),
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
            "realisation": r.astype(np.int32), "user": run.population.key.numpy()[key],
            "first_slot": np.full(len(r), period.first),
            **{name: column.reshape(-1).numpy() for name, column in columns.items()},
        }
    )  # fmt: skip


def trace_table(outcome: BlockOutcome, run: Simulator) -> pa.Table:
    """Rows of a block: each user in each slot in which it was sent or delivered something."""
    traces = outcome.traces
    busy = (traces.user_prbs > 0) | (traces.user_bits > 0)
    r, u, n = (each.numpy() for each in torch.nonzero(busy, as_tuple=True))
    at = (torch.from_numpy(r), torch.from_numpy(u), torch.from_numpy(n))
    return pa.table(
        {
            "slot": n + outcome.block.first, "realisation": r.astype(np.int32),
            "user": run.population.key.numpy()[u],
            "delivered_bits": traces.user_bits[at].numpy(), "prbs": traces.user_prbs[at].numpy(),
            "sinr_db": traces.user_sinr_db[at].numpy(), "mcs": traces.user_mcs[at].numpy(),
            "queue_bits": traces.user_queue[at].numpy(),
        }
    )  # fmt: skip
