"""Nanoseconds since the Unix epoch as the texts that PM files and events carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ns: int) -> datetime:
    """The UTC time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def iso(time_ns: int) -> str:
    """ISO 8601 with a Z; fractions of a second only where there are some."""
    return moment(time_ns).isoformat().replace("+00:00", "Z")


def duration(period_s: float) -> str:
    """An ISO 8601 duration in seconds, as granPeriod has it: PT900S, PT0.5S."""
    return f"PT{period_s:g}S"
