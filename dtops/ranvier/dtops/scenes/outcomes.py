"""`Outcomes`: what m independent runs of one scene gave at each horizon; and which KPIs a scene has.

A horizon h stands for the period of `PERIOD_S` that ends h after the scene's time, as a granularity period of a
counter does. NaN: the KPI is undefined in that run (nobody to serve, nothing sent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
PERIOD_S = 1.0
HORIZONS_S = (1.0, 60.0, 900.0)


@dataclass(frozen=True, slots=True)
class Kpi:
    """What is forecast for each node of a type.

    node     "cell" or "ue"
    unit     of its values
    lowest, highest   values that have mass of their own (atoms): nothing sent, all resources used; None: none
    event    a count of events in the period, of which most are 0
    """

    name: str
    node: Literal["cell", "ue"]
    unit: str
    lowest: float | None = None
    highest: float | None = None
    event: bool = False


KPIS = (
    Kpi("rsrp_dbm", "ue", "dBm"),
    Kpi("sinr_db", "ue", "dB"),
    Kpi("throughput_kbit_s", "ue", "kbit/s", lowest=0.0),
    Kpi("handovers", "ue", "1", event=True),
    Kpi("moved", "ue", "1", event=True),
    Kpi("prb_percent", "cell", "%", lowest=0.0, highest=100.0),
    Kpi("active_users", "cell", "1", lowest=0.0),
    Kpi("rlc_delay_ms", "cell", "ms"),
    Kpi("handovers_out", "cell", "1", event=True),
)
"""Of users: mean SS-RSRP and wideband SINR of the serving cell at the period's measurements, what was delivered,
handovers, and whether the period ends in another cell than the scene began with. Of cells: RRU.PrbTotDl,
DRB.MeanActiveUeDl, DRB.RlcSduDelayDl, and successful handovers to others."""
KPI = {each.name: each for each in KPIS}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """`values`: KPI to (n, H, m) float32, n users or cells. Runs are in the order of their seeds."""

    horizons_s: tuple[float, ...]
    values: Mapping[str, Samples]

    @property
    def runs(self) -> int:
        """How many, m."""
        return int(next(iter(self.values.values())).shape[2])

    def columns(self) -> dict[str, Any]:
        """Flat, to store."""
        return {"horizons_s": np.array(self.horizons_s)} | {f"kpi.{k}": v for k, v in self.values.items()}

    @classmethod
    def from_columns(cls, found: Any) -> Outcomes:
        """The inverse of `columns`."""
        values = {each.name: np.asarray(found[f"kpi.{each.name}"]) for each in KPIS}
        return cls(tuple(float(h) for h in found["horizons_s"]), values)
