"""How the command line reaches the platform: the running one, or the stores themselves.

    running.json names a live platform ► HTTP
    else                               ► open the stores, ask the same application in process

Either way a command makes the same calls and prints the same answers.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ranvier.ontology.errors import InputError, NotFound, RanvierError, StoreError

if TYPE_CHECKING:
    import httpx

    from ranvier.gateway.settings import Settings

RUNFILE = "running.json"


class Connection:
    """Calls of the HTTP API that raise what the API reports."""

    def __init__(self, client: httpx.Client | InProcess, settle: Callable[[], None] | None = None) -> None:
        self._client, self._settle = client, settle

    @property
    def live(self) -> bool:
        """Whether a platform runs; else the stores are open in this process."""
        return self._settle is None

    def settle(self) -> None:
        """Have what was sent in reach the stores; a running platform does so by itself."""
        if self._settle is not None:
            self._settle()

    def get(self, path: str, **params: Any) -> Any:
        """The JSON answer of a GET; parameters that are None are left out."""
        given = {key: value for key, value in params.items() if value is not None}
        return self._answer(self._client.get(path, params=given))

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """The JSON answer of a POST with a JSON body."""
        return self._answer(self._client.post(path, json=body, params=params))

    def send(self, path: str, raw: IO[bytes], content_type: str, **params: Any) -> Any:
        """The JSON answer of a POST of bytes, read as a stream."""
        headers = {"content-type": content_type}
        chunks = iter(lambda: raw.read(2**16), b"")
        return self._answer(self._client.post(path, content=chunks, headers=headers, params=params))

    def pages(self, path: str, limit: int, **params: Any) -> list[dict[str, Any]]:
        """Up to `limit` items of a list, following its cursors."""
        items: list[dict[str, Any]] = []
        cursor = None
        while len(items) < limit:
            page = self.get(path, cursor=cursor, limit=min(limit - len(items), 500), **params)
            items += page["items"]
            cursor = page.get("next")
            if cursor is None:
                break
        return items

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.is_success or response.request.url.path in ("/readyz", "/healthz"):
            return response.json()
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        kind: type[RanvierError] = NotFound if response.status_code == 404 else InputError
        if response.status_code >= 500:
            kind = StoreError
        raise kind(
            str(problem.get("expected") or "a request that the platform accepts"),
            str(problem.get("got") or problem.get("detail") or f"HTTP {response.status_code}"),
            str(problem.get("remedy") or "see docs/api.md"),
        )


@contextmanager
def connect(settings: Settings, look_back: bool = False) -> Iterator[Connection]:
    """The running platform, or one opened in process over the stores for the time of the command.

    `look_back`: where none runs, the time is that of the twin's newest forecast if that is long ago.
    """
    url = running_url(settings.store.folder)
    headers = {"X-Ranvier-Tenant": settings.tenant}
    if url is not None:
        import ssl

        import httpx

        # Plain HTTP on this machine: to load the system's certificates would only cost a quarter of a second.
        bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with httpx.Client(base_url=url, timeout=60, headers=headers, trust_env=False, verify=bare) as client:
            try:
                yield Connection(client)
            except httpx.TransportError as error:
                raise StoreError(
                    f"a platform that answers at {url}",
                    f"{error or type(error).__name__}: it is stopping or unreachable", "try again",
                ) from None  # fmt: skip
        return
    with _in_process(settings, headers, look_back) as connection:
        yield connection


@contextmanager
def _in_process(settings: Settings, headers: dict[str, str], look_back: bool) -> Iterator[Connection]:
    from ranvier.gateway.api.app import create_app
    from ranvier.gateway.bootstrap import open_platform
    from ranvier.gateway.runtime.workers import drain

    with open_platform(settings, look_back=look_back) as platform:
        yield Connection(InProcess(create_app(platform), headers), lambda: drain(platform))


class InProcess:
    """Calls of an application in this process, one at a time, as if over HTTP."""

    def __init__(self, app: Any, headers: dict[str, str]) -> None:
        self._app, self._headers = app, headers

    def get(self, path: str, *, params: dict[str, Any]) -> httpx.Response:
        """A GET."""
        return self._call("GET", path, params=params)

    def post(self, path: str, **given: Any) -> httpx.Response:
        """A POST; `content` may be an iterator of bytes."""
        content = given.pop("content", None)
        if content is not None:
            given["content"] = _as_async(content)
        return self._call("POST", path, **given)

    def _call(self, method: str, path: str, **given: Any) -> httpx.Response:
        import asyncio

        import httpx

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                headers = {**self._headers, **given.pop("headers", {})}
                return await client.request(method, path, headers=headers, **given)

        return asyncio.run(call())


async def _as_async(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def running_url(folder: Path) -> str | None:
    """The address of the platform that runs on these stores; None when none does."""
    try:
        entry = json.loads((folder / RUNFILE).read_text())
        os.kill(int(entry["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return str(entry["url"])
