"""The cursor of a page of series: which (object, quantity) came last."""

from __future__ import annotations

import base64
import binascii

import msgspec

from ranvier.ontology.errors import InputError


def encode_cursor(last: tuple[str, str]) -> str:
    """The cursor after this (object, quantity)."""
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode()


def decode_cursor(cursor: str | None) -> tuple[str, str]:
    """The (object, quantity) that a cursor stands after. Raises InputError for one made up."""
    if cursor is None:
        return "", ""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[str, str])
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise InputError("a cursor that a page gave", repr(cursor), "start without one") from error
