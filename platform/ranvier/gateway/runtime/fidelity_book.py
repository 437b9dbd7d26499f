"""`FidelityBook`: fidelity as it is asked for, from the live sums, or from the ledger for single objects."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranvier.dtops.block_sums import Axes, BlockSums
from ranvier.dtops.fidelity import Fidelity
from ranvier.dtops.scorekeeper import SCORE_KIND, Scorekeeper
from ranvier.dtops.scoring.bootstrap import FEWEST_BLOCKS, Interval
from ranvier.fabric.ports import FOREVER_NS, Ledger
from ranvier.gateway.api.platform import Estimate, FidelityFigure, FidelityQuery
from ranvier.gateway.settings import FidelitySettings

REFERENCE = "climatology"
REMEMBERED = 64
LONGEST_HISTORY = 200


class FidelityBook:
    """Answers for one twin. Remembers its latest answers until more is scored."""

    def __init__(self, keeper: Scorekeeper, ledger: Ledger, settings: FidelitySettings) -> None:
        self._keeper, self._ledger, self._settings = keeper, ledger, settings
        self._answers: dict[object, list[FidelityFigure]] = {}
        self._version = -1
        self._lock = threading.Lock()

    def figures(self, query: FidelityQuery, now_ns: int) -> list[FidelityFigure]:
        """One figure for each quantity, horizon and model over the window, by default the rolling one."""
        if query.whose != self._keeper.plan.whose:
            return []
        block_ns = self._keeper.plan.axes.block_ns
        from_ns = query.from_ns or (now_ns - round(self._settings.window_s * 1e9)) // block_ns * block_ns
        key = (query.object_id, query.per_object, from_ns, query.to_ns)
        with self._lock:
            self._forget_outdated()
            found = self._answers.get(key)
            if found is None:
                found = self._answers[key] = self._compute(query, from_ns, min(query.to_ns, now_ns + 1))
        return [figure for figure in found if _asked(figure, query)]

    def history(self, query: FidelityQuery, step_ns: int, now_ns: int) -> list[FidelityFigure]:
        """At each step of [from, to) that scored something, over the window that ends with it; oldest first.

        A window is as long as `query.window_ns`, at least one step, both in whole blocks. It may reach back
        before `from`, and while the twin is young it holds what there is.
        """
        if query.whose != self._keeper.plan.whose:
            return []
        block_ns = self._keeper.plan.axes.block_ns
        step_ns = max(block_ns, step_ns // block_ns * block_ns)
        window_ns = max(step_ns, query.window_ns // block_ns * block_ns)
        to_ns = min(query.to_ns, now_ns + 1)
        first = min(self._keeper.sums.sums, default=0) * block_ns
        from_ns = max(query.from_ns, first, to_ns - LONGEST_HISTORY * step_ns) // step_ns * step_ns
        oldest_ns = max(0, from_ns + step_ns - window_ns)
        sums = _narrowed(self._sums(query.object_id, oldest_ns, to_ns), query, oldest_ns)
        scored = np.array(sorted(sums.sums), np.int64) * block_ns
        figures: list[FidelityFigure] = []
        for begin_ns in range(from_ns, to_ns, step_ns):
            end_ns = min(begin_ns + step_ns, to_ns)
            if ((begin_ns <= scored) & (scored < end_ns)).any():
                figures += self._read(sums, begin_ns + step_ns - window_ns, end_ns, query.object_id)
        return [figure for figure in figures if _asked(figure, query)]

    def _forget_outdated(self) -> None:
        version = self._keeper.version
        if version != self._version or len(self._answers) >= REMEMBERED:
            self._answers.clear()
            self._version = version

    def _compute(self, query: FidelityQuery, from_ns: int, to_ns: int) -> list[FidelityFigure]:
        if not query.per_object:
            return self._read(self._sums(query.object_id, from_ns, to_ns), from_ns, to_ns, query.object_id)
        rows = self._rows(from_ns, to_ns, None)
        figures: list[FidelityFigure] = []
        for object_id in pc.unique(rows["object_id"]).to_pylist() if len(rows) else []:
            sums = BlockSums(self._keeper.plan.axes)
            sums.add_rows(rows.filter(pc.equal(rows["object_id"], object_id)))
            figures += self._read(sums, from_ns, to_ns, object_id)
        return figures

    def _sums(self, object_id: str | None, from_ns: int, to_ns: int) -> BlockSums:
        if object_id is None:
            return self._keeper.sums
        sums = BlockSums(self._keeper.plan.axes)
        sums.add_rows(self._rows(from_ns, to_ns, object_id))
        return sums

    def _rows(self, from_ns: int, to_ns: int, object_id: str | None) -> pa.Table:
        tenant, network = self._keeper.plan.whose
        where = {"network": network} | ({} if object_id is None else {"object_id": object_id})
        return self._ledger.scan(SCORE_KIND, tenant, from_ns + 1, min(to_ns, FOREVER_NS - 1) + 1, where)

    def _read(self, sums: BlockSums, from_ns: int, to_ns: int, object_id: str | None) -> list[FidelityFigure]:
        confidence = self._settings.confidence
        return [_figure(f) for f in sums.fidelities(from_ns, to_ns, REFERENCE, confidence, object_id)]


def _asked(figure: FidelityFigure, query: FidelityQuery) -> bool:
    wanted: Sequence[tuple[object, object]] = (
        (query.quantity, figure.quantity), (query.horizon_s, figure.horizon_s), (query.model, figure.model),
    )  # fmt: skip
    return all(asked is None or asked == got for asked, got in wanted)


def _narrowed(sums: BlockSums, query: FidelityQuery, from_ns: int) -> BlockSums:
    """Only what the query asks for and its reference: a bootstrap for each step and figure is slow."""
    axes = sums.axes
    models = [i for i, name in enumerate(axes.models) if query.model in (None, name) or name == REFERENCE]
    quantities = [i for i, name in enumerate(axes.quantities) if query.quantity in (None, name)]
    horizons = [i for i, seconds in enumerate(axes.horizons_s) if query.horizon_s in (None, seconds)]
    narrow = Axes(
        tuple(axes.models[i] for i in models), tuple(axes.quantities[i] for i in quantities),
        tuple(axes.horizons_s[i] for i in horizons), axes.block_ns,
    )  # fmt: skip
    place = np.ix_(models, quantities, horizons)
    kept = {b: held[place] for b, held in sums.sums.items() if b * axes.block_ns >= from_ns}
    return BlockSums(narrow, sums=kept)


def _figure(found: Fidelity) -> FidelityFigure:
    few = f"too few blocks of time yet for an interval: {found.blocks}, at least {FEWEST_BLOCKS} are needed"
    return FidelityFigure(
        found.quantity, found.horizon_s, found.model, found.object_id, found.from_ns, found.to_ns, found.n,
        _estimate(found.fidelity, found.undefined or few), _estimate(found.coverage80, few),
        _estimate(found.bias, few), _estimate(found.precision, few), _finite(found.crps.value),
        REFERENCE, found.floor,
    )  # fmt: skip


def _estimate(found: Interval, why: str) -> Estimate:
    """`why` says what is missing: the value, or its interval alone."""
    value, low, high = _finite(found.value), _finite(found.low), _finite(found.high)
    return Estimate(value, low, high, why if None in (value, low, high) else "")


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
