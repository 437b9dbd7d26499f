"""`PmGroup`: the measValues of one measInfo, its types resolved once for each class of objects."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.checked_value import Check, check_of, checked
from ranvier.fabric.sources.distinguished_name import below, parts
from ranvier.fabric.sources.mappings.pm_file_mapping import Counter, PmFileMapping
from ranvier.fabric.sources.pm_state import PmState
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.fabric.sources.xml_stream import Element, as_bytes, local
from ranvier.ontology.errors import RanvierError

_NO_COUNTER = Counter()
Plan = dict[str, tuple[str, Check]]
"""By p: the measType and its check."""


class PmGroup:
    """Built when the first measValue of a measInfo comes, and again when its header changes."""

    def __init__(self, state: PmState, context: SourceContext) -> None:
        self._state, self._context = state, context
        self._mapping = _mapping_of(state.vendor, context)
        self._missing = frozenset(self._mapping.missing)
        self._plans: dict[str, Plan] = {}
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

    def records(self, element: Element, position: str) -> Iterator[Good | Bad]:
        """The report of one measValue, and a dead letter for what of it cannot be used."""
        ldn = element.get("measObjLdn", "")
        position = f"{position}, measValue {ldn or '-'}" if "measValue" not in position else position
        try:
            if self._fault:
                raise ValueError(self._fault)
            object_id = below(self._state.dn_prefix, self._state.element, ldn)
            object_class = self._class_of(object_id)
            results, suspect = _results(element, self._state)
        except (RanvierError, ValueError) as error:
            yield self._bad(element, str(error), position, self._state.only)
            return
        values, refused = self._values(results, object_id, object_class)
        if values or not refused:
            own = self._context
            report = MeasurementReport(
                object_id, object_class, self._start_ns, self._end_ns, values, suspect,
                self._state.revision, source=own.source, tenant=own.tenant, network=own.network,
            )  # fmt: skip
            yield Good(report, position)
        if refused:
            yield self._bad(element, "; ".join(refused.values()), position, tuple(refused))

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
        given = parts(object_id)[-1].partition("=")[0].strip()
        declared = self._mapping.classes.get(given)
        return self._context.ontology.class_of(object_id) if declared is None else declared

    def _bad(self, element: Element, reason: str, position: str, only: tuple[str, ...] | None) -> Bad:
        kept = msgspec.structs.replace(self._state, only=only)
        text = msgspec.json.encode(kept).decode()
        return self._context.bad("pm-file", reason, position, as_bytes(element), text)


def _mapping_of(vendor: str, context: SourceContext) -> PmFileMapping:
    fitting = (mapping for mapping in context.mappings.pm_files if mapping.fits(vendor))
    return next(fitting, PmFileMapping())


def _results(element: Element, state: PmState) -> tuple[list[tuple[str, str]], bool]:
    """(p, text) of each result, and the suspect flag. Raises ValueError where they match no types."""
    results: list[tuple[str, str]] = []
    suspect = False
    for child in element:
        tag = child.tag
        if not isinstance(tag, str):
            continue
        name = local(tag)
        if name == "r":
            results.append((child.get("p") or str(len(results) + 1), (child.text or "").strip()))
        elif name == "suspect":
            suspect = (child.text or "").strip().lower() in {"true", "1"}
        elif name == "measResults":
            texts = (child.text or "").split()
            if len(texts) != len(state.types):
                raise ValueError(
                    f"expected {len(state.types)} results, one for each measType; got {len(texts)};"
                    " send the file again"
                )
            results = list(zip(state.types, texts, strict=True))
    return results, suspect
