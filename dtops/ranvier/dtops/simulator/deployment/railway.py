"""A railway line: sites along a straight track, each with one cell to either side, and trains on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator.deployment.plan import Plan
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class Railway:
    """A track from west to east.

    sites                  along the track
    inter_site_distance_m  between them
    track_offset_m         from the masts to the track, to the south
    train_m                length of a train: its users are spread over so much of the track
    """

    kind: Literal["railway"] = "railway"
    sites: int = 10
    inter_site_distance_m: float = 1732.0
    track_offset_m: float = 100.0
    site_height_m: float = 35.0
    train_m: float = 400.0

    def __post_init__(self) -> None:
        if self.sites < 1:
            raise InputError("deployment.sites of 1 or more", str(self.sites), "choose another")
        for name in ("inter_site_distance_m", "train_m"):
            if not getattr(self, name) > 0:
                raise InputError(f"deployment.{name} above 0", f"{getattr(self, name):g}", "choose another")

    def plan(self) -> Plan:
        """Sites west to east."""
        x = (np.arange(self.sites) + 0.5) * self.inter_site_distance_m
        at = np.stack([x, np.full(self.sites, self.track_offset_m)], axis=1)
        length = self.sites * self.inter_site_distance_m
        return Plan(
            tuple(f"mast-{i + 1}" for i in range(self.sites)), at, np.full(self.sites, self.site_height_m),
            ((90.0, 270.0),) * self.sites, (0.0, -1.0, length, self.track_offset_m),
        )  # fmt: skip

    def places(self, uniforms: Tensor, user: Tensor) -> Tensor:  # noqa: ARG002
        """In one of the trains, of which the line holds one for every four sites."""
        length = self.sites * self.inter_site_distance_m
        trains = max(1, self.sites // 4)
        train = torch.floor(uniforms[..., 0] * trains)
        x = (train + 0.25) * (length / trains) + uniforms[..., 1] * min(self.train_m, length / trains)
        return torch.stack([x % length, torch.zeros_like(x)], dim=-1)
