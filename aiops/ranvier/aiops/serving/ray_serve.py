"""`RayServe`: scene forecasts by replicas under Ray Serve. The only file that imports Ray.

    forecast ► pieces of an ask ► handle ► a replica gathers pieces into a batch by their nodes ► forecasts

Ray runs on this machine and listens on loopback alone, with no proxy and no dashboard; it keeps a token in the
user's home, without which nobody is let in. A promotion changes the deployment's user configuration: each replica
loads the model beside the one that it has, and exchanges them between two batches. To do so rather than start
replicas anew, Serve must hold the code to be the same: hence a version of our own, an option that it keeps for
itself (tried with Ray 2.60).
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ranvier.aiops.serving.replica import About, Made, Piece, Replica, cut, opened
from ranvier.aiops.serving.service import Answer, Loader, loader_of
from ranvier.dtops.scenes.forecast import SceneForecast
from ranvier.dtops.scenes.scene import Scene
from ranvier.fabric.ports import Health
from ranvier.ontology.errors import InputError, RanvierError, TooLate, Unavailable

# Before Ray is imported, which reads them then.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")
# This node's address is then that of loopback, to which Ray's servers bind; its name tells only where it is usual.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

try:
    import ray
    from ray import serve
    from ray.exceptions import GetTimeoutError, RayActorError, RayError
    from ray.serve.exceptions import RayServeException
    from ray.util import metrics
except ImportError as _error:
    raise Unavailable(
        "the extra `serve` for serving.mode = ray", str(_error), "install it: pip install 'ranvier[serve]'"
    ) from _error

NAME = "ray_serve"
APP = "ranvier-forecasts"
DEPLOYMENT = "SceneForecasts"
CODE = "ranvier-1"
LOOPBACK = "127.0.0.1"
ASKS_AGAIN = 3
PING_S = 5.0


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many replicas, what each may use, and how it gathers.

    count             without autoscaling
    most              with autoscaling: between `least` and `most`; None: no autoscaling
    target_asks       asks under way for a replica, to which autoscaling steers
    cpus, gpus        of each; a fraction of a GPU is shared by so many replicas
    batch_nodes       nodes of the scenes in a batch, at most; a larger scene is a batch by itself
    batch_wait_s      to wait for a batch to fill
    piece_scenes      scenes in one message to a replica, at most
    start_s           to wait for the replicas at the start
    """

    count: int = 2
    least: int = 1
    most: int | None = None
    target_asks: float = 4.0
    cpus: float = 1.0
    gpus: float = 0.0
    batch_nodes: int = 20_000
    batch_wait_s: float = 0.005
    piece_scenes: int = 16
    start_s: float = 180.0
    dashboard: bool = False

    def scale(self) -> dict[str, Any]:
        """As options of a deployment."""
        if self.most is None:
            return {"num_replicas": self.count}
        return {"autoscaling_config": {
            "min_replicas": self.least, "max_replicas": self.most,
            "target_ongoing_requests": self.target_asks,
        }}  # fmt: skip


class _Deployment:
    """A `Replica` under Serve: it gathers pieces, counts for Ray's metrics, and takes promoted models."""

    def __init__(self, loader: str | Loader, batch_nodes: int, batch_wait_s: float) -> None:
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        self._replica = Replica(loader_of(loader) if isinstance(loader, str) else loader, self._count)
        self._gathered = serve.batch(
            max_batch_size=batch_nodes, batch_wait_timeout_s=batch_wait_s,
            batch_size_fn=lambda pieces: sum(min(piece.nodes, batch_nodes) for piece in pieces),
        )(self._made)  # fmt: skip
        self._batches = metrics.Counter("ranvier_replica_batches", "Batches worked on")
        self._scenes = metrics.Counter("ranvier_replica_scenes", "Scenes forecast")
        self._took = metrics.Histogram(
            "ranvier_replica_batch_seconds", "Time for one batch", boundaries=[0.005, 0.02, 0.1, 0.5, 2, 10]
        )

    async def __call__(self, piece: Piece) -> Made:
        made: Made = await self._gathered(piece)
        return made

    async def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Take the model that was promoted."""
        await self._replica.take(str(config["folder"]), int(config["generation"]))

    async def about(self) -> About:
        """What this replica holds and has done."""
        return self._replica.about()

    def check_health(self) -> None:
        """Asked by Serve now and then."""
        self._replica.check_health()

    async def _made(self, pieces: list[Piece]) -> list[Made]:
        return await self._replica.made(pieces)

    def _count(self, pieces: int, scenes: int, took_s: float) -> None:
        del pieces
        self._batches.inc()
        if scenes:
            self._scenes.inc(scenes)
        self._took.observe(took_s)


class RayServe:
    """A `ForecastService` over replicas, under a Ray that this process starts unless it has one.

    Raises Unavailable where they do not come up. The loader is `module:function`, or a function. When Ray's own
    processes are lost, Ray ends this one after a while: who must go on speaks to it over a socket instead.
    """

    def __init__(
        self, loader: str | Loader, folder: Path, replicas: Replicas | None = None, app: str = APP
    ) -> None:
        self._loader, self._folder, self._replicas, self._app = loader, folder, replicas or Replicas(), app
        self._generation, self._answered = 1, 0
        self._lock = threading.Lock()
        self._own_ray = not ray.is_initialized()
        if self._own_ray:
            _start_ray(self._replicas)
        try:
            self._handle = self._deployed(folder)
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """Where Ray listens."""
        return str(ray.get_runtime_context().gcs_address)

    def forecast(
        self, scenes: Sequence[Scene], horizons_s: Sequence[float], deadline_s: float | None = None
    ) -> Answer:
        """One forecast for each scene; a replica that dies meanwhile costs another try."""
        end_s = math.inf if deadline_s is None else time.monotonic() + deadline_s
        plan = self._replicas
        pieces = cut(scenes, horizons_s, plan.batch_nodes, plan.piece_scenes)
        found = self._made(pieces, end_s)
        for _ in range(ASKS_AGAIN):
            # Replicas take a promoted model one after the other; an answer is of one version.
            newest = found[-1][-1].model_version if found else ""
            others = [i for i, part in enumerate(found) if any(f.model_version != newest for f in part)]
            if not others:
                break
            for i, part in zip(others, self._made([pieces[i] for i in others], end_s), strict=True):
                found[i] = part
        else:
            raise Unavailable("one version of the model", "two, while one is promoted", "ask again")
        with self._lock:
            self._answered += len(scenes)
        return Answer(tuple(forecast for part in found for forecast in part), NAME)

    def ping(self) -> Health:
        """Asks every replica."""
        try:
            replicas = self._about()
        except (RanvierError, RayError, RayServeException, TimeoutError, RuntimeError) as error:
            return Health(NAME, ok=False, error=str(error) or type(error).__name__)
        if not replicas:
            return Health(NAME, ok=False, error="no replica is up")
        newest = max(replicas, key=lambda each: each.generation)
        detail: dict[str, str | int | float] = {
            "model": newest.model, "version": newest.version, "replicas": len(replicas),
            "scenes": sum(each.scenes for each in replicas),
        }  # fmt: skip
        return Health(NAME, ok=True, detail=detail)

    def counts(self) -> Mapping[str, int]:
        """Scenes answered to this process."""
        return {NAME: self._answered}

    def reload(self, folder: Path) -> str:
        """Every replica takes the model; where one refuses it, all go back to the former."""
        self._generation += 1
        self._handle = self._deployed(folder)
        replicas = self._about()
        if refused := [each.refused for each in replicas if each.refused]:
            self._generation += 1
            self._handle = self._deployed(self._folder)
            raise InputError(f"a model in {folder}", refused[0], "promote another; the former goes on")
        self._folder = folder
        return replicas[0].version if replicas else ""

    def close(self) -> None:
        """Stop the replicas, and Ray where this process started it."""
        if self._own_ray:
            ray.shutdown()  # all that it runs goes with it
            return
        with contextlib.suppress(RayError, RayServeException, RuntimeError, TimeoutError):
            serve.delete(self._app)

    # ------------------------------------------------------------ under Ray
    def _made(self, pieces: Sequence[Piece], end_s: float) -> list[tuple[SceneForecast, ...]]:
        """Forecasts of each piece; those on a replica that dies are asked for again."""
        found: dict[int, tuple[SceneForecast, ...]] = {}
        for left in reversed(range(ASKS_AGAIN + 1)):
            begun = {i: self._begun(piece) for i, piece in enumerate(pieces) if i not in found}
            for i, response in begun.items():
                try:
                    found[i] = opened(self._result(response, end_s))
                except RayActorError as error:
                    if not left:
                        raise Unavailable("a replica that stays up", str(error), "see its log") from error
            if len(found) == len(pieces):
                break
        return [found[i] for i in range(len(pieces))]

    def _begun(self, piece: Piece) -> Any:
        try:
            return self._handle.remote(piece)
        except (RayError, RayServeException, RuntimeError) as error:
            raise _away(error) from error

    def _result(self, response: Any, end_s: float) -> Made:
        left_s = None if end_s == math.inf else max(0.0, end_s - time.monotonic())
        try:
            made: Made = response.result(timeout_s=left_s)
            return made
        except (TimeoutError, GetTimeoutError) as error:
            response.cancel()
            raise TooLate("an answer in time", "none", "wait longer: serving.deadline_s") from error
        except RayActorError:
            raise
        except (RayError, RayServeException, RuntimeError) as error:
            raise _away(error) from error

    def _deployed(self, folder: Path) -> Any:
        plan = self._replicas
        options = {
            "name": DEPLOYMENT, "version": CODE, "_internal": True, "max_ongoing_requests": 64,
            "user_config": {"folder": str(folder.resolve()), "generation": self._generation},
            "ray_actor_options": {"num_cpus": plan.cpus, "num_gpus": plan.gpus},
            "health_check_period_s": 5, "health_check_timeout_s": 30, "graceful_shutdown_timeout_s": 10,
            **plan.scale(),
        }  # fmt: skip
        target = serve.deployment(_Deployment).options(**options)
        try:
            serve.start(proxy_location="Disabled", logging_config={"log_level": "WARNING"})
            logging.getLogger("ray.serve").setLevel(logging.WARNING)
            bound = target.bind(self._loader, plan.batch_nodes, plan.batch_wait_s)
            (handle,) = serve.run_many(
                [serve.RunTarget(bound, name=self._app, route_prefix=None)],
                wait_for_applications_running=False,
            )
            self._wait(handle)
            return handle
        except (RayError, RayServeException, RuntimeError, TimeoutError) as error:
            raise Unavailable(
                "replicas that come up", str(error), "see `ranvier serve` and its log"
            ) from error

    def _wait(self, handle: Any) -> None:
        """Until every replica has taken the model of this generation, or refused it."""
        end_s = time.monotonic() + self._replicas.start_s
        while time.monotonic() < end_s:
            about = serve.status().applications[self._app]
            if about.status == "DEPLOY_FAILED":
                raise RuntimeError(about.message)
            if about.status == "RUNNING" and all(
                each.generation >= self._generation for each in _replicas_behind(handle)
            ):
                return
            time.sleep(0.1)
        raise TimeoutError(
            f"not within {self._replicas.start_s:g} s: there may be too few GPUs (serving.gpus_per_replica)"
        )

    def _about(self) -> list[About]:
        return _replicas_behind(self._handle)


def _replicas_behind(handle: Any) -> list[About]:
    found = handle.broadcast("about").results(timeout_s=PING_S)
    return [each for each in found if isinstance(each, About)]


def _start_ray(replicas: Replicas) -> None:
    """A Ray of this process, on loopback."""
    # As many as the replicas ask for: where the machine has fewer they share, instead of waiting for ever.
    cpus = max(os.cpu_count() or 1, math.ceil((replicas.most or replicas.count) * replicas.cpus))
    ray.init(
        address="local", _node_ip_address=LOOPBACK, num_cpus=cpus, include_dashboard=replicas.dashboard,
        dashboard_host=LOOPBACK, log_to_driver=False, logging_level=logging.ERROR, namespace="ranvier",
    )  # fmt: skip
    if (own := ray.util.get_node_ip_address()) != LOOPBACK:
        ray.shutdown()
        raise Unavailable(
            "a Ray that listens on loopback alone", f"one at {own}",
            "import nothing of Ray before ranvier.aiops.serving.ray_serve, and leave "
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER at 0",
        )  # fmt: skip


def _away(error: Exception) -> Unavailable:
    return Unavailable(
        "replicas that answer", str(error) or type(error).__name__, "see `ranvier serve` and its log"
    )
