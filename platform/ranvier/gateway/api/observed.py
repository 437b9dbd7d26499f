"""What every answer gets on its way out: security headers, and a count.

A plain ASGI middleware, because a wrapper around responses would keep live streams from ending at once.
"""

from __future__ import annotations

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ranvier.gateway.api.metrics import Requests

# The page asks no other host for anything; charts set inline styles, the map's worker comes as a blob.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class Observed:
    """Adds headers to each answer and counts it under its route's template, never under its path."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self.app, self.requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                self._count(scope, message["status"], time.perf_counter() - started_s)
            await send(message)

        await self.app(scope, receive, observed)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", None) or "none"
        method = scope["method"] if route != "none" else "any"
        self.requests.count.labels(method, route, str(status)).inc()
        self.requests.duration_s.labels(route).observe(seconds)
