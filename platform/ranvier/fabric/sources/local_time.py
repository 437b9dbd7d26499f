"""`LocalTime`: time stamps as text, in a declared format and zone, to nanoseconds since the Unix epoch.

A local time in the hour when clocks go back has two readings, and one in the hour that clocks skip has
none. Of two readings the earlier is taken, unless it lies more than a minute behind the row before: a log
that runs through the hour reads right, and a row a little late stays so. With no row before, the mapping
says which.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ranvier.fabric.sources.mappings.drive_test_mapping import TimeColumn
from ranvier.ontology.errors import InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMEDY = "correct the row, or format and zone of the mapping's [time]"
_LATE_NS = 60_000_000_000
_NANOSECONDS = {"epoch_s": 1_000_000_000, "epoch_ms": 1_000_000}


class LocalTime:
    """Parses one column of time stamps. Remembers one minute, so that most rows cost a slice."""

    def __init__(self, column: TimeColumn) -> None:
        self._format = column.format
        self._ambiguous = column.ambiguous
        self._zone = ZoneInfo(column.zone)
        self._factor = _NANOSECONDS.get(column.format)
        # Offsets change at whole minutes: below that, seconds add.
        self._by_minute = column.format.endswith("%S") and column.format.count("%S") == 1
        self._minute, self._minute_ns = "", 0

    def ns(self, text: str, near_ns: int | None) -> int:
        """Nanoseconds since the epoch, UTC; `near_ns` is the row before, or None.

        Raises InputError where the text is no time in the format, or a local time that does not exist.
        """
        if self._by_minute and len(text) > 2 and text[:-2] == self._minute:
            seconds = text[-2:]
            if seconds.isascii() and seconds.isdigit() and seconds < "60":
                return self._minute_ns + int(seconds) * 1_000_000_000
        try:
            if self._factor is not None:
                return _epoch_ns(text, self._factor)
            moment = (
                datetime.fromisoformat(text)
                if self._format == "iso8601"
                else datetime.strptime(text, self._format)
            )
            if moment.tzinfo is not None:
                return _since_epoch_ns(moment)
            return self._zoned_ns(text, moment, near_ns)
        except (ValueError, OverflowError) as error:
            raise InputError(f"a time as {self._format!r}", f"{text!r} ({error})", _REMEDY) from None

    def _zoned_ns(self, text: str, moment: datetime, near_ns: int | None) -> int:
        early, late = (moment.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        early_ns, late_ns = _since_epoch_ns(early), _since_epoch_ns(late)
        if early_ns == late_ns:
            if self._by_minute:
                self._minute, self._minute_ns = text[:-2], early_ns - moment.second * 1_000_000_000
            return early_ns
        if early.utcoffset() < late.utcoffset():  # type: ignore[operator]
            raise InputError(
                f"a local time of {self._zone.key}", f"{text!r}, which clocks skip there", _REMEDY
            )
        if near_ns is not None:
            return early_ns if early_ns >= near_ns - _LATE_NS else late_ns
        if self._ambiguous == "reject":
            raise InputError(f"a local time that occurs once in {self._zone.key}", f"{text!r}", _REMEDY)
        return early_ns if self._ambiguous == "earlier" else late_ns


def _since_epoch_ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _epoch_ns(text: str, factor: int) -> int:
    whole, _, fraction = text.strip().partition(".")
    if not (whole + fraction).isascii() or (fraction and not fraction.isdigit()):
        raise ValueError("not a number")
    digits = len(str(factor)) - 1
    return int(whole) * factor + int(fraction[:digits].ljust(digits, "0") or 0)
