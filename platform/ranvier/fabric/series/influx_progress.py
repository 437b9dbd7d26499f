"""The log's offsets in InfluxDB."""

from __future__ import annotations

from ranvier.fabric.ports import Offsets
from ranvier.fabric.series import influx_tables
from ranvier.fabric.series.influx_layout import STATE
from ranvier.fabric.series.influx_names import decode, encode, in_line, tags_of
from ranvier.fabric.series.influx_versions import Select

MEASUREMENT = "offset"


def lines_of(offsets: Offsets) -> list[str]:
    """One line for each place, at the epoch, so that each overwrites the one before."""
    return [
        f"{MEASUREMENT},partition={part},topic={in_line(encode(topic))} next={offset}i 0"
        for (topic, part), offset in offsets.items()
    ]


def stored(select: Select) -> dict[tuple[str, int], int]:
    """Where this sink goes on in the log."""
    answer = select(
        STATE, f'SELECT "next"::field FROM "{MEASUREMENT}" WHERE time = 0 GROUP BY "partition", "topic"'
    )
    table = influx_tables.selected(answer, {"next": influx_tables.WHOLE})
    places = [tags_of(text) for text in table["tags"].to_pylist()]
    return {
        (decode(place["topic"]), int(place["partition"])): offset
        for place, offset in zip(places, table["next"].to_pylist(), strict=True)
    }
