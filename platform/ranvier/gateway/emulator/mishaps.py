"""What goes wrong on the way: files late, sent again, missing, corrupt, or with an unknown counter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ranvier.gateway.emulator.city import EmulatorConfig
from ranvier.gateway.emulator.pm_file import Group, ObjectRow
from ranvier.gateway.emulator.streams import uniforms

LONGEST_DELAY_PERIODS = 6
"""No file comes later than this after the end of its period."""

VENDOR_COUNTER = "VS.Emulated.FanSpeed"
"""A vendor's own counter, which the ontology does not know."""


class Fate(NamedTuple):
    """What becomes of one element's file of one period.

    late_periods   it comes this many periods late
    resent         its first edition lacks a part of the traffic and is suspect; a right one follows
    missing        it never comes
    corrupt        it is cut off in the middle
    surprise       it holds a counter that the ontology does not know
    """

    late_periods: int = 0
    resent: bool = False
    missing: bool = False
    corrupt: bool = False
    surprise: bool = False


def fate(config: EmulatorConfig, site: int, period: int) -> Fate:
    """The fate of a site's file: one in fifteen has one that is not plain."""
    if not config.mishaps:
        return Fate()
    what, how_late, _, _ = (float(u) for u in uniforms(config.seed, "mishap", site, period)[:, ...])
    if what < 0.025:
        return Fate(late_periods=1 + int(how_late * (LONGEST_DELAY_PERIODS - 2)))
    if what < 0.045:
        return Fate(resent=True)
    if what < 0.055:
        return Fate(missing=True)
    if what < 0.058:
        return Fate(corrupt=True)
    return Fate(surprise=what > 0.995)


def first_edition(groups: Sequence[Group]) -> list[Group]:
    """What a resent file said at first: suspect throughout, with a third of each count and volume missing."""
    return [
        group._replace(
            rows=[ObjectRow(row.ldn, _short(group.types, row.results), True) for row in group.rows]
        )
        for group in groups
    ]


def _short(types: Sequence[str], results: Sequence[float | int | None]) -> list[float | int | None]:
    partial = ("DRB.PdcpSduVolume", "MM.HoExe")
    return [
        int(value * 2 / 3) if value is not None and kind.startswith(partial) else value
        for kind, value in zip(types, results, strict=True)
    ]


def with_surprise(groups: Sequence[Group]) -> list[Group]:
    """The groups, with the vendor's counter added to the first."""
    first, *rest = groups
    rows = [row._replace(results=(*row.results, 4200 + 10 * i)) for i, row in enumerate(first.rows)]
    return [Group(first.info_id, (*first.types, VENDOR_COUNTER), rows), *rest]


def cut(body: bytes) -> bytes:
    """A file whose transfer broke off after three fifths."""
    return body[: len(body) * 3 // 5]
