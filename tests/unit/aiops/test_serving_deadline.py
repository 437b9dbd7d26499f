"""`WithinDeadline`: late, away, too many at once, and left alone for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ranvier.aiops.serving.deadline import Patience, WithinDeadline
from ranvier.aiops.serving.in_process import InProcess
from ranvier.aiops.serving.service import Answer
from ranvier.dtops.scenes.scene import Scene
from ranvier.fabric.ports import Health
from ranvier.ontology.errors import InputError, Unavailable
from tests.scene_double import load, model, scene

H = (1.0,)


class First:
    """A service that does as it is told."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.holds = threading.Event()
        self.holds.set()
        self.asked = 0
        self.reloaded: list[Path] = []

    def forecast(
        self, scenes: Sequence[Scene], horizons_s: Sequence[float], deadline_s: float | None = None
    ) -> Answer:
        self.asked += 1
        self.holds.wait(5)
        if self.raises:
            raise self.raises
        return Answer((), "ray_serve")

    def ping(self) -> Health:
        return Health("ray_serve", ok=self.raises is None, error="" if self.raises is None else "away")

    def counts(self) -> dict[str, int]:
        return {"ray_serve": self.asked}

    def reload(self, folder: Path) -> str:
        self.reloaded.append(folder)
        return "?"

    def close(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def first() -> First:
    return First()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def within(first: First, clock: Clock, tmp_path: Path) -> Callable[[float], WithinDeadline]:
    """Both services, with so many seconds for the first: few where it hangs, many where it has to answer."""
    near = InProcess(load, model(tmp_path / "a"))
    return lambda deadline_s: WithinDeadline(
        first, near, Patience(deadline_s, failures=2, rest_s=10.0, asks=3), clock
    )


@pytest.fixture
def both(within: Callable[[float], WithinDeadline]) -> WithinDeadline:
    return within(20.0)


def away() -> Unavailable:
    return Unavailable("replicas", "none", "start them")


def test_the_first_answers_while_it_can(both: WithinDeadline) -> None:
    answer = both.forecast([scene()], H)
    assert (answer.answered_by, answer.because) == ("ray_serve", "")


def test_where_the_first_hangs_the_second_answers_and_says_so(
    within: Callable[[float], WithinDeadline], first: First
) -> None:
    both = within(0.05)
    first.holds.clear()
    answer = both.forecast([scene()], H)
    first.holds.set()
    assert (answer.answered_by, answer.because) == ("in_process", "late: none within 0.05 s")
    assert both.counts()["late"] == 1


def test_more_scenes_have_more_time(first: First, tmp_path: Path) -> None:
    both = WithinDeadline(first, InProcess(load, model(tmp_path / "a")), Patience(0.05, scenes=2))
    first.holds.clear()
    assert both.forecast([scene()] * 8, H).because == "late: none within 0.2 s"
    first.holds.set()


def test_where_the_first_is_away_the_second_answers(both: WithinDeadline, first: First) -> None:
    first.raises = away()
    answer = both.forecast([scene()], H)
    assert (answer.answered_by, answer.because) == ("in_process", "away: none")
    assert both.counts()["away"] == 1


def test_what_the_first_refuses_the_second_is_not_asked(both: WithinDeadline, first: First) -> None:
    first.raises = InputError("a horizon", "7", "another")
    with pytest.raises(InputError):
        both.forecast([scene()], H)


def test_after_failures_in_a_row_the_first_is_left_alone_for_a_while(
    both: WithinDeadline, first: First, clock: Clock
) -> None:
    first.raises = away()
    for _ in range(5):
        both.forecast([scene()], H)
    assert first.asked == 2
    first.raises, clock.now_s = None, 10.0
    assert both.forecast([scene()], H).answered_by == "ray_serve"


def test_asks_that_hang_are_bounded(
    within: Callable[[float], WithinDeadline], first: First, clock: Clock
) -> None:
    both = within(0.05)
    first.holds.clear()
    for _ in range(6):
        both.forecast([scene()], H)
        clock.now_s += 100.0
    assert first.asked == 3
    first.holds.set()


def test_a_model_that_does_not_load_goes_no_further_than_the_second(
    both: WithinDeadline, first: First, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        both.reload(tmp_path / "none")
    assert first.reloaded == []


def test_a_ping_says_that_the_first_is_away_and_who_answers(both: WithinDeadline, first: First) -> None:
    first.raises = away()
    found = both.ping()
    assert (found.ok, found.detail["falls_back_on"]) == (False, "in_process")
