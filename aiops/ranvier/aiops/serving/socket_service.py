"""A `ForecastService` of another process on this machine, over a socket in the file system.

    platform: SocketService ► socket ► ServiceSocket: `ranvier serve` ► its own service

Ray ends the process that has started it when its own processes are lost, and a platform must not end with it: so
only `ranvier serve` holds Ray, and platforms speak to it in this way. A connection carries one ask at a time, is
kept for the next, and begins with proof of a key that lies in a file of the owner's alone; after that both sides
trust each other with pickles.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from ranvier.aiops.serving.service import Answer, ForecastService
from ranvier.dtops.scenes.scene import Scene
from ranvier.fabric.ports import Health
from ranvier.ontology.errors import InputError, NotFound, RanvierError, TooLate, Unavailable

NAME = "ray_serve"
VERBS = ("forecast", "ping", "counts", "reload")
PATIENCE_S = 10.0
_RAISED = {kind.__name__: kind for kind in (InputError, NotFound, TooLate, Unavailable)}


class ServiceSocket:
    """Hands on to a service what comes through the socket, each connection in a thread of its own.

    `runfile` tells where the socket is and what its key is; only its owner can read it.
    """

    def __init__(self, service: ForecastService, runfile: Path) -> None:
        self._service, self._runfile = service, runfile
        self._folder = Path(tempfile.mkdtemp(prefix="ranvier-serve-"))  # the name of a socket must be short
        key = secrets.token_bytes(32)
        self._listener = Listener(str(self._folder / "socket"), "AF_UNIX", backlog=64, authkey=key)
        about = {"pid": os.getpid(), "socket": str(self._folder / "socket"), "key": key.hex()}
        runfile.parent.mkdir(parents=True, exist_ok=True)
        runfile.unlink(missing_ok=True)
        with os.fdopen(os.open(runfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(about, file)
        self._open, self._lock, self._closing = set[Connection](), threading.Lock(), threading.Event()
        self._accepting = threading.Thread(target=self._accept, name="ranvier-serve", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Take no more asks, and end the connections; what is under way there is lost, and answered elsewhere."""
        self._closing.set()
        self._runfile.unlink(missing_ok=True)
        with self._lock:
            for connection in self._open:
                connection.close()
        # Closing does not end an accept that waits: a caller without a key does.
        with suppress(OSError), socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(self._folder / "socket"))
        self._accepting.join(timeout=2)
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                self._closing.wait(0.05)  # a caller that went away or has no key; or the end
                continue
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        try:
            while True:
                verb, given = connection.recv()
                connection.send(self._done(verb, given))
        except (OSError, EOFError):
            pass  # the caller has gone, or this service goes
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _done(self, verb: str, given: tuple[Any, ...]) -> tuple[str, Any]:
        try:
            if verb not in VERBS:
                raise InputError(
                    f"a verb among {', '.join(VERBS)}", verb, "use the same version on both sides"
                )
            return "", getattr(self._service, verb)(*given)
        except RanvierError as error:
            return type(error).__name__, (error.expected, error.got, error.remedy)
        except Exception as error:
            return "Unavailable", (
                "a service that answers",
                f"{type(error).__name__}: {error}",
                "see its log",
            )


class SocketService:
    """The service at the socket that a runfile names, wherever that is by now.

    takes_promotions  whether a reload is handed on; False: whoever runs it watches for promotions by itself
    """

    def __init__(self, runfile: Path, takes_promotions: bool = False) -> None:
        self._runfile, self._takes_promotions = runfile, takes_promotions
        self._idle, self._lock, self._answered = list[Connection](), threading.Lock(), 0

    def forecast(
        self, scenes: Sequence[Scene], horizons_s: Sequence[float], deadline_s: float | None = None
    ) -> Answer:
        """As the service there answers."""
        answer: Answer = self._asked("forecast", (scenes, horizons_s, deadline_s), deadline_s)
        with self._lock:
            self._answered += len(scenes)
        return answer

    def ping(self) -> Health:
        """As the service there; not `ok` where there is none."""
        try:
            found: Health = self._asked("ping", (), PATIENCE_S)
        except Unavailable as error:
            return Health(NAME, ok=False, error=str(error))
        return found

    def counts(self) -> Mapping[str, int]:
        """Scenes answered to this process."""
        return {NAME: self._answered}

    def reload(self, folder: Path) -> str:
        """Hand it on, or leave it to whoever runs the service."""
        if self._takes_promotions:
            return str(self._asked("reload", (folder,), None))
        return str(self.ping().detail.get("version", ""))

    def close(self) -> None:
        """End the connections."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _asked(self, verb: str, given: tuple[Any, ...], deadline_s: float | None) -> Any:
        while (kept := self._kept()) is not None:
            try:
                return self._through(kept, verb, given, deadline_s)
            except (OSError, EOFError):
                continue  # that connection was of a service that has gone
        try:
            return self._through(self._connected(), verb, given, deadline_s)
        except (OSError, EOFError, AuthenticationError) as error:
            raise _away(f"one that went away ({error or type(error).__name__})") from error

    def _through(
        self, connection: Connection, verb: str, given: tuple[Any, ...], deadline_s: float | None
    ) -> Any:
        try:
            connection.send((verb, given))
            if not connection.poll(deadline_s):
                raise TooLate("an answer in time", f"none within {deadline_s:g} s", "wait longer")
            raised, found = connection.recv()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        if raised:
            raise _RAISED.get(raised, Unavailable)(*found)
        return found

    def _kept(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _connected(self) -> Connection:
        try:
            about = json.loads(self._runfile.read_text())
            return Client(about["socket"], "AF_UNIX", authkey=bytes.fromhex(about["key"]))
        except FileNotFoundError:
            raise _away("none: no `ranvier serve` runs") from None
        except (ValueError, KeyError, ConnectionError) as error:
            raise _away(f"none ({error})") from error


def _away(got: str) -> Unavailable:
    return Unavailable("replicas that answer", got, "start them: ranvier serve")
