"""What control decides, as changes of the graph: the UEs of a run, and which cell `serves` each.

    arrived ► UE upsert     attached, executing, reestablishing ► serves upsert, which ends the one before
    left ► UE remove        link_failed, failed, detached, left ► serves remove, where nothing serves any more

Drive-test sources tell of real users in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from ranvier.dtops.simulator.control.state import NOWHERE, ControlEvents
from ranvier.fabric.sources.distinguished_name import escaped
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange


@dataclass(frozen=True, slots=True)
class RunOrigin:
    """Whose evolution it is.

    run        names the run; together with the realisation it is the source of each change
    cell_ids   distinguished names of the layout's cells, in its order
    start_ns   when slot 0 is, since the Unix epoch; slot_ns: length of a slot
    """

    run: str
    cell_ids: tuple[str, ...]
    start_ns: int
    slot_ns: int
    tenant: str = "default"
    network: str = "default"

    def source(self, realisation: int) -> str:
        """What the changes of a realisation name as their source."""
        return f"simulator:{self.run}:{realisation}"

    def user_id(self, realisation: int, key: int, session: int) -> str:
        """Distinguished name of a user in one of its sessions: whoever comes next is another UE."""
        return f"UE={escaped(f'{self.run}.{realisation}.{key}.{session}')}"


def changes(
    events: ControlEvents,
    slot: int,
    user_key: Tensor,
    session: Tensor,
    origin: RunOrigin,
    realisation: int = 0,
) -> list[TopologyChange]:
    """The changes of one realisation at `slot`, users in their order.

    user_key  (U,) int64; session (R, U) int64: numbers of the users' latest sessions
    """
    at_ns = origin.start_ns + slot * origin.slot_ns
    mine = [getattr(events, name)[realisation] for name in ("before", "serving", "arrived", "left")]
    before, serving, arrived, left = mine
    users = ((before != serving) | arrived | left).nonzero()[:, 0]
    rows = [each[users].tolist() for each in (user_key, session[realisation], before, serving, arrived, left)]
    made: list[TopologyChange] = []
    for key, number, was, now, came, went in zip(*rows, strict=True):
        tell = _Teller(origin, realisation, origin.user_id(realisation, key, number), at_ns)
        made.extend(tell.changes(was, now, came, went))
    return made


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells of one user at one time."""

    origin: RunOrigin
    realisation: int
    user: str
    at_ns: int

    def changes(self, was: int, now: int, came: bool, went: bool) -> Iterator[TopologyChange]:
        """From the cell `was` to the cell `now`, −1 for none."""
        if came:
            yield self._node("upsert")
        if now != was:
            yield self._serves(was, "remove") if now == NOWHERE else self._serves(now, "upsert")
        if went:
            yield self._node("remove")

    def _node(self, op: str) -> NodeChange:
        own = self.origin
        return NodeChange(
            self.user, "UE", self.at_ns, {}, op,  # type: ignore[arg-type]
            own.source(self.realisation), own.tenant, own.network,
        )  # fmt: skip

    def _serves(self, cell: int, op: str) -> RelationChange:
        own = self.origin
        return RelationChange(
            "serves", own.cell_ids[cell], self.user, self.at_ns, {}, op,  # type: ignore[arg-type]
            own.source(self.realisation), own.tenant, own.network,
        )  # fmt: skip
