"""The profile `servers`: its settings, its secrets, and one clear error where something is missing."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from ranvier.fabric.ports import Health
from ranvier.gateway import server_configs, server_stores
from ranvier.gateway.asked import Asked
from ranvier.gateway.bootstrap import open_stores
from ranvier.gateway.runtime.ingest_process import ingest_in_processes, ingest_until
from ranvier.gateway.secret_files import secret
from ranvier.gateway.server_status import status_of_servers
from ranvier.gateway.server_stores import LOOK_S, Server, look_at_servers, open_servers
from ranvier.gateway.settings import load_settings
from ranvier.ontology.errors import AccessRefused, InputError, StoreError
from ranvier.ontology.ontology import load

HIDDEN = "hunter2-hunter2"


# ---------------------------------------------------------------- settings
def test_the_profile_is_embedded_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().profile == "embedded"
    assert load_settings(profile="servers").profile == "servers"
    monkeypatch.setenv("RANVIER_PROFILE", "servers")
    assert load_settings().profile == "servers"


def test_servers_default_to_loopback_and_their_own_ports() -> None:
    servers = load_settings().servers
    addresses = (servers.kafka.bootstrap, servers.neo4j.uri, servers.influx.url)
    assert addresses == ("127.0.0.1:9092", "bolt://127.0.0.1:7687", "http://127.0.0.1:8086")


def test_a_setting_of_a_server_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANVIER_SERVERS__KAFKA__BOOTSTRAP", "broker:9093")
    monkeypatch.setenv("RANVIER_SERVERS__NEO4J__PASSWORD", HIDDEN)
    settings = load_settings()
    assert settings.servers.kafka.bootstrap == "broker:9093"
    assert settings.servers.neo4j.password == SecretStr(HIDDEN)
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert HIDDEN not in text


@pytest.mark.parametrize(
    ("server", "name"),
    [("kafka", "password"), ("kafka", "key_password"), ("neo4j", "password"), ("influx", "token")],
)
def test_a_settings_file_that_holds_a_secret_is_refused_without_showing_it(
    tmp_path: Path, server: str, name: str
) -> None:
    file = tmp_path / "ranvier.toml"
    file.write_text(f"[servers.{server}]\n{name} = '{HIDDEN}'\n")
    with pytest.raises(InputError, match=f"servers.{server}.{name}_file") as raised:
        load_settings(file)
    assert HIDDEN not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [f"[servers.neo4j]\npasswort = '{HIDDEN}'", f"[servers]\nneo4j = '{HIDDEN}'", f"servers = ['{HIDDEN}']",
     f"[servers.influx]\ntoken_file = ['{HIDDEN}']"],
)  # fmt: skip
def test_what_is_wrong_below_servers_is_named_without_what_may_be_a_secret(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ranvier.toml"
    file.write_text(text)
    with pytest.raises(InputError, match="servers") as raised:
        load_settings(file)
    assert HIDDEN not in str(raised.value) or "token_file" in text  # the name of a file is no secret


def test_a_wrong_setting_of_a_server_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "ranvier.toml"
    file.write_text("[servers.kafka]\npartitions = 0\n[servers.neo4j]\nuri = 'http://x'\n")
    with pytest.raises(InputError, match=r"kafka\.partitions.*got 0.*uri.*got 'http://x'"):
        load_settings(file)


# ---------------------------------------------------------------- secrets
def private(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "secret"
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_a_secret_is_read_from_its_file_and_stripped(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert secret("servers.neo4j.password", None, private(tmp_path, f" {HIDDEN}\n")) == HIDDEN
    assert logs == []
    assert secret("servers.neo4j.password", SecretStr(HIDDEN), None) == HIDDEN
    assert secret("servers.neo4j.password", None, None) is None


def test_a_file_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    file = private(tmp_path, HIDDEN)
    file.chmod(0o644)
    with capture_logs() as logs:
        secret("servers.neo4j.password", None, file)
    assert [entry["setting"] for entry in logs] == ["servers.neo4j.password_file"]
    assert HIDDEN not in str(logs)


@pytest.mark.parametrize("kind", ["missing", "empty", "a folder", "no text", "too long"])
def test_a_file_without_a_secret_is_refused_by_the_name_of_its_setting(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "secret"
    if kind == "a folder":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes({"empty": b" \n", "no text": b"\xff\xfe\xfa", "too long": b"x" * 70_000}[kind])
    with pytest.raises(InputError, match=r"servers\.influx\.token_file") as raised:
        secret("servers.influx.token", None, file)
    assert "xxxx" not in str(raised.value)


def test_both_a_secret_and_its_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both") as raised:
        secret("servers.influx.token", SecretStr(HIDDEN), private(tmp_path, HIDDEN))
    assert HIDDEN not in str(raised.value)


# ---------------------------------------------------------------- opening
class Fake:
    """A store on a server that answers, or does not."""

    def __init__(self, ok: bool = True) -> None:
        self.ok, self.closed = ok, False

    def ping(self) -> Health:
        return Health("fake", self.ok, {"version": "1"}, "" if self.ok else "asleep")

    def close(self) -> None:
        self.closed = True


def openers(monkeypatch: pytest.MonkeyPatch, **given: Callable[[], Any]) -> None:
    def server(port: str, make: Callable[[], Any]) -> Server:
        known = server_stores.SERVERS[port]
        return Server(
            known.name, known.address, lambda _: port, lambda _, __: make(), lambda _, __: make().ping()
        )

    made = {port: server(port, make) for port, make in given.items()}
    monkeypatch.setattr(server_stores, "SERVERS", made)


def raising(error: Exception) -> Callable[[], Any]:
    def opener() -> Any:
        raise error

    return opener


def test_all_three_are_opened_and_closed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    stores = [Fake(), Fake(), Fake()]
    openers(monkeypatch, log=lambda: stores[0], graph=lambda: stores[1], series=lambda: stores[2])
    with open_servers(load_settings().servers, load()) as ports:
        assert [ports.log, ports.graph, ports.series] == stores
    assert all(store.closed for store in stores)


def test_one_error_names_all_that_do_not_answer_and_what_was_opened_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, asleep = Fake(), Fake(ok=False)
    away = raising(StoreError("a server", "connection refused", "start it"))
    openers(monkeypatch, log=lambda: log, graph=away, series=lambda: asleep)
    with (
        pytest.raises(StoreError, match=r"Neo4j at bolt.*refused.*InfluxDB at http.*asleep") as raised,
        ExitStack() as opened,
    ):
        opened.enter_context(open_servers(load_settings().servers, load()))
    assert "Kafka at" not in str(raised.value)
    assert log.closed
    assert asleep.closed


def test_servers_that_come_up_late_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_stores, "RETRY_S", 0.01)
    late = [StoreError("a server", "recovering", "wait")] * 3

    def graph() -> Any:
        if late:
            raise late.pop()
        return Fake()

    openers(monkeypatch, log=Fake, graph=graph, series=Fake)
    with open_servers(load_settings().servers, load(), wait_s=30.0):
        assert not late


def test_a_wrong_setting_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    openers(monkeypatch, log=Fake, graph=raising(InputError("a", "b", "c")), series=Fake)
    begin = time.monotonic()
    with pytest.raises(InputError), open_servers(load_settings().servers, load(), wait_s=30.0):
        pass
    assert time.monotonic() - begin < 10


def test_refused_credentials_are_told_at_once_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    log, asked = Fake(), []

    def graph() -> Any:
        asked.append(1)
        raise AccessRefused("to be let in", "401", "check user and password")

    openers(monkeypatch, log=lambda: log, graph=graph, series=lambda: Fake(ok=False))
    begin = time.monotonic()
    with (
        pytest.raises(AccessRefused, match="check user and password"),
        open_servers(load_settings().servers, load(), wait_s=30.0),
    ):
        pass
    assert time.monotonic() - begin < 10
    assert asked == [1]
    assert log.closed


def test_a_store_that_says_why_it_is_not_well_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Fake):
        def ping(self) -> Health:
            return Health("fake", False, error="no", cause=AccessRefused("to be let in", "401", "check it"))

    openers(monkeypatch, log=Fake, graph=Refusing, series=Fake)
    with (
        pytest.raises(AccessRefused, match="check it"),
        open_servers(load_settings().servers, load(), wait_s=30.0),
    ):
        pass


def test_the_remedy_of_each_server_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    away = raising(StoreError("a server", "connection refused", "start the graph"))
    openers(monkeypatch, log=Fake, graph=away, series=Fake)
    with pytest.raises(StoreError, match="connection refused: start the graph"), ExitStack() as opened:
        opened.enter_context(open_servers(load_settings().servers, load()))


def test_each_server_is_looked_at_whether_or_not_the_others_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    away = raising(StoreError("a server", "connection refused", "start it"))
    openers(monkeypatch, log=Fake, graph=away, series=lambda: Fake(ok=False))
    found = look_at_servers(load_settings().servers, load())
    assert [health.ok for health, _ in found.values()] == [True, False, False]
    assert all(ms >= 0 for _, ms in found.values())


def test_a_server_that_hangs_does_not_hold_up_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_stores, "LOOK_S", 2.0)
    go_on = threading.Event()

    def hanging() -> Any:
        go_on.wait(30)
        return Fake()

    openers(monkeypatch, log=hanging, graph=hanging, series=Fake)
    begin = time.monotonic()
    found = look_at_servers(load_settings().servers, load())
    assert time.monotonic() - begin < 20
    assert [health.ok for health, _ in found.values()] == [False, False, True]
    go_on.set()


def test_status_looks_at_servers_and_opens_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients are real; nothing listens on their ports."""
    for module in ("kafka", "neo4j", "influxdb_client"):
        pytest.importorskip(module)
    given = {
        "kafka": {"bootstrap": "127.0.0.1:9"},
        "neo4j": {"uri": "bolt://127.0.0.1:9", "password": HIDDEN},
        "influx": {"url": "http://127.0.0.1:9", "token": HIDDEN},
    }
    settings = load_settings(None, profile="servers", store={"folder": tmp_path / "none"}, servers=given)
    load()
    begin = time.monotonic()
    answer = status_of_servers(settings)
    assert time.monotonic() - begin < LOOK_S + 5
    assert [(store["name"], store["ok"]) for store in answer["stores"]] == [
        ("log", False), ("graph", False), ("series", False),
    ]  # fmt: skip
    assert HIDDEN not in str(answer)
    assert not (tmp_path / "none").exists(), "looking makes no folder"


@pytest.mark.parametrize("look", [True, False])
def test_a_missing_password_is_named_before_any_server_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: bool
) -> None:
    pytest.importorskip("neo4j")
    asked: list[str] = []
    openers(monkeypatch, log=lambda: asked.append("log"), graph=Fake, series=lambda: asked.append("series"))
    made = dict(server_stores.SERVERS)
    made["graph"] = replace(made["graph"], config=server_configs.neo4j)
    monkeypatch.setattr(server_stores, "SERVERS", made)
    settings = load_settings(None, profile="servers", store={"folder": tmp_path})
    with pytest.raises(InputError, match=r"servers\.neo4j\.password_file"), ExitStack() as opened:
        look_at_servers(settings.servers, load()) if look else opened.enter_context(
            open_stores(settings, 30.0)
        )
    assert asked == []


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neo4j", None)  # as if it were not installed
    with pytest.raises(InputError, match=r"'neo4j'.*ranvier\[servers\]"):
        server_configs.neo4j(load_settings().servers)


def test_embedded_stores_are_not_shared_by_processes(tmp_path: Path) -> None:
    settings = load_settings(None, store={"folder": tmp_path})
    with pytest.raises(InputError, match="one writing process"):
        ingest_in_processes(threading.Event(), settings, 2)
    with pytest.raises(InputError, match="one writing process"):
        ingest_until(threading.Event(), settings)


# ---------------------------------------------------------------- asking without waiting
def test_an_answer_that_takes_too_long_is_an_error_and_is_not_asked_twice_at_once() -> None:
    go_on, asked = threading.Event(), []

    def question() -> str:
        asked.append(os.getpid())
        go_on.wait(30)
        return "here"

    slow = Asked("a server", question, patience_s=0.05)
    for _ in range(3):
        with pytest.raises(StoreError, match=r"within 0\.05 s"):
            slow.answer()
    assert len(asked) == 1
    go_on.set()
    assert Asked("a server", question, patience_s=30).answer() == "here"


def test_an_answer_is_good_for_a_moment_and_an_error_too() -> None:
    answers: list[Any] = [StoreError("a", "b", "c"), 2]

    def question() -> int:
        found = answers.pop(0)
        if isinstance(found, StoreError):
            raise found
        return int(found)

    kept = Asked("a server", question, patience_s=30, keep_s=60)
    for _ in range(2):
        with pytest.raises(StoreError):
            kept.answer()
    assert answers == [2]
