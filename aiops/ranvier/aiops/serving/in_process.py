"""`InProcess`: scene forecasts by a predictor in this process; what comes at once is worked on together.

    callers ► waiting ► whoever is free takes the oldest, and as many as fit ► predictor ► each caller's answer

One batch at a time: more would share the same cores. A caller holds the predictor that was there when it came,
so that a model which is exchanged meanwhile changes no answer halfway.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ranvier.aiops.serving.service import Answer, Loader
from ranvier.dtops.scenes.forecast import SceneForecast, ScenePredictor
from ranvier.dtops.scenes.scene import Scene
from ranvier.fabric.ports import Health

NAME = "in_process"


@dataclass(slots=True, eq=False)
class _Asked:
    """Scenes that wait for their forecasts; `error` where there are none."""

    predictor: ScenePredictor
    horizons_s: tuple[float, ...]
    scenes: Sequence[Scene]
    forecasts: list[SceneForecast] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False


class InProcess:
    """A `ForecastService`. It cannot stop halfway, so it knows no deadline: it is whom others fall back on."""

    def __init__(self, loader: Loader, folder: Path, batch_scenes: int = 32) -> None:
        self._load, self._batch_scenes = loader, batch_scenes
        self._predictor = loader(folder)
        self._waiting: list[_Asked] = []
        self._change, self._busy = threading.Condition(), False
        self._answered = 0

    def forecast(
        self, scenes: Sequence[Scene], horizons_s: Sequence[float], deadline_s: float | None = None
    ) -> Answer:
        """One forecast for each scene; it takes as long as it takes."""
        del deadline_s
        predictor, found = self._predictor, list[SceneForecast]()
        for begin in range(0, len(scenes), self._batch_scenes):
            asked = _Asked(predictor, tuple(horizons_s), scenes[begin : begin + self._batch_scenes])
            found += self._answer(asked)
        return Answer(tuple(found), NAME)

    def ping(self) -> Health:
        """Which model answers."""
        predictor = self._predictor
        return Health(NAME, ok=True, detail={"model": predictor.name, "version": predictor.version})

    def counts(self) -> Mapping[str, int]:
        """Scenes answered."""
        return Counter({NAME: self._answered})

    def reload(self, folder: Path) -> str:
        """Load first, then exchange."""
        predictor = self._load(folder)
        self._predictor = predictor
        return predictor.version

    def close(self) -> None:
        """Nothing was started."""

    # ------------------------------------------------------------ batches
    def _answer(self, asked: _Asked) -> list[SceneForecast]:
        """Wait, or work on the oldest batch, until this one is done.

        A lock for the turn would not do: whoever lets go of it takes it again before others have woken.
        """
        with self._change:
            self._waiting.append(asked)
        while True:
            with self._change:
                self._change.wait_for(lambda: asked.done or not self._busy)
                if asked.done:
                    break
                self._busy, batch = True, self._batch()
            try:
                self._work(batch)
            finally:
                with self._change:
                    self._busy = False
                    self._change.notify_all()
        if asked.error is not None:
            raise asked.error
        return asked.forecasts

    def _batch(self) -> list[_Asked]:
        """The oldest and all that wait for the same model and horizons, as many as fit."""
        first = self._waiting.pop(0)
        chosen, left = [first], self._batch_scenes - len(first.scenes)
        for other in list(self._waiting):
            alike = other.predictor is first.predictor and other.horizons_s == first.horizons_s
            if alike and len(other.scenes) <= left:
                self._waiting.remove(other)
                chosen.append(other)
                left -= len(other.scenes)
        return chosen

    def _work(self, batch: Sequence[_Asked]) -> None:
        try:
            self._together(batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
            else:
                for asked in batch:  # one bad scene is no reason to refuse the others
                    self._work([asked])
        for asked in batch:
            asked.done = True

    def _together(self, batch: Sequence[_Asked]) -> None:
        scenes = [scene for asked in batch for scene in asked.scenes]
        found = iter(batch[0].predictor.forecast(scenes, batch[0].horizons_s))
        for asked in batch:
            asked.forecasts = [next(found) for _ in asked.scenes]
        self._answered += len(scenes)
