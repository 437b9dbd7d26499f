"""Commands that ask the twin: status, topology, series, forecast, fidelity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ranvier.gateway.cli.connection import connect
from ranvier.gateway.cli.options import AsJson, AsOf, KnownAt, Limit, Network, options_of
from ranvier.gateway.cli.output import estimate, field, say, say_json, show

if TYPE_CHECKING:
    from ranvier.gateway.settings import Settings

topology = typer.Typer(help="The graph: nodes, what they are related to, and how that changed.")
series = typer.Typer(help="The measurements: which series there are, and their points.")
forecast = typer.Typer(help="Forecasts: those issued, beside their outcomes, and new ones.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(status)
    app.add_typer(topology, name="topology", no_args_is_help=True)
    app.add_typer(series, name="series", no_args_is_help=True)
    app.add_typer(forecast, name="forecast", no_args_is_help=True)
    app.command()(fidelity)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Whether the platform runs, how far behind the network the twin is, and how each store does.

    When nothing runs: what the stores know. Exit status 1 when a store does not answer.
    """
    from ranvier.gateway.cli.connection import running_url

    settings = options_of(context).settings()
    if settings.profile == "servers" and running_url(settings.store.folder) is None:
        from ranvier.gateway.server_status import status_of_servers

        answer = status_of_servers(settings)
    else:
        answer = _status(settings)
    if as_json:
        say_json(answer)
    else:
        _show_run(answer)
        show(answer["stores"], False, STORE)
    if not all(store["ok"] for store in answer["stores"]):
        raise typer.Exit(1)


def _status(settings: Settings) -> dict[str, Any]:
    with connect(settings) as platform:
        figures = platform.get("/v1/live/snapshot")["figures"]
        newest = platform.get("/v1/forecasts", limit=1)["items"]
        return {
            "running": platform.live,
            "ready": platform.get("/readyz") if platform.live else None,
            "figures": figures if platform.live else None,
            "sink_lag": figures["sink_lag"],
            "newest_forecast": newest[0]["issued_at"] if newest else None,
            "stores": platform.get("/healthz")["stores"],
        }


def _detail(store: Any) -> Any:
    """What a store says beyond its version and size."""
    shown = {"version", "engine", "bytes"}
    return {name: value for name, value in store["detail"].items() if name not in shown}


STORE = [
    ("store", field("name")),
    ("ok", field("ok")),
    ("ping ms", field("ping_ms")),
    ("version", field("version")),
    ("lag records", field("lag_records")),
    ("lag s", field("lag_s")),
    ("disk bytes", field("disk_bytes")),
    ("detail", _detail),
    ("error", field("error")),
]


def _show_run(answer: dict[str, Any]) -> None:
    """What a running platform does; of one that does not run only what its stores know."""
    known = {"newest_forecast": answer["newest_forecast"], "sink_lag": answer["sink_lag"]}
    if answer["running"]:
        ready = answer["ready"]
        say("running")
        say("ready" if ready["ready"] else f"not ready: {'; '.join(ready['reasons'])}")
        known = {**answer["figures"], **known}
    else:
        say("not running (read from the stores)")
    rows = [{"name": key, "value": value} for key, value in known.items()]
    show(rows, False, [("figure", field("name")), ("value", field("value"))])


# ---------------------------------------------------------------- topology
NODE = [
    ("node", field("id")),
    ("class", field("node_class")),
    ("valid from", field("valid_from")),
    ("properties", field("properties")),
]
RELATION = [
    ("relation", field("relation")),
    ("source", field("source")),
    ("target", field("target")),
    ("valid from", field("valid_from")),
    ("valid to", field("valid_to")),
]


@topology.command("list")
def topology_list(
    context: typer.Context,
    node_class: Annotated[str | None, typer.Option("--class", help="Nodes of this class only.")] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    network: Network = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """The nodes at a time."""
    with connect(options_of(context).settings()) as platform:
        given = {"class": node_class, "as_of": as_of, "known_at": known_at, "network": network}
        show(platform.pages("/v1/topology", limit, **given), as_json, NODE)


@topology.command("show")
def topology_show(
    context: typer.Context,
    node_id: str,
    hops: Annotated[int, typer.Option(min=1, max=4, help="How far to look.")] = 1,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    network: Network = None,
    as_json: AsJson = False,
) -> None:
    """One node and its neighbourhood."""
    with connect(options_of(context).settings()) as platform:
        given = {"hops": hops, "as_of": as_of, "known_at": known_at, "network": network}
        found = platform.get(f"/v1/topology/{_quoted(node_id)}", **given)
    if as_json:
        say_json(found)
        return
    show([found["node"], *found["neighbours"]], False, NODE)
    show(found["relations"], False, RELATION)


@topology.command("history")
def topology_history(
    context: typer.Context,
    node_id: str,
    known_at: KnownAt = None,
    network: Network = None,
    limit: Limit = 200,
    as_json: AsJson = False,
) -> None:
    """All that was ever valid of a node and of its relations: a UE's handovers, for one."""
    with connect(options_of(context).settings()) as platform:
        path = f"/v1/topology/{_quoted(node_id)}/history"
        items = platform.pages(path, limit, known_at=known_at, network=network)
    columns = [
        ("what", lambda row: row.get("relation") or row.get("node_class")),
        ("source", lambda row: row.get("source") or row.get("id")),
        *RELATION[2:],
        ("properties", field("properties")),
    ]
    show(items, as_json, columns)


# ---------------------------------------------------------------- series
@series.command("list")
def series_list(
    context: typer.Context, network: Network = None, limit: Limit = 100, as_json: AsJson = False
) -> None:
    """The series that have points."""
    names = ("object_id", "quantity", "unit", "label")
    with connect(options_of(context).settings()) as platform:
        show(platform.pages("/v1/series", limit, network=network), as_json, [(n, field(n)) for n in names])


@series.command("points")
def series_points(
    context: typer.Context,
    object_id: str,
    quantity: str,
    since: Annotated[str | None, typer.Option("--from", help="Periods that end after this time.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Periods that end by this time.")] = None,
    downsample: Annotated[
        float | None, typer.Option(help="Aggregate to periods of this many seconds.")
    ] = None,
    known_at: KnownAt = None,
    network: Network = None,
    limit: Limit = 200,
    as_json: AsJson = False,
) -> None:
    """The points of one series."""
    names = ("start", "end", "value", "suspect", "recorded_at")
    with connect(options_of(context).settings()) as platform:
        path = "/v1/series/points"
        if downsample is not None and since is None:  # periods need a beginning: the first point's
            named = {"object_id": object_id, "quantity": quantity, "known_at": known_at, "network": network}
            since = next((point["start"] for point in platform.pages(path, 1, **named)), None)
        given = {
            "from": since,
            "to": until,
            "downsample": downsample,
            "known_at": known_at,
            "network": network,
        }
        items = platform.pages(path, limit, object_id=object_id, quantity=quantity, **given)
    show(items, as_json, [(name, field(name)) for name in names], title=f"{object_id} {quantity}")


# ---------------------------------------------------------------- forecasts and fidelity
def _band(row: Any) -> str:
    return ", ".join(f"q{q['level']:g}={q['value']:.4g}" for q in row["quantiles"]) or "no forecast"


FORECAST = [
    ("object", field("object_id")),
    ("quantity", field("quantity")),
    ("unit", field("unit")),
    ("model", field("model")),
    ("horizon s", field("horizon_s")),
    ("issued at", field("issued_at")),
    ("quantiles", _band),
]


@forecast.command("list")
def forecast_list(
    context: typer.Context,
    object_id: Annotated[str | None, typer.Option(help="Of this object only.")] = None,
    quantity: Annotated[str | None, typer.Option(help="Of this quantity only.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    horizon_s: Annotated[float | None, typer.Option(help="At this horizon only, seconds.")] = None,
    network: Network = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """The newest forecasts, with the seal that proves when they were issued."""
    given = {"object_id": object_id, "quantity": quantity, "model": model, "horizon_s": horizon_s}
    with connect(options_of(context).settings(), look_back=True) as platform:
        show(platform.pages("/v1/forecasts", limit, network=network, **given), as_json, FORECAST)


@forecast.command("outcomes")
def forecast_outcomes(
    context: typer.Context,
    object_id: str,
    quantity: str,
    horizon_s: Annotated[float | None, typer.Option(help="At this horizon only, seconds.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    network: Network = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Forecasts of one series beside what then happened."""
    given = {"object_id": object_id, "quantity": quantity, "horizon_s": horizon_s, "model": model}
    with connect(options_of(context).settings()) as platform:
        items = platform.pages("/v1/forecasts/outcomes", limit, network=network, **given)
    columns = [
        ("valid at", field("valid_at")),
        *FORECAST[3:5],
        ("quantiles", _band),
        ("outcome", field("outcome")),
    ]
    show(items, as_json, columns)


@forecast.command("issue")
def forecast_issue(
    context: typer.Context,
    object_id: str,
    quantity: str,
    horizon_s: Annotated[list[float], typer.Option(help="Horizon in seconds; may be given again.")],
    model: Annotated[str | None, typer.Option(help="Model; the one relied on if not given.")] = None,
    network: Network = None,
    as_json: AsJson = False,
) -> None:
    """A fresh forecast from the live twin, and how far a decision may rely on it."""
    body = {
        "targets": [{"object_id": object_id, "quantity": quantity}],
        "horizons_s": horizon_s,
        "model": model,
    }
    given = {"network": network} if network else {}
    with connect(options_of(context).settings()) as platform:
        answer = platform.post("/v1/forecasts", body, **given)
    columns = [*FORECAST, ("reliance", lambda row: row["reliance"]["verdict"])]
    show(answer["items"], as_json, columns)


def fidelity(
    context: typer.Context,
    quantity: Annotated[str | None, typer.Option(help="Of this quantity only.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    horizon_s: Annotated[float | None, typer.Option(help="At this horizon only, seconds.")] = None,
    network: Network = None,
    limit: Limit = 200,
    as_json: AsJson = False,
) -> None:
    """How right the twin has been, by quantity, horizon and model, with intervals.

    Over the last window; when nothing runs, over the one that ends with the twin's newest forecast.
    """
    given = {"quantity": quantity, "model": model, "horizon_s": horizon_s, "network": network}
    with connect(options_of(context).settings(), look_back=True) as platform:
        items = platform.pages("/v1/fidelity", limit, **given)
    columns = [
        ("quantity", field("quantity")),
        ("horizon s", field("horizon_s")),
        ("model", field("model")),
        ("n", field("n")),
        ("fidelity", estimate("fidelity")),
        ("coverage of 80 %", estimate("coverage80")),
        ("bias", estimate("bias")),
        ("precision", estimate("precision")),
        ("CRPS", field("crps")),
    ]
    show(items, as_json, columns)


def _quoted(node_id: str) -> str:
    from urllib.parse import quote

    return quote(node_id, safe="")
