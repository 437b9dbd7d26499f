"""What every test server can do: start, answer, stop, be killed, be paused, and start again on its data."""

from __future__ import annotations

import os
import secrets
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path

from tests.servers import ports, toolchain
from tests.servers.failure import ServerError, last_lines
from tests.servers.process import Process
from tests.servers.recipes import Recipe

STOP_PATIENCE_S = 60.0
Address = dict[str, str]


class Server(ABC):
    """A server over a folder, which has its settings, its log, its secrets and (if not elsewhere) its data.

    Another object over the same folder, in this process or another, finds the same running server.
    """

    recipe: Recipe
    start_patience_s: float

    def __init__(self, folder: Path, port: int, data_folder: Path | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.port = port
        self.data_folder = Path(data_folder).resolve() if data_folder else self.folder / "data"
        self.log = self.folder / "server.log"
        self._pid_file = self.folder / "server.pid"

    # ------------------------------------------------------------ what each server says for itself
    @abstractmethod
    def address(self) -> Address:
        """What a client needs to reach it."""

    @abstractmethod
    def prepare(self) -> None:
        """Write its settings, and make what must be there before its first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command that is the server."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves: asked in its own protocol, as its user. OSError means not yet."""

    def ports(self) -> dict[str, int]:
        """What it listens on, by purpose."""
        return {"clients": self.port}

    def logs(self) -> list[Path]:
        """The files where it tells of its troubles."""
        return [self.log]

    def environment(self) -> dict[str, str]:
        """What its process needs in its environment."""
        return {}

    # ------------------------------------------------------------ what all of them do
    def start(self, patience_s: float | None = None) -> None:
        """Start it and wait until it serves; after a kill it recovers first."""
        if self.running:
            raise ServerError(f"{self.recipe.title} runs already in {self.folder}, as process {self.pid}")
        if not self.recipe.installed.is_dir():
            raise ServerError(f"{self.recipe.title} {self.recipe.version} is not built: run make servers")
        if missing := toolchain.missing(self.recipe.to_run):
            raise ServerError(f"{self.recipe.title} needs {', '.join(missing)} to run: install them")
        self._refuse_taken_ports()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data_folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        process = Process.spawn(self.command(), self.folder, self.log, **self.environment())
        process.write(self._pid_file)
        try:
            self._wait_until_it_answers(process, patience_s or self.start_patience_s)
        except BaseException:
            process.end(patience_s=5)
            raise

    def stop(self, patience_s: float = STOP_PATIENCE_S) -> bool:
        """End it with SIGTERM, and with SIGKILL after that patience; whether SIGTERM was enough."""
        process = self._process()
        clean = process.end(patience_s) if process else True
        self._pid_file.unlink(missing_ok=True)
        return clean

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone: its data stays as the kill left it."""
        process = self._running()
        process.signal(signal.SIGKILL)
        process.wait(STOP_PATIENCE_S)

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing answers."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, after `pause`."""
        self._running().signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether its process is there (also while paused)."""
        return self._process() is not None

    @property
    def pid(self) -> int | None:
        """The number of its process; None where it does not run."""
        process = self._process()
        return process.pid if process else None

    def rss_bytes(self) -> int:
        """The resident memory of its process; 0 where it does not run."""
        process = self._process()
        return process.rss_bytes() if process else 0

    def secret(self, name: str) -> str:
        """A secret of this folder, made at its first use; only its owner can read the file."""
        file = self.secret_file(name)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as write:
                write.write(secrets.token_urlsafe(24))
        return file.read_text()

    def secret_file(self, name: str) -> Path:
        """Where that secret is."""
        return self.folder / name

    # ------------------------------------------------------------ the rest
    def _process(self) -> Process | None:
        process = Process.read(self._pid_file)
        return process if process and process.running() else None

    def _running(self) -> Process:
        if process := self._process():
            return process
        raise ServerError(f"{self.recipe.title} does not run in {self.folder}: start it first.{self._said()}")

    def _refuse_taken_ports(self) -> None:
        for purpose, port in self.ports().items():
            if not ports.is_free(port):
                raise ServerError(
                    f"{self.recipe.title}: expected port {port} ({purpose}) to be free, but another process "
                    f"listens there: stop that one (ss -ltnp shows it), or choose another port"
                )

    def _wait_until_it_answers(self, process: Process, patience_s: float) -> None:
        end = time.monotonic() + patience_s
        last = ""
        while time.monotonic() < end:
            if not process.running():
                raise ServerError(f"{self.recipe.title} ended at its start.{self._said()}")
            try:
                if self.answers():
                    return
            except OSError as error:  # not yet
                last = f" ({error})"
            time.sleep(0.1)
        raise ServerError(f"{self.recipe.title} did not serve within {patience_s:.0f} s{last}.{self._said()}")

    def _said(self) -> str:
        return "".join(f" {log} ends with:{last_lines(log)}" for log in self.logs() if log.exists())


# Neo4j is up after half the work; what runs for long is slower for it.
QUICK = ["-XX:TieredStopAtLevel=1"]


def java_command(recipe: Recipe, heap_mb: int, flags: list[str], main: str, *arguments: str) -> list[str]:
    """The command of a Java program on the jars of that server, and on no others."""
    return [
        toolchain.java(), f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true", *flags, "-cp", f"{recipe.installed / 'lib'}/*", main, *arguments,
    ]  # fmt: skip
