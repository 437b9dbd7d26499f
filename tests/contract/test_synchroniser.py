"""What every `Synchroniser` keeps. Its own figures are tested in tests/unit/dtops."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops.ports import Synchroniser
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.fabric.ports import SeriesFrame
from ranvier.ontology.errors import LeakError

S = 10**9
ADAPTERS = {"UE bins by load": lambda: LoadBinSynchroniser(S)}


@pytest.fixture(params=ADAPTERS)
def synchroniser(request: pytest.FixtureRequest) -> Synchroniser:
    return ADAPTERS[request.param]()


def frame(ends_s: list[int], values: list[float], known_s: int | None = None) -> SeriesFrame:
    ends = np.array(ends_s, dtype=np.int64) * S
    known = ends if known_s is None else np.full(len(ends), known_s * S)
    n = len(ends)
    names = np.full(n, "a", dtype=object), np.full(n, "q", dtype=object)
    return SeriesFrame(*names, ends, ends, np.array(values), known, np.zeros(n, dtype=bool))


def test_what_was_measured_is_in_the_state(synchroniser: Synchroniser) -> None:
    state = synchroniser.update(None, frame([1, 2], [5.0, 6.0]), None, 2 * S, 2 * S)
    assert (state.as_of_ns, state.known_at_ns) == (2 * S, 2 * S)
    assert state.recent[0, -2:].tolist() == [5.0, 6.0]


def test_it_is_pure(synchroniser: Synchroniser) -> None:
    before = synchroniser.update(None, frame([1], [5.0]), None, S, S)
    once = synchroniser.update(before, frame([2], [6.0]), None, 2 * S, 2 * S)
    again = synchroniser.update(before, frame([2], [6.0]), None, 2 * S, 2 * S)
    assert np.array_equal(once.recent, again.recent, equal_nan=True)
    assert np.array_equal(once.climate.sample, again.climate.sample, equal_nan=True)
    assert before.as_of_ns == S


def test_nothing_known_later_gets_in(synchroniser: Synchroniser) -> None:
    with pytest.raises(LeakError):
        synchroniser.update(None, frame([1], [5.0], known_s=9), None, 2 * S, 2 * S)


def test_a_late_value_takes_its_own_place(synchroniser: Synchroniser) -> None:
    state = synchroniser.update(None, frame([3], [3.0]), None, 3 * S, 3 * S)
    state = synchroniser.update(state, frame([2], [2.0], known_s=5), None, 5 * S, 5 * S)
    assert state.recent[0, -4:-2].tolist() == [2.0, 3.0]


def test_memory_does_not_grow_with_time(synchroniser: Synchroniser) -> None:
    state, sizes = None, []
    for t in range(1, 2_000):
        state = synchroniser.update(state, frame([t], [float(t % 7)]), None, t * S, t * S)
        sizes.append(state.recent.nbytes + state.climate.sample.nbytes + state.pooled.sample.nbytes)
    assert sizes[-1] == sizes[100]
