"""Nanoseconds since the Unix epoch as the text of XML Schema and JSON Schema."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(time_ns: int) -> str:
    """An xsd:dateTime in UTC with microseconds: 2026-03-01T12:00:00.000000Z."""
    moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
