"""`deliver`: one delivery (a file, a request's body, a dead letter) through its adapter into the log.

bytes ► adapter ► good and bad records ► publish, a bounded batch at a time ► receipt
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ranvier.fabric.event import Payload
from ranvier.fabric.ingest import publish
from ranvier.fabric.ports import EventLog
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.source import Bad, Good, Source
from ranvier.gateway.api.platform import PublishResult, Refusal, Whose
from ranvier.ontology.errors import InputError

REFUSALS_SHOWN = 100
_SPOKEN = {"cloudevents": "native", "pm": "pm-file"}


def adapter_named(name: str) -> Source:
    """The source adapter of that name, or of the name that the API uses for it. Raises InputError."""
    try:
        return ADAPTERS[_SPOKEN.get(name, name)]
    except KeyError:
        known = ", ".join(ADAPTERS)
        raise InputError(f"an adapter among {known}", repr(name), "name one of them") from None


def deliver(
    log: EventLog, records: Iterable[Good | Bad], source: str, whose: Whose, now_ns: int
) -> PublishResult:
    """Publish `records` as belonging to `whose`; what was accepted and refused. Durable when this returns."""
    tally = _Tally()
    publish(log, tally.payloads(records, whose), source, now_ns)
    return PublishResult(tally.accepted, tally.refused, tuple(tally.refusals))


class _Tally:
    """Counts records as they pass; what is derived from a record is published and not counted."""

    def __init__(self) -> None:
        self.accepted = self.refused = 0
        self.refusals: list[Refusal] = []

    def payloads(self, records: Iterable[Good | Bad], whose: Whose) -> Iterator[Payload]:
        for record in records:
            if isinstance(record, Bad):
                self.refused += 1
                if len(self.refusals) < REFUSALS_SHOWN:
                    self.refusals.append(Refusal(record.letter.position, record.letter.reason))
                yield stamped(record.letter, whose)
            else:
                self.accepted += not record.derived
                yield stamped(record.payload, whose)


def stamped(payload: Payload, whose: Whose) -> Payload:
    """The payload as belonging to `whose`, whatever it says itself."""
    if Whose(payload.tenant, payload.network) == whose:
        return payload
    return msgspec.structs.replace(payload, tenant=whose.tenant, network=whose.network)
