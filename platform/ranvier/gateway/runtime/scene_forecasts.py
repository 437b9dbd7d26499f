"""`SceneForecasts`: a platform's forecasts of scenes; the service behind them starts when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ranvier.fabric.ports import Health
from ranvier.gateway.api.platform import LiveScene, Whose
from ranvier.ontology.errors import RanvierError, Unavailable

if TYPE_CHECKING:
    from ranvier.aiops.serving.service import Answer, ForecastService
    from ranvier.dtops.scenes.scene import Scene

log = structlog.get_logger("ranvier.scenes")
LiveSceneOf = Callable[[Whose, int | None], LiveScene]
"""The twin of a tenant and network as a scene: as of a time, or now (None). Raises NotFound."""


class SceneForecasts:
    """Forecasts of scenes, and the live twin as a scene. Safe for threads.

    opened   starts the service; it raises Unavailable, which says what is missing, and is then asked anew
    scenes   the live twin as a scene; None: this platform cannot
    folder   of the model, watched for promotions while the service runs; None: there is none
    """

    def __init__(
        self, opened: Callable[[], ForecastService], scenes: LiveSceneOf | None = None,
        folder: Path | None = None, look_s: float = 2.0,
    ) -> None:  # fmt: skip
        self._open, self._scenes, self._folder, self._look_s = opened, scenes, folder, look_s
        self._service: ForecastService | None = None
        self._lock, self._closed = threading.Lock(), threading.Event()

    def live_scene(self, whose: Whose, as_of_ns: int | None) -> LiveScene:
        """The twin as a scene. Raises NotFound, or Unavailable."""
        if self._scenes is None:
            raise Unavailable(
                "a twin that can be seen as a scene", "one that follows counters alone",
                "send the scene itself: `scene` instead of `as_of` (docs/serving.md)",
            )  # fmt: skip
        return self._scenes(whose, as_of_ns)

    def forecast(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> Answer:
        """A forecast of each, by one version of the model. Raises Unavailable, InputError."""
        return self.service().forecast(scenes, horizons_s)

    def health(self) -> tuple[Health, Mapping[str, int]]:
        """How the service does, and its counts. Raises Unavailable."""
        service = self.service()
        return service.ping(), service.counts()

    def counts(self) -> Mapping[str, int]:
        """What was answered; empty while the service has not been asked for. Starts nothing."""
        return {} if self._service is None else self._service.counts()

    def service(self) -> ForecastService:
        """The service, started now if it was not. Raises Unavailable."""
        with self._lock:
            if self._service is None:
                self._service = self._open()
                self._closed.clear()
                self._in_background(lambda: self._watch(self._service))
            return self._service

    def warm(self) -> None:
        """Start the service in the background where there is a model, so that the first to ask need not wait."""
        if self._folder is not None:
            self._in_background(self._warmed)

    def close(self) -> None:
        """Stop the service where it was started."""
        self._closed.set()
        with self._lock:
            if self._service is not None:
                self._service.close()
                self._service = None

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name="ranvier-scenes", daemon=True).start()

    def _warmed(self) -> None:
        try:
            found = self.service().ping()
            log.info("scenes are forecast", service=found.name, **found.detail)
        except RanvierError as error:
            log.warning("no scenes are forecast", error=str(error))

    def _watch(self, service: ForecastService | None) -> None:
        from ranvier.aiops.serving.promotion import Promotions

        if self._folder is None or service is None:
            return
        promotions = Promotions(self._folder, service)
        while not self._closed.wait(self._look_s):
            if told := promotions.look_or_say():
                log.info(told)
