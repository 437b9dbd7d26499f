"""`RowOrder`: which of several rows in one instant a row is."""

from __future__ import annotations

from collections import OrderedDict


class RowOrder:
    """Counts rows by instant, as far back as `window_ns` behind the latest: bounded memory."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._counts: OrderedDict[int, int] = OrderedDict()
        self._latest_ns = -(2**63)

    def next(self, instant_ns: int) -> int:
        """How many rows had this instant before. Raises ValueError where that is forgotten."""
        counts = self._counts
        if instant_ns > self._latest_ns:
            self._latest_ns = instant_ns
            counts[instant_ns] = 1
            oldest_ns = instant_ns - self._window_ns
            while next(iter(counts)) < oldest_ns:
                counts.popitem(last=False)
            return 0
        if instant_ns < self._latest_ns - self._window_ns:
            raise ValueError(
                f"expected a row at most {self._window_ns / 1e9:g} s behind the latest one;"
                f" got one {(self._latest_ns - instant_ns) / 1e9:g} s behind; raise reorder_s of the mapping"
            )
        order = counts.get(instant_ns, 0)
        counts[instant_ns] = order + 1
        return order
