"""What each server is made from, and where in the cache it lies once it is made.

The cache is ${RANVIER_SERVERS_CACHE:-${XDG_CACHE_HOME:-~/.cache}/ranvier/servers}, outside the checkout. A
folder there is named after the server, its version and a hash of all that decides what is in it.
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from tests.servers import toolchain

HERE = Path(__file__).resolve().parent


def cache() -> Path:
    """Where built servers are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("RANVIER_SERVERS_CACHE") or Path(home, "ranvier", "servers"))


@dataclass(frozen=True)
class Recipe:
    """How one server is made: its folder of sources here, and the tools that it takes."""

    name: str
    title: str
    version: str
    sources: tuple[str, ...]
    to_build: tuple[str, ...]
    to_run: tuple[str, ...]
    takes: str
    """How long making it takes on two cores with nothing cached, in words."""

    @property
    def folder(self) -> Path:
        """The folder of its sources."""
        return HERE / self.name

    @property
    def installed(self) -> Path:
        """The folder where it lies once it is made."""
        digest = hashlib.sha256(platform.machine().encode())
        for source in self.sources:
            digest.update(f"\n{source}\n".encode() + (self.folder / source).read_bytes())
        return cache() / f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def missing_tools(self) -> list[str]:
        """The tools that are wanting before it can run: those that build it count only while it is not made."""
        build = () if self.installed.is_dir() else self.to_build
        return toolchain.missing((*self.to_run, *build))


KAFKA = Recipe(
    name="kafka", title="Kafka", version="4.4.0", sources=("pom.xml", "jars.sha256"),
    to_build=("mvn",), to_run=("java",), takes="about a minute",
)  # fmt: skip
NEO4J = Recipe(
    name="neo4j", title="Neo4j", version="5.26.30", sources=("pom.xml", "jars.sha256"),
    to_build=("mvn",), to_run=("java",), takes="about a minute",
)  # fmt: skip
INFLUX = Recipe(
    name="influxd", title="InfluxDB", version="2.7.12", sources=("go.mod", "go.sum", "pins.go", "build.sh"),
    to_build=("go", "cargo", "gcc", "pkg-config"), to_run=(), takes="5 to 15 minutes",
)  # fmt: skip
RECIPES = {"kafka": KAFKA, "neo4j": NEO4J, "influx": INFLUX}
