"""`Replica`: what one replica does with the batches that it is handed; it knows nothing of who hands them.

A piece is some scenes of one ask. They travel as they are, not as the bytes of a file: what-ifs of one scene share
most of their columns, which then go but once, and to compress them took longer than all else. A batch is pieces of
any asks: those of the same horizons go to the predictor together, and each piece has its own answer or its own
error.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ranvier.aiops.serving.service import Loader
from ranvier.dtops.scenes.forecast import SceneForecast, ScenePredictor
from ranvier.dtops.scenes.scene import Scene
from ranvier.ontology.errors import InputError

Told = Callable[[int, int, float], None]
"""Told of each batch: how many pieces and scenes it had, and the seconds that it took."""


class Piece(NamedTuple):
    """Some scenes of one ask. `nodes`: cells and users of all of them."""

    nodes: int
    scenes: tuple[Scene, ...]
    horizons_s: tuple[float, ...]


class Made(NamedTuple):
    """What became of a piece: forecasts, or why there are none (InputError's three parts, or a failure)."""

    forecasts: tuple[SceneForecast, ...] = ()
    refused: tuple[str, str, str] | None = None
    failed: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """A replica. `refused`: why it did not take the newest model that it was told of."""

    pid: int
    generation: int
    model: str
    version: str
    scenes: int
    refused: str = ""


def nodes_of(scene: Scene) -> int:
    """Cells and users."""
    return len(scene.cells) + len(scene.users)


class Replica:
    """Holds one predictor, works on one batch at a time in a thread of its own, and exchanges the predictor."""

    def __init__(self, loader: Loader, told: Told | None = None, stuck_s: float = 300.0) -> None:
        self._load, self._told, self._stuck_s = loader, told, stuck_s
        self._predictor: ScenePredictor | None = None
        self._generation, self._scenes, self._refused = 0, 0, ""
        self._began_s: float | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="predictor")

    async def take(self, folder: str, generation: int) -> None:
        """Answer with the model in this folder from the next batch on.

        The first model must load. A later one that does not is refused, and the former goes on.
        """
        try:
            self._predictor = await asyncio.to_thread(self._load, Path(folder))
            self._refused = ""
        except Exception as error:
            if self._predictor is None:
                raise
            self._refused = str(error) or type(error).__name__
        self._generation = generation

    async def made(self, pieces: Sequence[Piece]) -> list[Made]:
        """The answer to each piece of a batch."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._work, list(pieces))

    def about(self) -> About:
        """What it holds and has done."""
        held = self._predictor
        name, version = ("", "") if held is None else (held.name, held.version)
        return About(os.getpid(), self._generation, name, version, self._scenes, self._refused)

    def check_health(self) -> None:
        """Raises RuntimeError where it holds no model, or hangs in a batch: whoever runs it starts another."""
        if self._predictor is None:
            raise RuntimeError("no model is loaded")
        began_s = self._began_s
        if began_s is not None and time.monotonic() - began_s > self._stuck_s:
            raise RuntimeError(f"a batch has not ended within {self._stuck_s:g} s")

    # ------------------------------------------------------------ a batch
    def _work(self, pieces: list[Piece]) -> list[Made]:
        assert self._predictor is not None
        predictor, self._began_s = self._predictor, time.monotonic()
        made = [Made()] * len(pieces)
        try:
            alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
            for place, piece in enumerate(pieces):
                alike[piece.horizons_s].append(place)
            for places in alike.values():
                for place, one in zip(places, _answers(predictor, [pieces[i] for i in places]), strict=True):
                    made[place] = one
            return made
        finally:
            took_s, self._began_s = time.monotonic() - self._began_s, None
            scenes = sum(len(each.forecasts) for each in made)
            self._scenes += scenes
            if self._told is not None:
                self._told(len(pieces), scenes, took_s)


def _answers(predictor: ScenePredictor, pieces: Sequence[Piece]) -> list[Made]:
    """Together; where that fails, each by itself, so that one bad scene refuses no other."""
    try:
        scenes = [scene for piece in pieces for scene in piece.scenes]
        found = iter(predictor.forecast(scenes, pieces[0].horizons_s))
        return [Made(tuple(next(found) for _ in piece.scenes)) for piece in pieces]
    except Exception as error:
        if len(pieces) > 1:
            return [_answers(predictor, [piece])[0] for piece in pieces]
        if isinstance(error, InputError):
            return [Made(refused=(error.expected, error.got, error.remedy))]
        return [Made(failed=f"{type(error).__name__}: {error}")]


def cut(scenes: Sequence[Scene], horizons_s: Sequence[float], nodes: int, at_most: int) -> list[Piece]:
    """Pieces of at most `nodes` nodes and `at_most` scenes each, in order; a larger scene is one by itself."""
    pieces, begun, size = list[Piece](), list[Scene](), 0
    horizons = tuple(horizons_s)
    for scene in scenes:
        own = nodes_of(scene)
        if begun and (size + own > nodes or len(begun) >= at_most):
            pieces.append(Piece(size, tuple(begun), horizons))
            begun, size = [], 0
        begun.append(scene)
        size += own
    return [*pieces, Piece(size, tuple(begun), horizons)] if begun else pieces


def opened(made: Made) -> tuple[SceneForecast, ...]:
    """The forecasts of a piece. Raises InputError where it was refused, RuntimeError where the model failed."""
    if made.refused is not None:
        raise InputError(*made.refused)
    if made.failed:
        raise RuntimeError(f"the model failed: {made.failed}")
    return made.forecasts
