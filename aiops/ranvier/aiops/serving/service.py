"""`ForecastService`: the port behind which scene forecasts are made, wherever that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from ranvier.dtops.scenes.forecast import SceneForecast, ScenePredictor
from ranvier.dtops.scenes.scene import Scene
from ranvier.fabric.ports import Health
from ranvier.ontology.errors import InputError

Loader = Callable[[Path], ScenePredictor]
"""Makes the predictor whose weights lie in a folder. Raises InputError where they do not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered: a forecast for each scene, all by one version of the model.

    answered_by  which service: "in_process" or "ray_serve"
    because      why it was not the one first asked: "late: …", "away: …"; empty: it was
    """

    forecasts: tuple[SceneForecast, ...]
    answered_by: str
    because: str = ""


class ForecastService(Protocol):
    """Answers from any thread. A promoted model takes over between two answers, never within one."""

    def forecast(
        self, scenes: Sequence[Scene], horizons_s: Sequence[float], deadline_s: float | None = None
    ) -> Answer:
        """One forecast for each scene, in their order.

        Raises InputError for what the model does not know, TooLate where no answer came within `deadline_s`
        (None: wait), Unavailable where nobody answers. A service that cannot stop halfway answers late.
        """
        ...

    def ping(self) -> Health:
        """Whether it answers; in `detail` the model, its version, and how many replicas there are."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Since the start: scenes by who answered ("in_process", "ray_serve"), and "late" and "away" asks."""
        ...

    def reload(self, folder: Path) -> str:
        """Answer with the model in this folder from now on; its version.

        What is under way is finished by the model that began it. Raises InputError, and goes on as it was,
        where the folder has no model.
        """
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


def loader_of(path: str) -> Loader:
    """The loader at `module:function`. Raises InputError where there is none."""
    module, _, name = path.partition(":")
    try:
        found: Loader = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            "a loader as module:function", f"{path!r} ({error})",
            "correct surrogate.loader, or install what it needs: pip install 'ranvier[surrogate]'",
        ) from error  # fmt: skip
    return found
