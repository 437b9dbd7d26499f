"""Which copy a line becomes, so that nothing stored is overwritten or merged by accident.

    line ends after all that its series has  ► copy 0, nothing asked: what a stream does, period by period
    at the newest end, known in memory       ► left out where it was said before, else the next copy
    earlier, or the series is not known      ► the same, after one question to the server for all such lines

InfluxDB itself would merge, field by field, whatever has one series and one time. Copies are given in the
order of writing, so among equal revisions that were recorded together the highest copy is the latest
written. A line that says exactly what a stored copy says is that report delivered again, and is left out:
a batch that comes again after a crash alters nothing. (So a report that says again what an older version
said, recorded at the same nanosecond, leaves the newer one in force. A resend through the log has its own
time of recording, and is a version of its own.)

What is remembered of a series is true while nobody else writes it. After a failed write, a deletion, or when
partitions of the log may have moved, it is forgotten, and the server is asked again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from ranvier.fabric.series import influx_tables
from ranvier.fabric.series.influx_layout import COPIES, FEEDBACK, LATEST_NS, PRINT
from ranvier.fabric.series.influx_lines import Line, Track, Versions
from ranvier.fabric.series.influx_names import any_of, encode, tags_of
from ranvier.ontology.errors import InputError

Select = Callable[[str, str], bytes]
"""A measurement, whose bucket is asked, and a query in InfluxQL to its CSV."""

Known = dict[tuple[Track, int], Versions]
"""What is stored of a series at an end."""

OBJECTS_PER_QUESTION = 2000
DAY_NS = 86_400 * 10**9
RANGES = 8


def place(lines: Sequence[Line], select: Select) -> tuple[list[tuple[Line, int]], Known]:
    """The lines to write, each with its copy, and what is stored at these ends once they are written.

    Raises InputError where a report would be the version after the last copy.
    """
    known: Known = _look_up([line for line in lines if _must_ask(line)], select)
    chosen = []
    for line in lines:
        track, end_ns = line.track, line.end_ns
        versions = known.get((track, end_ns))
        if versions is None:
            versions = (track.versions or ()) if track.newest_ns == end_ns else ()
        if line.print in versions:
            continue
        copy = len(versions)
        if copy >= COPIES:
            raise InputError(
                f"at most {COPIES} versions of one period", f"one more of {track.key} at {end_ns} ns",
                "find out why the source sends it again and again",
            )  # fmt: skip
        known[track, end_ns] = (*versions, line.print)
        chosen.append((line, copy))
    return chosen, known


def settle(known: Known) -> None:
    """The lines were written: remember what each series has at its newest end."""
    for (track, end_ns), versions in known.items():
        if track.newest_ns is None or end_ns >= track.newest_ns:
            track.newest_ns, track.versions = end_ns, versions


def distrust(lines: Sequence[Line]) -> None:
    """A write failed: what these series have is not known."""
    for line in lines:
        line.track.newest_ns = line.track.versions = None


def _must_ask(line: Line) -> bool:
    newest = line.track.newest_ns
    if newest is None or line.end_ns < newest:
        return True
    return line.end_ns == newest and line.track.versions is None


def _look_up(lines: Sequence[Line], select: Select) -> Known:
    """What is stored of these series at these ends; learns the newest point of series not known."""
    owners: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for line in lines:
        owners[line.track.key[:3]].append(line)
    found: Known = {}
    for owner, own in owners.items():
        question = _Question(owner, own, select)
        for low, high in _ranges(sorted({line.end_ns for line in own})):
            for track, end_ns, fingerprint, copy in question.between(low, high):
                found[track, end_ns] = _with(found.get((track, end_ns), ()), copy, fingerprint)
        _learn(question, own, found)
    return found


def _with(versions: Versions, copy: int, fingerprint: int) -> Versions:
    filled = [*versions, *[None] * (copy + 1 - len(versions))]
    filled[copy] = fingerprint
    return tuple(filled)


def _learn(question: _Question, lines: Sequence[Line], found: Known) -> None:
    """Set the newest point of series not known: of those stored beyond these lines, else of those found."""
    fresh = {line.track for line in lines if line.track.newest_ns is None}
    if not fresh:
        return
    last = max(line.end_ns for line in lines if line.track in fresh)
    for track, end_ns, _, _ in question.last_after(last, fresh):
        if track.newest_ns is None or end_ns > track.newest_ns:
            track.newest_ns = end_ns
    for track in fresh:
        if track.newest_ns is None:
            track.newest_ns, track.versions = last, found.get((track, last), ())


def _ranges(ends: Sequence[int]) -> list[tuple[int, int]]:
    """Few ranges that hold these ends, leaving out days between."""
    cuts = [0, *(n for n in range(1, len(ends)) if ends[n] - ends[n - 1] > DAY_NS), len(ends)]
    if len(cuts) > RANGES + 1:
        cuts = [0, len(ends)]
    return [(ends[a], ends[b - 1]) for a, b in pairwise(cuts)]


class _Question:
    """What the server has of the series that some lines belong to, all of one owner."""

    def __init__(self, owner: tuple[str, str, str], lines: Sequence[Line], select: Select) -> None:
        self._measurement, tenant, network = owner
        self._select = select
        self._own = f"tenant = '{encode(tenant)}' AND network = '{encode(network)}'"
        self._by = '"object", "p", "copy"' + (', "lane"' if self._measurement == FEEDBACK else "")
        self._tracks = {_place(line.track): line.track for line in lines}

    def between(self, low_ns: int, high_ns: int) -> Iterator[tuple[Track, int, int, int]]:
        """(series, end, fingerprint, copy) of all that is stored with an end in [low, high]."""
        when = f"time >= {low_ns} AND time <= {high_ns}"
        yield from self._rows(f'"{PRINT}"::field', when, self._tracks.values())

    def last_after(self, after_ns: int, tracks: set[Track]) -> Iterator[tuple[Track, int, int, int]]:
        """The last line of each of these series and each copy that ends after `after_ns`."""
        when = f"time > {after_ns} AND time <= {LATEST_NS}"
        yield from self._rows(f'last("{PRINT}"::field)', when, tracks)

    def _rows(self, what: str, when: str, tracks: Iterable[Track]) -> Iterator[tuple[Track, int, int, int]]:
        names = sorted({encode(track.key[3]) for track in tracks})
        for first in range(0, len(names), OBJECTS_PER_QUESTION):
            objects = any_of(names[first : first + OBJECTS_PER_QUESTION])
            answer = self._select(
                self._measurement,
                f'SELECT {what} FROM "{self._measurement}" WHERE {self._own} AND "object" =~ {objects} '
                f"AND {when} GROUP BY {self._by}",
            )
            table = influx_tables.selected(answer, {"print": influx_tables.WHOLE})
            tags = {text: tags_of(text) for text in set(table["tags"].to_pylist())}
            columns = (table[name].to_pylist() for name in ("tags", "time", "print"))
            for text, end_ns, fingerprint in zip(*columns, strict=True):
                own = tags[text]
                track = self._tracks.get((own["object"], own.get("p", ""), own.get("lane", "")))
                if track is not None:
                    yield track, end_ns, fingerprint, int(own.get("copy", 0))


def _place(track: Track) -> tuple[str, str, str]:
    return encode(track.key[3]), track.key[4], track.key[5]
