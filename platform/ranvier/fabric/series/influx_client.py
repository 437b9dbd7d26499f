"""The way to InfluxDB's HTTP API: requests that are answered, refused, or tried again until a deadline.

The only module that imports influxdb_client. Its own write API is not used: in the background it loses points
without a word, and its synchronous form retries nothing. Here each request is sent, and its answer read.

    2xx                          done
    400, 413, 422                InputError: the server has read it and will not have it; sending it again is vain
    429, 5xx, no answer          sent again, after `Retry-After` where given, until `deadline_s`; then StoreError
    401, 403                     AccessRefused at once: the token is wrong, or may not
    404 and the rest             StoreError at once

Every request may be sent twice without harm: a line overwrites itself, a deletion deletes nothing more.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from ranvier.fabric.series.influx_config import InfluxConfig
from ranvier.ontology.errors import AccessRefused, InputError, StoreError

REFUSED = frozenset({400, 413, 422})
AGAIN = frozenset({0, 408, 429, 500, 502, 503, 504})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
GZIP_LEVEL = 1
"""Lines repeat themselves so much that a higher level costs more than it saves."""


class InfluxClient:
    """The requests that the adapter makes. Any number of threads may make them.

    clock, sleep  a monotonic clock in seconds, and how to wait; tests give their own
    """

    def __init__(
        self, config: InfluxConfig,
        clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._config, self._clock, self._sleep = config, clock, sleep
        self._client: Any = _connect(config)

    def write(self, bucket: str, lines: list[str]) -> None:
        """Store lines; they are durable when this returns. Raises InputError where the server refuses one."""
        target = {"org": self._config.org, "bucket": bucket, "precision": "ns"}
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        body = "\n".join(lines).encode()
        if self._config.compresses:
            headers["Content-Encoding"], body = "gzip", gzip.compress(body, GZIP_LEVEL)
        self.request("POST", "/api/v2/write", target, body, headers)

    def select(self, bucket: str, influxql: str, patience_s: float | None = None) -> bytes:
        """What a query in InfluxQL gives, as CSV: name, tags, time in ns, then the columns."""
        headers = {"Content-Type": "application/vnd.influxql", "Accept": "application/csv"}
        target = {"db": bucket, "chunked": "true"}
        return self.request("POST", "/query", target, influxql.encode(), headers, patience_s)

    def flux(self, query: str) -> bytes:
        """What a query in Flux gives, as CSV without annotations."""
        dialect = {"header": True, "annotations": []}
        body = {"query": query, "type": "flux", "dialect": dialect}
        headers = {"Content-Type": "application/json", "Accept": "application/csv"}
        return self.request("POST", "/api/v2/query", {"org": self._config.org}, body, headers)

    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None, patience_s: float | None = None,
    ) -> Any:  # fmt: skip
        """A call of the JSON API; None where the answer is empty."""
        answer = self.request(method, path, query, body, {"Content-Type": "application/json"}, patience_s)
        return json.loads(answer) if answer else None

    def request(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object,
        headers: Mapping[str, str], patience_s: float | None = None,
    ) -> bytes:  # fmt: skip
        """One request, sent again until it is answered or `patience_s` (by default `deadline_s`) is over."""
        deadline = self._clock() + (self._config.deadline_s if patience_s is None else patience_s)
        pause = FIRST_PAUSE_S
        while True:
            left = deadline - self._clock()
            try:
                return self._send(method, path, query, body, headers, min(self._config.timeout_s, left))
            except _Unanswered as error:
                wait = max(pause, error.retry_after_s)
                if self._clock() + wait >= deadline:
                    raise StoreError(
                        f"an answer from InfluxDB at {self._config.url}", error.reason,
                        "see whether the server runs and has room on its disk; what was not stored comes again",
                    ) from error  # fmt: skip
                self._sleep(wait)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object,
        headers: Mapping[str, str], timeout_s: float,
    ) -> bytes:  # fmt: skip
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        if self._client is None:
            raise StoreError("an open store", "one that was closed", "open it again")
        try:
            response = self._client.api_client.call_api(
                path, method, query_params=dict(query or {}), header_params=dict(headers), body=body,
                _preload_content=False, _return_http_data_only=True,
                _request_timeout=max(1, round(timeout_s * 1000)),
            )  # fmt: skip
            return bytes(response.data)
        except ApiException as error:
            raise self._error_of(error, path) from error
        except (HTTPError, OSError) as error:
            raise _Unanswered(f"{type(error).__name__}: {error}") from error

    def _error_of(self, error: Any, path: str) -> Exception:
        status, said = int(error.status or 0), _message(error)
        if status in AGAIN:
            return _Unanswered(f"{status} {said}", _retry_after_s(error.headers))
        if status in REFUSED:
            return InputError(
                f"what InfluxDB takes at {path}", said, "mend or leave out the point that it names"
            )
        remedy = "check the token, its organisation and its rights, and that nobody deleted the bucket"
        kind = {401: AccessRefused, 403: AccessRefused, 404: Missing}.get(status, StoreError)
        return kind(f"InfluxDB at {self._config.url} to do {path}", f"{status} {said}", remedy)

    def close(self) -> None:
        """Close the connections. What comes after raises StoreError."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


class Missing(StoreError):
    """InfluxDB has nothing of that name."""


class _Unanswered(Exception):
    """Nothing is known of the request, or the server asks to try later."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.retry_after_s = reason, retry_after_s


def _connect(config: InfluxConfig) -> Any:
    try:
        from influxdb_client.client.influxdb_client import InfluxDBClient
    except ImportError as error:
        raise StoreError(
            "the package influxdb-client", str(error), "install Ranvier with the extra 'servers'"
        ) from error
    more: dict[str, Any] = {"ssl_ca_cert": str(config.ca_file)} if config.ca_file else {}
    return InfluxDBClient(config.url, config.token, org=config.org, retries=False, **more)


def _message(error: Any) -> str:
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        return str(json.loads(body)["message"])[:1000]
    except (ValueError, KeyError, TypeError):
        return (body or str(error.reason))[:1000]


def _retry_after_s(headers: Mapping[str, str] | None) -> float:
    try:
        return max(0.0, float((headers or {}).get("Retry-After", 0)))
    except ValueError:
        return 0.0
