"""`/v1/deadletters`: the records that could not be used, why, and another try."""

from __future__ import annotations

import base64
import codecs
from typing import Annotated

from fastapi import APIRouter, Path

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.event import DEAD_LETTERS
from ranvier.fabric.ports import Record
from ranvier.gateway.api.models import DeadLetterDetail, DeadLetterItem, DeadLetterPage, IngestReceipt
from ranvier.gateway.api.newest import ends_of
from ranvier.gateway.api.own_records import own, own_page
from ranvier.gateway.api.platform import Platform, Whose
from ranvier.gateway.api.receipt import receipt
from ranvier.gateway.api.request import CursorText, Limit, PlatformOf, WhoseOf
from ranvier.gateway.api.times import format_time
from ranvier.ontology.errors import NotFound

router = APIRouter(prefix="/v1/deadletters", tags=["dead letters"])
_MAX_SHOWN = 65_536
LetterId = Annotated[
    str, Path(pattern=r"^[0-9]{1,9}-[0-9]{1,18}$", examples=["0-17"], description="partition-offset")
]


@router.get("", operation_id="listDeadLetters")
def list_dead_letters(
    platform: PlatformOf, whose: WhoseOf, cursor: CursorText = None, limit: Limit = 100
) -> DeadLetterPage:
    """Dead letters, newest first. A page may hold fewer than `limit` and still have a next one."""
    found, following = own_page(platform.log, DEAD_LETTERS, DeadLetter, whose, cursor, limit)
    return DeadLetterPage(items=[letter_item(record, letter) for record, letter in found], next=following)


@router.get("/{letter_id}", operation_id="getDeadLetter")
def get_dead_letter(platform: PlatformOf, whose: WhoseOf, letter_id: LetterId) -> DeadLetterDetail:
    """One dead letter, with the bytes as they came (the first 64 KiB)."""
    record, letter = _find(platform, whose, letter_id)
    shown = letter.raw[:_MAX_SHOWN]
    whole = len(shown) == len(letter.raw)
    try:
        # Not final: a character that the bound cut in two is left out.
        encoding, raw = "utf-8", codecs.getincrementaldecoder("utf-8")().decode(shown, final=whole)
    except UnicodeDecodeError:
        encoding, raw = "base64", base64.b64encode(shown).decode()
    return DeadLetterDetail.model_validate(
        {
            **dict(letter_item(record, letter)),
            "context": letter.context,
            "encoding": encoding,
            "raw": raw,
            "truncated": not whole,
        }
    )


@router.post("/{letter_id}/replay", operation_id="replayDeadLetter", status_code=202)
def replay_dead_letter(platform: PlatformOf, whose: WhoseOf, letter_id: LetterId) -> IngestReceipt:
    """Put it through its adapter again. What fails again becomes a new dead letter; the old one stays."""
    _, letter = _find(platform, whose, letter_id)
    return receipt(platform.replay(letter))


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
            letter = own(record, DeadLetter, whose) if record.offset == offset else None
            if letter is not None:
                return record, letter
    raise NotFound("the id of a dead letter of this tenant and network", letter_id, "list them first")
