"""Cursors: where the next page goes on. Opaque to the client, bound to the list and its filters."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from ranvier.ontology.errors import InputError

T = TypeVar("T")
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A time in nanoseconds or an index, within what every store can hold."""


def encode_cursor(query: Sequence[object], position: Sequence[object]) -> str:
    """A cursor for `position` in the list that `query` (the list's name and its filters) makes."""
    raw = msgspec.json.encode([_digest(query), position])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(cursor: str | None, query: Sequence[object], shape: type[T]) -> T | None:
    """The position, which must have `shape`; None without a cursor. Raises InputError for any other."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, position = msgspec.json.decode(raw, type=tuple[str, msgspec.Raw])
        decoded = msgspec.json.decode(position, type=shape)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise _refused("something else") from None
    if digest != _digest(query):
        raise _refused("one of another list or with other filters")
    return decoded


def _digest(query: Sequence[object]) -> str:
    return hashlib.sha256(msgspec.json.encode(query)).hexdigest()[:16]


def _refused(got: str) -> InputError:
    return InputError(
        "a cursor that this list gave with the same filters", got, "pass `next` unchanged, or leave it out"
    )
