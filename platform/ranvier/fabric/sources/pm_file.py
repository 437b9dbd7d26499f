"""`PmFile`: 3GPP performance measurement files, the XML of TS 32.435 and its successor TS 28.550.

    fileHeader, measInfo (types, period) ► PmState ─┐
                                    measValue ──────┴► MeasurementReport, or DeadLetter, or both

One record is one measValue. Where some of its results cannot be used (a measType that the ontology does not
know, a value out of bounds), the report carries the others, and a dead letter the measValue with the names
of those; replaying the letter gives just these. Such a measValue counts once as accepted, once as dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import IO

import msgspec

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.sources.line_reader import opened
from ranvier.fabric.sources.pm_group import MeasValue, PmGroup
from ranvier.fabric.sources.pm_state import PmState, revision_of
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.fabric.sources.xml_stream import Element, XmlBreak, as_bytes, elements, free, local

_ROOTS = (b"measCollecFile", b"measDataFile")
_STARTS = {"fileHeader", "managedElement", "measEntity", "measInfo"}
_TAGS = (
    "fileHeader", "managedElement", "measEntity", "measInfo", "granPeriod", "measType", "measTypes",
    "measValue", "measCollecFile", "measDataFile", "measData", "fileFooter",
)  # fmt: skip


class PmFile:
    """The adapter. It reads all namespaces of both standards alike."""

    name = "pm-file"

    def detect(self, head: bytes, _context: SourceContext, /) -> bool:
        """Whether it is XML with the root of a PM file."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return start[:1] == b"<" and any(root in start[:4096] for root in _ROOTS)

    def read(self, raw: IO[bytes] | bytes, context: SourceContext) -> Iterator[Good | Bad]:
        """A report for each measValue; a file that breaks off keeps what came before."""
        yield from _read(opened(raw), context, PmState(revision=revision_of(context.source)))

    def replay(self, letter: DeadLetter, context: SourceContext) -> Iterator[Good | Bad]:
        """One measValue again, or what of it had been refused."""
        try:
            state = msgspec.json.decode(letter.context, type=PmState)
        except msgspec.DecodeError:
            yield from self.read(letter.raw, context)
            return
        yield from _read(opened(letter.raw), context, state, letter.position)


def _read(
    stream: IO[bytes], context: SourceContext, state: PmState, at: str | None = None
) -> Iterator[Good | Bad]:
    group: PmGroup | None = None
    try:
        for event, name, element in elements(stream, _TAGS):
            if event == "start":
                if name in _STARTS:
                    _begin(name, element, state)
                    group = None
            elif name == "measValue":
                group = group or PmGroup(state, context)
                value = _value(element, state)
                position = at or f"line {element.sourceline}, {state.named(value.ldn)}"
                yield from group.records(value, position, partial(as_bytes, element))
                free(element)
            elif name in {"granPeriod", "measType", "measTypes"}:
                _note(name, element, state)
                group = None
            else:
                free(element)
    except XmlBreak as broken:
        context_text = "" if at is None else msgspec.json.encode(state).decode()
        yield context.bad("pm-file", str(broken), at or broken.position, broken.tail, context_text)


def _begin(name: str, element: Element, state: PmState) -> None:
    if name == "fileHeader":
        state.dn_prefix, state.vendor = element.get("dnPrefix", ""), element.get("vendorName", "")
    elif name == "measInfo":
        state.start_info(element.get("measInfoId", ""))
    else:
        state.element = element.get("localDn", "")


def _note(name: str, element: Element, state: PmState) -> None:
    if name == "granPeriod":
        state.duration, state.end_time = element.get("duration", ""), element.get("endTime", "")
    elif name == "measType":
        state.add_type(element.get("p"), element.text or "")
    else:
        state.types = {str(place): kind for place, kind in enumerate((element.text or "").split(), start=1)}


def _value(element: Element, state: PmState) -> MeasValue:
    results: list[tuple[str, str]] = []
    suspect, fault = False, ""
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name = local(child.tag)
        if name == "r":
            results.append((child.get("p") or str(len(results) + 1), (child.text or "").strip()))
        elif name == "suspect":
            suspect = (child.text or "").strip().lower() in {"true", "1"}
        elif name == "measResults":
            texts = (child.text or "").split()
            if len(texts) != len(state.types):
                fault = (
                    f"expected {len(state.types)} results, one for each measType; got {len(texts)};"
                    " send the file again"
                )
            results = list(zip(state.types, texts, strict=False))
    return MeasValue(element.get("measObjLdn", ""), results, suspect, fault)
