"""The error budget: its size, its three parts, and that it stays with the link."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from ranvier.dtops.simulator.error_budget import HALF_WIDTH_DB, ErrorBudget, PerturbedGains
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import LinkGains

R, U, L = 400, 30, 9
CELLS = torch.arange(L).expand(R, U, L)


@dataclass(frozen=True)
class Flat:
    """Every link at −100 dB."""

    cell: torch.Tensor

    def gains(
        self, layout: Layout | None, position_m: torch.Tensor, which: torch.Tensor | None = None
    ) -> LinkGains:
        cell = self.cell if which is None else self.cell[which[:, 0], which[:, 1]][None]
        flat = torch.full((*cell.shape, 1), -100.0)
        return LinkGains(cell, flat, cell >= 0, flat[..., 0], flat[..., 0])


def error(budget: ErrorBudget) -> np.ndarray:
    source = PerturbedGains(Flat(CELLS), budget, torch.arange(R), torch.arange(U) + 1000)
    gains = source.gains(None, torch.zeros(R, U, 3))  # type: ignore[arg-type]
    return np.asarray(gains.gain_db[..., 0] + 100, dtype=np.float64)


def test_the_default_budget_is_three_db() -> None:
    assert ErrorBudget().half_width_db == pytest.approx(HALF_WIDTH_DB, abs=0.01)


def test_the_parts_have_their_spreads() -> None:
    """Variance components of R × U × L errors; the common one has R draws: s.e. of its σ is σ / √(2R) = 3.5 %."""
    found = error(ErrorBudget())
    common = found.mean(axis=(1, 2))
    cell = found.mean(axis=1) - common[:, None]
    assert common.std() == pytest.approx(np.sqrt(1.2**2 + 0.67**2 / L), rel=4 * 0.036)
    assert cell.std() * np.sqrt(L / (L - 1)) == pytest.approx(
        np.sqrt(0.67**2 + 0.67**2 / U), rel=4 / np.sqrt(2 * R * (L - 1))
    )


@pytest.mark.parametrize(("part", "axes"), [("common", (1, 2)), ("per_cell", (1,))])
def test_a_part_alone_is_the_same_for_all_that_share_it(part: str, axes: tuple[int, ...]) -> None:
    found = error(ErrorBudget().only(part))  # type: ignore[arg-type]
    assert np.ptp(found, axis=axes).max() < 1e-4
    assert np.ptp(found, axis=0).min() > 1


def test_asked_for_some_users_it_says_the_same() -> None:
    source = PerturbedGains(Flat(CELLS), ErrorBudget(), torch.arange(R), torch.arange(U) + 1000)
    which = torch.tensor([[3, 4], [7, 0]])
    some = source.gains(None, torch.zeros(1, 2, 3), which)  # type: ignore[arg-type]
    whole = source.gains(None, torch.zeros(R, U, 3))  # type: ignore[arg-type]
    assert torch.equal(some.gain_db[0], whole.gain_db[which[:, 0], which[:, 1]])
