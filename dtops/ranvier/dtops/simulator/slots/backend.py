"""Which form of the slot loop runs: compiled, or torch."""

from __future__ import annotations

from typing import Literal, Protocol

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.slots.state import BlockInputs, BlockTraces, SlotSettings, SlotState, Tallies

Backend = Literal["compiled", "torch"]


class SlotLoop(Protocol):
    """A form of the slot loop."""

    def run(self, state: SlotState, inputs: BlockInputs, tallies: Tallies, traces: BlockTraces) -> None:
        """Run a block: alters `state`, adds to `tallies`, fills `traces`."""
        ...


def slot_loop(
    backend: Backend, carrier: Carrier, settings: SlotSettings, threads: int = 2, device: str = "cpu"
) -> SlotLoop:
    """The loop of a backend; `threads` only matters to the compiled one, `device` to that in torch."""
    if backend == "compiled":
        from ranvier.dtops.simulator.slots.compiled import CompiledSlots

        return CompiledSlots(carrier, settings, threads)
    from ranvier.dtops.simulator.slots.reference import ReferenceSlots

    return ReferenceSlots(carrier, settings, device)
