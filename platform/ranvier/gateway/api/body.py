"""What is sent to be ingested: received and unpacked within bounds, in memory first, then on disk."""

from __future__ import annotations

import gzip
import zlib
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from fastapi import Request

from ranvier.gateway.api.problem import Refused
from ranvier.ontology.errors import InputError

_IN_MEMORY_BYTES = 2**20
_CHUNK_BYTES = 2**16
EXPANSION = 16
"""How many times the largest body an unpacked one may be."""


async def receive(request: Request, limit_bytes: int) -> BinaryIO:
    """The body as a file at its start. Raises Refused (413) as soon as it exceeds `limit_bytes`."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)
    file = _spool()
    try:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            file.write(chunk)
        if size == 0:
            raise InputError("events in the body", "an empty body", "see docs/api.md for what to send")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def unpacked(file: BinaryIO, limit_bytes: int) -> BinaryIO:
    """`file`, or what is in it where it is gzipped; judged by its first bytes, whatever its name.

    Raises Refused (413) where it unpacks to more than EXPANSION times `limit_bytes`, InputError where it is
    damaged. Closes `file` if it returns another.
    """
    head = file.read(2)
    file.seek(0)
    if head != b"\x1f\x8b":
        return file
    plain = _spool()
    try:
        _unpack(file, plain, limit_bytes * EXPANSION)
    except BaseException:
        plain.close()
        raise
    file.close()
    plain.seek(0)
    return plain


def _unpack(packed: BinaryIO, plain: BinaryIO, limit_bytes: int) -> None:
    size = 0
    try:
        with gzip.GzipFile(fileobj=packed, mode="rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > limit_bytes:
                    raise _too_large(limit_bytes)
                plain.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError("a whole gzip file", f"a damaged one ({error})", "send it again") from None


def _spool() -> BinaryIO:
    return cast(BinaryIO, SpooledTemporaryFile(_IN_MEMORY_BYTES))


def _too_large(limit_bytes: int) -> Refused:
    return Refused(
        413,
        InputError(
            f"at most {limit_bytes} bytes",
            "more",
            "split it, or raise the setting api.max_event_bytes",
        ),
    )
