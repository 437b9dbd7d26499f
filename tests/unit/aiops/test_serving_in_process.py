"""`InProcess`: batches, chunks, and what a promotion does to those that wait."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ranvier.aiops.serving.in_process import InProcess
from ranvier.aiops.serving.service import loader_of
from ranvier.dtops.scenes.forecast import SceneForecast
from ranvier.dtops.scenes.scene import Scene
from ranvier.ontology.errors import InputError
from tests.scene_double import ConstantPredictor, load, scene

H = (1.0,)


class Held(ConstantPredictor):
    """Waits in each forecast until it may go on."""

    def __init__(self, version: str = "1") -> None:
        super().__init__(version)
        self.go, self.begun = threading.Event(), threading.Semaphore(0)

    def forecast(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> list[SceneForecast]:
        self.begun.release()
        assert self.go.wait(10)
        return super().forecast(scenes, horizons_s)


def waiting(service: InProcess, many: int) -> None:
    for _ in range(1000):
        if len(service._waiting) >= many:
            return
        threading.Event().wait(0.005)
    raise AssertionError("the asks did not queue")


def test_what_waits_for_the_turn_is_one_batch() -> None:
    held = Held()
    service = InProcess(lambda _: held, Path())
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(service.forecast, [scene()], H)
        assert held.begun.acquire(timeout=5)
        others = [pool.submit(service.forecast, [scene()], H) for _ in range(5)]
        waiting(service, 5)
        held.go.set()
        assert all(len(each.result(5).forecasts) == 1 for each in [first, *others])
    assert held.batches == [1, 5]


def test_asks_of_other_horizons_are_other_batches() -> None:
    held = Held()
    service = InProcess(lambda _: held, Path())
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(service.forecast, [scene()], H)
        assert held.begun.acquire(timeout=5)
        others = [pool.submit(service.forecast, [scene()], (h,)) for h in (1.0, 60.0)]
        waiting(service, 2)
        held.go.set()
        assert [each.result(5).forecasts[0].horizons_s for each in [first, *others]] == [H, H, (60.0,)]
    assert held.batches == [1, 1, 1]


def test_a_long_ask_is_worked_on_in_pieces() -> None:
    made = ConstantPredictor()
    assert len(InProcess(lambda _: made, Path(), batch_scenes=4).forecast([scene()] * 10, H).forecasts) == 10
    assert made.batches == [4, 4, 2]


def test_who_waits_is_answered_by_the_model_that_was_there_when_it_came() -> None:
    old, new = Held("1"), ConstantPredictor("2")
    models = iter([old, new])
    service = InProcess(lambda _: next(models), Path())
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(service.forecast, [scene()], H)
        assert old.begun.acquire(timeout=5)
        assert service.reload(Path()) == "2"
        old.go.set()
        assert asked.result(5).forecasts[0].model_version == "1"
    assert service.forecast([scene()], H).forecasts[0].model_version == "2"


@pytest.mark.parametrize("path", ["nowhere:load", "tests.scene_double:nothing", "tests.scene_double", ""])
def test_a_loader_that_is_not_there_is_named(path: str) -> None:
    with pytest.raises(InputError, match="module:function"):
        loader_of(path)


def test_a_loader_is_found_by_its_path() -> None:
    assert loader_of("tests.scene_double:load") is load


def test_nobody_waits_for_more_than_the_batch_in_work_and_its_own() -> None:
    """Of one batch more may be begun by others between an answer and the caller's next look at the count."""
    predictor = ConstantPredictor(slow_s=0.05)
    service = InProcess(lambda _: predictor, Path())

    def asks(_: int) -> int:
        most = 0
        for _ in range(5):
            before = len(predictor.batches)
            service.forecast([scene()], H)
            most = max(most, len(predictor.batches) - before)
        return most

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(asks, range(4)))
    assert max(found) <= 4
