"""How the emulated network names its managed objects (distinguished names after TS 32.300)."""

from __future__ import annotations

from ranvier.gateway.emulator.city import Cell, City


def sub_network(city: City) -> str:
    """The DN prefix of everything in the city."""
    return f"SubNetwork={city.config.city}"


def element(site: int) -> str:
    """The relative name of a site's ManagedElement."""
    return f"ManagedElement=gNB-{site}"


def du(cell: Cell) -> str:
    """The NRCellDU, below its ManagedElement."""
    return f"GNBDUFunction=1,NRCellDU={cell.sector}"


def cu(cell: Cell) -> str:
    """The NRCellCU, below its ManagedElement."""
    return f"GNBCUCPFunction=1,NRCellCU={cell.sector}"


def full(city: City, site: int, below: str = "") -> str:
    """The whole distinguished name of an element, or of what lies below it."""
    name = f"{sub_network(city)},{element(site)}"
    return f"{name},{below}" if below else name
