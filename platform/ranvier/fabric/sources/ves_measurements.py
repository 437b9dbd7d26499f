"""The domains measurement and perf3gpp of VES: counters by object and period."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.sources.pm_group import MeasValue, PmGroup
from ranvier.fabric.sources.pm_state import PmState
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.fabric.sources.ves_event import JsonObject, VesEvent, as_object, as_objects

_NO_COUNTERS = {
    "measurementFieldsVersion",
    "measurementInterval",
    "additionalFields",
    "additionalMeasurements",
}


def perf3gpp(event: VesEvent, context: SourceContext, position: str) -> Iterator[Good | Bad]:
    """A report for each measValues entry of the measDataCollection (VES 7.2, perf3gppFields)."""
    data = event.fields.get("measDataCollection")
    if not isinstance(data, dict) or not data.get("measInfoList"):
        raise ValueError("expected a measDataCollection with a measInfoList; got none; correct the event")
    prefix, element = context.mappings.ves.dn_prefix, event.element
    if data.get("measuredEntityDn"):
        prefix, element = "", str(data["measuredEntityDn"])
    for info in as_objects(data["measInfoList"], "measInfoList"):
        state = _state(event, prefix, element, data.get("granularityPeriod"))
        types = _one_of(as_object(info.get("measTypes"), "measTypes"), "MeasTypesList") or []
        if not isinstance(types, list):
            raise ValueError(f"expected a list of measTypes; got {types!r}; correct the event")
        state.types = {str(place): str(name) for place, name in enumerate(types, start=1)}
        state.info_id = str(_one_of(as_object(info.get("measInfoId"), "measInfoId"), "MeasInfoId") or "")
        group = PmGroup(state, context, "ves")
        for entry in as_objects(info.get("measValuesList"), "measValuesList"):
            value = _entry(entry)
            where = f"{position}, {state.named(value.ldn)}"
            yield from group.records(value, where, partial(msgspec.json.encode, entry))


def perf3gpp_again(letter: DeadLetter, context: SourceContext) -> Iterator[Good | Bad]:
    """One measValues entry of a dead letter."""
    try:
        state = msgspec.json.decode(letter.context, type=PmState)
        entry = as_object(msgspec.json.decode(letter.raw), "a measValue")
        value = _plain(entry) if "values" in entry else _entry(entry)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        yield context.bad("ves", str(error), letter.position, letter.raw, letter.context)
        return
    yield from PmGroup(state, context, "ves").records(value, letter.position, lambda: letter.raw)


def measurement(event: VesEvent, context: SourceContext, position: str) -> Iterator[Good | Bad]:
    """A report of the element, and one of each object that additionalMeasurements name (measurementFields).

    Fields and entries count as counters of their names. The period is that from startEpochMicrosec to
    lastEpochMicrosec, or measurementInterval (seconds) before the latter where these are the same.
    """
    period_s = (event.last_ns - event.start_ns) / 1e9 or event.fields.get("measurementInterval")
    own = {
        name: value
        for name, value in event.fields.items()
        if name not in _NO_COUNTERS and isinstance(value, int | float)
    }
    own |= as_object(event.fields.get("additionalFields"), "additionalFields")
    objects = {"": own}
    for entry in as_objects(event.fields.get("additionalMeasurements"), "additionalMeasurements"):
        name = str(entry.get("name", ""))
        objects.setdefault(name if "=" in name else "", {}).update(as_object(entry.get("hashMap"), "hashMap"))
    for ldn, values in objects.items():
        if values or len(objects) == 1:
            state = _state(event, context.mappings.ves.dn_prefix, event.element, period_s)
            state.types = {name: name for name in values}
            raw = partial(msgspec.json.encode, {"values": values, "measObjInstId": ldn})
            value = _plain({"values": values, "measObjInstId": ldn})
            where = f"{position}, measValue {ldn or '-'}"
            yield from PmGroup(state, context, "ves").records(value, where, raw)


def _state(event: VesEvent, prefix: str, element: str, period_s: Any) -> PmState:
    if not isinstance(period_s, int | float) or isinstance(period_s, bool) or not 0 < period_s < 1e9:
        raise ValueError(f"expected a period in seconds; got {period_s!r}; correct the event")
    micros = int(event.header.last_epoch_microsec)
    return PmState(
        prefix, element, event.header.nf_vendor_name, duration=f"PT{period_s:.6f}S", end_time=f"{micros}us"
    )


def _entry(entry: JsonObject) -> MeasValue:
    results = [
        (str(result.get("p", place)), _result(result))
        for place, result in enumerate(as_objects(entry.get("measResults"), "measResults"), start=1)
    ]
    suspect = str(entry.get("suspectFlag", "false")).lower() == "true"
    return MeasValue(str(entry.get("measObjInstId", "")), results, suspect)


def _plain(entry: JsonObject) -> MeasValue:
    results = [(name, str(value)) for name, value in as_object(entry["values"], "values").items()]
    return MeasValue(str(entry.get("measObjInstId", "")), results)


def _result(result: JsonObject) -> str:
    if str(result.get("isNull", "false")).lower() == "true":
        return ""
    return str(next((result[kind] for kind in ("sValue", "iValue", "rValue") if kind in result), ""))


def _one_of(value: JsonObject, name: str) -> Any:
    """Identifiers and lists of types come as strings (s…) or as integers (i…)."""
    return value.get(f"s{name}", value.get(f"i{name}"))
