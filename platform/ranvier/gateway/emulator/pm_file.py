"""Writes 3GPP PM files: the measCollecFile XML of TS 32.435, one file per managed element and period."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from ranvier.gateway.emulator.iso_time import duration, iso, moment

NAMESPACE = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"


class ObjectRow(NamedTuple):
    """One measValue: the object's name below its element and a result for each type; None is NIL."""

    ldn: str
    results: Sequence[float | int | None]
    suspect: bool = False


class Group(NamedTuple):
    """One measInfo: the types measured of objects of one class."""

    info_id: str
    types: Sequence[str]
    rows: Sequence[ObjectRow]


class Header(NamedTuple):
    """Whose file it is, and the granularity period [start_ns, end_ns)."""

    dn_prefix: str
    element: str
    start_ns: int
    end_ns: int


def name(header: Header, revision: int = 0, zipped: bool = False) -> str:
    """The file's name after the conventions of TS 32.432: type A, times, and the element.

    A file sent again carries its revision as the running count.
    """
    begin, end = moment(header.start_ns), moment(header.end_ns)
    unique = header.element.removeprefix("ManagedElement=")
    count = f"_-_{revision}" if revision else ""
    stamp = f"A{begin:%Y%m%d.%H%M%S}+0000-{end:%H%M%S}+0000"
    return f"{stamp}_{unique}{count}.xml{'.gz' if zipped else ''}"


def write(header: Header, groups: Iterable[Group]) -> bytes:
    """The file's XML in UTF-8."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<measCollecFile xmlns="{NAMESPACE}">\n'
        '<fileHeader fileFormatVersion="32.435 V10.0" vendorName="Ranvier emulated network"'
        f" dnPrefix={quoteattr(header.dn_prefix)}>\n"
        f'<fileSender localDn={quoteattr(header.element)} elementType="gNB"/>\n'
        f'<measCollec beginTime="{iso(header.start_ns)}"/>\n</fileHeader>\n'
        f"<measData>\n<managedElement localDn={quoteattr(header.element)}/>\n"
    ]
    parts.extend(_group(header, group) for group in groups)
    parts.append(
        f'</measData>\n<fileFooter>\n<measCollec endTime="{iso(header.end_ns)}"/>\n</fileFooter>\n'
        "</measCollecFile>\n"
    )
    return "".join(parts).encode()


def compress(body: bytes) -> bytes:
    """Gzip without a time stamp, so that the same file is the same bytes."""
    return gzip.compress(body, compresslevel=1, mtime=0)


def _group(header: Header, group: Group) -> str:
    period = duration((header.end_ns - header.start_ns) / 1e9)
    lines = [
        f"<measInfo measInfoId={quoteattr(group.info_id)}>\n"
        f'<granPeriod duration="{period}" endTime="{iso(header.end_ns)}"/>\n<repPeriod duration="{period}"/>'
    ]
    lines.extend(
        f'<measType p="{p}">{escape(kind)}</measType>' for p, kind in enumerate(group.types, start=1)
    )
    lines.extend(_row(row) for row in group.rows)
    lines.append("</measInfo>\n")
    return "\n".join(lines)


@lru_cache(maxsize=64)
def _types(types: tuple[str, ...]) -> str:
    return "\n".join(f'<measType p="{p}">{escape(kind)}</measType>' for p, kind in enumerate(types, start=1))


_quoted = lru_cache(maxsize=4096)(quoteattr)


def _row(row: ObjectRow) -> str:
    results = "".join(f'<r p="{p}">{_text(value)}</r>' for p, value in enumerate(row.results, start=1))
    suspect = "<suspect>true</suspect>" if row.suspect else ""
    return f"<measValue measObjLdn={_quoted(row.ldn)}>{results}{suspect}</measValue>"


def _text(value: float | int | None) -> str:
    if value is None:
        return "NIL"
    return str(value) if isinstance(value, int) else f"{value:.3f}".rstrip("0").rstrip(".")
