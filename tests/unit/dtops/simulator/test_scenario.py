"""Scenarios: named ones, files, and refusals that name the field, the range and the value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

from ranvier.dtops.simulator.scenario import Scenario, json_schema, parse
from ranvier.dtops.simulator.scenario_file import load_scenario, scenario_names
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.ontology.errors import InputError, NotFound


@pytest.mark.parametrize("name", scenario_names())
def test_a_named_scenario_has_cells_with_ids_of_their_own(name: str) -> None:
    scenario = load_scenario(name)
    layout = scenario.layout()
    assert scenario.description
    assert len(layout.cells) > 0
    assert len(set(layout.cells.ids)) == len(layout.cells)
    assert np.isfinite(layout.sites.position_m).all()


def test_three_lines_are_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("environment: umi\ndeployment: {kind: street_grid}\nusers: {total: 5}\n")
    found = load_scenario(file)
    assert found.name == "mine"
    assert len(found.population(Seeds.of([1]))) == 5


def test_a_scenario_goes_through_its_plain_form_unchanged() -> None:
    for name in scenario_names():
        scenario = load_scenario(name)
        assert parse(json.loads(scenario.model_dump_json())) == scenario


def test_the_schema_accepts_what_the_parser_accepts() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    folder = Path(__file__).parents[4] / "dtops/ranvier/dtops/simulator/scenarios"
    for file in folder.glob("*.yaml"):
        jsonschema.validate(yaml.safe_load(file.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"no_such_section": 1}, schema)


@pytest.mark.parametrize(
    ("tree", "field", "value"),
    [
        ({"carriers": [{"bandwidth_hz": -1}]}, "bandwidth_hz above 0", "-1"),
        ({"carriers": [{"frequency_hz": 2e11}]}, "frequency_hz of 0.5e9 to 100e9", "2e\\+11"),
        ({"environment": "rma", "carriers": [{"frequency_hz": 60e9}]}, "frequency_hz of 0.5e9 to 30e9", "6e\\+10"),
        ({"carriers": []}, "carriers", ""),
        ({"carriers": [{}, {"bandwidth_hz": 10e6}]}, "carriers on one grid", ""),
        ({"deployment": {"kind": "free_sites", "sites": []}}, "deployment.sites of one site or more", "none"),
        (
            {"deployment": {"kind": "free_sites", "sites": [{"id": "a", "x_m": 0, "y_m": 0}] * 2}},
            "deployment.sites with ids of their own", "a twice",
        ),
        ({"deployment": {"kind": "hexagonal_grid", "sites": 8}}, "deployment.sites among 1, 7, 19", "8"),
        ({"deployment": {"kind": "moon_base"}}, "deployment", "moon_base"),
        ({"users": {"indoor_share": 1.5}}, "users.indoor_share of 0 to 1", "1.5"),
        ({"users": {"speed": 3}}, "users", "3"),
        ({"users": {"total": -1}}, "users of 0 or more", "-1"),
        ({"no_such_section": 1}, "no_such_section: a field that scenarios have", "1"),
        ({"noise_figure_db": -3}, "noise_figure_db", "-3"),
        ({"cells": {"power_dbm": 99}}, "cells.power_dbm of -60 to 80", "99"),
        ({"traffic": [{"share": 0.7, "service": {"kind": "voice"}}] * 2}, "traffic shares of 1 together", "1.4"),
        ({"measurement_period_ms": 0.5}, "measurement_period_ms of whole slots", "0.5"),
        ({"link": {"fading_period_slots": 7}}, "link.fading_period_slots that divides", "7"),
        ({"interventions": [{"slot": 1, "knob": "tilt_deg", "value": 200}]}, "tilt_deg of -90 to 90", "200"),
        ({"interventions": [{"slot": 1, "knob": "on", "value": 0, "cells": ["x"]}]}, "cells of the layout", "x"),
        ({"control": {"filter_k": 99}}, "filter_k of 0 to 19", "99"),
    ],
)  # fmt: skip
def test_a_bad_scenario_is_refused_with_field_range_and_value(
    tree: dict[str, Any], field: str, value: str
) -> None:
    with pytest.raises(InputError, match=f"(?s)expected {field}.*; got .*{value}"):
        parse(tree)


@pytest.mark.parametrize("text", ["- a list", "a: [", "\tx: 1"])
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(InputError):
        load_scenario(file)


def test_a_scenario_that_is_nowhere_is_told_with_the_named_ones() -> None:
    with pytest.raises(NotFound, match="uma-57"):
        load_scenario("no-such-scenario")


def test_changing_sections_checks_again() -> None:
    scenario = Scenario()
    assert scenario.changed(users={"per_cell": 3}).users.per_cell == 3
    with pytest.raises(InputError):
        scenario.changed(environment="rma", carriers=({"frequency_hz": 60e9},))
