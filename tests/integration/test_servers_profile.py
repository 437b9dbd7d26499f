"""`ranvier run --profile servers` as a process: how it tells of the servers, and outlasts their absence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.proxy import Proxy
from tests.integration.conftest import COMMAND, COMPILED, PATIENCE_S, QUICK
from tests.integration.servers_profile import awaited, environment, port_of
from tests.servers import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("servers-profile"),
    connect.needs("kafka"),
    connect.needs("neo4j"),
    connect.needs("influx"),
]


@pytest.fixture(scope="module")
def proxies() -> Iterator[dict[str, Proxy]]:
    """Between the platform and two of its servers: to cut them off without harm to other tests."""
    made = {
        "graph": Proxy(port_of(connect.address("neo4j")["uri"])),
        "series": Proxy(port_of(connect.address("influx")["url"])),
    }
    yield made
    for proxy in made.values():
        proxy.close()


@pytest.fixture(scope="module")
def running(
    run_platform: Callable[..., Any], proxies: dict[str, Proxy], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """One platform on the servers, ready."""
    folder = tmp_path_factory.mktemp("servers")
    own = environment(folder, proxies["graph"].port, proxies["series"].port)
    before = dict(os.environ)
    os.environ.update(own)
    try:
        found = run_platform(folder / "store", "--profile", "servers")
        found.own = own
        awaited(found, lambda: found.get("/readyz").status_code == 200)
        yield found
    finally:
        os.environ.clear()
        os.environ.update(before)


def asked(running: Any, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`ranvier …` on its folder."""
    return subprocess.run(
        [*COMMAND, "--folder", str(running.folder), *arguments], capture_output=True, text=True, timeout=120,
        env={**os.environ, **running.own, **QUICK, **COMPILED, **env}, check=False,
    )  # fmt: skip


def test_it_forecasts_on_the_servers_and_nothing_but_ledger_and_catalogue_lies_in_its_folder(
    running: Any,
) -> None:
    awaited(running, lambda: running.figures()["forecasts_issued"] > 0)
    names = {path.name.split(".")[0] for path in running.folder.iterdir()}
    assert {"ledger", "catalogue"} <= names
    assert not names & {"log", "graph", "series"}


def test_status_shows_ping_version_lag_and_disk_of_each_server(running: Any) -> None:
    awaited(running, lambda: running.figures()["forecasts_issued"] > 0)
    answer = json.loads(asked(running, "status", "--json").stdout)
    stores = {store["name"]: store for store in answer["stores"]}
    assert tuple(stores) == STORES
    for store in stores.values():
        assert store["ok"]
        assert store["ping_ms"] > 0
        assert store["version"]
    assert stores["log"]["disk_bytes"] > 0
    assert stores["series"]["disk_bytes"] >= 0
    assert stores["graph"]["disk_bytes"] is None, "Neo4j does not tell it"
    for sink in ("graph", "series"):
        assert stores[sink]["lag_records"] >= 0
    assert stores == {store["name"]: {**store, **{k: stores[store["name"]][k] for k in MOVING}}
                      for store in running.get("/healthz").json()["stores"]}  # fmt: skip


MOVING = ("ping_ms", "lag_records", "lag_s", "detail", "disk_bytes")
"""What differs from one look to the next."""


def secrets() -> tuple[str, str]:
    return connect.address("influx")["token"], connect.address("neo4j")["password"]


def test_no_secret_is_shown_by_anything(running: Any) -> None:
    status = asked(running, "status")
    told = [running.said, running.complained, status.stdout, status.stderr, running.get("/healthz").text]
    for secret in secrets():
        assert not [text for text in told if secret in text]


STORES = ("log", "graph", "series", "ledger")


def well(running: Any) -> dict[str, bool]:
    return {each["name"]: each["ok"] for each in running.get("/healthz").json()["stores"]}


def cut_off(proxy: Proxy) -> None:
    """Close it. Its thread still waits in `accept`, and lets one more connection in: that is ours, and is cut."""
    proxy.close()
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", proxy.port), 1).close()
    time.sleep(0.2)
    proxy.cut_all()


@pytest.mark.parametrize(("store", "path"), [("graph", "/v1/topology"), ("series", "/v1/series")])
def test_a_server_that_is_away_is_named_and_waited_for_and_nothing_is_lost(
    running: Any, proxies: dict[str, Proxy], store: str, path: str
) -> None:
    awaited(running, lambda: running.get("/healthz").status_code == 200)
    cut_off(proxies[store])
    try:
        awaited(running, lambda: well(running) == {name: name != store for name in STORES})
        assert running.get("/healthz").status_code == 503
        answer = running.get(path)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        running.wait(
            lambda: any("waits for a store" in why for why in running.get("/readyz").json()["reasons"])
        )
        assert running.get("/v1/live/snapshot").status_code == 200
        assert running.process.poll() is None
    finally:
        proxies[store] = Proxy(proxies[store]._server_port, proxies[store].port)
    awaited(running, lambda: running.get("/readyz").status_code == 200)
    awaited(running, lambda: not any(running.figures()["sink_lag"].values()))
    accepted = running.figures()["points_accepted"]
    awaited(running, lambda: running.figures()["points_accepted"] > accepted)


def test_it_stops_cleanly_and_what_it_wrote_is_asked_of_the_servers_when_nothing_runs(running: Any) -> None:
    begin = time.monotonic()
    assert running.stop(signal.SIGTERM) == 0
    assert time.monotonic() - begin < 30
    assert running.said.strip().endswith("stopped")
    answer = json.loads(asked(running, "--profile", "servers", "status", "--json").stdout)
    assert answer["running"] is False
    assert all(store["ok"] for store in answer["stores"])
    found = asked(running, "--profile", "servers", "topology", "list", "--class", "NRCellDU", "--json")
    assert json.loads(found.stdout), found.stderr


# ---------------------------------------------------------------- several ingest processes
def ingest(running_env: dict[str, str], folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / "ingest.log").open("a") as said:
        return subprocess.Popen(
            [*COMMAND, "--profile", "servers", "ingest", *arguments], stdout=said, stderr=said,
            env={**os.environ, **running_env, **QUICK, **COMPILED},
        )  # fmt: skip


def test_ingest_processes_share_the_work_and_go_on_when_one_is_killed(
    run_platform: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = environment(tmp_path)
    for name, value in {**own, "RANVIER_INGEST__IN_MAIN_JOB": "false"}.items():
        monkeypatch.setenv(name, value)
    parent = ingest(own, tmp_path, "--processes", "2")
    try:
        running = run_platform(tmp_path / "store", "--profile", "servers")
        awaited(running, lambda: running.get("/readyz").status_code == 200)
        assert running.figures()["points_accepted"] == 0, "the main job itself takes nothing"
        workers = [
            child for child in psutil.Process(parent.pid).children() if "spawn_main" in str(child.cmdline())
        ]
        assert len(workers) == 2
        workers[0].kill()
        as_of = running.figures()["as_of"]
        awaited(running, lambda: running.figures()["as_of"] > as_of)
        awaited(running, lambda: not any(running.figures()["sink_lag"].values()))
        awaited(running, lambda: len([c for c in psutil.Process(parent.pid).children()
                                  if "spawn_main" in str(c.cmdline())]) == 2)  # fmt: skip
        assert running.stop(signal.SIGTERM) == 0
    finally:
        parent.send_signal(signal.SIGTERM)
        status = parent.wait(PATIENCE_S)
    said = (tmp_path / "ingest.log").read_text()
    assert status == 0, said
    assert "an ingest process ended; starting another" in said
    assert "ingest has left its groups" in said, "the one that was just started may not have joined them yet"


# ---------------------------------------------------------------- what is refused
def refused(env: dict[str, str], folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, "--folder", str(folder), *arguments], capture_output=True, text=True, timeout=120,
        env={**os.environ, **env, **QUICK, **COMPILED}, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("ranvier: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_servers_that_do_not_answer_are_named_in_one_error(tmp_path: Path) -> None:
    env = environment(tmp_path, neo4j_port=9, influx_port=9)
    env |= {"RANVIER_SERVERS__START_WAIT_S": "0"}
    error = refused(env, tmp_path / "store", "run", "--profile", "servers", "--port", "0")
    assert "Neo4j at bolt://127.0.0.1:9 does not" in error
    assert "InfluxDB at http://127.0.0.1:9 does not" in error
    assert "Kafka at" not in error
    told = looked(env, tmp_path / "store")
    assert told.returncode == 1, told.stderr
    assert [store["ok"] for store in json.loads(told.stdout)["stores"]] == [True, False, False, True]


@pytest.mark.parametrize(
    ("server", "address", "remedy"),
    [("neo4j", "uri", "check user and password"), ("influx", "url", "check the token")],
)
def test_refused_credentials_are_told_at_once_and_not_shown(
    tmp_path: Path, server: str, address: str, remedy: str
) -> None:
    """With the patience for servers that start: what is refused must not wait for it to end."""
    env = environment(tmp_path) | {"RANVIER_SERVERS__START_WAIT_S": "600"}
    (tmp_path / f"{server}.secret").write_text(WRONG)
    for command in (
        ["run", "--profile", "servers", "--port", "0"],
        ["--profile", "servers", "topology", "list"],
    ):
        error = refused(env, tmp_path / "store", *command)
        assert connect.address(server)[address] in error
        assert remedy in error
        assert not [each for each in (WRONG, *secrets()) if each in error]
    told = looked(env, tmp_path / "store")
    assert told.returncode == 1
    assert remedy in told.stdout
    assert not [each for each in (WRONG, *secrets()) if each in told.stdout + told.stderr]


WRONG = "a-wrong-secret-9f2c"


def looked(env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`ranvier status` where nothing runs."""
    return subprocess.run(
        [*COMMAND, "--folder", str(folder), "--profile", "servers", "status", "--json"],
        capture_output=True, text=True, timeout=120, env={**os.environ, **env, **COMPILED}, check=False,
    )  # fmt: skip


def test_to_look_at_servers_alters_nothing(tmp_path: Path) -> None:
    pytest.importorskip("influxdb_client")
    from ranvier.fabric.log.kafka import KafkaConfig
    from ranvier.fabric.log.kafka_client import Admin
    from ranvier.fabric.series.influx_client import InfluxClient
    from ranvier.fabric.series.influx_config import InfluxConfig

    env = environment(tmp_path)
    told = looked(env, tmp_path / "store")
    assert told.returncode == 0, told.stdout + told.stderr
    assert [store["ok"] for store in json.loads(told.stdout)["stores"]] == [True, True, True]
    assert not (tmp_path / "store").exists()
    kafka = Admin(KafkaConfig(connect.address("kafka")["bootstrap"]))
    influx = InfluxClient(InfluxConfig(**connect.address("influx")))
    prefix = env["RANVIER_SERVERS__INFLUX__PREFIX"]
    try:
        assert kafka.topics(env["RANVIER_SERVERS__KAFKA__PREFIX"]) == []
        buckets = influx.ask("GET", "/api/v2/buckets", {"limit": "100", "name": f"{prefix}-observed"})
        assert buckets["buckets"] == []
    finally:
        kafka.close()
        influx.close()


def test_a_folder_has_one_platform_also_with_servers(
    run_platform: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = environment(tmp_path)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    first = run_platform(tmp_path / "store", "--profile", "servers", "--no-feed")
    awaited(first, lambda: first.get("/healthz").status_code == 200)
    error = refused(own, tmp_path / "store", "run", "--profile", "servers", "--port", "0")
    assert "another process" in error
    assert first.stop(signal.SIGTERM) == 0
