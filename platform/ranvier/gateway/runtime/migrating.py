"""Opens both sides of a migration over the settings, and nothing else that a platform has.

The ledger is held meanwhile, so that no platform runs on the folder; ledger and catalogue stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.migration.move import Migration
from ranvier.fabric.migration.sides import Side
from ranvier.gateway.bootstrap import open_ports
from ranvier.gateway.settings import Profile, Settings
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import load

OTHER: dict[str, Profile] = {"servers": "embedded", "embedded": "servers"}


@contextmanager
def open_migration(settings: Settings, to: str) -> Iterator[Migration]:
    """A migration between the profiles, with both sides open. Raises StoreBusy where a platform runs."""
    if to not in OTHER:
        raise InputError(f"a profile among {', '.join(OTHER)}", repr(to), "name one with --to")
    folder, ontology = settings.store.folder, load()
    if not folder.is_dir():
        raise InputError("the folder of a platform", f"none at {folder}", "name it with --folder")
    with ExitStack() as opened:
        ledger = ParquetLedger(folder / "ledger")
        opened.callback(ledger.close)
        sides = {}
        for profile in OTHER.values():
            own = settings.model_copy(update={"profile": profile})
            ports = opened.enter_context(open_ports(own, ontology))
            sides[profile] = Side(_name(own), ports.log, ports.graph, ports.series)
        yield Migration(
            sides[OTHER[to]], sides["servers" if to == "servers" else "embedded"], to, folder,
            lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip


def _name(settings: Settings) -> str:
    """Where the stores of a profile are, without secrets."""
    if settings.profile == "embedded":
        return f"the folder {settings.store.folder.resolve()}"
    servers = settings.servers
    return (
        f"Kafka {servers.kafka.bootstrap} (prefix {servers.kafka.prefix}), "
        f"Neo4j {servers.neo4j.uri} (space {servers.neo4j.space}), "
        f"InfluxDB {servers.influx.url} (prefix {servers.influx.prefix})"
    )
