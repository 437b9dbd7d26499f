"""Path loss of TR 38.901 table 7.4.1-1, in dB; frequencies in GHz and lengths in metres, as the table has them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import Environment
from ranvier.ontology.errors import InputError

LIGHT_M_S = 299_792_458.0
HIGHEST_GHZ: dict[Environment, float] = {
    "uma": 100.0, "umi": 100.0, "rma": 30.0, "inh-open": 100.0, "inh-mixed": 100.0,
}  # fmt: skip
LOWEST_GHZ = 0.5
SHADOWING_DB: dict[Environment, tuple[float, float, float]] = {
    "uma": (4.0, 6.0, 7.0), "umi": (4.0, 7.82, 7.0), "rma": (4.0, 8.0, 8.0),
    "inh-open": (3.0, 8.03, 8.03), "inh-mixed": (3.0, 8.03, 8.03),
}  # fmt: skip
"""σ_SF with line of sight, without, and from outdoors to indoors (tables 7.4.1-1 and 7.5-6).

RMa with line of sight has 6 dB beyond the breakpoint, which `path_loss` leaves to this table's 4 dB before it.
"""


@dataclass(frozen=True, slots=True)
class Paths:
    """Geometry of paths, tensors of one shape in metres.

    distance_2d, distance_3d   `distance_out` is the part of the 2-D distance outdoors
    user_height                of the user's antenna; `site_height` of the mast's
    environment_height         h_E of the table's note 1
    """

    distance_2d: Tensor
    distance_out: Tensor
    distance_3d: Tensor
    user_height: Tensor
    site_height: Tensor
    environment_height: Tensor


def check_frequency(environment: Environment, frequency_hz: float) -> None:
    """Raises InputError where the environment's model does not hold at this frequency (table 7.4.1-1)."""
    ghz, highest = frequency_hz / 1e9, HIGHEST_GHZ[environment]
    if not LOWEST_GHZ <= ghz <= highest:
        raise InputError(
            f"frequency_hz of {LOWEST_GHZ:g}e9 to {highest:g}e9 for {environment}", f"{frequency_hz:g}",
            "choose another frequency or environment",
        )  # fmt: skip


def path_loss_db(environment: Environment, ghz: float, paths: Paths, los: Tensor, street_width_m: float = 20.0,
                 building_height_m: float = 5.0) -> Tensor:  # fmt: skip
    """Path loss in dB (…), without shadowing and penetration, for links with (`los`) and without line of sight."""
    if environment == "uma":
        sight, blocked = _uma(ghz, paths)
    elif environment == "umi":
        sight, blocked = _umi(ghz, paths)
    elif environment == "rma":
        sight, blocked = _rma(ghz, paths, street_width_m, building_height_m)
    else:
        sight, blocked = _inh(ghz, paths)
    return torch.where(los, sight, torch.maximum(sight, blocked))


def _uma(ghz: float, p: Paths) -> tuple[Tensor, Tensor]:
    frequency = 20 * math.log10(ghz)
    near = 28.0 + 22 * torch.log10(p.distance_3d) + frequency
    far = 28.0 + 40 * torch.log10(p.distance_3d) + frequency - 9 * _beyond(ghz, p)
    blocked = 13.54 + 39.08 * torch.log10(p.distance_3d) + frequency - 0.6 * (p.user_height - 1.5)
    return torch.where(p.distance_2d <= _breakpoint(ghz, p), near, far), blocked


def _umi(ghz: float, p: Paths) -> tuple[Tensor, Tensor]:
    frequency = 20 * math.log10(ghz)
    near = 32.4 + 21 * torch.log10(p.distance_3d) + frequency
    far = 32.4 + 40 * torch.log10(p.distance_3d) + frequency - 9.5 * _beyond(ghz, p)
    blocked = 22.4 + 35.3 * torch.log10(p.distance_3d) + 21.3 * math.log10(ghz) - 0.3 * (p.user_height - 1.5)
    return torch.where(p.distance_2d <= _breakpoint(ghz, p), near, far), blocked


def _rma(ghz: float, p: Paths, width: float, height: float) -> tuple[Tensor, Tensor]:
    d, turn = p.distance_3d, 2 * math.pi * p.site_height * p.user_height * ghz * 1e9 / LIGHT_M_S

    def near(distance: Tensor) -> Tensor:
        return (
            20 * torch.log10(40 * math.pi * distance * ghz / 3)
            + min(0.03 * math.pow(height, 1.72), 10.0) * torch.log10(distance)
            - min(0.044 * math.pow(height, 1.72), 14.77)
            + 0.002 * math.log10(height) * distance
        )

    far = near(turn) + 40 * torch.log10(d / turn)
    blocked = (
        161.04 - 7.1 * math.log10(width) + 7.5 * math.log10(height)
        - (24.37 - 3.7 * (height / p.site_height) ** 2) * torch.log10(p.site_height)
        + (43.42 - 3.1 * torch.log10(p.site_height)) * (torch.log10(d) - 3)
        + 20 * math.log10(ghz)
        - (3.2 * torch.log10(11.75 * p.user_height) ** 2 - 4.97)
    )  # fmt: skip
    return torch.where(p.distance_2d <= turn, near(d), far), blocked


def _inh(ghz: float, p: Paths) -> tuple[Tensor, Tensor]:
    distance = torch.log10(p.distance_3d)
    sight = 32.4 + 17.3 * distance + 20 * math.log10(ghz)
    return sight, 17.3 + 38.3 * distance + 24.9 * math.log10(ghz)


def _breakpoint(ghz: float, p: Paths) -> Tensor:
    """d'_BP = 4 h'_BS h'_UT f / c, with heights above the environment's (note 1)."""
    heights = (p.site_height - p.environment_height) * (p.user_height - p.environment_height)
    return 4 * heights * (ghz * 1e9 / LIGHT_M_S)


def _beyond(ghz: float, p: Paths) -> Tensor:
    return torch.log10(_breakpoint(ghz, p) ** 2 + (p.site_height - p.user_height) ** 2)
