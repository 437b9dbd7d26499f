"""The soak: a steady load through the platform's own ingest and the three servers, and whether it stays flat.

    python -m tests.faults.soak --minutes 60 --rate 400

A producer publishes; `ranvier ingest` takes the records into Neo4j and InfluxDB. Every few seconds the memory of
our processes and of the servers, the records that ingest is behind, and the age of the newest point that can be
read are sampled. Flat means, after the warm-up (a fifth of the time):

- memory of each of our processes: what it grew by over the measured time is below `GROWTH_MB`, with 95% confidence
  (the upper end of Sen's interval of its slope);
- records behind: never more than `BEHIND_S` seconds of the load, and likewise not growing by one second of it;
- age of the newest point: its median over the last third is at most `SLOWER` s above that of the first.

The servers' memory is shown and not judged: theirs to manage, up to the heaps that they were given.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil

from ranvier.fabric.ports import SeriesQuery
from ranvier.ontology.errors import RanvierError
from tests.faults import profiles
from tests.faults.folder import Folder, Plan
from tests.faults.load import NETWORK
from tests.faults.processes import ENVIRONMENT, ROOT, platform_settings, wait_until
from tests.faults.soak_samples import Samples, drawn, judge, table
from tests.servers.together import Together

START_S = 300.0
MB = 2**20
SERVERS = ("kafka", "neo4j", "influx")


# ---------------------------------------------------------------- running
class Soak:
    """The processes of a soak, and the ports through which it looks."""

    def __init__(self, folder: Folder, stack: ExitStack) -> None:
        self._log = profiles.open_log(folder)
        stack.callback(self._log.close)
        self._series = profiles.open_series(folder)
        stack.callback(self._series.close)
        path = str(folder.path)
        self.processes = {
            "producer": _start(stack, folder, "producer", "tests.faults.load", path),
            "ranvier ingest": _start(stack, folder, "ingest", "ranvier.gateway.cli.main", "ingest"),
        }

    def behind(self) -> float:
        """Records in the log that ingest has not committed."""
        return float(sum(sum(self._log.lag(group).values()) for group in ("series", "graph")))

    def age_s(self) -> float:
        """How old the newest point is that a reader gets; NaN where there is none within a minute."""
        now_ns = time.time_ns()
        frame = self._series.read(SeriesQuery("default", NETWORK, from_ns=now_ns - 60 * 10**9))
        return (time.time_ns() - int(frame.end_ns.max())) / 1e9 if len(frame) else math.nan

    def sample(self, at_s: float, servers: Together, into: Samples) -> None:
        """One of everything."""
        into.times_s.append(at_s)
        for name, process in self.processes.items():
            into.rss_mb.setdefault(name, []).append(_rss_mb(process))
        for name, server in servers.servers.items():
            into.servers_mb.setdefault(name, []).append(server.rss_bytes() / MB)
        into.behind.append(_tried(self.behind))
        into.age_s.append(_tried(self.age_s))

    def ended(self) -> list[str]:
        """The processes that do not run any more."""
        return [name for name, process in self.processes.items() if process.poll() is not None]


def _start(
    stack: ExitStack, folder: Folder, name: str, module: str, *arguments: str
) -> subprocess.Popen[bytes]:
    output = stack.enter_context((folder.path / f"{name}.output").open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=output, stderr=output, cwd=ROOT,
        env={**ENVIRONMENT, **platform_settings(folder)},
    )  # fmt: skip

    def end() -> None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(end)
    return process


def _rss_mb(process: subprocess.Popen[bytes]) -> float:
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        return sum(each.memory_info().rss for each in family) / MB
    except psutil.Error:
        return math.nan


def _tried(ask: Callable[[], float]) -> float:
    try:
        return ask()
    except RanvierError:
        return math.nan


def run(minutes: float, rate_per_s: float, every_s: float, tell: Callable[[str], None]) -> Samples:
    """Bring everything up, hold the load, and sample."""
    samples = Samples()
    with ExitStack() as stack:
        path = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="ranvier-soak-", ignore_cleanup_errors=True)
            )
        )
        servers = Together.on_free_ports(path / "servers", SERVERS)
        stack.callback(servers.down)
        servers.up()
        folder = Folder(path)
        addresses = {
            name: {key: value for key, value in server.address().items() if not key.endswith("_file")}
            for name, server in servers.servers.items()
        }
        folder.write_plan(Plan(0, rate_per_s, servers=addresses, prefix="soak"))
        soak = Soak(folder, stack)
        tell("servers are up; waiting for the first point that can be read")
        if not wait_until(lambda: not math.isnan(_tried(soak.age_s)), START_S, 1.0):
            raise SystemExit(f"nothing came through in {START_S:g} s: {_outputs(folder)}")
        for at_s in _ticks(minutes * 60, every_s):
            soak.sample(at_s, servers, samples)
            if soak.ended():
                raise SystemExit(f"{', '.join(soak.ended())} ended: {_outputs(folder)}")
            if len(samples.times_s) % 12 == 1:
                tell(_line(samples))
    return samples


def _ticks(seconds: float, every_s: float) -> Iterator[float]:
    begun_s, number = time.monotonic(), 0
    while (at_s := time.monotonic() - begun_s) < seconds:
        yield at_s
        number += 1
        time.sleep(max(0.0, begun_s + number * every_s - time.monotonic()))


def _line(samples: Samples) -> str:
    memory = ", ".join(f"{name} {values[-1]:.0f} MB" for name, values in samples.rss_mb.items())
    return f"{memory}; {samples.behind[-1]:.0f} records behind, newest point {samples.age_s[-1]:.2f} s old"


def _outputs(folder: Folder) -> str:
    return "\n".join(
        f"{each.name}: {each.read_text(errors='replace')[-1500:]}" for each in folder.path.glob("*.output")
    )


def main() -> int:
    """The command line; exit status 0 where all is flat."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=400.0, help="reports of five counters a second")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between samples")
    parser.add_argument("--svg", type=Path, help="draw the figure there")
    parser.add_argument("--json", type=Path, help="write the samples there")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    begun_s = time.monotonic()

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - begun_s:7.0f} s] {line}", flush=True)

    samples = run(given.minutes, given.rate, given.every, tell)
    judgements = judge(samples, given.rate)
    print(table(samples, judgements, given.rate))
    if given.svg:
        given.svg.write_text(drawn(samples, given.rate))
    if given.json:
        given.json.write_text(json.dumps({name: getattr(samples, name) for name in samples.__slots__}))
    return 0 if all(each.met for each in judgements) else 1


if __name__ == "__main__":
    sys.exit(main())
