"""A simulation in the catalogue: its dataset, its run, and how that ended."""

from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.catalogue.sqlite import SqliteCatalogue
from ranvier.gateway.settings import Settings
from ranvier.gateway.simulation_lineage import record

RUN = "0e3c1c7e-8c5c-4f6e-9f0a-2f6c1f1b7a10"


def manifest(**more: Any) -> dict[str, Any]:
    scenario = {"name": "uma-57", "granularity_s": 10.0}
    return {
        "run": RUN, "scenario": scenario, "seeds": [1, 2], "start_ns": 5, "state": "COMPLETE",
        "digest": "ab" * 32, **more,
    }  # fmt: skip


@pytest.fixture
def catalogue() -> SqliteCatalogue:
    return SqliteCatalogue(Path(":memory:"))


def test_dataset_of_a_run_leads_back_to_the_run(catalogue: SqliteCatalogue) -> None:
    record(catalogue, manifest(), "/data/run", 9, Settings())
    entry = catalogue.get("default", f"simulation-{RUN}")
    assert entry.dataset.access == "/data/run"
    assert entry.dataset.period_s == 10.0
    lineage = catalogue.lineage("default", f"simulation-{RUN}", "up")
    assert [(each.run_id, each.job, each.state) for each in lineage.runs] == [(RUN, "simulate", "COMPLETE")]
    assert lineage.runs[0].ended_at_ns == 9
    catalogue.close()


def test_run_that_goes_on_replaces_what_it_was(catalogue: SqliteCatalogue) -> None:
    record(catalogue, manifest(state="ABORT", error="KeyboardInterrupt"), "/data/run", 9, Settings())
    record(catalogue, manifest(), "/data/run", 20, Settings())
    runs = catalogue.lineage("default", f"simulation-{RUN}", "up").runs
    assert [(each.state, each.error, each.ended_at_ns) for each in runs] == [("COMPLETE", "", 20)]
    assert len(catalogue.page("default")) == 1
    catalogue.close()


def test_failed_run_says_why(catalogue: SqliteCatalogue) -> None:
    record(catalogue, manifest(state="FAIL", error="no room"), "/data/run", 9, Settings())
    assert catalogue.lineage("default", f"simulation-{RUN}", "up").runs[0].error == "no room"
    catalogue.close()
