"""Which sites a user can hear: the nearest ones, each by its nearest image where the plane repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import Layout


@dataclass(frozen=True, slots=True)
class SiteTable:
    """Sites as tensors.

    position_m  (S, 2), height_m (S,)
    images_m    (W, 2) translations of the plane
    cells       (S, Q) int64: the cells of each site in their order, −1 where it has fewer than Q
    count       M: how many sites a user has links to
    """

    position_m: Tensor
    height_m: Tensor
    images_m: Tensor
    cells: Tensor
    count: int

    @classmethod
    def of(cls, layout: Layout, device: torch.device | str = "cpu") -> SiteTable:
        """The table of a layout. With `layout.links` a user has the sites that hold so many cells on average."""
        sites = len(layout.sites)
        per_site = np.bincount(layout.cells.site, minlength=sites)
        cells = np.full((sites, max(int(per_site.max(initial=0)), 1)), -1, dtype=np.int64)
        filled = np.zeros(sites, dtype=np.int64)
        for cell, site in enumerate(layout.cells.site):
            cells[site, filled[site]] = cell
            filled[site] += 1
        count = sites
        if layout.links is not None and layout.links < len(layout.cells):
            count = min(sites, max(1, -(-layout.links * sites // len(layout.cells))))
        return cls(
            torch.as_tensor(layout.sites.position_m, dtype=torch.float64, device=device),
            torch.as_tensor(layout.sites.height_m, dtype=torch.float64, device=device),
            torch.as_tensor(layout.wraparound, dtype=torch.float64, device=device),
            torch.as_tensor(cells, device=device),
            count,
        )


class Near(NamedTuple):
    """M sites of n users, in the order of their index.

    site      (n, M) int64
    offset_m  (n, M, 2) from the site to the user
    height_m  (n, M) of the site
    cells     (n, M, Q) int64
    """

    site: Tensor
    offset_m: Tensor
    height_m: Tensor
    cells: Tensor


def nearest(table: SiteTable, place_m: Tensor) -> Near:
    """The nearest sites of users at `place_m` (n, 2 or 3)."""
    offset = offsets(table, place_m)
    users, sites = len(place_m), len(table.position_m)
    site = torch.arange(sites, device=place_m.device).expand(users, sites)
    if table.count < sites:
        least = _square(offset)
        site = torch.sort(least, dim=1, stable=True).indices[:, : table.count].sort(dim=1).values
        offset = offset.gather(1, site[..., None].expand(-1, -1, 2))
    return Near(site, offset, table.height_m[site], table.cells[site])


def offsets(table: SiteTable, place_m: Tensor) -> Tensor:
    """(n, S, 2) from each site, or its nearest image, to users at `place_m` (n, 2 or 3)."""
    straight = place_m[:, None, :2] - table.position_m
    offset, least = straight, _square(straight)
    for image in range(1, len(table.images_m)):
        moved = straight + table.images_m[image]
        square = _square(moved)
        closer = square < least
        offset, least = torch.where(closer[..., None], moved, offset), torch.where(closer, square, least)
    return offset


def _square(offset: Tensor) -> Tensor:
    return offset[..., 0] ** 2 + offset[..., 1] ** 2
