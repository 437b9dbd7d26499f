"""`open_archive`: the user's files, one by one, each with the adapter that reads it.

    file | folder | .zip | .gz ► Member (name, stream, adapter) ► records

The adapter is told by content, not by name alone. What nobody can read is one dead letter, not a failure.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TypeAlias

from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.line_reader import BROKEN
from ranvier.fabric.sources.source import Bad, Good, Source, SourceContext
from ranvier.ontology.errors import InputError

HEAD_BYTES = 65_536
"""How much of a file is looked at to tell its format."""

Buffered: TypeAlias = "io.BufferedReader[Any]"


@dataclass(frozen=True, slots=True)
class Member:
    """One file. `name` is its path below what the user gave; `adapter` is None where nobody can read it.

    The stream is open until the next member is asked for.
    """

    name: str
    stream: IO[bytes]
    adapter: Source | None
    fault: str = ""

    def read(self, context: SourceContext) -> Iterator[Good | Bad]:
        """The records of the file, as `context.source` = its name."""
        context = replace(context, source=self.name)
        if self.adapter is not None:
            yield from self.adapter.read(self.stream, context)
            return
        known = ", ".join(ADAPTERS)
        got = self.fault or "a file of none of them"
        reason = f"expected one of {known}; got {got}; convert it, or declare a mapping (docs/sources.md)"
        yield context.bad("", reason, "byte 0", _head(self.stream))


def open_archive(path: Path, context: SourceContext) -> Iterator[Member]:
    """Each file of `path` (a file, a folder, a .zip, a .gz), in order of its name.

    Raises InputError where the path itself does not exist.
    """
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            name = file.relative_to(path).as_posix()
            if not any(part.startswith(".") for part in name.split("/")):
                yield from _file(file, name, context)
    elif path.exists():
        yield from _file(path, path.name, context, top=True)
    else:
        raise InputError("a file, folder, .zip or .gz", f"{path}, which is not there", "check the path")


def _file(file: Path, name: str, context: SourceContext, *, top: bool = False) -> Iterator[Member]:
    try:
        with _buffered(file.open("rb", 0)) as stream:
            if stream.peek(4)[:4] == b"PK\x03\x04":
                yield from _zip(stream, "" if top else f"{name}/", context)
            else:
                yield from _member(stream, name, context)
    except OSError as error:
        yield Member(name, io.BytesIO(), None, f"{type(error).__name__}: {error}")


def _zip(stream: IO[bytes], prefix: str, context: SourceContext) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        yield Member(prefix.rstrip("/") or context.source, io.BytesIO(), None, f"a damaged zip: {error}")
        return
    with archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if info.is_dir():
                continue
            with _zipped(archive, info) as (member, fault):
                if fault:
                    yield Member(prefix + info.filename, member, None, fault)
                else:
                    yield from _member(member, prefix + info.filename, context)


def _buffered(stream: Any) -> Buffered:
    return io.BufferedReader(stream, HEAD_BYTES)


@contextmanager
def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[tuple[Buffered, str]]:
    try:
        stream = _buffered(archive.open(info))
    except BROKEN as error:
        yield _buffered(io.BytesIO()), f"{type(error).__name__}: {error}"
        return
    with stream:
        yield stream, ""


def _member(stream: Buffered, name: str, context: SourceContext) -> Iterator[Member]:
    try:
        if stream.peek(2)[:2] == b"\x1f\x8b":
            name = name[:-3] if name.lower().endswith(".gz") else name
            stream = _buffered(gzip.GzipFile(fileobj=stream))
        head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
    except BROKEN as error:
        yield Member(name, io.BytesIO(), None, f"{type(error).__name__}: {error}")
        return
    found = (adapter for adapter in ADAPTERS.values() if adapter.detect(head, context))
    yield Member(name, stream, next(found, None))


def _head(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(HEAD_BYTES)
    except BROKEN:
        return b""
