"""An InfluxDB 2 server."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.servers.failure import ServerError
from tests.servers.ports import LOOPBACK
from tests.servers.recipes import INFLUX
from tests.servers.server import Address, Server

ORGANISATION = "ranvier"
UNAUTHORISED = 401


class InfluxServer(Server):
    """InfluxDB 2 on loopback, unencrypted, set up with one organisation and a token of its folder."""

    recipe = INFLUX
    start_patience_s = 120.0

    def __init__(self, folder: Path, port: int, *, data_folder: Path | None = None) -> None:
        super().__init__(folder, port, data_folder)

    def address(self) -> Address:
        return {
            "url": f"http://{LOOPBACK}:{self.port}",
            "org": ORGANISATION,
            "token": self.secret("token"),
            "token_file": str(self.secret_file("token")),
        }

    def prepare(self) -> None:
        """Nothing: its settings are its arguments."""

    def command(self) -> list[str]:
        data = self.data_folder
        return [
            str(INFLUX.installed / "influxd"), "--http-bind-address", f"{LOOPBACK}:{self.port}",
            "--bolt-path", str(data / "influxd.bolt"), "--sqlite-path", str(data / "influxd.sqlite"),
            "--engine-path", str(data / "engine"), "--log-level", "warn",
            "--reporting-disabled", "--ui-disabled", "--pprof-disabled",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether it is healthy and knows our token; a new server is set up first."""
        status, health = self._ask("GET", "/health")
        if status != http.client.OK or health.get("status") != "pass":
            return False
        if self._ask("GET", "/api/v2/setup")[1].get("allowed"):
            self._set_up()
        token = {"Authorization": f"Token {self.secret('token')}"}
        status, found = self._ask("GET", f"/api/v2/orgs?org={quote(ORGANISATION)}", headers=token)
        if status == UNAUTHORISED:
            raise ServerError(
                f"the token in {self.secret_file('token')} is not one of the data in {self.data_folder}: "
                f"put the right one there, or remove both"
            )
        return bool(found.get("orgs"))

    def _set_up(self) -> None:
        wanted = {
            "username": "ranvier", "password": self.secret("password"), "org": ORGANISATION,
            "bucket": "unused", "token": self.secret("token"),
        }  # fmt: skip
        status, said = self._ask("POST", "/api/v2/setup", json.dumps(wanted))
        if status != http.client.CREATED:
            raise ServerError(f"InfluxDB refused to be set up, with {status}: {said}")

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON of an answer; no proxy stands between. OSError where there is no answer."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (http.client.HTTPException, ValueError) as error:
            raise ConnectionError(f"InfluxDB gave no answer: {error!r}") from error
        finally:
            connection.close()
