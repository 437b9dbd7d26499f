"""The port of what records a training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

Ending = Literal["finished", "failed", "killed"]


class Tracker(Protocol):
    """Records one training. What is recorded again for the same step replaces nothing and harms nothing."""

    def begin(self, name: str, parameters: Mapping[str, str]) -> None:
        """Begin, or go on where the same training was stopped."""
        ...

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Figures at a step (epoch)."""
        ...

    def artifact(self, path: Path) -> None:
        """A file that belongs to it: a picture, the card, the weights."""
        ...

    def end(self, how: Ending) -> None:
        """It is over."""
        ...


class NoTracker:
    """Records nothing."""

    def begin(self, name: str, parameters: Mapping[str, str]) -> None:
        """See `Tracker`."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """See `Tracker`."""

    def artifact(self, path: Path) -> None:
        """See `Tracker`."""

    def end(self, how: Ending) -> None:
        """See `Tracker`."""
