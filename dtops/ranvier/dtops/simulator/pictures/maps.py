"""Maps: what a user outdoors at 1.5 m would receive at each place, from the same gains as the run's users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link.noise import noise_mw
from ranvier.dtops.simulator.link_gains import GainSource
from ranvier.dtops.simulator.pictures.figure import Picture

Floats = NDArray[np.float64]
CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Coverage:
    """RSRP in dBm and SINR in dB (all neighbours sending) on a grid (ny, nx), and who serves; extent in metres."""

    rsrp_dbm: Floats
    sinr_db: Floats
    serving: NDArray[np.int64]
    extent_m: tuple[float, float, float, float]


def coverage(
    layout: Layout, carrier: Carrier, source_of: Callable[[int], GainSource], pixels: int = 160,
    height_m: float = 1.5, noise_figure_db: float = 9.0,
) -> Coverage:  # fmt: skip
    """The map of a layout.

    source_of  gives the gains' source for so many places at a time: users outdoors, one realisation
    pixels     along the longer side
    """
    x0, y0, x1, y1 = layout.bounds_m
    step = max(x1 - x0, y1 - y0) / pixels
    xs, ys = np.arange(x0 + step / 2, x1, step), np.arange(y0 + step / 2, y1, step)
    places = np.stack([*np.meshgrid(xs, ys), np.full((len(ys), len(xs)), height_m)], axis=-1).reshape(-1, 3)
    noise = noise_mw(carrier.prb_hz, noise_figure_db)
    parts = [
        _at(layout, carrier, source_of(len(part)), torch.from_numpy(part)[None], noise)
        for part in np.array_split(places, -(-len(places) // CHUNK))
    ]
    rsrp, sinr, serving = (
        torch.cat(column).numpy().reshape(len(ys), len(xs)) for column in zip(*parts, strict=True)
    )
    return Coverage(rsrp.astype(np.float64), sinr.astype(np.float64), serving, (x0, x1, y0, y1))


def _at(
    layout: Layout, carrier: Carrier, source: GainSource, position_m: Tensor, noise: float
) -> tuple[Tensor, Tensor, Tensor]:
    gains = source.gains(layout, position_m)
    rsrp = radio.ss_rsrp_dbm(gains, layout, carrier)
    best, link = rsrp.max(dim=-1)
    power = radio.received_mw(gains, layout, carrier).amax(dim=-1)
    sinr = radio.wideband_sinr_db(power, link, torch.ones_like(power), noise)
    return best[0], sinr[0], gains.cell.gather(2, link[..., None])[0, :, 0]


def map_of(
    name: str, caption: str, label: str, layout: Layout, field: Floats, extent_m: tuple[float, ...],
    users_m: Floats | None = None,
) -> Picture:  # fmt: skip
    """A picture of `field` (ny, nx) with the sites, the cells' directions, and users (n, 2) if given."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        shown = axes.imshow(
            np.where(np.isfinite(field), field, np.nan), origin="lower", extent=extent_m, cmap="viridis",
            aspect="equal", interpolation="nearest",
        )  # fmt: skip
        figure.colorbar(shown, ax=axes, label=label, shrink=0.9)
        if users_m is not None:
            axes.plot(users_m[:, 0], users_m[:, 1], ".", ms=2.5, color="white", alpha=0.7, lw=0)
        _sites(axes, layout, extent_m)
        axes.set(xlabel="east, m", ylabel="north, m", xlim=extent_m[:2], ylim=extent_m[2:])
        axes.grid(visible=False)

    aspect = (extent_m[3] - extent_m[2]) / (extent_m[1] - extent_m[0])
    return Picture(name, caption, draw, width_in=7.0, height_in=float(np.clip(5.4 * aspect + 0.5, 2.2, 7.5)))


def _sites(axes: Any, layout: Layout, extent_m: tuple[float, ...]) -> None:
    at, cells = layout.sites.position_m, layout.cells
    reach = 0.025 * max(extent_m[1] - extent_m[0], extent_m[3] - extent_m[2])
    pointed = np.isfinite(cells.azimuth_deg) & cells.on
    turned = np.radians(cells.azimuth_deg[pointed])
    start = at[cells.site[pointed]]
    tips = start + reach * np.stack([np.sin(turned), np.cos(turned)], axis=1)
    for (xa, ya), (xb, yb) in zip(start, tips, strict=True):
        axes.plot([xa, xb], [ya, yb], color="white", lw=1.4, solid_capstyle="round")
    axes.plot(at[:, 0], at[:, 1], "o", color="white", mec="black", ms=4, mew=0.6, lw=0)
