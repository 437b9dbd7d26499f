"""`CounterState`: the last readings of counters that only ever rise, from which come the values of periods.

Some sources export what they have counted since they started. The value of a period is then the difference
to the reading at its start. The first reading, and one after a gap, have none; a reading below the one before
is a reset. A period that is sent again gets the same value again.
"""

from __future__ import annotations

import msgspec

from ranvier.ontology.errors import InputError


class Readings(msgspec.Struct, array_like=True):
    """The last reading of a counter and the one before it, each with the end of its period."""

    end_ns: int
    reading: float
    before_end_ns: int = -1
    before: float = 0.0


class CounterReset(InputError):
    """A counter that only ever rises went back."""


class CounterState(msgspec.Struct):
    """Readings by object and quantity, at most `limit`, the longest unused forgotten first.

    Whoever reads sources keeps it between files, and may store it (it encodes as JSON), so that a restart
    loses no period.
    """

    readings: dict[str, Readings] = {}
    limit: int = 1_000_000

    def delta(self, key: str, start_ns: int, end_ns: int, reading: float) -> float | None:
        """What was counted in [start_ns, end_ns), or None where the reading at its start is not known.

        Raises CounterReset where the counter went back since.
        """
        last = self.readings.pop(key, None)
        if last is None:
            self._keep(key, Readings(end_ns, reading))
            return None
        if end_ns > last.end_ns:
            self._keep(key, Readings(end_ns, reading, last.end_ns, last.reading))
            return _difference(last.end_ns, last.reading, start_ns, reading)
        self._keep(key, last)
        if end_ns == last.end_ns:
            last.reading = reading
            return _difference(last.before_end_ns, last.before, start_ns, reading)
        return None

    def _keep(self, key: str, readings: Readings) -> None:
        self.readings[key] = readings
        if len(self.readings) > self.limit:
            del self.readings[next(iter(self.readings))]


def _difference(before_end_ns: int, before: float, start_ns: int, reading: float) -> float | None:
    if before_end_ns != start_ns:
        return None
    if reading < before:
        raise CounterReset(
            f"a counter at or above its last reading {before:g}", f"{reading:g}",
            "it was reset: what was counted in the period is not known",
        )  # fmt: skip
    return reading - before
