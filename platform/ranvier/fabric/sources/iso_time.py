"""ISO 8601 times and durations as 3GPP files write them, in nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


@lru_cache(maxsize=1024)
def time_ns(text: str, zone: str = "UTC") -> int:
    """A date and time, with its offset or else in `zone`, since the Unix epoch. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"expected an ISO 8601 date and time; got {text[:100]!r} ({error}); correct it"
        ) from None


@lru_cache(maxsize=1024)
def duration_ns(text: str) -> int:
    """A duration of weeks to seconds (PT15M, PT900S, P1D). Raises ValueError for others, and for zero."""
    found = _DURATION.fullmatch(text.strip())
    parts = {name: float(value) for name, value in (found.groupdict() if found else {}).items() if value}
    if len(text) < 100 and parts:
        ns = round(timedelta(**parts) / timedelta(microseconds=1)) * 1000 if max(parts.values()) < 1e9 else 0
        if ns > 0:
            return ns
    raise ValueError(f"expected a duration like PT900S; got {text[:100]!r}; correct it")
