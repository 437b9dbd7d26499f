"""FTP model 3: files of one size, a Poisson process at each user (TR 36.814 A.2.1.3.1, TR 36.872 A.2.1.1)."""

from __future__ import annotations

from torch import Tensor

from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.poisson_points import STRETCH_SLOTS, points
from ranvier.dtops.simulator.traffic.services import Ftp3
from ranvier.dtops.simulator.traffic.span import Span


def add(total: Tensor, service: Ftp3, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> None:
    """Add the files' bits to `total` (R, U, N); demand (R, U) is a factor on their rate."""
    most = (service.files_per_s * span.slot_s * STRETCH_SLOTS) * demand
    for each in points(seeds, "file", user, most, span):
        total[each.realisation, each.user, each.slot - span.first] += service.file_bits
