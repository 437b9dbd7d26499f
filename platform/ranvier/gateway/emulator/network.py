"""`EmulatedNetwork`: what arrives from the emulated network, by period."""

from __future__ import annotations

from functools import lru_cache

from ranvier.gateway.emulator import counters, names, nrm, pm_file
from ranvier.gateway.emulator.city import City, EmulatorConfig, build
from ranvier.gateway.emulator.delivery import Delivery
from ranvier.gateway.emulator.demand import HOTSPOTS
from ranvier.gateway.emulator.happenings import antennas, happening, retune
from ranvier.gateway.emulator.traffic import Traffic


class EmulatedNetwork:
    """The emulated network of one configuration. Time is an argument: nothing here reads a clock."""

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self.city: City = build(config or EmulatorConfig())
        self._traffic = Traffic(self.city)
        self.period = lru_cache(maxsize=512)(self._period)

    def index(self, at_ns: int) -> int:
        """The index of the period that `at_ns` lies in: whole granularity periods since the Unix epoch."""
        return at_ns // self.city.config.period_ns

    def opening(self, at_ns: int) -> list[Delivery]:
        """What a network sends when it comes up: its configuration."""
        change = retune(self.city.config, self.index(at_ns), len(self.city.cells))
        body = nrm.write(self.city, antennas(self.city, change), at_ns)
        return [Delivery(at_ns, "nrm", f"{self.city.config.city}_{at_ns // 10**9}.nrm.json", body)]

    def history(self, from_ns: int, to_ns: int) -> list[Delivery]:
        """What came of the periods that lie in [from_ns, to_ns), in the order in which it arrived."""
        first = -(-from_ns // self.city.config.period_ns)
        deliveries = [each for k in range(first, self.index(to_ns)) for each in self.period(k)]
        return sorted(deliveries, key=lambda delivery: delivery.due_ns)

    def _period(self, k: int) -> list[Delivery]:
        config = self.city.config
        start_ns = k * config.period_ns
        totals = self._traffic.totals(k)
        befalls = happening(config, k, len(self.city.cells), HOTSPOTS - 1)
        down = frozenset((befalls.place,) if befalls and befalls.kind == "outage" else ())
        deliveries = []
        for site in range(1, config.sites + 1):
            header = pm_file.Header(
                names.sub_network(self.city), names.element(site), start_ns, start_ns + config.period_ns
            )
            body = pm_file.write(header, counters.groups(self.city, site, totals, down))
            due_ns = header.end_ns + config.period_ns // 50 * site // config.sites
            deliveries.append(Delivery(due_ns, "pm-file", pm_file.name(header), body))
        return deliveries
