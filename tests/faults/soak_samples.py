"""What a soak measured, how it is judged, and how it is shown. The criteria are told in `soak`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median

from tests.faults.drawing import Panel, figure
from tests.faults.flatness import Trend, trend

GROWTH_MB = 10.0
BEHIND_S = 10.0
SLOWER_S = 0.5
WARM_UP = 0.2


@dataclass(slots=True)
class Samples:
    """What was measured, by name, at the same times."""

    times_s: list[float] = field(default_factory=list)
    rss_mb: dict[str, list[float]] = field(default_factory=dict)
    servers_mb: dict[str, list[float]] = field(default_factory=dict)
    behind: list[float] = field(default_factory=list)
    age_s: list[float] = field(default_factory=list)

    def after(self, begin_s: float) -> int:
        """The first sample at or after that time."""
        return next((n for n, at in enumerate(self.times_s) if at >= begin_s), len(self.times_s))


@dataclass(frozen=True, slots=True)
class Judgement:
    """One criterion."""

    name: str
    found: str
    limit: str
    met: bool


def judge(samples: Samples, rate_per_s: float) -> list[Judgement]:
    """Each criterion with what was found."""
    first = samples.after(samples.times_s[-1] * WARM_UP)
    times_s = samples.times_s[first:]
    found = [_memory(name, trend(times_s, values[first:])) for name, values in samples.rss_mb.items()]
    behind = samples.behind[first:]
    known = [value for value in behind if not math.isnan(value)]
    worst, grew, limit = (
        max(known, default=math.nan),
        trend(times_s, behind).grew_at_most,
        BEHIND_S * rate_per_s,
    )
    ages = [age for age in samples.age_s[first:] if not math.isnan(age)]
    third = max(1, len(ages) // 3)
    slower = median(ages[-third:]) - median(ages[:third]) if ages else math.nan
    return [
        *found,
        Judgement("records behind, worst", f"{worst:.0f}", f"≤ {limit:.0f}", worst <= limit),
        Judgement("records behind, growth at most", f"{grew:.0f}", f"≤ {rate_per_s:.0f}", grew <= rate_per_s),
        Judgement("samples that failed", str(len(behind) - len(known)), "0", len(known) == len(behind)),
        Judgement("newest point older in the last third by", f"{slower:.2f} s", f"≤ {SLOWER_S} s",
                  slower <= SLOWER_S),
    ]  # fmt: skip


def _memory(name: str, found: Trend) -> Judgement:
    slope = f"{found.per_hour:+.1f} MB/h [{found.low_per_hour:+.1f}, {found.high_per_hour:+.1f}]"
    return Judgement(
        f"memory of {name}, growth at most", f"{found.grew_at_most:.1f} MB ({slope})", f"≤ {GROWTH_MB:g} MB",
        found.grew_at_most <= GROWTH_MB,
    )  # fmt: skip


def table(samples: Samples, judgements: list[Judgement], rate_per_s: float) -> str:
    """What a soak prints."""
    minutes = samples.times_s[-1] / 60
    lines = [
        "", f"{minutes:.1f} minutes at {rate_per_s:g} reports a second, {len(samples.times_s)} samples; "
        f"the first {minutes * WARM_UP:.1f} minutes are warm-up", "",
        f"{'':<34} {'after warm-up':>14} {'at the end':>12} {'highest':>10}",
    ]  # fmt: skip
    first = samples.after(samples.times_s[-1] * WARM_UP)
    rows = {
        **{f"memory of {name}, MB": values for name, values in samples.rss_mb.items()},
        **{f"memory of {name} (server), MB": values for name, values in samples.servers_mb.items()},
        "records behind": samples.behind, "age of the newest point, s": samples.age_s,
    }  # fmt: skip
    lines += [f"{n:<34} {v[first]:>14.2f} {v[-1]:>12.2f} {max(v[first:]):>10.2f}" for n, v in rows.items()]
    lines += [
        "",
        *(f"{'met   ' if j.met else 'MISSED'}  {j.name}: {j.found} (limit {j.limit})" for j in judgements),
    ]
    return "\n".join(lines)


def drawn(samples: Samples, rate_per_s: float) -> str:
    """The figure."""
    minutes = [at_s / 60 for at_s in samples.times_s]
    return figure(
        f"Soak: {rate_per_s:g} reports a second for {minutes[-1]:.0f} minutes (grey: warm-up)", minutes,
        [
            Panel("resident memory of our processes, MB", samples.rss_mb),
            Panel("resident memory of the servers, MB", samples.servers_mb),
            Panel("records that ingest is behind", {"behind": _shown(samples.behind)}),
            Panel("age of the newest readable point, s", {"age": _shown(samples.age_s)}),
        ],
        minutes[-1] * WARM_UP,
    )  # fmt: skip


def _shown(values: list[float]) -> list[float]:
    """A sample that failed is drawn as 0 and told in the table."""
    return [0.0 if math.isnan(value) else value for value in values]
