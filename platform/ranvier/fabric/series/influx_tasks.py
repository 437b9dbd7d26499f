"""Downsampling tasks: InfluxDB itself keeps coarse windows of `observed`, by collection method.

    every P:  <prefix>-observed ► windows (k·P, (k+1)·P] of the last LOOK_BACK periods ► <prefix>-downsampled

One task for each of sum, mean, max and min, over the quantities that the ontology aggregates so; its measurement
is named after it, a field is a quantity, and the tags are those of `observed` without `copy`. So raw data may
have a short retention and its course stays. Each run writes the last windows anew, onto themselves, so what
came late is taken in, up to LOOK_BACK periods.

A task sees what a query would (`influx_windows`) but for four things. Of several versions it takes the last
written, not the highest revision. Periods that cross a window's boundary count where they end. `mean` is that
of the reports of one period length, each apart (tag `p`). And ratios weighted by their volume are left out: the
product of two fields has to be read row by row, and an unweighted mean of them would be a wrong number.
"""

from __future__ import annotations

import re
from typing import Any

from ranvier.fabric.series.influx_client import InfluxClient
from ranvier.fabric.series.influx_config import InfluxConfig
from ranvier.fabric.series.influx_layout import DOWNSAMPLED, OBSERVED
from ranvier.fabric.series.influx_names import encode
from ranvier.ontology.ontology import Ontology, Quantity

FUNCTIONS = ("sum", "mean", "max", "min")
LOOK_BACK = 3
DELAY_S = 60
"""How long after a window's end it is taken, s."""

_FLUX = """import "date"
option task = {{name: "{name}", every: {every_s}s, offset: {delay_s}s}}
end = date.add(d: 1ns, to: date.truncate(t: now(), unit: {every_s}s))
data = from(bucket: "{source}")
  |> range(start: date.sub(d: {reach_s}s, from: end), stop: end)
  |> filter(fn: (r) => r._measurement == "{observed}" and r._field =~ {fields})
several = data
  |> filter(fn: (r) => exists r.copy)
  |> keep(columns: ["object"])
  |> group()
  |> distinct(column: "object")
  |> findColumn(fn: (key) => true, column: "_value")
windows = (tables=<-) => tables
  |> aggregateWindow(every: {every_s}s, offset: 1ns, fn: {function}, createEmpty: false)
  |> timeShift(duration: -1ns, columns: ["_time"])
  |> set(key: "_measurement", value: "{function}")
  |> to(bucket: "{target}")
data
  |> filter(fn: (r) => not exists r.copy)
  |> filter(fn: (r) => not contains(value: r.object, set: several))
  |> windows()
  |> yield(name: "plain")
data
  |> filter(fn: (r) => contains(value: r.object, set: several))
  |> map(fn: (r) => ({{r with copy: if exists r.copy then r.copy else "000"}}))
  |> group(columns: ["_measurement", "_field", "tenant", "network", "object", "p"])
  |> sort(columns: ["_time", "copy"], desc: true)
  |> unique(column: "_time")
  |> drop(columns: ["copy"])
  |> sort(columns: ["_time"])
  |> range(start: date.sub(d: {reach_s}s, from: end), stop: end)
  |> windows()
  |> yield(name: "several")
"""


def ensure(client: InfluxClient, config: InfluxConfig, ontology: Ontology) -> dict[str, str]:
    """Install the tasks, or set those that differ; function to the task's id. None where none are asked for."""
    if config.downsample_every_s is None:
        return {}
    there: list[dict[str, Any]] = []
    for function in FUNCTIONS:
        name = {"name": _name(config, function), "org": config.org}
        there += client.ask("GET", "/api/v2/tasks", name)["tasks"]
    by_name = {task["name"]: task for task in there}
    return {
        function: _ensure(client, config, by_name.get(_name(config, function)), flux)
        for function, flux in scripts(config, ontology).items()
    }


def _ensure(client: InfluxClient, config: InfluxConfig, task: dict[str, Any] | None, flux: str) -> str:
    if task is None:
        body = {"org": config.org, "flux": flux, "status": "active"}
        return str(client.ask("POST", "/api/v2/tasks", body=body)["id"])
    if task["flux"].strip() != flux.strip():
        client.ask("PATCH", f"/api/v2/tasks/{task['id']}", body={"flux": flux, "status": "active"})
    return str(task["id"])


def _name(config: InfluxConfig, function: str) -> str:
    return f"{config.prefix}-downsample-{function}"


def scripts(config: InfluxConfig, ontology: Ontology) -> dict[str, str]:
    """The Flux of each task, for the functions that some quantity has."""
    every_s = config.downsample_every_s or 0
    patterns = {function: _fields(ontology, function) for function in FUNCTIONS}
    return {
        function: _FLUX.format(
            name=_name(config, function), every_s=every_s, delay_s=min(DELAY_S, every_s), fields=fields,
            reach_s=LOOK_BACK * every_s, source=config.bucket(OBSERVED), target=config.bucket(DOWNSAMPLED),
            observed=OBSERVED, function=function,
        )
        for function, fields in patterns.items()
        if fields
    }  # fmt: skip


def _fields(ontology: Ontology, function: str) -> str:
    """A regular expression of the quantities, and of the subcounters of those that are split."""
    parts = []
    for quantity in sorted(ontology.quantities.values(), key=lambda each: each.name):
        name = re.escape(encode(quantity.name)).replace("/", "\\/").replace("\\ ", " ")
        if quantity.aggregation == function:
            parts.append(name + (r"(\..+)?" if quantity.split_by else ""))
        elif quantity.split_by and _of_subcounters(quantity) == function:
            parts.append(name + r"\..+")
    return f"/^({'|'.join(parts)})$/" if parts else ""


def _of_subcounters(quantity: Quantity) -> str:
    """A subcounter of a weighted ratio has no volume of its own, so it is averaged over time."""
    return "mean" if quantity.aggregation == "weighted" else quantity.aggregation
