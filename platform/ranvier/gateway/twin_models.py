"""Which models a twin runs, and the Synchroniser that goes with them.

statistical  the baselines alone
simulator    members are filtered and forecast by the simulator
surrogate    the same with a trained surrogate in the simulator's place
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ranvier.dtops.ports import Predictor, Synchroniser
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.gateway.settings import TwinSettings
from ranvier.ontology.errors import InputError

if TYPE_CHECKING:
    from ranvier.dtops.simulator.ensemble_synchroniser import EnsembleSynchroniser

NEEDS = {"simulator": ("torch", "numba"), "surrogate": ("torch", "numba", "torch_geometric")}
"""An extra, and what is looked for to see whether it is installed."""


@dataclass(frozen=True, slots=True)
class TwinModel:
    """A model beside the baselines.

    followed  the synchroniser that keeps its members, over another one, with the grid's step in seconds
    """

    predictor: Predictor
    followed: Callable[[Synchroniser, float], Synchroniser]


def with_model(
    synchroniser: Synchroniser, baselines: tuple[Predictor, ...], settings: TwinSettings, step_s: float
) -> tuple[Synchroniser, tuple[Predictor, ...]]:
    """The synchroniser and the models of `twin.model`.

    Raises InputError where the extra is not installed, or there is no trained surrogate.
    """
    made = model_of(settings)
    if made is None:
        return synchroniser, baselines
    return made.followed(synchroniser, step_s), (*baselines, made.predictor)


def model_of(settings: TwinSettings) -> TwinModel | None:
    """The model of `twin.model`; None for the baselines alone. Raises InputError as `with_model`."""
    if settings.model == "statistical":
        return None
    _need(settings.model)
    return _simulator(settings) if settings.model == "simulator" else _surrogate(settings)


def primary_of(settings: TwinSettings) -> str:
    """The name of the model whose forecasts back decisions."""
    return settings.primary or settings.model


def _need(extra: str) -> None:
    if missing := [name for name in NEEDS[extra] if find_spec(name) is None]:
        raise InputError(
            f"the extra `{extra}` for twin.model = {extra}", f"no {', '.join(missing)}",
            f"install it: pip install 'ranvier[{extra}]', or `make {extra}` in a checkout",
        )  # fmt: skip


def _simulator(settings: TwinSettings) -> TwinModel:
    from ranvier.dtops.simulator.ensemble_synchroniser import EnsembleSynchroniser
    from ranvier.dtops.simulator.simulator_predictor import SimulatorPredictor

    # The predictor asks its ensemble for the model of a graph alone; what it follows is never used.
    ensemble = EnsembleSynchroniser(
        LoadBinSynchroniser(1), settings.simulator_members, settings.simulator_slots
    )

    def followed(inner: Synchroniser, step_s: float) -> EnsembleSynchroniser:
        del step_s
        return replace(ensemble, inner=inner)

    return TwinModel(SimulatorPredictor(ensemble, ensemble.drift), followed)


def _surrogate(settings: TwinSettings) -> TwinModel:
    if settings.surrogate_folder is None:
        raise InputError(
            "twin.surrogate_folder with a trained surrogate, for twin.model = surrogate", "none",
            "train one: ranvier train --rung v0 --dataset DIR, and name its folder",
        )  # fmt: skip
    from ranvier.aiops.surrogate.predictor import load_predictor
    from ranvier.aiops.surrogate.surrogate_cells import SurrogateCells
    from ranvier.aiops.surrogate.twin_predictor import SurrogateTwin
    from ranvier.dtops.simulator.ensemble_synchroniser import EnsembleSynchroniser

    predictor = load_predictor(settings.surrogate_folder)
    members = settings.surrogate_members

    def followed(inner: Synchroniser, step_s: float) -> EnsembleSynchroniser:
        return EnsembleSynchroniser(
            inner, members, make=lambda network: SurrogateCells(network, predictor, step_s)
        )

    return TwinModel(SurrogateTwin(predictor, predictor.horizons_s, members=members), followed)
