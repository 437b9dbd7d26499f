"""`VesMapping`: what VES events leave open, written as TOML."""

from __future__ import annotations

from typing import Literal

import msgspec


class VesMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For all VES events of a source. Counters in them are read by the PM file mapping of their vendor.

    dn_prefix  the name under which the elements lie that events call by a bare sourceName
               (SubNetwork=A makes gNB-1 SubNetwork=A,ManagedElement=gNB-1)
    """

    name: str = "ves"
    format: Literal["ves"] = "ves"
    dn_prefix: str = ""
