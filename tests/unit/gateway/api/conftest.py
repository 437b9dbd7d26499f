"""A platform on the embedded adapters, filled with a small city, and a client of its API.

The stores are real; forecasts and fidelity, which the running platform makes, are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ranvier.aiops.serving.in_process import InProcess
from ranvier.aiops.serving.service import Answer
from ranvier.diops.gate import Verdict, reliance
from ranvier.dtops.forecast import Target
from ranvier.dtops.scenes.scene import Scene
from ranvier.fabric import event
from ranvier.fabric.alarm import Alarm
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ingest import Ingest, publish
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Health
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.gateway.api.app import create_app
from ranvier.gateway.api.platform import (
    Estimate,
    FidelityFigure,
    FidelityQuery,
    ForecastPosition,
    ForecastQuery,
    ForecastRequest,
    IssuedForecast,
    LiveFigures,
    LiveScene,
    Outcome,
    PublishResult,
    Refusal,
    Whose,
)
from ranvier.ontology.errors import InputError, NotFound, Unavailable
from ranvier.ontology.ontology import load
from tests import scene_double

S = 1_000_000_000
T0 = 1_769_860_800 * S
"""2026-01-31T12:00:00Z"""
NOW = T0 + 600 * S
ELEMENT = "ManagedElement=1"
CELLS = [f"{ELEMENT},GNBDUFunction=1,NRCellDU={i}" for i in range(1, 6)]
THROUGHPUT = "DRB.UEThpDl"


def forecast(i: int, model: str = "statistical", horizon_s: float = 60.0) -> IssuedForecast:
    return IssuedForecast(
        Target(CELLS[i % 5], THROUGHPUT), horizon_s, model, "1", T0 + 60 * i * S, T0 + 60 * i * S,
        [10.0, 20.0, 30.0], [0.1, 0.5, 0.9], "clamped", f"{i:064x}",
    )  # fmt: skip


def position(f: IssuedForecast) -> tuple[int, str, str, str, float]:
    return -f.issued_at_ns, f.target.object_id, f.target.quantity, f.model, f.horizon_s


def figure(model: str, value: float | None, horizon_s: float = 60.0) -> FidelityFigure:
    given = (
        Estimate(value, value - 0.1, value + 0.1)
        if value is not None
        else Estimate(None, undefined="3 outcomes are too few")
    )
    share = Estimate(0.8, 0.7, 0.9)
    return FidelityFigure(
        THROUGHPUT, horizon_s, model, None, T0, NOW, 42, given, share, Estimate(1.5), share, 2.5
    )


class EmbeddedPlatform:
    """A `Platform` with real stores."""

    def __init__(self, folder: Path) -> None:
        self.whose = Whose("default", "city")
        self.ontology = load()
        self.catalogue = None
        self.log = SqliteLog(folder / "log.sqlite", partitions=2)
        self.graph = SqliteGraph(folder / "graph.sqlite", self.ontology)
        self.series = DuckdbSeries(folder / "series.duckdb", self.ontology)
        self.ledger = ParquetLedger(folder / "ledger")
        self.ingest = Ingest(self.log, self.series, self.graph, self.ontology)
        self.sink_lag: dict[str, int] = {"graph": 0, "series": 0}
        self.as_of_ns: int | None = NOW
        self.predictor = scene_double.ConstantPredictor()
        self.service: InProcess | None = InProcess(lambda _: self.predictor, folder)
        self.sealed = [forecast(i, model) for i in range(10) for model in ("persistence", "statistical")]
        self.known = [figure("statistical", 0.6), figure("persistence", 0.05), figure("climatology", None)]

    def now_ns(self) -> int:
        return NOW

    def figures(self) -> LiveFigures:
        return LiveFigures(
            600.0,
            "city",
            True,
            0.2,
            0.9,
            3.0,
            40.0,
            300,
            4,
            4000,
            20,
            18,
            NOW - 3 * S,
            self.as_of_ns,
            self.sink_lag,
        )  # fmt: skip

    def put(self, payloads: Sequence[event.Payload], at_ns: int = T0) -> None:
        publish(self.log, payloads, "test", at_ns)
        self.ingest.drain(at_ns)

    def ingest_raw(self, adapter: str | None, raw: BinaryIO, source: str, whose: Whose) -> PublishResult:
        good: list[event.Payload] = []
        bad: list[DeadLetter] = []
        for number, line in enumerate(raw, 1):
            try:
                payload = event.decode(line)
                good.append(msgspec.structs.replace(payload, tenant=whose.tenant, network=whose.network))
            except InputError as error:
                bad.append(DeadLetter(str(error), source, f"line {number}", line, adapter or "", "", *whose))
        self.put([*good, *bad], NOW)
        return PublishResult(len(good), len(bad), tuple(Refusal(b.position, b.reason) for b in bad[:100]))

    def replay(self, letter: DeadLetter) -> PublishResult:
        if not letter.adapter:
            raise InputError("a dead letter with an adapter", "one without", "send it again")
        return PublishResult(0, 1, (Refusal(letter.position, letter.reason),))

    def fidelity(self, query: FidelityQuery) -> list[FidelityFigure]:
        return [
            f
            for f in self.known
            if query.model in (None, f.model)
            and query.quantity in (None, f.quantity)
            and query.horizon_s in (None, f.horizon_s)
            and query.whose == self.whose
        ]

    def fidelity_history(self, query: FidelityQuery, step_ns: int) -> list[FidelityFigure]:
        return self.fidelity(query)

    def forecasts(self, query: ForecastQuery) -> list[IssuedForecast]:
        wanted = (query.object_id, query.quantity, query.model, query.horizon_s)
        after = query.after
        start = None if after is None else position(_at(after))
        found = [
            f
            for f in sorted(self.sealed, key=position)
            if query.from_ns <= f.issued_at_ns < query.to_ns
            and all(w in (None, g) for w, g in zip(wanted, (*f.target, f.model, f.horizon_s), strict=True))
            and (start is None or position(f) > start)
            and query.whose == self.whose
        ]
        return found[: query.limit]

    def outcomes(self, query: ForecastQuery) -> list[Outcome]:
        found = self.forecasts(query)
        return [
            Outcome(f, f.issued_at_ns + 60 * S, 21.0) if i else Outcome(f, None, None)
            for i, f in enumerate(found)
        ]

    def issue(self, request: ForecastRequest) -> list[IssuedForecast]:
        model = request.model or "statistical"
        if model not in ("statistical", "climatology"):
            raise NotFound("a model of this platform", repr(model), "leave it out")
        for target in request.targets:
            if target.object_id not in CELLS:
                raise NotFound("a target that the twin follows", repr(target.object_id), "list the series")
        return [
            IssuedForecast(t, h, model, "1", NOW, NOW, [1.0, 2.0, 3.0, 4.0], None)
            for t in request.targets
            for h in request.horizons_s
        ]

    def live_scene(self, whose: Whose, as_of_ns: int | None) -> LiveScene:
        if whose != self.whose:
            raise NotFound("a twin of that network", repr(whose.network), "leave it out")
        at_ns = NOW if as_of_ns is None else as_of_ns
        return LiveScene(scene_double.scene("live"), at_ns, at_ns - S)

    def forecast_scenes(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> Answer:
        if self.service is None:
            raise Unavailable("a trained surrogate", "none", "train one")
        return self.service.forecast(scenes, horizons_s)

    def forecast_service(self) -> tuple[Health, Mapping[str, int]]:
        if self.service is None:
            raise Unavailable("a trained surrogate", "none", "train one")
        return self.service.ping(), self.service.counts()

    def reliance(self, figure: FidelityFigure | None) -> Verdict:
        estimate = figure.fidelity if figure else Estimate(None)
        nan = float("nan")
        numbers = [nan if v is None else v for v in (estimate.value, estimate.low, estimate.high)]
        return reliance(*numbers, rely_above=0.2)

    def close(self) -> None:
        self.ingest.close()
        for store in (self.log, self.graph, self.series, self.ledger):
            store.close()


def _at(after: ForecastPosition) -> IssuedForecast:
    target = Target(after.object_id, after.quantity)
    return IssuedForecast(target, after.horizon_s, after.model, "", after.issued_at_ns, 0, [], None)


def city(whose: Whose) -> list[event.Payload]:
    """Five cells of one element, each with ten minutes of throughput, a UE that is handed over, an alarm."""
    own = {"tenant": whose.tenant, "network": whose.network}
    payloads: list[event.Payload] = [NodeChange(ELEMENT, "ManagedElement", T0, **own)]
    for cell in CELLS:
        payloads.append(NodeChange(cell, "NRCellDU", T0, {"latitude": 31.0, "longitude": -41.0}, **own))
        payloads += [
            MeasurementReport(
                cell, "NRCellDU", T0 + 60 * i * S, T0 + 60 * (i + 1) * S, {THROUGHPUT: 100.0 * i}, **own
            )
            for i in range(10)
        ]
    payloads.append(NodeChange("UE=1", "UE", T0, **own))
    payloads.append(RelationChange("serves", CELLS[0], "UE=1", T0, **own))
    payloads.append(RelationChange("serves", CELLS[1], "UE=1", T0 + 300 * S, **own))
    payloads += [RelationChange("adjacent", CELLS[0], cell, T0, **own) for cell in CELLS[1:]]
    payloads.append(
        Alarm("A-1", CELLS[0], "NRCellDU", T0, "MAJOR", "EQUIPMENT_ALARM", "transmitterFailure", **own)
    )
    return payloads


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[EmbeddedPlatform]:
    found = EmbeddedPlatform(tmp_path)
    found.put(city(found.whose))
    yield found
    found.close()


@pytest.fixture
def app(platform: EmbeddedPlatform, tmp_path: Path) -> FastAPI:
    return create_app(platform, live_interval_s=0.01, static=tmp_path / "not-built")


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as found:
        yield found
