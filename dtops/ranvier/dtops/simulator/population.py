"""`Population`: who uses the network in each realisation, and where they are when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Motion = Literal["static", "waypoint", "street", "line"]
MOTIONS: tuple[Motion, ...] = ("static", "waypoint", "street", "line")
Service = Literal["none", "full_buffer", "ftp3", "constant_rate", "voice", "xr", "web"]
SERVICES: tuple[Service, ...] = ("none", "full_buffer", "ftp3", "constant_rate", "voice", "xr", "web")


@dataclass(frozen=True, slots=True)
class Population:
    """U users in R realisations. What a user is stays; where it is moves on.

    key          (U,) int64: names each user in every draw, the same whatever else is in the population
    position_m   (R, U, 3) float64: x, y, and the height of the antenna above ground
    indoor       (R, U) bool: within a building
    low_loss     (R, U) bool: of its building; the low-loss model of TR 38.901 7.4.3.1
    in_car       (R, U) bool
    speed_m_s    (R, U) float64
    motion       (U,) int64 index into MOTIONS
    service      (U,) int64 index into SERVICES
    demand       (U,) float64 factor on the load of the user's service; ≥ 0
    present      (R, U) bool: attached when the run starts; the others may arrive
    """

    key: Tensor
    position_m: Tensor
    indoor: Tensor
    low_loss: Tensor
    in_car: Tensor
    speed_m_s: Tensor
    motion: Tensor
    service: Tensor
    demand: Tensor
    present: Tensor

    @property
    def realisations(self) -> int:
        """R."""
        return self.position_m.shape[0]

    def __len__(self) -> int:
        return self.position_m.shape[1]

    def to(self, device: torch.device | str) -> Population:
        """The same on another device."""
        return Population(**{name: getattr(self, name).to(device) for name in self.__slots__})
