"""Sionna's system-level blocks on the same number of cells and users: how much wall time a slot takes.

    python sionna_system.py CELLS UES_PER_CELL SLOTS

Run in an environment of its own with `sionna-no-rt`; prints one line of JSON. Per slot: Rayleigh fading of every
link on 18 sub-bands from given local means, SINR with every cell sending, Sionna's proportional fair scheduler,
its outer-loop link adaptation and its physical layer abstraction (full buffer, one stream, one symbol a slot, so
that its blocks work on the least that they can). Left out: correlated fading, traffic and queues, HARQ
combining, reports with delay, motion, handover, energy.
"""

import json
import sys
import time

import torch
from sionna.sys import OuterLoopLinkAdaptation, PFSchedulerSUMIMO, PHYAbstraction

SUBBANDS = 18


def main() -> None:
    cells, users, slots = (int(each) for each in sys.argv[1:4])
    torch.set_num_threads(1)
    torch.manual_seed(1)
    abstraction = PHYAbstraction(device="cpu")
    loop = OuterLoopLinkAdaptation(abstraction, users, batch_size=[cells], device="cpu")
    scheduler = PFSchedulerSUMIMO(users, SUBBANDS, 1, batch_size=[cells], device="cpu")
    # Local means: the serving cell 10 dB above the mean of the others, log-normal with 8 dB.
    mean = 10 ** ((torch.randn(cells, users, cells) * 8 - 20) / 10)
    mean[torch.arange(cells), :, torch.arange(cells)] *= 1000
    own = torch.eye(cells)[:, None, :, None]
    rate, feedback, effective = torch.ones(cells, users), None, None

    def slot(rate, feedback, effective):
        power = mean[..., None] * torch.empty(cells, users, cells, SUBBANDS).exponential_()
        wanted = (power * own).sum(dim=2)
        sinr = wanted / (power.sum(dim=2) - wanted + 1e-3)
        achievable = torch.log2(1 + sinr).permute(0, 2, 1)[:, None]
        scheduled = scheduler(rate, achievable)[..., 0]
        sent = torch.where(scheduled, sinr.permute(0, 2, 1)[:, None], 0.0)[..., None]
        counted = scheduled.sum(dim=(1, 2)).to(torch.int32)
        mcs = loop(counted, feedback, effective)
        bits, feedback, effective, _, _ = abstraction(mcs, sent)
        effective = torch.where(feedback >= 0, effective, torch.zeros_like(effective))
        return bits.float(), feedback, effective

    for _ in range(3):
        rate, feedback, effective = slot(rate, feedback, effective)
    begin = time.perf_counter()
    for _ in range(slots):
        rate, feedback, effective = slot(rate, feedback, effective)
    wall = time.perf_counter() - begin
    found = {"cells": cells, "users": cells * users, "slots": slots, "wall_s": wall}
    print(json.dumps({**found, "cell_slots_s": cells * slots / wall}))


main()
