"""`PmGroup`: the measValues of one measInfo, its types resolved once for each class of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.checked_value import Check, check_of, checked
from ranvier.fabric.sources.distinguished_name import below, parts
from ranvier.fabric.sources.mappings.pm_file_mapping import Counter, PmFileMapping
from ranvier.fabric.sources.pm_state import PmState
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.ontology.errors import RanvierError

_NO_COUNTER = Counter()
Plan = dict[str, tuple[str, Check]]
"""By p: the measType and its check."""


class MeasValue(NamedTuple):
    """The results of one object: (p, text) each, and why they cannot be used ("" where they can)."""

    ldn: str
    results: list[tuple[str, str]]
    suspect: bool = False
    fault: str = ""


class PmGroup:
    """Built when the first measValue of a measInfo comes, and again when its header changes."""

    def __init__(self, state: PmState, context: SourceContext, adapter: str = "pm-file") -> None:
        self._state, self._context, self._adapter = state, context, adapter
        self._mapping = _mapping_of(state.vendor, context)
        self._missing = frozenset(self._mapping.missing)
        self._plans: dict[str, Plan] = {}
        self._classes = dict(self._mapping.classes)
        self._ignored: set[str] = set()
        self._fault = ""
        try:
            self._start_ns, self._end_ns = state.period(self._mapping.zone)
            if self._end_ns > context.latest_ns:
                self._fault = (
                    f"expected a period that ends until {context.latest_ns} ns (now and"
                    f" {context.max_skew_s:g} s); got {state.end_time}; set the source's clock right"
                )
        except ValueError as error:
            self._fault = f"granPeriod of the measInfo: {error}"

    def records(self, value: MeasValue, position: str, raw: Callable[[], bytes]) -> Iterator[Good | Bad]:
        """The report of one measValue, and a dead letter for what of it cannot be used.

        `raw` gives the bytes that a dead letter keeps.
        """
        try:
            if self._fault or value.fault:
                raise ValueError(self._fault or value.fault)
            object_id = below(self._state.dn_prefix, self._state.element, value.ldn)
            object_class = self._class_of(object_id)
        except (RanvierError, ValueError) as error:
            yield self._bad(raw(), str(error), position, self._state.only)
            return
        values, refused = self._values(value.results, object_id, object_class)
        if values or not refused:
            own = self._context
            report = MeasurementReport(
                object_id, object_class, self._start_ns, self._end_ns, values, value.suspect,
                self._state.revision, source=own.source, tenant=own.tenant, network=own.network,
            )  # fmt: skip
            yield Good(report, position)
        if refused:
            yield self._bad(raw(), "; ".join(refused.values()), position, tuple(refused))

    def _values(
        self, results: list[tuple[str, str]], object_id: str, object_class: str
    ) -> tuple[dict[str, float], dict[str, str]]:
        """Quantity to value, and measType to the reason for which it was refused."""
        plan = self._plans.get(object_class)
        if plan is None:
            plan = self._plans[object_class] = self._plan(object_class)
        values: dict[str, float] = {}
        refused: dict[str, str] = {}
        missing = self._missing
        for index, text in results:
            if text in missing or index in self._ignored:
                continue
            if index not in plan:
                if index not in self._state.types:
                    refused[f"p={index}"] = f"expected a measType for p={index}; got none; correct the file"
                continue
            kind, check = plan[index]
            try:
                value = checked(check, text, kind)
                if value is not None and self._mapping.cumulative and self._mapping.accumulates(kind):
                    value = self._delta(f"{object_id} {check.quantity}", value)
                if check.quantity in values:
                    raise ValueError(f"expected {kind} once; got it twice in one measInfo; correct the file")
            except (ValueError, RanvierError) as error:
                refused[kind] = str(error)
                continue
            if value is not None:
                values[check.quantity] = value
        return values, refused

    def _delta(self, key: str, reading: float) -> float | None:
        state = self._context.counters
        own = f"{self._context.tenant} {self._context.network} {key}"
        return state.delta(own, self._start_ns, self._end_ns, reading)

    def _plan(self, object_class: str) -> Plan:
        plan: Plan = {}
        for index, kind in self._state.types.items():
            if self._mapping.ignores(kind):
                self._ignored.add(index)
            elif self._state.only is None or kind in self._state.only:
                counter = self._mapping.counters.get(kind, _NO_COUNTER)
                quantity = counter.quantity or kind
                plan[index] = kind, check_of(self._context.ontology, quantity, object_class, counter.unit)
        return plan

    def _class_of(self, object_id: str) -> str:
        given, _, identity = parts(object_id)[-1].partition("=")
        found = self._classes.get(given.strip())
        if found is None or not identity.strip():
            found = self._context.ontology.class_of(object_id)
            self._classes[given.strip()] = found
        return found

    def _bad(self, raw: bytes, reason: str, position: str, only: tuple[str, ...] | None) -> Bad:
        kept = msgspec.structs.replace(self._state, only=only)
        text = msgspec.json.encode(kept).decode()
        return self._context.bad(self._adapter, reason, position, raw, text)


def _mapping_of(vendor: str, context: SourceContext) -> PmFileMapping:
    fitting = (mapping for mapping in context.mappings.pm_files if mapping.fits(vendor))
    return next(fitting, PmFileMapping())
