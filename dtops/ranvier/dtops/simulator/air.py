"""`Air`: received powers of all users, kept from block to block, renewed for users to whom anything changed."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.slots.state import Radio


@dataclass(slots=True)
class Air:
    """Powers of R × U users with L links, altered in place by `renew`.

    power_mw   (R, U, L) float32 on a PRB of each link's strongest beam; all carriers
    rsrp_dbm   (R, U, L) float32
    the rest   as in `slots.state.Radio`, for the serving cell that was given
    """

    power_mw: Tensor
    rsrp_dbm: Tensor
    serving_mw: Tensor
    serving_beam: Tensor
    mean_mw: Tensor
    strong_mw: Tensor
    strong_cell: Tensor
    delay_spread_s: Tensor
    k_factor_db: Tensor

    @classmethod
    def of(cls, gains: LinkGains, layout: Layout, serving_cell: Tensor, interferers: int) -> Air:
        """The powers of all users."""
        return cls(*_worked_out(gains, layout, serving_cell, interferers))

    def renew(self, which: Tensor, gains: LinkGains, layout: Layout, serving_cell: Tensor) -> None:
        """Work out again the users `which` (n, 2), from the gains and serving cells of all."""
        if not len(which):
            return
        at = which[:, 0], which[:, 1]
        some = LinkGains(*(getattr(gains, each.name)[at][None] for each in fields(LinkGains)))
        new = _worked_out(some, layout, serving_cell[at][None], self.strong_cell.shape[2])
        for each, column in zip(fields(self), new, strict=True):
            getattr(self, each.name)[at] = column[0]

    def sinr_db(self, serving_link: Tensor, load: Tensor, link_cell: Tensor, noise_mw: float) -> Tensor:
        """(R, U) wideband SINR of the serving links, with the cells' recent `load` (R, C)."""
        of_link = load[:, None, :].expand(-1, link_cell.shape[1], -1).gather(2, link_cell.clamp(min=0))
        return radio.wideband_sinr_db(self.power_mw, serving_link, of_link.to(torch.float32), noise_mw)

    def radio(self, gains: LinkGains, serving_cell: Tensor, step_turns: Tensor, noise_mw: float) -> Radio:
        """What the slot loop is given; the Doppler path counts from slot 0."""
        return Radio(
            serving_cell, self.serving_mw, self.serving_beam, self.mean_mw, gains.cell, self.strong_mw,
            self.strong_cell, self.delay_spread_s, self.k_factor_db, 0, torch.zeros_like(step_turns),
            step_turns, noise_mw,
        )  # fmt: skip


def _worked_out(
    gains: LinkGains, layout: Layout, serving_cell: Tensor, interferers: int
) -> tuple[Tensor, ...]:
    """The columns of Air, for users of any shape (R, U)."""
    carrier = layout.carriers[0]
    beams_mw = radio.received_mw(gains, layout, carrier)
    strongest_mw = beams_mw.amax(dim=-1)
    link = radio.link_of(gains.cell, serving_cell)
    at = link.clamp(min=0)[..., None]
    served = link >= 0
    best_mw, beam = beams_mw.gather(2, at[..., None].expand(*at.shape, beams_mw.shape[-1]))[:, :, 0].max(
        dim=-1
    )
    others_mw = beams_mw
    if len(layout.carriers) > 1:
        carriers = torch.from_numpy(layout.cells.carrier).to(gains.cell.device)
        others_mw = radio.on_the_carrier(beams_mw, gains.cell, serving_cell, carriers)
    strong = radio.strongest_others(others_mw.amax(dim=-1), link, interferers)
    strong, strong_cell = _by_cell(strong, gains.cell)
    pick = strong.clamp(min=0)
    strong_mw = others_mw.gather(2, pick[..., None].expand(*pick.shape, beams_mw.shape[-1]))
    strong_mw = torch.where((strong >= 0)[..., None], strong_mw, 0.0)
    mean_mw = others_mw.clone()
    links = torch.arange(mean_mw.shape[2], device=mean_mw.device)
    apart = links == link[..., None]
    for k in range(strong.shape[2]):
        apart = apart | (links == strong[..., k : k + 1])
    mean_mw = torch.where(apart[..., None], 0.0, mean_mw)
    both = torch.cat([at, pick], dim=2)
    return (
        strongest_mw, radio.ss_rsrp_dbm(gains, layout, carrier), torch.where(served, best_mw, 0.0), beam,
        mean_mw, strong_mw, strong_cell, gains.delay_spread_s.gather(2, both), gains.k_factor_db.gather(2, both),
    )  # fmt: skip


def _by_cell(links: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Links (R, U, K) and their cells, in the order of cells, −1 last: so that rays of a link stay in their row."""
    of_link = torch.where(links >= 0, cell.gather(2, links.clamp(min=0)), 2**40)
    order = of_link.argsort(dim=-1, stable=True)
    links, of_link = links.gather(2, order), of_link.gather(2, order)
    return links, torch.where(of_link < 2**40, of_link, -1)
