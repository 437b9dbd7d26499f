"""The steady load of the soak: reports of many cells that end now, some handovers, now and then a bad report."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ranvier.fabric.event import Payload
from ranvier.fabric.ingest import publish
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import StoreError
from tests.faults import profiles
from tests.faults.folder import Folder

NETWORK = "soak"
CELLS, UES = 500, 200
TURNS_PER_S = 5
COUNTERS = ("RRU.PrbTotDl", "RRU.PrbTotUl", "DRB.MeanActiveUeDl", "DRB.EstabAtt", "DRB.EstabSucc")
BAD_EVERY = 1000
S = 10**9


def cell(number: int) -> str:
    """The distinguished name of a cell."""
    return f"ManagedElement={number // 3},GNBDUFunction=1,NRCellDU={number}"


def turns(rate_per_s: float, rng: random.Random) -> Iterator[list[Payload]]:
    """What is published at each turn, `TURNS_PER_S` of them a second; reports end at the time they are made."""
    since_ns = time.time_ns()
    yield [
        *(
            NodeChange(cell(number), "NRCellDU", since_ns, {"number": number}, network=NETWORK)
            for number in range(CELLS)
        ),
        *(NodeChange(f"UE={number}", "UE", since_ns, network=NETWORK) for number in range(UES)),
    ]
    number = 0
    while True:
        made: list[Payload] = []
        now_ns = time.time_ns()
        for _ in range(round(rate_per_s / TURNS_PER_S)):
            values = {name: float(rng.randrange(100)) for name in COUNTERS}
            if number % BAD_EVERY == BAD_EVERY - 1:
                values[COUNTERS[0]] = 1000.0
            made.append(
                MeasurementReport(
                    cell(number % CELLS), "NRCellDU", now_ns - S, now_ns, values, network=NETWORK
                )
            )
            number += 1
        served, serving = rng.randrange(UES), rng.randrange(CELLS)
        made.append(RelationChange("serves", cell(serving), f"UE={served}", now_ns, network=NETWORK))
        yield made


def main() -> None:
    """`python -m tests.faults.load FOLDER`: until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = Folder(parser.parse_args().folder)
    log = profiles.patiently(lambda: profiles.open_log(folder), folder.board("producer"))
    due_s = time.monotonic()
    for payloads in turns(folder.plan.rate_per_s, random.Random(folder.plan.seed)):
        while True:
            try:
                publish(log, payloads, "soak", time.time_ns())
                break
            except StoreError as error:
                print(f"again: {error}", file=sys.stderr, flush=True)
                time.sleep(0.5)
        due_s = max(due_s + 1 / TURNS_PER_S, time.monotonic() - 1)
        time.sleep(max(0.0, due_s - time.monotonic()))


if __name__ == "__main__":
    main()
