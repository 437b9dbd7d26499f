"""The embedded ledger as its history grows: appends, scans of a window, one node's whole past, verification.

    python bench/ledger.py --appends 20 200

An append is what one issue of forecasts seals: 3,000 rows with 21 quantiles each. Times are this process's CPU
time, which other work on the machine disturbs less than the clock.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from ranvier.fabric.ledger.parquet import ParquetLedger

ROWS, LEVELS, STEP_NS = 3000, 21, 5_000_000_000
NODES = [f"SubNetwork=Bench,NRCellDU={row // 3}" for row in range(ROWS)]


def forecasts(issue: int) -> pa.Table:
    """One issue of forecasts: 1,000 nodes at three horizons."""
    quantiles = np.sort(np.random.default_rng(issue).normal(size=(ROWS, LEVELS)), axis=1)
    return pa.table(
        {
            "tenant": ["default"] * ROWS,
            "time_ns": pa.array(np.full(ROWS, issue * STEP_NS), pa.int64()),
            "node": NODES,
            "horizon": pa.array(np.arange(ROWS) % 3, pa.int64()),
            "values": pa.array(list(quantiles), pa.list_(pa.float64())),
        }
    )


def cpu_ms(work: Callable[[], object], repeats: int = 3) -> float:
    """Milliseconds of CPU time that `work` takes, the least of some repeats."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--appends", type=int, nargs="+", default=[20, 200])
    targets = sorted(parser.parse_args().appends)
    with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as folder:
        ledger = ParquetLedger(Path(folder))
        print(
            "| appends | an append, ms | newest 5 issues, ms | oldest 5, ms | one node's past, ms | RSS, MB |"
        )
        print("|---:|---:|---:|---:|---:|---:|")
        done = 0
        for target in targets:
            spent, first = 0.0, done
            while done < target:
                rows = forecasts(done)
                spent += cpu_ms(lambda r=rows, n=done: ledger.append("forecasts", str(n), r, n), repeats=1)
                done += 1
            newest = cpu_ms(lambda at=(done - 5) * STEP_NS: ledger.scan("forecasts", "default", at))
            oldest = cpu_ms(lambda: ledger.scan("forecasts", "default", 0, 5 * STEP_NS))
            past = cpu_ms(lambda: ledger.scan("forecasts", "default", where={"node": NODES[7]}))
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"| {done} | {spent / (done - first):.1f} | {newest:.0f} | {oldest:.0f} | {past:.0f} | {rss:.0f} |"
            )
        print(f"\nverify: {cpu_ms(lambda: ledger.verify('forecasts'), 1) / done:.1f} ms a seal")
        ledger.close()


if __name__ == "__main__":
    main()
