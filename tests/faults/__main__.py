"""Run the fault suite: exit status 0 where every record is accounted for.

python -m tests.faults --faults 200 --seed 7 --profile servers
python -m tests.faults --faults 20 --profile embedded
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.faults import profiles, report
from tests.faults.harness import Order, perform
from tests.faults.sabotage import SABOTAGES

GAPS_S = {profiles.EMBEDDED: 0.5, profiles.SERVERS: 1.0}
RATES_PER_S = {profiles.EMBEDDED: 150.0, profiles.SERVERS: 50.0}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=200, help="how many random faults (default 200)")
    parser.add_argument("--seed", type=int, default=7, help="fixes the stream and the draw of the faults")
    parser.add_argument("--profile", choices=sorted(GAPS_S), default=profiles.SERVERS)
    parser.add_argument(
        "--servers", default=",".join(profiles.ALL), help="which of them; others are embedded"
    )
    parser.add_argument("--minutes", type=float, help="stop striking after so long")
    parser.add_argument("--workers", type=int, default=3, help="ingest processes (embedded: always one)")
    parser.add_argument("--no-platform", action="store_true", help="none of them is `ranvier ingest` itself")
    parser.add_argument("--eras", type=int, default=3, help="stretches that end drained")
    parser.add_argument("--rate", type=float, help="items of the stream a second")
    parser.add_argument("--gap", type=float, help="mean seconds between a recovery and the next fault")
    parser.add_argument(
        "--only", default="", help="only these kinds of faults, commas between: 'kill ingest,...'"
    )
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), default="", help="break ingest on purpose")
    parser.add_argument(
        "--no-oversize", action="store_true", help="no records near or above the largest event"
    )
    parser.add_argument("--json", type=Path, help="write the log of faults and the counts there")
    given = parser.parse_args()
    order = Order(
        profile=given.profile, servers=tuple(given.servers.split(",")), faults=given.faults, seed=given.seed,
        minutes=given.minutes, eras=given.eras, workers=given.workers, platform=not given.no_platform,
        rate_per_s=given.rate or RATES_PER_S[given.profile],
        gap_s=GAPS_S[given.profile] if given.gap is None else given.gap, sabotage=given.sabotage,
        oversize=not given.no_oversize, only=tuple(filter(None, given.only.split(","))),
    )  # fmt: skip
    # Servers and mounts are the run's own: an end by SIGTERM takes them away like any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    begun_s = time.monotonic()

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - begun_s:7.1f} s] {line}", flush=True)

    outcome = perform(order, tell)
    print(report.text(outcome))
    if given.json:
        given.json.write_text(report.as_json(outcome))
    return 0 if outcome.account.sound else 1


if __name__ == "__main__":
    sys.exit(main())
