"""Where a run is cut into blocks: by its absolute slots, so that it matters not in which pieces it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Slots [first, first + slots).

    measures  a measurement period begins here: users move, cells are measured, handovers are decided
    reports   a granularity period ends with the block's last slot
    """

    first: int
    slots: int
    measures: bool
    reports: bool

    @property
    def end(self) -> int:
        """The slot after the last."""
        return self.first + self.slots


def blocks(
    first: int, end: int, measurement_slots: int, granularity_slots: int, cuts: Sequence[int] = ()
) -> Iterator[Block]:
    """The blocks of [first, end): each ends at a multiple of either period, or at a slot of `cuts`.

    first, end          absolute slots of the run
    measurement_slots   measurement period
    granularity_slots   granularity period
    cuts                slots at which something changes: interventions
    """
    extra = sorted({slot for slot in cuts if first < slot < end})
    while first < end:
        nexts = [(first // period + 1) * period for period in (measurement_slots, granularity_slots)]
        while extra and extra[0] <= first:
            extra.pop(0)
        stop = min(*nexts, end, *extra[:1])
        yield Block(first, stop - first, first % measurement_slots == 0, stop % granularity_slots == 0)
        first = stop
