"""The three servers over one folder, and the file that tells tests where they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.servers.failure import ServerError
from tests.servers.influx_server import InfluxServer
from tests.servers.kafka_server import KafkaServer
from tests.servers.neo4j_server import Neo4jServer
from tests.servers.ports import free_ports
from tests.servers.server import STOP_PATIENCE_S, Server

T = TypeVar("T")
SECRETS = ("password", "token")
INTERRUPTED_PATIENCE_S = 10.0
FACTORIES: dict[str, Callable[[Path, int], Server]] = {
    "kafka": KafkaServer,
    "neo4j": Neo4jServer,
    "influx": InfluxServer,
}
QUICK: dict[str, Callable[[Path, int], Server]] = {
    **FACTORIES,
    "kafka": partial(KafkaServer, quick=True),
    "neo4j": partial(Neo4jServer, quick=True),
}
DEFAULT_PORTS = {"kafka": 29092, "neo4j": 27687, "influx": 28086}


class Together:
    """Servers by name, each in a folder of its own. quick: ready with less work, slower in the long run."""

    def __init__(self, folder: Path, ports: Mapping[str, int], quick: bool = False) -> None:
        self.folder = Path(folder).resolve()
        self.file = self.folder / "servers.json"
        self.settings_file = self.folder / "ranvier.toml"
        factories = QUICK if quick else FACTORIES
        self.servers = {name: factories[name](self.folder / name, port) for name, port in ports.items()}

    @classmethod
    def on_free_ports(cls, folder: Path, names: Iterable[str]) -> Together:
        """Those servers, on ports that are free now, for a short life."""
        wanted = list(names)
        return cls(folder, dict(zip(wanted, free_ports(len(wanted)), strict=True)), quick=True)

    def up(self) -> None:
        """Start what does not run yet, all at once, and write where everything is."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._each(lambda server: None if server.running else server.start())
        self._write_addresses()
        self._write_settings()

    def down(self, patience_s: float = STOP_PATIENCE_S) -> list[str]:
        """Stop all of them; the titles of those that SIGTERM did not end within that patience."""
        clean = self._each(lambda server: server.stop(patience_s))
        for file in (self.file, self.settings_file):
            file.unlink(missing_ok=True)
        return [self.servers[name].recipe.title for name, ended in clean.items() if not ended]

    def _each(self, do: Callable[[Server], T]) -> dict[str, T]:
        """Do that to all servers at once; the failures of any are one error, after all are done."""
        with ThreadPoolExecutor(max_workers=len(FACTORIES)) as pool:
            doing = {name: pool.submit(do, server) for name, server in self.servers.items()}
            try:
                wait(doing.values())
            except BaseException:  # a ctrl-C: those that wait for a server to start see that it ended
                for server in self.servers.values():
                    server.stop(INTERRUPTED_PATIENCE_S)
                raise
        failures = [error for future in doing.values() if (error := future.exception())]
        if failures:
            raise ServerError("\n".join(map(str, failures))) from failures[0]
        return {name: future.result() for name, future in doing.items()}

    def _write_addresses(self) -> None:
        written = self.file.with_suffix(".new")
        written.unlink(missing_ok=True)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as write:
            json.dump({name: server.address() for name, server in self.servers.items()}, write, indent=1)
        written.replace(self.file)

    def _write_settings(self) -> None:
        """A settings file of Ranvier; secrets stay in their files, which it names."""
        lines = ['profile = "servers"\n']
        for name, server in self.servers.items():
            told = {key: value for key, value in server.address().items() if key not in SECRETS}
            lines += [
                f"\n[servers.{name}]\n",
                *(f"{key} = {json.dumps(value)}\n" for key, value in told.items()),
            ]
        self.settings_file.write_text("".join(lines))
