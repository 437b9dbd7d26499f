"""What finds, makes and supervises the test servers, tried without any server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers import connect, install
from tests.servers.bolt import _Unpacker, pack
from tests.servers.failure import ServerError
from tests.servers.ports import CHOICE, free_ports, is_free
from tests.servers.process import Process
from tests.servers.recipes import KAFKA, RECIPES, Recipe

ROOT = Path(__file__).resolve().parents[2]
SAY_WHERE = [sys.executable, "-c", "import os; print('servers:', os.environ['RANVIER_TEST_SERVERS'])"]


# ---------------------------------------------------------------- where the servers are
@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Says where the servers are, or with None that nobody said it."""
    monkeypatch.delenv("CI", raising=False)

    def tell(addresses: object) -> None:
        file = tmp_path / "servers.json"
        file.write_text(json.dumps(addresses))
        monkeypatch.setenv(connect.VARIABLE, str(file) if addresses is not None else "")

    return tell


def skipped(mark: pytest.MarkDecorator) -> bool:
    return bool(mark.args[0])


def test_what_needs_a_server_is_skipped_with_what_to_do(told: Callable[[object], None]) -> None:
    told(None)
    mark = connect.needs("neo4j")
    assert skipped(mark)
    assert mark.kwargs["reason"] == "RANVIER_TEST_SERVERS is not set: run make test, or make servers-up"
    with pytest.raises(LookupError, match="run make test"):
        connect.address("neo4j")


def test_what_needs_a_server_that_is_up_is_run(told: Callable[[object], None]) -> None:
    told({"kafka": {"bootstrap": "127.0.0.1:1"}})
    assert not skipped(connect.needs("kafka"))
    assert connect.address("kafka") == {"bootstrap": "127.0.0.1:1"}
    assert skipped(connect.needs("influx"))


def test_ci_skips_nothing(told: Callable[[object], None], monkeypatch: pytest.MonkeyPatch) -> None:
    told(None)
    monkeypatch.setenv("CI", "true")
    assert not skipped(connect.needs("kafka"))


def test_only_the_parameters_named_after_a_server_need_one(told: Callable[[object], None]) -> None:
    told(None)
    assert [(p.values[0], len(p.marks)) for p in connect.parameters(["sqlite", "kafka"])] == [
        ("kafka", 1),
        ("sqlite", 0),
    ]


# ---------------------------------------------------------------- make test
def run_beside(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`run` on a machine that has none of the tools, and nothing built."""
    bare = {
        "PATH": str(tmp_path), "HOME": str(tmp_path),
        "RANVIER_SERVERS_CACHE": str(tmp_path / "cache"), **environment,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "tests.servers", "run", "--", *SAY_WHERE],
        cwd=ROOT, env=bare, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_the_tools_one_line_says_what_is_left_out_and_the_rest_is_run(tmp_path: Path) -> None:
    done = run_beside(tmp_path)
    said, ran = done.stdout.splitlines()
    assert (done.returncode, ran) == (0, "servers: none")
    for name in ("Kafka (no java, mvn)", "Neo4j (no java, mvn)", "InfluxDB (no go, cargo, gcc, pkg-config)"):
        assert name in said


def test_without_the_tools_ci_fails_and_runs_nothing(tmp_path: Path) -> None:
    done = run_beside(tmp_path, CI="true")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no java, mvn" in done.stderr
    assert "CI=true requires them" in done.stderr


def test_ci_may_not_be_told_to_leave_the_servers_out(tmp_path: Path) -> None:
    done = run_beside(tmp_path, CI="true", RANVIER_TEST_SERVERS="none")
    assert (done.returncode, done.stdout) == (1, "")


def test_servers_that_are_up_already_are_used(tmp_path: Path) -> None:
    done = run_beside(tmp_path, RANVIER_TEST_SERVERS="/given.json")
    assert done.stdout.splitlines()[-1] == "servers: /given.json"


# ---------------------------------------------------------------- the cache
@pytest.fixture
def makings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which Kafka was made, by a stand-in that takes a while and makes one jar."""
    monkeypatch.setenv("RANVIER_SERVERS_CACHE", str(tmp_path))
    monkeypatch.setattr(Recipe, "missing_tools", lambda _: [])
    monkeypatch.setattr(install, "_check_jars", lambda *_: None)
    made: list[Path] = []

    def build(_: Recipe, folder: Path) -> None:
        made.append(folder)
        time.sleep(0.2)
        (folder / "broker.jar").write_text("")

    monkeypatch.setattr(install, "_build", build)
    return made


def test_a_server_is_made_once_by_all_who_ask_at_once_and_later(makings: list[Path]) -> None:
    asking = [threading.Thread(target=install.install, args=(KAFKA,)) for _ in range(3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert (install.install(KAFKA) / "broker.jar").exists()
    assert len(makings) == 1


def test_a_build_that_breaks_off_leaves_nothing_that_looks_made(
    makings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Recipe, folder: Path) -> None:
        raise ServerError("these differ")

    monkeypatch.setattr(install, "_check_jars", refuse)
    with pytest.raises(ServerError, match="these differ"):
        install.install(KAFKA)
    assert not KAFKA.installed.exists()
    assert not makings[0].exists()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_jar_other_than_the_pinned_one_is_refused_by_name(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    for line in (KAFKA.folder / install.LOCK).read_text().splitlines():
        (lib / line.split("  ")[1]).write_text("not what was pinned")
    (lib / "stranger.jar").write_text("")
    with pytest.raises(ServerError, match=r"kafka_2\.13-4\.4\.0\.jar.* stranger\.jar"):
        install._check_jars(KAFKA, tmp_path)


def test_every_recipe_has_its_sources_and_a_folder_of_its_own_outside_the_checkout() -> None:
    folders = {recipe.installed for recipe in RECIPES.values()}
    assert len(folders) == len(RECIPES)
    assert [folder for folder in folders if folder.is_relative_to(ROOT)] == []


# ---------------------------------------------------------------- ports and processes
def test_free_ports_are_free_different_and_never_given_to_a_client() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = free_ports(5)
    assert len(set(found)) == 5
    assert all(is_free(port) and is_free(port + 1) for port in found)
    assert max(CHOICE) + 1 < lowest


def spawn(tmp_path: Path, script: str) -> Process:
    """A process of ours, once it says that it is ready."""
    log = tmp_path / "log"
    process = Process.spawn([sys.executable, "-c", script], tmp_path, log)
    while "ready" not in log.read_text():
        time.sleep(0.01)
    return process


SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def test_a_process_that_heeds_sigterm_ends_by_itself_even_when_paused(tmp_path: Path) -> None:
    process = spawn(tmp_path, SLEEP)
    process.signal(signal.SIGSTOP)
    assert process.end(patience_s=20)
    assert not Path(f"/proc/{process.pid}").exists()


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    process = spawn(tmp_path, DEAF)
    assert not process.end(patience_s=0.3)
    assert not process.running()


def test_another_process_of_the_same_number_is_not_taken_for_ours(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    mine = Process.spawn([sys.executable, "-c", SLEEP], tmp_path, tmp_path / "log")
    Process(mine.pid, mine.born_ticks - 1).write(file)
    earlier = Process.read(file)
    assert earlier is not None
    assert not earlier.running()
    assert not earlier.signal(signal.SIGKILL)
    assert mine.running()
    mine.end(patience_s=20)


def test_a_file_that_is_not_whole_names_no_process(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{os.getpid()}")
    assert Process.read(tmp_path / "pid") is None
    assert Process.read(tmp_path / "absent") is None


@pytest.mark.parametrize(
    "value", [None, True, False, 0, -(2**40), "ключ", [], [1, ["a"]], {"a": {"b": None}}]
)
def test_packed_values_come_back(value: object) -> None:
    assert _Unpacker(pack(value)).next() == value


@pytest.mark.parametrize(
    ("packed", "value"),
    [("01", 1), ("f0", -16), ("c8d6", -42), ("c1400921fb54442d18", 3.141592653589793),
     ("8161", "a"), ("d00161", "a"), ("92 01 c0", [1, None]), ("a1 8161 c3", {"a": True})],
)  # fmt: skip
def test_values_are_read_as_the_protocol_writes_them(packed: str, value: object) -> None:
    assert _Unpacker(bytes.fromhex(packed)).next() == value
