"""`ApiServer`: uvicorn, which on its way out ends the live streams before it waits for connections."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI


class ApiServer(uvicorn.Server):
    """Serves one app. Call `run()` (in any thread); set `should_exit` to stop."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app, host=host, port=port, log_config=None, access_log=False, lifespan="off",
                timeout_graceful_shutdown=5, server_header=False,
            )
        )  # fmt: skip
        self._closing: threading.Event = app.state.closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live streams, then what uvicorn does."""
        self._closing.set()
        await super().shutdown(sockets)

    @property
    def bound_port(self) -> int:
        """The port that it listens on, once `started`."""
        return int(self.servers[0].sockets[0].getsockname()[1])
