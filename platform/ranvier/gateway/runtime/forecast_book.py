"""`ForecastBook`: the sealed forecasts of the ledger, newest first, and what then happened.

The outcome of a forecast issued in step s of the grid, at horizon h, is the latest Measurement whose period
ends in step s + h / step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ranvier.dtops.forecast import Target
from ranvier.dtops.issue import FORECAST_KIND, issue_key
from ranvier.dtops.twin import Twin
from ranvier.fabric.ports import Ledger, SeriesQuery, SeriesStore
from ranvier.gateway.api.platform import ForecastPosition, ForecastQuery, IssuedForecast, Outcome

FIRST_SPAN_NS = 120 * 10**9
OWN_TWIN = "default"
"""What was issued on request, as of any time that was asked for, stands in the ledger under another name."""
_Row = dict[str, Any]


class ForecastBook:
    """Reads the ledger backwards in spans that double, so that the newest page never reads all of it."""

    def __init__(self, ledger: Ledger, series: SeriesStore) -> None:
        self._ledger, self._series = ledger, series

    def forecasts(self, query: ForecastQuery, now_ns: int) -> list[IssuedForecast]:
        """Sealed forecasts in the query's order."""
        rows = self._newest(query, now_ns)
        seals: dict[str, str | None] = {}
        return [_issued(row, self._digest(row, seals)) for row in rows]

    def outcomes(self, query: ForecastQuery, now_ns: int) -> list[Outcome]:
        """The same forecasts, each beside its outcome."""
        rows = self._newest(query, now_ns)
        seals: dict[str, str | None] = {}
        issued = [_issued(row, self._digest(row, seals)) for row in rows]
        happened = self._happened(query, rows, now_ns)
        return [
            Outcome(forecast, *happened.get(_valid(row), (None, None)))
            for forecast, row in zip(issued, rows, strict=True)
        ]

    def _newest(self, query: ForecastQuery, now_ns: int) -> list[_Row]:
        found: list[_Row] = []
        for table in self._spans(query, now_ns):
            rows = sorted(table.to_pylist(), key=_order)
            found += rows if query.after is None else [r for r in rows if _order(r) > _place(query.after)]
            if len(found) >= query.limit:
                break
        return found[: query.limit]

    def _spans(self, query: ForecastQuery, now_ns: int) -> Iterator[pa.Table]:
        """The matching rows of one span after the other, going back in time; spans never split an issue."""
        newest = query.to_ns if query.after is None else min(query.to_ns, query.after.issued_at_ns + 1)
        to_ns = min(newest, now_ns + 1)
        first = self._ledger.seals(FORECAST_KIND, limit=1)
        from_ns = max(query.from_ns, first[0].sealed_at_ns if first else to_ns)
        where = {
            "network": query.whose.network, "twin": OWN_TWIN, "object_id": query.object_id,
            "quantity": query.quantity, "model": query.model, "horizon_s": query.horizon_s,
        }  # fmt: skip
        given: dict[str, Any] = {name: value for name, value in where.items() if value is not None}
        span_ns = FIRST_SPAN_NS
        while to_ns > from_ns:
            begin_ns = max(from_ns, to_ns - span_ns)
            yield self._ledger.scan(FORECAST_KIND, query.whose.tenant, begin_ns, to_ns, given)
            to_ns, span_ns = begin_ns, span_ns * 2

    def _digest(self, row: _Row, seals: dict[str, str | None]) -> str | None:
        key = issue_key(Twin(row["tenant"], row["network"], row["twin"]), row["step_ns"], row["time_ns"])
        if key not in seals:
            seal = self._ledger.seal(FORECAST_KIND, key)
            seals[key] = None if seal is None else seal.digest
        return seals[key]

    def _happened(
        self, query: ForecastQuery, rows: Sequence[_Row], now_ns: int
    ) -> dict[tuple[str, str, int], tuple[int, float]]:
        """(object, quantity, end of the step) to the end of the latest period in that step and its value."""
        if not rows:
            return {}
        ends = [_valid(row)[2] for row in rows]
        step_ns = int(rows[0]["step_ns"])
        frame = self._series.read(
            SeriesQuery(
                *query.whose,
                object_ids=tuple({row["object_id"] for row in rows}),
                quantities=tuple({row["quantity"] for row in rows}),
                from_ns=min(ends) - step_ns,
                to_ns=max(ends),
                known_at_ns=now_ns,
            )
        )
        steps = -(-frame.end_ns // step_ns) * step_ns
        columns = zip(frame.object_ids, frame.quantities, steps, frame.end_ns, frame.values, strict=True)
        return {(o, q, int(step)): (int(end), float(value)) for o, q, step, end, value in columns}


def _valid(row: _Row) -> tuple[str, str, int]:
    """Object, quantity and the end of the step that the forecast is about."""
    step_ns = int(row["step_ns"])
    issued = row["time_ns"] // step_ns * step_ns
    return row["object_id"], row["quantity"], issued + round(row["horizon_s"] * 1e9)


def _order(row: _Row) -> tuple[Any, ...]:
    return -row["time_ns"], row["object_id"], row["quantity"], row["model"], row["horizon_s"]


def _place(after: ForecastPosition) -> tuple[Any, ...]:
    return -after.issued_at_ns, after.object_id, after.quantity, after.model, after.horizon_s


def _issued(row: _Row, digest: str | None) -> IssuedForecast:
    return IssuedForecast(
        Target(row["object_id"], row["quantity"]), row["horizon_s"], row["model"], row["model_version"],
        row["time_ns"], row["known_at_ns"], row["values"] or (), row["levels"], row["tail"], digest,
    )  # fmt: skip
