"""How far a migration has come: one small file beside the source, so that it can be killed and run again."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from ranvier.ontology.errors import StoreError

FILE = "migration.json"


class Place(msgspec.Struct, frozen=True):
    """An offset of one partition of a topic."""

    topic: str
    partition: int
    offset: int


class Progress(msgspec.Struct, kw_only=True):
    """One migration.

    source, target  where from and where to, without secrets
    to              the profile that it leads to
    print_          what the source looked like at the start: it must not change meanwhile
    bases           the first offset of each partition of the source's log, which becomes 0 in the target
    graph, series   how far those two have come: the cursors of what tells them
    """

    source: str
    target: str
    to: str
    print_: dict[str, str]
    bases: list[Place]
    graph: int = 0
    series: int = -1
    done: bool = False
    began_at: str = ""
    ended_at: str = ""

    def base(self, topic: str, partition: int) -> int:
        """The source's offset that is 0 in the target."""
        return next((b.offset for b in self.bases if (b.topic, b.partition) == (topic, partition)), 0)


def read(folder: Path) -> Progress | None:
    """The migration that the folder knows of; None where there was none."""
    file = folder / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Progress)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(
            f"the progress of a migration in {file}", str(error), "remove it, and empty the target"
        ) from None


def write(folder: Path, progress: Progress) -> None:
    """Replace the file as a whole; it is on the disk when this returns."""
    file, fresh = folder / FILE, folder / (FILE + ".new")
    with fresh.open("wb") as opened:
        opened.write(msgspec.json.format(msgspec.json.encode(progress), indent=1))
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)


def refuse_under_way(folder: Path) -> None:
    """Raises StoreError where a migration from this folder is under way: nothing may change meanwhile."""
    found = read(folder)
    if found is not None and not found.done:
        raise StoreError(
            "stores that nobody moves", f"a migration from {found.source} to {found.target} under way",
            f"finish it with `ranvier migrate --to {found.to}`, or give it up: remove {folder / FILE}",
        )  # fmt: skip
