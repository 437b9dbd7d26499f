"""`CatalogueView`: the catalogue in the JSON forms that the API and the command line show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ranvier.fabric.catalogue import dcat, openlineage
from ranvier.fabric.catalogue.port import Catalogue, Direction, Entry
from ranvier.fabric.catalogue.run import Run, SourceFile

FILES_SHOWN = 100


class CatalogueView:
    """Reads a catalogue. `base` is the IRI below which datasets have theirs; it ends in '/'."""

    def __init__(self, catalogue: Catalogue, base: str = "urn:ranvier:dataset:") -> None:
        self._catalogue, self._base = catalogue, base

    def page(self, tenant: str, after: str | None, limit: int) -> Sequence[dict[str, object]]:
        """Datasets by rising `id`, those after `after`."""
        return [_plain(entry) for entry in self._catalogue.page(tenant, after, limit)]

    def dataset(self, tenant: str, dataset_id: str) -> dict[str, object]:
        """One dataset with its schema, its figures and its latest files. Raises NotFound."""
        entry = self._catalogue.get(tenant, dataset_id)
        files, _ = self._catalogue.files(tenant, dataset_id, limit=FILES_SHOWN)
        return {
            **_plain(entry),
            "fields": [*map(msgspec.to_builtins, entry.dataset.fields)],
            "derived_from": list(entry.dataset.derived_from),
            "quality": msgspec.to_builtins(entry.quality),
            "latest_files": [*map(msgspec.to_builtins, files)],
        }

    def dcat(self, tenant: str, dataset_id: str | None) -> dict[str, object]:
        """One dataset, or the whole catalogue, as DCAT 3 in JSON-LD. Raises NotFound."""
        if dataset_id is not None:
            return dcat.dataset(self._catalogue.get(tenant, dataset_id), self._base)
        return dcat.catalogue(self._all(tenant), self._base, tenant)

    def lineage(self, tenant: str, dataset_id: str, direction: Direction = "up") -> dict[str, object]:
        """Where a dataset came from, or what was made of it: edges, files and OpenLineage events."""
        found = self._catalogue.lineage(tenant, dataset_id, direction)
        return {
            "dataset": dataset_id,
            "direction": direction,
            "edges": [*map(msgspec.to_builtins, found.edges)],
            "files": [*map(msgspec.to_builtins, found.files)],
            "files_total": found.files_total,
            "events": [event for run in found.runs for event in self._events(run, found.files)],
        }

    def _events(self, run: Run, files: Sequence[SourceFile]) -> list[dict[str, Any]]:
        """START, and the state that the run has got to since."""
        inputs = [self._catalogue.get(run.tenant, each) for each in run.inputs]
        outputs = [self._catalogue.get(run.tenant, each) for each in run.outputs]
        read = [file for file in files if file.run_id == run.run_id]
        began = msgspec.structs.replace(run, state="START", ended_at_ns=0, error="")
        states = [began] if run.state == "START" else [began, run]
        return [openlineage.run_event(state, inputs, outputs, read) for state in states]

    def _all(self, tenant: str) -> list[Entry]:
        entries: list[Entry] = []
        after: str | None = None
        while page := self._catalogue.page(tenant, after, 100):
            entries.extend(page)
            after = page[-1].dataset.dataset_id
        return entries


def _plain(entry: Entry) -> dict[str, object]:
    described, figures = entry.dataset, entry.quality
    return {
        "id": described.dataset_id,
        "title": described.title,
        "description": described.description,
        "owner": described.owner,
        "licence": described.licence,
        "network": described.network,
        "completeness": figures.completeness,
        "timeliness": figures.timeliness,
        "validity": figures.validity,
        "received": figures.received,
        "files": entry.files,
        "last_ns": figures.last_ns,
    }
