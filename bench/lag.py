"""Twin lag of the whole platform under a steady load: feed, log, ingest, series, graph and twin, on the wall clock.

    python -m bench.lag --points 10000 --seconds 60

A thousand objects report ten counters each second, as soon as the second is over, and ten UEs are handed over.
Two of the counters are followed by the twin. The lag is what the platform itself measures.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.process import in_process
from bench.report import Figure, Section
from bench.twin import S, cell
from ranvier.fabric.event import Payload
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.gateway.bootstrap import open_platform
from ranvier.gateway.runtime.figures import Lags
from ranvier.gateway.runtime.spool import Arrival
from ranvier.gateway.runtime.twin_platform import TwinPlatform
from ranvier.gateway.runtime.workers import Workers
from ranvier.gateway.settings import load_settings
from ranvier.ontology.ontology import Ontology, load

COUNTERS, HANDOVERS, UES = 10, 10, 200
FOLLOWED = ("RRU.PrbTotDl", "RRC.ConnMean")
WARM_UP_S = 15
NETWORK = "bench"


class SteadyFeed:
    """`points` a second, in reports of ten, each second for ever."""

    name = "steady"
    emulated = True

    def __init__(self, points: int, ontology: Ontology) -> None:
        self._objects = points // COUNTERS
        others = [
            q.name for q in ontology.quantities.values()
            if "NRCellDU" in q.object_classes and (q.maximum is None or q.maximum >= 100) and not q.sentinels
            and q.name not in FOLLOWED
        ]  # fmt: skip
        self._names = [*FOLLOWED, *others][:COUNTERS]

    def arrivals(self) -> Iterator[Arrival]:
        """What each second brought, due at its end."""
        end_ns = (time.time_ns() // S + 1) * S
        yield Arrival(end_ns, list(self._cells(end_ns)))
        while True:
            end_ns += S
            yield Arrival(end_ns, [*self._measured(end_ns), *self._handovers(end_ns)])

    def close(self) -> None:
        """It holds nothing."""

    def _cells(self, now_ns: int) -> Iterator[Payload]:
        for number in range(self._objects):
            yield NodeChange(cell(number), "NRCellDU", now_ns, {}, network=NETWORK)
        for number in range(UES):
            yield NodeChange(f"SubNetwork=Bench,UE={number}", "UE", now_ns, {}, network=NETWORK)

    def _measured(self, end_ns: int) -> Iterator[Payload]:
        values = np.random.default_rng(end_ns // S).integers(0, 100, (self._objects, COUNTERS))
        for number, row in enumerate(values.astype(float).tolist()):
            yield MeasurementReport(
                cell(number), "NRCellDU", end_ns - S, end_ns, dict(zip(self._names, row, strict=True)),
                network=NETWORK,
            )  # fmt: skip

    def _handovers(self, end_ns: int) -> Iterator[Payload]:
        rng = np.random.default_rng([1, end_ns // S])
        for ue in rng.choice(UES, HANDOVERS, replace=False).tolist():
            to = cell(int(rng.integers(self._objects)))
            yield RelationChange("serves", to, f"SubNetwork=Bench,UE={ue}", end_ns, network=NETWORK)


def timed_to_state(platform: TwinPlatform) -> list[float]:
    """Gathers, step by step, how old the newest period is once the state that holds it is there.

    The platform's own figure is taken when a step begins, before the state is worked out.
    """
    ready: list[float] = []
    update = platform.follower._update

    def timed(frame: SeriesFrame, as_of_ns: int, now_ns: int) -> None:
        update(frame, as_of_ns, now_ns)
        if len(frame):
            ready.append((platform.now_ns() - int(frame.end_ns.max())) / S)

    platform.follower._update = timed  # type: ignore[method-assign]
    return ready


def measure(folder: Path, points: int, seconds: float) -> dict[str, float]:
    """The lags over `seconds`, after a warm-up."""
    settings = load_settings(
        None, store={"folder": folder}, twin={"kpis": FOLLOWED, "issue_every_s": 5.0}, network=NETWORK
    )
    with open_platform(settings, feed_step_s=1.0) as platform:
        ready = timed_to_state(platform)
        workers = Workers(platform, SteadyFeed(points, load()))
        workers.start()
        try:
            workers.stop.wait(WARM_UP_S)
            ready.clear()
            platform.follower.lags = Lags()  # the start of the platform is the business of another bench
            before, cpu, begin = platform.counts.points.total, time.process_time(), time.perf_counter()
            workers.stop.wait(seconds)
            taken, cpu = time.perf_counter() - begin, time.process_time() - cpu
            figures = platform.figures()
            stored = workers._ingest.lag(platform.now_ns())
            arrived = platform.counts.points.total - before
        finally:
            workers.close()
        if workers.failure is not None:
            raise workers.failure
        state = platform.follower.state
        return {
            "points_s": arrived / taken, "cpu_share": cpu / taken,
            "stored_p50_s": stored.stored_p50_s, "stored_p99_s": stored.stored_p99_s,
            "twin_p50_s": figures.twin_lag_p50_s or float("nan"),
            "twin_p99_s": figures.twin_lag_p99_s or float("nan"),
            "ready_p50_s": float(np.quantile(ready, 0.5)), "ready_p99_s": float(np.quantile(ready, 0.99)),
            "steps": len(ready), "targets": 0 if state is None else len(state.targets),
            "issued": figures.forecasts_issued,
            "scored": figures.forecasts_scored, "behind": max(figures.sink_lag.values()),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }  # fmt: skip


def section(quick: bool) -> Section:
    """The chapter on twin lag."""
    seconds = "8" if quick else "60"
    f = in_process("bench.lag", "--points", "10000", "--seconds", seconds)
    out = Section(
        "Twin lag of the whole platform", f"python -m bench.lag --points 10000 --seconds {seconds}",
        f"10,000 points a second in bursts at the end of each second, with handovers, for {seconds} s after "
        f"{WARM_UP_S} s of warm-up; the twin follows {f['targets']:,.0f} targets, forecasts every 5 s and is "
        "scored. Lags count from the end of the granularity period. With one step a second, the 99th percentile "
        "of the twin's lag is near the worst of its steps.",
    )  # fmt: skip
    out.figures = [
        Figure("rate taken in", f["points_s"], "points/s", aim=9_900.0, at_least=True),
        Figure("lag to the store, p50", f["stored_p50_s"], "s"),
        Figure("lag to the store, p99", f["stored_p99_s"], "s", aim=1.0),
        Figure("twin lag as the platform shows it, p50", f["twin_p50_s"], "s"),
        Figure(
            "twin lag as the platform shows it, p99", f["twin_p99_s"], "s", note="ends when the state stands"
        ),
        Figure("twin lag to the finished state, p50", f["ready_p50_s"], "s"),
        Figure(
            "twin lag to the finished state, p99", f["ready_p99_s"], "s", 1.0, note=f"{f['steps']:.0f} steps"
        ),
        Figure("processor time", f["cpu_share"], "cores"),
        Figure("peak memory of the process", f["peak_mb"], "MB", aim=500.0),
        Figure("forecasts issued", f["issued"], "distributions"),
        Figure("scored", f["scored"], "scores"),
    ]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as folder:
        print(json.dumps(measure(Path(folder), options.points, options.seconds)))


if __name__ == "__main__":
    main()
