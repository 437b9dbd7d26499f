"""Which models a twin runs, and the Synchroniser that goes with them."""

from __future__ import annotations

from importlib.util import find_spec

from ranvier.dtops.ports import Predictor, Synchroniser
from ranvier.gateway.settings import TwinSettings
from ranvier.ontology.errors import InputError


def with_simulator(
    synchroniser: Synchroniser, baselines: tuple[Predictor, ...], settings: TwinSettings
) -> tuple[Synchroniser, tuple[Predictor, ...]]:
    """The synchroniser and the models of `twin.model`. Raises InputError where the extra is not installed."""
    if settings.model != "simulator":
        return synchroniser, baselines
    if missing := [name for name in ("torch", "numba") if find_spec(name) is None]:
        raise InputError(
            "the extra `simulator` for twin.model = simulator", f"no {', '.join(missing)}",
            "install it: pip install 'ranvier[simulator]', or `make simulator` in a checkout",
        )  # fmt: skip
    from ranvier.dtops.simulator.ensemble_synchroniser import EnsembleSynchroniser
    from ranvier.dtops.simulator.simulator_predictor import SimulatorPredictor

    ensemble = EnsembleSynchroniser(synchroniser, settings.simulator_members, settings.simulator_slots)
    return ensemble, (*baselines, SimulatorPredictor(ensemble, ensemble.drift))


def primary_of(settings: TwinSettings) -> str:
    """The name of the model whose forecasts back decisions."""
    return settings.primary or settings.model
