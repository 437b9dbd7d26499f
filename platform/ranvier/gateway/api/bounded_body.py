"""Bodies that are read whole before they are understood: each bounded, and all of them together."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from ranvier.gateway.api.problem import Refused
from ranvier.gateway.api.request import settings_of
from ranvier.ontology.errors import InputError, StoreBusy

BODIES_AT_ONCE = 4
"""How many bodies of the largest size are held at a time; of smaller ones as many as that makes."""
_RETRY_S = "1"


class Held:
    """How many bytes of bodies an app holds now."""

    def __init__(self) -> None:
        self.bytes = 0


class BoundedBody(APIRoute):
    """A route whose body is refused as soon as it is larger than `api.max_scene_bytes`, or while too many wait."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler, handed a body that is already there."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            held: Held = request.app.state.held_bodies
            mine = bytearray()
            try:
                await _read(request, mine, held, settings_of(request).max_scene_bytes)
                return await inner(Request(request.scope, _once(bytes(mine))))
            finally:
                held.bytes -= len(mine)

        return handler


async def _read(request: Request, into: bytearray, held: Held, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    async for chunk in request.stream():
        if len(into) + len(chunk) > limit:
            raise _too_large(limit)
        if held.bytes + len(chunk) > BODIES_AT_ONCE * limit:
            reason = StoreBusy("fewer large requests at a time", "as many as fit in memory", "send it again")
            raise Refused(503, reason, {"Retry-After": _RETRY_S})
        into += chunk
        held.bytes += len(chunk)


def _once(body: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _too_large(limit: int) -> Refused:
    reason = InputError(
        f"a body of at most {limit} bytes", "more",
        "send fewer links (the strongest of each user), or raise the setting api.max_scene_bytes",
    )  # fmt: skip
    return Refused(413, reason)
