"""Every port has a contract suite, and the layers import downwards only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTS = {
    "EventLog": "test_event_log.py",
    "GraphStore": "test_graph_store.py",
    "SeriesStore": "test_series_store.py",
    "Ledger": "test_ledger.py",
    "Catalogue": "test_catalogue.py",
    "Predictor": "test_predictor.py",
    "Synchroniser": "test_synchroniser.py",
    "ForecastService": "test_forecast_service.py",
    "Tracker": "test_tracker.py",
}
SUPPORTING = {"Consumer"}


def declared_ports() -> set[str]:
    """The protocols that some `ports.py`, `port.py` or `service.py` of a layer declares."""
    names = set()
    places = ("*/ranvier/*/ports.py", "*/ranvier/**/port.py", "*/ranvier/**/service.py")
    for path in [found for place in places for found in ROOT.glob(place)]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and any(
                isinstance(parent, ast.Name) and parent.id == "Protocol" for parent in node.bases
            ):
                names.add(node.name)
    return names


def test_every_declared_port_is_listed_here() -> None:
    assert declared_ports() - SUPPORTING == set(PORTS)


@pytest.mark.parametrize(("port", "suite"), PORTS.items())
def test_every_port_has_a_contract_suite_with_tests(port: str, suite: str) -> None:
    text = (ROOT / "tests" / "contract" / suite).read_text()
    assert len(re.findall(r"^def test_", text, re.MULTILINE)) >= 3, f"{suite} hardly tests {port}"


def test_the_layers_and_client_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(linter)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
