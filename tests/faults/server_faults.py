"""Faults of servers, networks and groups."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from tests.faults.injector import (
    STORING,
    Strike,
    fill_disk,
    jump_clock,
    kill_ingest,
    kill_producer,
    pause_ingest,
    trapped,
)  # fmt: skip
from tests.faults.processes import wait_until

if TYPE_CHECKING:
    from tests.faults.harness import Run
    from tests.faults.server_backend import Part

DOWN_S = (0.0, 0.5, 3.0)
CUT_S = 8.0
JOIN_S = 20.0


def _part(run: Run, name: str) -> Part:
    return run.backend.parts[name]  # type: ignore[attr-defined, no-any-return]


def _kill(run: Run, rng: random.Random, name: str) -> tuple[str, str]:
    doing = {worker.board.phase for worker in run.workers}
    _part(run, name).server.kill()
    time.sleep(rng.choice(DOWN_S))
    begun_s = time.monotonic()
    run.backend.restart(name)  # type: ignore[attr-defined]
    return name, f"ingest was {', '.join(sorted(doing))}; back in {time.monotonic() - begun_s:.1f} s"


def kill_broker(run: Run, rng: random.Random) -> tuple[str, str]:
    """`kill -9` of the Kafka broker."""
    return _kill(run, rng, "kafka")


def kill_neo4j(run: Run, rng: random.Random) -> tuple[str, str]:
    """`kill -9` of Neo4j, which then recovers from its transaction log."""
    return _kill(run, rng, "neo4j")


def kill_influx(run: Run, rng: random.Random) -> tuple[str, str]:
    """`kill -9` of InfluxDB."""
    return _kill(run, rng, "influx")


def pause_server(run: Run, rng: random.Random) -> tuple[str, str]:
    """SIGSTOP of a server: connections stay, nothing answers."""
    name = rng.choice(sorted(run.disks))
    server = _part(run, name).server
    seconds = rng.uniform(1, 12)
    server.pause()
    time.sleep(seconds)
    server.resume()
    return name, f"stood still for {seconds:.1f} s"


def cut_connection(run: Run, rng: random.Random) -> tuple[str, str]:
    """A connection is cut after so many bytes of what our processes send: in the middle of a batch."""
    name = rng.choice(sorted(run.disks))
    proxy, after = _part(run, name).proxy, round(10 ** rng.uniform(1, 4.5))
    cuts = proxy.cuts
    proxy.cut_after(after)
    if wait_until(lambda: proxy.cuts > cuts, CUT_S):
        return name, f"cut after {after} bytes"
    return name, f"{proxy.cut_all()} connections cut, as {after} bytes did not come by"


def half_open(run: Run, rng: random.Random) -> tuple[str, str]:
    """Connections that stay open and pass nothing on, and are then cut."""
    name, seconds = rng.choice(sorted(run.disks)), rng.uniform(1, 8)
    return name, f"{_part(run, name).proxy.silence(seconds)} connections half-open for {seconds:.1f} s"


def rebalance_in_flush(run: Run, rng: random.Random) -> tuple[str, str]:
    """An ingest process joins or leaves while another is held inside a call of a store."""
    flushing = rng.choice([worker for worker in run.workers if worker.watched])
    other = rng.choice([worker for worker in run.workers if worker is not flushing])
    hit = trapped(flushing, rng, 40, STORING)
    if rng.random() < 0.5:
        guest = run.guest()
        wait_until(lambda: guest.board.steps > 0, JOIN_S)
        guest.stop()
        return flushing.name, f"{hit}, as another joined and then left"
    other.stop()
    time.sleep(rng.uniform(0, 2))
    other.wanted = True
    other.restart()
    return flushing.name, f"{hit}, as {other.name} left and came back"


SERVER_WEIGHTS: dict[Strike, float] = {
    kill_ingest: 52, kill_producer: 4, kill_broker: 4, kill_neo4j: 3, kill_influx: 4, pause_server: 6,
    pause_ingest: 6, cut_connection: 9, half_open: 3, fill_disk: 3, rebalance_in_flush: 5, jump_clock: 4,
}  # fmt: skip
"""Servers are killed in about a tenth of the faults: at most a fifth may be."""


def needs(kind: Strike) -> set[str]:
    """The servers without which a kind of fault cannot be done."""
    if kind is rebalance_in_flush:
        return {"kafka", "influx"}
    return {kill_broker: {"kafka"}, kill_neo4j: {"neo4j"}, kill_influx: {"influx"}}.get(kind, set())
