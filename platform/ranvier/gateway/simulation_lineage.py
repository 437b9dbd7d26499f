"""Runs of the simulator in the catalogue: the run, the dataset that it made, and that one's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.fabric.catalogue.dataset import Dataset, Field
from ranvier.fabric.catalogue.port import Catalogue
from ranvier.fabric.catalogue.run import Run, RunState
from ranvier.gateway.settings import Settings

FIELDS = (
    Field("realisation", "integer", description="which of the run's realisations"),
    Field("object_id", "string", description="distinguished name of the managed object"),
    Field("quantity", "string", description="TS 28.552 counter, in the ontology's unit"),
    Field("start_ns", "integer", "ns"), Field("end_ns", "integer", "ns"), Field("value", "number"),
)  # fmt: skip


def record(
    catalogue: Catalogue, manifest: Mapping[str, Any], folder: str, now_ns: int, settings: Settings
) -> None:
    """Register what the run of a folder made. Again for the same run: its later state."""
    run_id, name = manifest["run"], manifest["scenario"]["name"]
    state: RunState = manifest["state"]
    dataset = Dataset(
        f"simulation-{run_id}", f"Simulation of {name}", "simulator", fields=FIELDS,
        description=f"Counters, KPIs and traces of {len(manifest['seeds'])} realisations of {name}",
        media_type="application/vnd.apache.parquet", access=folder,
        period_s=manifest["scenario"]["granularity_s"], registered_at_ns=now_ns, tenant=settings.tenant,
        network=name,
    )  # fmt: skip
    catalogue.register(dataset)
    catalogue.record(
        Run(
            run_id,
            "simulate",
            state,
            manifest["start_ns"],
            outputs=(dataset.dataset_id,),
            ended_at_ns=now_ns,
            error=manifest.get("error", ""),
            description=f"{name}, digest {manifest['digest'][:16]}",
            tenant=settings.tenant,
            network=name,
        )
    )
