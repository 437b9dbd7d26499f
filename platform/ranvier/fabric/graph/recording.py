"""Changes in groups of one time of recording, as both adapters take them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import InputError


def by_time(
    changes: Sequence[TopologyChange], recorded_at_ns: int | Sequence[int], latest_ns: int
) -> list[tuple[int, list[TopologyChange]]]:
    """(time of recording, changes) in order of time; a time before `latest_ns` counts as that.

    Raises InputError where there are not as many times as changes.
    """
    if isinstance(recorded_at_ns, int):
        return [(max(recorded_at_ns, latest_ns), list(changes))] if changes else []
    if len(recorded_at_ns) != len(changes):
        raise InputError(
            f"a time of recording for each of {len(changes)} changes", f"{len(recorded_at_ns)} times",
            "give one for all, or one for each",
        )  # fmt: skip
    groups: dict[int, list[TopologyChange]] = {}
    for change, at_ns in zip(changes, recorded_at_ns, strict=True):
        groups.setdefault(max(at_ns, latest_ns), []).append(change)
    return sorted(groups.items())
