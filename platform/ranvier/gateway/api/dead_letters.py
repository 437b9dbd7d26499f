"""`/v1/deadletters`: the records that could not be used, why, and another try."""

from __future__ import annotations

import base64
from itertools import islice
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.event import DEAD_LETTERS, decode
from ranvier.fabric.ports import Record
from ranvier.gateway.api.cursor import Whole, decode_cursor, encode_cursor
from ranvier.gateway.api.models import DeadLetterDetail, DeadLetterItem, DeadLetterPage, IngestReceipt
from ranvier.gateway.api.newest import ends_of, newest_first
from ranvier.gateway.api.platform import Platform, Whose
from ranvier.gateway.api.receipt import receipt
from ranvier.gateway.api.request import CursorText, Limit, PlatformOf, WhoseOf
from ranvier.gateway.api.times import format_time
from ranvier.ontology.errors import InputError, NotFound

router = APIRouter(prefix="/v1/deadletters", tags=["dead letters"])
_MAX_SHOWN = 65_536
_MAX_SCANNED = 20_000
LetterId = Annotated[
    str, Path(pattern=r"^[0-9]{1,9}-[0-9]{1,18}$", examples=["0-17"], description="partition-offset")
]


@router.get("", operation_id="listDeadLetters")
def list_dead_letters(
    platform: PlatformOf, whose: WhoseOf, cursor: CursorText = None, limit: Limit = 100
) -> DeadLetterPage:
    """Dead letters, newest first. A page may hold fewer than `limit` and still have a next one."""
    query = ["deadletters", whose]
    ends = ends_of(platform.log, DEAD_LETTERS)
    place = decode_cursor(cursor, query, tuple[dict[Whole, Whole]])
    if place is not None:
        ends = {partition: min(end, place[0].get(partition, 0)) for partition, end in ends.items()}
    items: list[DeadLetterItem] = []
    exhausted = True
    scanned = newest_first(platform.log, DEAD_LETTERS, ends)
    for count, record in enumerate(scanned, 1):
        ends[record.partition] = record.offset
        letter = own_letter(record, whose)
        if letter is not None:
            items.append(letter_item(record, letter))
        if len(items) == limit or count == _MAX_SCANNED:
            exhausted = next(islice(scanned, 1), None) is None
            break
    return DeadLetterPage(items=items, next=None if exhausted else encode_cursor(query, [ends]))


@router.get("/{letter_id}", operation_id="getDeadLetter")
def get_dead_letter(platform: PlatformOf, whose: WhoseOf, letter_id: LetterId) -> DeadLetterDetail:
    """One dead letter, with the bytes as they came (the first 64 KiB)."""
    record, letter = _find(platform, whose, letter_id)
    shown = letter.raw[:_MAX_SHOWN]
    try:
        encoding, raw = "utf-8", shown.decode()
    except UnicodeDecodeError:
        encoding, raw = "base64", base64.b64encode(shown).decode()
    return DeadLetterDetail.model_validate(
        {
            **dict(letter_item(record, letter)),
            "context": letter.context,
            "encoding": encoding,
            "raw": raw,
            "truncated": len(letter.raw) > _MAX_SHOWN,
        }
    )


@router.post("/{letter_id}/replay", operation_id="replayDeadLetter", status_code=202)
def replay_dead_letter(platform: PlatformOf, whose: WhoseOf, letter_id: LetterId) -> IngestReceipt:
    """Put it through its adapter again. What fails again becomes a new dead letter; the old one stays."""
    _, letter = _find(platform, whose, letter_id)
    return receipt(platform.replay(letter))


def own_letter(record: Record, whose: Whose) -> DeadLetter | None:
    """The dead letter in a record of the log, if it belongs to `whose`."""
    try:
        payload = decode(record.value)
    except (InputError, msgspec.MsgspecError):
        return None
    if not isinstance(payload, DeadLetter):
        return None
    return payload if (payload.tenant, payload.network) == (whose.tenant, whose.network) else None


def letter_item(record: Record, letter: DeadLetter) -> DeadLetterItem:
    """A dead letter as the API lists it."""
    return DeadLetterItem(
        id=f"{record.partition}-{record.offset}",
        recorded_at=format_time(record.recorded_at_ns),
        reason=letter.reason,
        source=letter.source,
        position=letter.position,
        adapter=letter.adapter,
        size_bytes=len(letter.raw),
    )


def _find(platform: Platform, whose: Whose, letter_id: str) -> tuple[Record, DeadLetter]:
    partition, offset = (int(part) for part in letter_id.split("-"))
    if partition in ends_of(platform.log, DEAD_LETTERS):
        for record in platform.log.read(DEAD_LETTERS, partition, offset, 1):
            letter = own_letter(record, whose) if record.offset == offset else None
            if letter is not None:
                return record, letter
    raise NotFound("the id of a dead letter of this tenant and network", letter_id, "list them first")
