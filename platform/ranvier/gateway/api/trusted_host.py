"""Only requests that name this platform as their host are answered.

A web page elsewhere can have its own name resolve to this machine (DNS rebinding) and would then read the
loopback port as its own. Its requests still carry its name in `Host`. Addresses cannot be rebound.

Starlette's own middleware takes "[" for the host of "[::1]:8321", and answers with plain text.
"""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ranvier.gateway.api.problem import problem
from ranvier.gateway.settings import ApiSettings

_OWN = ("localhost", "127.0.0.1", "::1")
_EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104


class TrustedHost:
    """Refuses (421) each request whose `Host` is neither this machine nor among the settings' hosts."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self.app = app
        self._names = {_bare(name) for name in (*_OWN, settings.host, *settings.allowed_hosts)}
        self._any_address = settings.host in _EVERY_ADDRESS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or self._trusts(Headers(scope=scope).getlist("host")):
            await self.app(scope, receive, send)
            return
        given = ", ".join(Headers(scope=scope).getlist("host"))[:200] or "none"
        expected, remedy = "the host that this platform goes by", "add it to the setting api.allowed_hosts"
        answer = problem(
            Request(scope), 421, "misdirected-request", f"expected {expected}; got {given}; {remedy}",
            expected=expected, got=given, remedy=remedy,
        )  # fmt: skip
        await answer(scope, receive, send)

    def _trusts(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        name = _bare(hosts[0])
        return name in self._names or (self._any_address and _is_address(name))


def _bare(host: str) -> str:
    """The name or address in a `Host`: without port, brackets and a final dot, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
