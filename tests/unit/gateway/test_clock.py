"""A recording happens again at its speed, without its silences, and never backwards."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from ranvier.gateway.clock import ReplayClock, StoppedClock


class Hand:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def test_a_recording_runs_at_its_speed() -> None:
    hand = Hand()
    clock = ReplayClock(1_000, speed=10, monotonic_ns=hand)
    hand.ns = 7
    assert clock.now_ns() == 1_070


def test_a_long_silence_is_left_out_but_for_its_end() -> None:
    hand = Hand()
    clock = ReplayClock(0, speed=1, monotonic_ns=hand)
    stop = threading.Event()
    stop.set()
    clock.wait_until(3_600_000_000_000, stop, skip_after_s=60)
    assert clock.now_ns() == 3_540_000_000_000


def test_a_short_silence_is_kept() -> None:
    clock = ReplayClock(0, speed=1, monotonic_ns=Hand())
    stop = threading.Event()
    stop.set()
    clock.wait_until(30_000_000_000, stop, skip_after_s=60)
    assert clock.now_ns() == 0


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**13)), max_size=20))
def test_the_clock_never_goes_back(moves: list[tuple[int, int]]) -> None:
    hand = Hand()
    clock = ReplayClock(0, speed=3, monotonic_ns=hand)
    stop = threading.Event()
    stop.set()
    last = clock.now_ns()
    for step, due in moves:
        hand.ns += step
        clock.wait_until(due, stop, skip_after_s=1)
        assert clock.now_ns() >= last
        last = clock.now_ns()


def test_a_stopped_clock_stands_and_waits_for_nothing() -> None:
    clock, stop = StoppedClock(5), threading.Event()
    assert (clock.wait_until(5, stop), clock.wait_until(6, stop)) == (True, False)
    assert clock.now_ns() == 5
