"""`Measurement`, and the `MeasurementReport` in which Measurements travel.

A report carries all Measurements of one managed object over one granularity period, because that is how
networks send them (a measValue of TS 32.435, a perf3gpp event of VES 7, a row of a drive test), and because
one event for many points keeps the log fast.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Measurement(msgspec.Struct, frozen=True):
    """One observed value of one quantity of one managed object.

    `value` is in `unit`, which is always the unit of the ontology. The granularity period is the half-open
    [start_ns, end_ns) in nanoseconds since the Unix epoch, UTC; an instant has start_ns = end_ns.
    """

    object_id: str
    quantity: str
    unit: str
    start_ns: int
    end_ns: int
    value: float
    revision: int = 0
    origin: str = "observed"
    tenant: str = "default"
    network: str = "default"


class MeasurementReport(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """All Measurements of one managed object over one granularity period [start_ns, end_ns).

    object_id     distinguished name (TS 32.300), unique in its tenant and network
    object_class  a class of the ontology, e.g. NRCellDU
    values        quantity (a name of the ontology) to value, in the ontology's unit; missing is absent.
                  Empty: the object was heard, and measured nothing (a heartbeat)
    suspect       the network itself doubts these values (suspect flag of TS 32.435)
    revision      the source's own revision number; the highest wins, then the latest recorded
    origin        "observed", or "run:ID" for counters of the twin's own runs
    source        the file or feed that it came from
    """

    object_id: str
    object_class: str
    start_ns: int
    end_ns: int
    values: dict[str, float]
    suspect: bool = False
    revision: int = 0
    origin: str = "observed"
    source: str = ""
    tenant: str = "default"
    network: str = "default"

    def measurements(self, unit_of: dict[str, str]) -> Iterator[Measurement]:
        """Each value as a Measurement; `unit_of` maps quantity to the ontology's unit."""
        for quantity, value in self.values.items():
            yield Measurement(
                self.object_id, quantity, unit_of[quantity], self.start_ns, self.end_ns, value,
                self.revision, self.origin, self.tenant, self.network,
            )  # fmt: skip
