"""The datasets that every platform has: what is measured, what exists, what was forecast, how it scored."""

from __future__ import annotations

from ranvier.fabric.catalogue.dataset import Dataset, Field

MEASUREMENTS, TOPOLOGY, ALARMS = "measurements", "topology", "alarms"
DEAD_LETTERS, FORECASTS, SCORES = "dead-letters", "forecasts", "scores"

_OBJECT = Field("object_id", "string", description="Distinguished name of the managed object")
_PERIOD = (
    Field("start_ns", "integer", "ns", "Start of the granularity period, Unix epoch, UTC"),
    Field("end_ns", "integer", "ns", "End of the granularity period, Unix epoch, UTC"),
)
_MEASUREMENT = (
    _OBJECT, Field("quantity", "string", description="Name in the ontology"), *_PERIOD,
    Field("value", "double", description="In the ontology's unit of the quantity"),
)  # fmt: skip


def own_datasets(
    owner: str, licence: str, registered_at_ns: int, period_s: float | None = None,
    tenant: str = "default", network: str = "default",
) -> tuple[Dataset, ...]:  # fmt: skip
    """All of them, for one tenant and network; `period_s` is the granularity period of its Measurements."""

    def made(dataset_id: str, title: str, fields: tuple[Field, ...], access: str, *sources: str) -> Dataset:
        return Dataset(
            dataset_id, title, owner, licence, fields=fields, access=access, derived_from=sources,
            period_s=period_s if dataset_id == MEASUREMENTS else None, registered_at_ns=registered_at_ns,
            tenant=tenant, network=network,
        )  # fmt: skip

    return (
        made(MEASUREMENTS, "Measurements", _MEASUREMENT, "/v1/series"),
        made(TOPOLOGY, "Topology and configuration", _TOPOLOGY, "/v1/topology"),
        made(ALARMS, "Alarms", _ALARMS, "/v1/events"),
        made(DEAD_LETTERS, "Records that could not be used", _LETTERS, "/v1/deadletters"),
        made(FORECASTS, "Sealed forecasts", _FORECASTS, "/v1/forecasts", MEASUREMENTS, TOPOLOGY),
        made(SCORES, "Scores of forecasts", _SCORES, "/v1/fidelity", FORECASTS, MEASUREMENTS),
    )


_TOPOLOGY = (
    Field("node_id", "string", description="Distinguished name"),
    Field("node_class", "string", description="Class of the ontology"),
    Field("valid_from_ns", "integer", "ns", "When it came to be so"),
    Field("valid_to_ns", "integer", "ns", "When it ceased; none while it lasts"),
    Field("properties", "object", description="Attributes of the class"),
)
_ALARMS = (
    Field("alarm_id", "string"), _OBJECT,
    Field("event_time_ns", "integer", "ns"), Field("perceived_severity", "string"),
)  # fmt: skip
_LETTERS = (
    Field("reason", "string"), Field("source", "string"), Field("position", "string"),
    Field("adapter", "string"), Field("raw", "base64Binary"),
)  # fmt: skip
_FORECASTS = (
    _OBJECT, Field("quantity", "string"), Field("issued_at_ns", "integer", "ns"),
    Field("known_at_ns", "integer", "ns"), Field("horizon_s", "double", "s"), Field("model", "string"),
    Field("values", "array", description="Samples, or quantiles at given levels"),
)  # fmt: skip
_SCORES = (
    _OBJECT, Field("quantity", "string"), Field("horizon_s", "double", "s"),
    Field("model", "string"), Field("crps", "double", description="In the quantity's unit"),
)  # fmt: skip
