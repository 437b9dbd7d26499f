"""Times in requests and answers: RFC 3339 in UTC with up to nine decimals, or nanoseconds in requests.

Answers hold text, never numbers, because a nanosecond count exceeds what JSON readers keep exactly.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ranvier.fabric.ports import FOREVER_NS
from ranvier.ontology.errors import InputError

_SECOND_NS = 1_000_000_000
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+ -]\d\d:\d\d)", re.ASCII
)
_WHOLE = re.compile(r"\d{1,19}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time_ns(text: str, name: str) -> int:
    """Nanoseconds since the Unix epoch of `text`: RFC 3339, or a whole number of nanoseconds.

    Raises InputError, naming the parameter `name`.
    """
    nanoseconds = int(text) if _WHOLE.fullmatch(text) else _parse_rfc3339(text, name)
    if not 0 <= nanoseconds <= FOREVER_NS:
        raise _refused(text, name)
    return nanoseconds


def _parse_rfc3339(text: str, name: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise _refused(text, name)
    date, clock, fraction, zone = match.groups()
    # A plus sign that a client did not escape arrives as a space.
    zone = "+00:00" if zone in "Zz" else zone.replace(" ", "+")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{zone}")
    except ValueError:
        raise _refused(text, name) from None
    since = moment - _EPOCH
    whole = (since.days * 86_400 + since.seconds) * _SECOND_NS
    return whole + int((fraction or "0").ljust(9, "0"))


def _refused(text: str, name: str) -> InputError:
    return InputError(
        f"{name} in RFC 3339 or in nanoseconds since 1970",
        repr(text[:80]),
        "write it like 2026-01-31T12:00:00Z",
    )


def format_time(nanoseconds: int) -> str:
    """RFC 3339 in UTC, with as many groups of three decimals as it takes to be exact."""
    seconds, rest = divmod(nanoseconds, _SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if rest == 0:
        return f"{text}Z"
    decimals = f"{rest:09d}"
    while decimals.endswith("000"):
        decimals = decimals[:-3]
    return f"{text}.{decimals}Z"


def format_time_or_none(nanoseconds: int | None) -> str | None:
    """As `format_time`; None, and the end of time, give None."""
    return None if nanoseconds is None or nanoseconds >= FOREVER_NS else format_time(nanoseconds)
