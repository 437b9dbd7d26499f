"""What a verification found: counts, and every difference, the first of each kind in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 5
"""How many differences of one kind are told in words; all are counted."""


@dataclass(slots=True)
class Account:
    """Filled by the checks. No differences: every record is accounted for."""

    counts: dict[str, int] = field(default_factory=dict)
    differences: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def count(self, name: str, value: int) -> None:
        """A number for the table."""
        self.counts[name] = value

    def differ(self, kind: str, words: str) -> None:
        """One difference."""
        self.differences[kind] += 1
        if self.differences[kind] <= SHOWN:
            self.told.append(f"{kind}: {words}")

    def same(self, kind: str, expected: object, found: object) -> None:
        """A difference where the two are not equal."""
        if expected != found:
            self.differ(kind, f"expected {expected!r}; found {found!r}")
