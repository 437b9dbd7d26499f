"""The outcome of a run in words: the log of faults, the seed, the counts, and every difference."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

from tests.faults.harness import Outcome


def text(outcome: Outcome) -> str:
    """The tables that a run prints."""
    order, account = outcome.order, outcome.account
    lines = [
        "",
        f"seed {order.seed} · profile {order.profile} · {len(outcome.faults)} faults"
        + (f" · sabotage: {order.sabotage}" if order.sabotage else ""),
        "",
        f"{'#':>4} {'at, s':>8} {'lasted, s':>9}  {'fault':<22} {'target':<12} hit",
    ]
    lines += [
        f"{f.number:>4} {f.at_s:>8.1f} {f.lasted_s:>9.2f}  {f.kind:<22} {f.target:<12} {f.hit}"
        for f in outcome.faults
    ]
    lines += ["", *_table(Counter(fault.kind for fault in outcome.faults), "faults by kind")]
    hits = Counter(f.hit for f in outcome.faults if f.kind == "kill ingest")
    lines += ["", *_table(hits, "what ingest was doing when it was killed")]
    if outcome.not_run:
        lines += ["", *_table(outcome.not_run, "drawn, but NOT RUN here")]
    lines += ["", *_table(account.counts, "counts")]
    lines += ["", *(f"{name}: {seconds:.1f} s" for name, seconds in outcome.seconds.items())]
    return "\n".join([*lines, "", *_verdict(outcome)])


def _table(rows: dict[str, int] | Counter[str], title: str) -> list[str]:
    width = max((len(name) for name in rows), default=0)
    return [title, *(f"  {name:<{width}}  {value:>9,}" for name, value in rows.items())]


def _verdict(outcome: Outcome) -> list[str]:
    account = outcome.account
    if account.sound:
        return ["Every record is accounted for."]
    kinds = [f"  {kind}: {count:,}" for kind, count in account.differences.items()]
    return ["NOT every record is accounted for:", *kinds, "", "the first of each kind:", *account.told]


def as_json(outcome: Outcome) -> str:
    """The same for programs."""
    account = outcome.account
    return json.dumps(
        {
            "order": asdict(outcome.order), "faults": [asdict(fault) for fault in outcome.faults],
            "not_run": outcome.not_run, "counts": account.counts, "seconds": outcome.seconds,
            "differences": dict(account.differences), "told": account.told, "sound": account.sound,
        },
        indent=1,
    )  # fmt: skip
