"""Power of base stations after TR 38.864: states of sleep, symbol and carrier shutdown, watts of each cell."""

from ranvier.dtops.simulator.energy.energy_model import EnergyModel, EnergyState
from ranvier.dtops.simulator.energy.settings import EnergySettings

__all__ = ["EnergyModel", "EnergySettings", "EnergyState"]
