"""`PmState`: what a PM file has said so far that its next measValue depends on."""

from __future__ import annotations

import re

import msgspec

from ranvier.fabric.sources.iso_time import duration_ns, time_ns

_RUNNING_COUNT = re.compile(r"_-_(\d{1,9})(?=\.|$)", re.ASCII)


class PmState(msgspec.Struct):
    """Kept in a dead letter too, so that one measValue can be read again alone.

    types   measType by its index p, or by its place in a measTypes list from "1"
    end_time  ISO 8601, or microseconds since the Unix epoch ("…us")
    only    the measTypes that a dead letter is about; None: all
    """

    dn_prefix: str = ""
    element: str = ""
    vendor: str = ""
    info_id: str = ""
    duration: str = ""
    end_time: str = ""
    types: dict[str, str] = {}
    revision: int = 0
    only: tuple[str, ...] | None = None

    def period(self, zone: str) -> tuple[int, int]:
        """The granularity period [start_ns, end_ns). Raises ValueError where the file gives none."""
        end = self.end_time
        end_ns = int(end[:-2]) * 1000 if end.endswith("us") else time_ns(end, zone)
        return end_ns - duration_ns(self.duration), end_ns

    def named(self, ldn: str) -> str:
        """What a position calls the measValue of an object."""
        return f"measInfo {self.info_id or '-'}, measValue {ldn or '-'}"

    def start_info(self, info_id: str) -> None:
        """A measInfo begins: its types and period are its own."""
        self.info_id, self.duration, self.end_time, self.types = info_id, "", "", {}

    def add_type(self, index: str | None, name: str) -> None:
        """One measType element; without an index its place counts."""
        self.types[index or str(len(self.types) + 1)] = name.strip()


def revision_of(file_name: str) -> int:
    """The running count in a PM file's name (TS 32.432), which tells a file sent again; 0 without one."""
    found = _RUNNING_COUNT.search(file_name.rpartition("/")[2])
    return int(found[1]) if found else 0
