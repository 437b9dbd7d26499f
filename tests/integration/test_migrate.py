"""`ranvier migrate --to servers` as a process: killed at random points, run again, and equal on both sides."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.ports import FOREVER_NS, SeriesQuery
from ranvier.gateway.bootstrap import open_ports
from ranvier.gateway.settings import load_settings
from ranvier.ontology.ontology import load
from tests.integration.conftest import COMMAND, COMPILED, QUICK
from tests.integration.servers_profile import awaited, environment
from tests.servers import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("servers-profile"),
    connect.needs("kafka"),
    connect.needs("neo4j"),
    connect.needs("influx"),
]
KILLS = 3
WHOSE = ("default", "emulated")


def migrate(folder: Path, env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--folder", str(folder), "migrate", "--to", "servers", *arguments],
        env={**os.environ, **env, **QUICK, **COMPILED}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def seen(profile: str, folder: Path) -> Any:
    """What both sides must have alike: all points, and the graph as known at three times."""
    settings = load_settings(None, profile=profile, store={"folder": folder})
    with open_ports(settings, load()) as ports:
        frame = ports.series.read(SeriesQuery(*WHOSE))
        points = sorted(zip(*(getattr(frame, name).tolist() for name in frame.__slots__), strict=True))
        times = [FOREVER_NS, *(int(frame.recorded_at_ns[n]) for n in (0, len(frame) // 2))]
        return points, [
            [sorted((n.node_id, n.valid_from_ns, str(n.properties)) for n in shot.nodes),
             sorted((r.source_id, r.relation, r.target_id, r.valid_from_ns) for r in shot.relations)]
            for shot in (ports.graph.snapshot(*WHOSE, min(at, FOREVER_NS - 1), at) for at in times)
        ]  # fmt: skip


def test_a_platform_moves_though_the_move_is_killed_and_goes_on_there(
    run_platform: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = {f"RANVIER_SERVERS__{server}__DEADLINE_S": "60" for server in ("NEO4J", "INFLUX")}
    env, folder = environment(tmp_path) | patient, tmp_path / "store"
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    running = run_platform(folder)
    awaited(running, lambda: running.get("/readyz").status_code == 200)
    awaited(running, lambda: running.figures()["points_accepted"] > 200)
    busy = migrate(folder, env)
    assert busy.wait(120) == 1
    assert "another process" in busy.communicate()[1]
    assert running.stop() == 0

    chance = random.Random(int(os.environ.get("RANVIER_TEST_SEED", "7")))
    kills = 0
    for _ in range(KILLS):
        moving = migrate(folder, env)
        begun = time.monotonic()
        while (
            not (folder / "migration.json").exists()
            and moving.poll() is None
            and time.monotonic() - begun < 60
        ):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 2))
        moving.kill()
        kills += moving.wait(30) == -9
        moving.communicate()
    assert kills, "at least one struck while it moved"
    if not json.loads((folder / "migration.json").read_text())["done"]:
        refused = run_platform(folder)
        assert refused.process.wait(60) == 1
        assert "under way" in refused.complained

    moved = migrate(folder, env, "--json")
    out, err = moved.communicate(timeout=240)
    assert moved.returncode == 0, err
    rows = json.loads(out) if out else []
    assert all(row["equal"] for row in rows), [row for row in rows if not row["equal"]]
    assert seen("embedded", folder) == seen("servers", folder)

    again = migrate(folder, env)
    assert again.wait(120) == 0
    assert "moved already" in again.communicate()[1]
    newest = int(max(point[3] for point in seen("servers", folder)[0]))
    there = run_platform(folder, "--profile", "servers")
    awaited(there, lambda: there.get("/readyz").status_code == 200)
    awaited(there, lambda: not any(there.figures()["sink_lag"].values()))
    assert there.stop() == 0
    assert max(point[3] for point in seen("servers", folder)[0]) > newest
