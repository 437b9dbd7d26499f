"""`/v1/live`: server-sent events, one snapshot of the live figures a second."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from itertools import islice
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.event import ALARMS, DEAD_LETTERS, Payload
from ranvier.fabric.ports import Record
from ranvier.gateway.api.alarms import alarm_item
from ranvier.gateway.api.dead_letters import letter_item
from ranvier.gateway.api.fidelity import fidelity_item
from ranvier.gateway.api.figures import figures_item
from ranvier.gateway.api.models import LiveSnapshot
from ranvier.gateway.api.newest import ends_of, newest_first
from ranvier.gateway.api.own_records import own
from ranvier.gateway.api.platform import FidelityQuery, Platform, Whose
from ranvier.gateway.api.request import PlatformOf, WhoseOf
from ranvier.gateway.api.times import format_time
from ranvier.gateway.asked import Asked
from ranvier.ontology.errors import StoreError

router = APIRouter(prefix="/v1/live", tags=["live"])
P = TypeVar("P", bound=Payload)
_NEWEST = 50
_SCANNED = 1_000
_TICK_S = 0.1
_PATIENCE_S = 2.0
_Begun = dict[str, threading.Event]


class Follower:
    """One viewer's place in the topics of alarms and dead letters."""

    def __init__(self, platform: Platform, whose: Whose) -> None:
        self._platform, self._whose = platform, whose
        self._seen: dict[str, dict[int, int]] = {ALARMS: {}, DEAD_LETTERS: {}}
        self._asked = {
            topic: Asked("the log", partial(self._new, topic), _PATIENCE_S) for topic in self._seen
        }

    def snapshot(self) -> LiveSnapshot:
        """The figures now, and the newest alarms and dead letters since the snapshot before, newest first.

        While the log does not answer there are none; they come once it does.
        """
        platform = self._platform
        now_ns = platform.now_ns()
        begun = {topic: asked.begin() for topic, asked in self._asked.items()}
        fidelity = platform.fidelity(FidelityQuery(self._whose))
        return LiveSnapshot(
            at=format_time(now_ns),
            figures=figures_item(platform.figures()),
            fidelity=[fidelity_item(figure, platform.ontology) for figure in fidelity],
            alarms=[alarm_item(alarm) for _, alarm in self._own(ALARMS, Alarm, begun)],
            dead_letters=[letter_item(*found) for found in self._own(DEAD_LETTERS, DeadLetter, begun)],
        )

    def _own(self, topic: str, kind: type[P], begun: _Begun) -> list[tuple[Record, P]]:
        try:
            ends, newest = self._asked[topic].answer(begun[topic])
        except StoreError:
            return []
        seen, self._seen[topic] = self._seen[topic], ends
        fresh = (record for record in newest if record.offset >= seen.get(record.partition, 0))
        found = ((record, own(record, kind, self._whose)) for record in fresh)
        return list(islice(((record, payload) for record, payload in found if payload), _NEWEST))

    def _new(self, topic: str) -> tuple[dict[int, int], list[Record]]:
        """Where the topic ends, and what has come to it since; changes nothing, as nobody may wait for it."""
        ends, seen = ends_of(self._platform.log, topic), self._seen[topic]
        grown = {partition: end for partition, end in ends.items() if end > seen.get(partition, 0)}
        return ends, list(islice(newest_first(self._platform.log, topic, grown), _SCANNED))


@router.get(
    "",
    operation_id="followLive",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Messages of the event `live`, each a LiveSnapshot, one a second until you go",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def follow_live(
    request: Request,
    platform: PlatformOf,
    whose: WhoseOf,
    messages: Annotated[
        int | None, Query(ge=1, le=1_000_000, description="End after so many; never if left out")
    ] = None,
) -> StreamingResponse:
    """The live figures, fidelity, and what came in since the message before."""
    stream = _messages(Follower(platform, whose), request, messages)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


@router.get("/snapshot", operation_id="getLive")
def get_live(platform: PlatformOf, whose: WhoseOf) -> LiveSnapshot:
    """One such message, for those who would rather ask."""
    return Follower(platform, whose).snapshot()


async def _messages(follower: Follower, request: Request, count: int | None) -> AsyncIterator[str]:
    closing: threading.Event = request.app.state.closing
    sent = 0
    while not closing.is_set():
        snapshot = await run_in_threadpool(follower.snapshot)
        yield f"event: live\ndata: {snapshot.model_dump_json()}\n\n"
        sent += 1
        if sent == count or await _gone(request, closing, request.app.state.live_interval_s):
            return


async def _gone(request: Request, closing: threading.Event, interval_s: float) -> bool:
    """Wait for the next message; whether the viewer or the platform went meanwhile."""
    ends_at = asyncio.get_running_loop().time() + interval_s
    while (left_s := ends_at - asyncio.get_running_loop().time()) > 0:
        if closing.is_set():
            return True
        await asyncio.sleep(min(_TICK_S, left_s))
    return await request.is_disconnected()
