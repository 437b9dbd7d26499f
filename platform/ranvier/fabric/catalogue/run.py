"""`Run` and `SourceFile`: what made a dataset, and what it was made from."""

from __future__ import annotations

from typing import Literal

import msgspec

RunState = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL"]
"""The states of a run as OpenLineage names them."""


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run of a job.

    run_id   a UUID
    job      the job's name, e.g. "ingest", "forecast"
    inputs, outputs  ids of datasets
    ended_at_ns      0 while it goes on
    error    why it failed
    """

    run_id: str
    job: str
    state: RunState
    started_at_ns: int
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ended_at_ns: int = 0
    error: str = ""
    description: str = ""
    tenant: str = "default"
    network: str = "default"


class SourceFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file that was read into a dataset. It is known by its name and its hash.

    accepted, refused    its records: what it held is their sum
    first_ns, last_ns    from the first period's start to the last one's end; 0 where it has none
    """

    name: str
    sha256: str
    size_bytes: int
    adapter: str
    received_at_ns: int
    run_id: str = ""
    accepted: int = 0
    refused: int = 0
    first_ns: int = 0
    last_ns: int = 0
