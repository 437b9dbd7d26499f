"""`EmulatedNetwork`: what arrives from the emulated network, and when.

    opening ► configuration, registrations
    period  ► a PM file per element, alarms, changed configuration, heartbeats, file-ready notices

Everything is a function of the configuration and of time, which is an argument: nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from ranvier.gateway.emulator import counters, mishaps, names, nrm, pm_file, ves
from ranvier.gateway.emulator.city import SECOND_NS, City, EmulatorConfig, build
from ranvier.gateway.emulator.delivery import Delivery
from ranvier.gateway.emulator.demand import HOTSPOTS
from ranvier.gateway.emulator.happenings import Happening, antennas, happening, retune
from ranvier.gateway.emulator.traffic import Traffic

HEARTBEAT_PERIODS = 6
_ALARMS = {
    "outage": ("cellOutage", "CRITICAL", "Emulated outage: the cell serves nobody"),
    "degraded": ("carrierDegraded", "MAJOR", "Emulated degradation: a part of the carrier is off"),
}


class EmulatedNetwork:
    """The emulated network of one configuration."""

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self.city: City = build(config or EmulatorConfig())
        self._config = self.city.config
        self._traffic = Traffic(self.city)
        # Windows shorter than a period ask for the same few periods again and again.
        self._built = lru_cache(maxsize=4 * mishaps.LONGEST_DELAY_PERIODS)(self._build)

    def index(self, at_ns: int) -> int:
        """The index of the period that `at_ns` lies in: whole granularity periods since the Unix epoch."""
        return at_ns // self._config.period_ns

    def opening(self, at_ns: int) -> list[Delivery]:
        """What a network sends when it comes up: its elements' registrations and its configuration."""
        deliveries = []
        for site in range(1, self._config.sites + 1):
            # An element registers before it is configured: what is known of it then replaces this.
            origin = self._origin(site, at_ns - SECOND_NS, self.index(at_ns))
            body = ves.registration(origin)
            deliveries.append(Delivery(at_ns, "ves", f"gNB-{site}-pnfRegistration", body))
        return [*deliveries, self._configuration(at_ns, at_ns)]

    def history(self, from_ns: int, to_ns: int) -> Iterator[Delivery]:
        """The opening at `from_ns`, and what arrived in (from_ns, to_ns] that is worth keeping, in its order.

        Heartbeats and file-ready notices are left out. Comes a period at a time: a long past takes a while.
        """
        yield from self.opening(from_ns)
        for begin_ns in range(from_ns, to_ns, self._config.period_ns):
            yield from self._due(begin_ns, min(begin_ns + self._config.period_ns, to_ns), chatter=False)

    def deliveries(self, from_ns: int, to_ns: int) -> list[Delivery]:
        """All that arrives in (from_ns, to_ns], in its order. Adjoining windows together miss nothing."""
        return self._due(from_ns, to_ns, chatter=True)

    def period(self, k: int, chatter: bool = True) -> list[Delivery]:
        """All that comes of the period with index k, in the order in which it arrives."""
        return list(self._built(k, chatter))

    def _build(self, k: int, chatter: bool) -> tuple[Delivery, ...]:
        deliveries = [*self._files(k, chatter), *self._alarms(k), *self._changes(k)]
        if chatter:
            deliveries.extend(self._heartbeats(k))
        return tuple(sorted(deliveries))

    def _due(self, from_ns: int, to_ns: int, chatter: bool) -> list[Delivery]:
        first = self.index(from_ns) - mishaps.LONGEST_DELAY_PERIODS - 1
        return sorted(
            delivery
            for k in range(first, self.index(to_ns) + 1)
            for delivery in self._built(k, chatter)
            if from_ns < delivery.due_ns <= to_ns
        )

    def _origin(self, site: int, time_ns: int, number: int) -> ves.Origin:
        return ves.Origin(f"gNB-{site}", names.full(self.city, site), time_ns, number)

    def _happening(self, k: int) -> Happening | None:
        return happening(self._config, k, len(self.city.cells), HOTSPOTS - 1)

    def _configuration(self, due_ns: int, valid_ns: int) -> Delivery:
        change = retune(self._config, self.index(valid_ns), len(self.city.cells))
        body = nrm.write(self.city, antennas(self.city, change), valid_ns)
        return Delivery(due_ns, "nrm", f"{self._config.city}_{valid_ns // 10**9}.nrm.json", body)

    def _files(self, k: int, chatter: bool) -> Iterator[Delivery]:
        start_ns, period_ns = k * self._config.period_ns, self._config.period_ns
        totals, befalls = self._traffic.totals(k), self._happening(k)
        down = frozenset((befalls.place,) if befalls is not None and befalls.kind == "outage" else ())
        for site in range(1, self._config.sites + 1):
            header = pm_file.Header(
                names.sub_network(self.city), names.element(site), start_ns, start_ns + period_ns
            )
            groups = counters.groups(self.city, site, totals, down)
            for delivery in self._editions(site, k, header, groups):
                yield delivery
                if chatter:
                    origin = self._origin(site, delivery.due_ns, k)
                    ready = ves.file_ready(origin, delivery.source)
                    yield Delivery(delivery.due_ns, "ves", f"gNB-{site}-fileReady-{k}", ready)

    def _editions(
        self, site: int, k: int, header: pm_file.Header, groups: list[pm_file.Group]
    ) -> Iterator[Delivery]:
        """The files of one element and period: usually one, none where it is lost, two where it is resent."""
        fate, period_ns = mishaps.fate(self._config, site, k), self._config.period_ns
        if fate.missing:
            return
        zipped = site % 2 == 0
        due_ns = header.end_ns + period_ns * site // (50 * self._config.sites)
        if fate.resent:
            body = pm_file.write(header, mishaps.first_edition(groups))
            yield _file(due_ns, pm_file.name(header, 0, zipped), body)
            due_ns += 3 * period_ns
        body = pm_file.write(header, mishaps.with_surprise(groups) if fate.surprise else groups)
        due_ns += fate.late_periods * period_ns
        whole = _file(due_ns, pm_file.name(header, int(fate.resent), zipped), body)
        yield whole._replace(raw=mishaps.cut(whole.raw)) if fate.corrupt else whole

    def _alarms(self, k: int) -> Iterator[Delivery]:
        for now, severity in ((self._happening(k), None), (self._happening(k - 1), "NORMAL")):
            edge = now is not None and k == (now.first if severity is None else now.last)
            if now is not None and edge and now.kind in _ALARMS:
                yield self._alarm(now, k, severity)

    def _alarm(self, now: Happening, k: int, severity: str | None) -> Delivery:
        condition, raised_severity, problem = _ALARMS[now.kind]
        cell = self.city.cells[now.place]
        at_ns = k * self._config.period_ns + self._config.period_ns // 5
        alarm = ves.Fault(
            f"{cell.element}-{condition}-{now.first}", condition, severity or raised_severity, problem,
            names.full(self.city, cell.site, names.du(cell)),
            now.first * self._config.period_ns + self._config.period_ns // 5,
        )  # fmt: skip
        origin = self._origin(cell.site, at_ns, k)
        return Delivery(at_ns, "ves", f"{alarm.alarm_id}-{k}", ves.fault(origin, alarm))

    def _changes(self, k: int) -> Iterator[Delivery]:
        cells, at_ns = len(self.city.cells), k * self._config.period_ns
        if retune(self._config, k, cells) != retune(self._config, k - 1, cells):
            yield self._configuration(at_ns + self._config.period_ns // 10, at_ns)

    def _heartbeats(self, k: int) -> Iterator[Delivery]:
        for site in range(1, self._config.sites + 1):
            if (k + site) % HEARTBEAT_PERIODS == 0:
                at_ns = k * self._config.period_ns + self._config.period_ns * site // (2 * self._config.sites)
                origin = self._origin(site, at_ns, k)
                body = ves.heartbeat(origin, HEARTBEAT_PERIODS * self._config.period_s)
                yield Delivery(at_ns, "ves", f"gNB-{site}-heartbeat-{k}", body)


def _file(due_ns: int, name: str, body: bytes) -> Delivery:
    return Delivery(due_ns, "pm-file", name, pm_file.compress(body) if name.endswith(".gz") else body)
