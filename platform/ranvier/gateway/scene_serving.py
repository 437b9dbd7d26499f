"""The forecast service of the settings: in process, or replicas with it to fall back on.

It imports what it needs when it is asked for, since a platform without a surrogate needs neither torch nor Ray.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ranvier.gateway.settings import Settings
from ranvier.ontology.errors import Unavailable

if TYPE_CHECKING:
    from ranvier.aiops.serving.ray_serve import RayServe
    from ranvier.aiops.serving.service import ForecastService

RUNFILE = "serving.json"
"""In the folder of the stores: where a running `ranvier serve` listens, and with which key."""


def model_folder(settings: Settings) -> Path:
    """Where the surrogate lies. Raises Unavailable, with what to do, where there is none."""
    folder = settings.surrogate.folder
    if folder is None:
        raise Unavailable(
            "a trained surrogate for forecasts of scenes", "none: surrogate.folder is not set",
            "train one, and name its folder in surrogate.folder (docs/serving.md)",
        )  # fmt: skip
    if not folder.is_dir():
        raise Unavailable(
            f"a trained surrogate in {folder}", "no such folder",
            "train one, or correct surrogate.folder (docs/serving.md)",
        )  # fmt: skip
    if missing := [name for name in ("torch",) if find_spec(name) is None]:
        raise Unavailable(
            "the extra `surrogate` for forecasts of scenes", f"no {', '.join(missing)}",
            "install it: pip install 'ranvier[surrogate]'",
        )  # fmt: skip
    return folder


def forecast_service(settings: Settings) -> ForecastService:
    """The service, started. Raises Unavailable where there is no surrogate; replicas may come and go."""
    folder, serving = model_folder(settings), settings.serving
    from ranvier.aiops.serving.deadline import Patience, WithinDeadline
    from ranvier.aiops.serving.in_process import InProcess
    from ranvier.aiops.serving.service import loader_of

    near = InProcess(loader_of(settings.surrogate.loader), folder, serving.batch_scenes)
    if serving.mode == "in_process":
        return near
    from ranvier.aiops.serving.socket_service import SocketService

    patience = Patience(serving.deadline_s, serving.batch_scenes, serving.give_up_after, serving.rest_s)
    return WithinDeadline(SocketService(settings.store.folder / RUNFILE), near, patience)


def replicas(settings: Settings) -> RayServe:
    """The replicas of the settings, under a Ray of this process. Raises Unavailable."""
    folder, serving = model_folder(settings), settings.serving
    from ranvier.aiops.serving.ray_serve import RayServe, Replicas
    from ranvier.aiops.serving.service import loader_of

    loader_of(settings.surrogate.loader)(
        folder
    )  # what does not load is told now, not by replicas that die of it
    plan = Replicas(
        count=serving.replicas, least=serving.min_replicas, most=serving.max_replicas,
        target_asks=serving.target_asks, cpus=serving.cpus_per_replica, gpus=serving.gpus_per_replica,
        batch_nodes=serving.batch_nodes, batch_wait_s=serving.batch_wait_s, piece_scenes=serving.batch_scenes,
        start_s=serving.start_s, dashboard=serving.dashboard,
    )  # fmt: skip
    return RayServe(settings.surrogate.loader, folder, plan)
