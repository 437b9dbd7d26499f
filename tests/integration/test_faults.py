"""Nothing lost: the short form of the fault suite, and proof that its verifier notices what is lost.

The long form is `make test-faults`; docs/faults.md tells what both show.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.event import TOPOLOGY
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ingest import Ingest, publish
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.ports import Entry, EventLog
from ranvier.fabric.series.duckdb import DuckdbSeries
from tests.faults import report, sabotage
from tests.faults.account import Account
from tests.faults.harness import Order, perform
from tests.faults.profiles import ontology
from tests.faults.server_faults import SERVER_WEIGHTS
from tests.faults.stream import Item, Stream
from tests.faults.verify import Era, Rows, Stores, verify
from tests.servers import connect, recipes, toolchain

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

SEED = 4
ITEMS = 1000
NOW_NS = 1_800_000_000 * 10**9


def sound(order: Order) -> None:
    """Run that, and fail with the whole report where a record is not accounted for."""
    said: list[str] = []
    outcome = perform(order, said.append)
    text = report.text(outcome)
    print(text)
    assert outcome.account.sound, "\n".join([*said, text])
    assert len(outcome.faults) == order.faults
    if order.every_kind:
        struck = {fault.kind for fault in outcome.faults} | {why.split(":")[0] for why in outcome.not_run}
        assert struck == {kind.__name__.replace("_", " ") for kind in SERVER_WEIGHTS}
    counts = outcome.account.counts
    assert counts["good reports in the log"] > 100
    assert counts["dead letters, each id once"] > 0


def test_nothing_is_lost_on_the_embedded_stores_under_kill_9_and_jumping_clocks() -> None:
    sound(Order(profile="embedded", faults=8, seed=SEED, eras=2, gap_s=0.1, rate_per_s=250.0))


def why_no_servers() -> str:
    """Why the servers cannot be run here; empty where they can."""
    if os.environ.get(connect.VARIABLE) == "none":
        return f"{connect.VARIABLE}=none leaves the servers out"
    for recipe in (recipes.KAFKA, recipes.NEO4J, recipes.INFLUX):
        if not recipe.installed.is_dir():
            return f"{recipe.title} is not built: run make servers"
        if missing := toolchain.missing(recipe.to_run):
            return f"{recipe.title} needs {', '.join(missing)} to run"
    return ""


@pytest.mark.timeout(1200)
@pytest.mark.skipif(bool(why_no_servers()) and os.environ.get("CI") != "true", reason=why_no_servers())
def test_nothing_is_lost_on_the_three_servers_whatever_dies() -> None:
    """Every kind of the long form once, and kills of ingest between them, on servers of the test's own.

    Three of the sixteen kill a server: less than a fifth.
    """
    sound(Order(profile="servers", faults=16, every_kind=16, seed=SEED, eras=2, gap_s=0.3, rate_per_s=50.0))


# ---------------------------------------------------------------- the verifier itself
Break = Callable[[Any, Any, Any], tuple[Any, Any, Any]]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that holds the stream."""
    path = tmp_path_factory.mktemp("sent") / "log.db"
    log = SqliteLog(path)
    send(log)
    log.close()
    return path


@pytest.fixture
def folder(sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of that log. Fewer single versions are looked at than in a run."""
    monkeypatch.setattr("tests.faults.verify.VERSION_READS", 10)
    monkeypatch.setattr("tests.faults.verify.KNOWN_AT_READS", 3)
    shutil.copy(sent, tmp_path / "log.db")
    return tmp_path


def account_of(folder: Path, broken: Break, crash: bool = False) -> Account:
    """Take the stream in by an ingest that `broken` spoils, and account for it. No processes."""
    log, graph = SqliteLog(folder / "log.db"), SqliteGraph(folder / "graph.db", ontology())
    series = DuckdbSeries(folder / "series.duckdb", ontology())
    with ExitStack() as stack:
        for store in (log, graph, series):
            stack.callback(store.close)
        spoiled = broken(log, graph, series)
        if crash:
            with pytest.raises(SystemExit):
                Ingest(*spoiled[:1], spoiled[2], spoiled[1], ontology(), batch=50).drain(NOW_NS + 2 * ITEMS)
            spoiled = (log, graph, series)
        Ingest(spoiled[0], spoiled[2], spoiled[1], ontology(), batch=50).drain(NOW_NS + 2 * ITEMS)
        eras = [Era(NOW_NS + 10**12, log.offsets(TOPOLOGY))]
        rows = Rows(int(series.ping().detail["points"]), distinct=False)
        return verify(Stores(log, graph, series), sent_items(), eras, rows)


def sent_items() -> list[Item]:
    """The first items of the stream."""
    stream = Stream(SEED, oversize=True)
    return [stream.next() for _ in range(ITEMS)]


def send(log: EventLog) -> None:
    """The items, some batches twice as after a lost acknowledgement."""
    items, rng = sent_items(), random.Random(SEED)
    for first in range(0, ITEMS, 20):
        batch = items[first : first + 20]
        for again in range(2 if rng.random() < 0.1 else 1):
            now_ns = NOW_NS + 2 * first + again
            publish(log, [item.payload for item in batch if item.payload is not None], "test", now_ns)
            for item in batch:
                if item.payload is None:
                    log.append(item.topic, [Entry(item.key, item.raw)], now_ns)


def test_the_verifier_finds_nothing_where_nothing_is_broken(folder: Path) -> None:
    account = account_of(folder, sabotage.SABOTAGES[""])
    assert account.sound, account.told
    assert account.counts["records that the producer's retries repeated"] > 0


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("drops a report", "point missing"),
        ("loses a batch", "point missing"),
        ("merges points", "point"),
        ("invents a point", "point that nobody sent"),
        ("repeats a report", "values in the series store"),
        ("drops a change", "fact missing"),
        ("loses letters", "bad record without a dead letter"),
        ("copies letters", "copies of dead letters"),
    ],
)
def test_the_verifier_notices_an_ingest_that(name: str, difference: str, folder: Path) -> None:
    account = account_of(folder, sabotage.SABOTAGES[name])
    assert any(kind.startswith(difference) for kind in account.differences), account.differences


def test_the_verifier_notices_offsets_that_were_stored_before_the_data(folder: Path) -> None:
    calls = iter(range(100))

    def crash() -> None:
        if next(calls) == 5:
            raise SystemExit

    def broken(log: Any, graph: Any, series: Any) -> tuple[Any, Any, Any]:
        spoiled = sabotage.OffsetsFirst(series)
        spoiled.between = crash
        return log, graph, spoiled

    account = account_of(folder, broken, crash=True)
    assert any(kind.startswith("point missing") for kind in account.differences), account.differences
    assert not any(kind.startswith("offsets") for kind in account.differences), (
        "it looks as if all were there"
    )
