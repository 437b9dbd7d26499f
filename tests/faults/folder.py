"""The folder of one run: what the harness and its processes tell each other, all through files."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.faults.clock import JumpingClock


class Plan(msgspec.Struct, frozen=True):
    """What every process of a run needs to know. `servers`: addresses by server; none for what is embedded."""

    seed: int
    rate_per_s: float
    batch: int = 100
    sabotage: str = ""
    oversize: bool = True
    servers: dict[str, dict[str, str]] = {}
    prefix: str = "faults"


@dataclass(frozen=True, slots=True)
class Folder:
    """The files, by name."""

    path: Path

    @property
    def clock(self) -> JumpingClock:
        """The clock of all processes of the run."""
        return JumpingClock(self.path / "clock")

    @property
    def plan(self) -> Plan:
        """As the harness wrote it."""
        return msgspec.json.decode((self.path / "plan.json").read_bytes(), type=Plan)

    def write_plan(self, plan: Plan) -> None:
        """At the start of a run."""
        (self.path / "plan.json").write_bytes(msgspec.json.encode(plan))

    @property
    def stores(self) -> Path:
        """Where embedded stores lie; on a file system of its own where the run may mount one."""
        return self.path / "stores"

    @property
    def journal(self) -> Path:
        """What of the stream has been acknowledged to the producer."""
        return self.path / "journal"

    @property
    def stop_producing(self) -> Path:
        """The producer ends after its batch where this is there."""
        return self.path / "stop-producing"

    @property
    def hold_producing(self) -> Path:
        """The producer pauses after its batch while this is there."""
        return self.path / "hold-producing"

    def board(self, name: str) -> Board:
        """What a process is just doing."""
        return Board(self.path / f"{name}.board")


PHASES = (
    "starting", "idle", "polling", "storing series", "storing graph", "sending letters", "committing",
    "looking back", "publishing", "waiting after an error", "ended",
    "ranvier ingest",
)  # fmt: skip
_BOARD_BYTES = 4 + 4 * 8


class Board:
    """A few numbers in shared memory: what a process does, so that a fault can be aimed and its hit named.

    phase       an index into PHASES
    trap        the harness asks that the process waits, so many tenths of a second, when it next comes by a place
    held        how often it was so held
    steps, idle_steps  how many steps there were, and how many with nothing since the last that had something
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_BOARD_BYTES))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _BOARD_BYTES)

    @property
    def phase(self) -> str:
        """What the process is doing."""
        return PHASES[self._shared[0]]

    def enter(self, phase: str) -> None:
        """Say what begins now."""
        self._set_byte(0, PHASES.index(phase))

    def _set_byte(self, place: int, value: int) -> None:
        # One byte, so that neither side writes over what the other has just written.
        self._shared[place] = value

    def set_trap(self, phase: str, after: bool, tenths_s: int) -> None:
        """Have the process wait the next time that it is about to do that, or has just done it."""
        self._set_byte(2, PHASES.index(phase))
        self._set_byte(3, after)
        self._set_byte(1, tenths_s)

    def spring(self, phase: str, after: bool) -> float:
        """The process comes by: seconds to wait, 0 where no trap is set here."""
        tenths = self._shared[1]
        if not tenths or self._shared[2] != PHASES.index(phase) or bool(self._shared[3]) != after:
            return 0.0
        self._set_byte(1, 0)
        return tenths / 10

    def take_trap_away(self) -> None:
        """Where the process did not come by."""
        self._set_byte(1, 0)

    def _put(self, number: int, value: int) -> None:
        struct.pack_into("<q", self._shared, 4 + 8 * number, value)

    def _look(self, number: int) -> int:
        return int(struct.unpack_from("<q", self._shared, 4 + 8 * number)[0])

    held = property(lambda self: self._look(0), lambda self, value: self._put(0, value))
    steps = property(lambda self: self._look(1), lambda self, value: self._put(1, value))
    idle_steps = property(lambda self: self._look(2), lambda self, value: self._put(2, value))
    errors = property(lambda self: self._look(3), lambda self, value: self._put(3, value))
