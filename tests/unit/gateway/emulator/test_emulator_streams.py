"""Random numbers by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.gateway.emulator.streams import generator, normals, philox, philox_one, uniforms

word = st.integers(0, 2**32 - 1)


# Known answers of Philox4x32-10, from the Random123 distribution of its authors.
@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_answers(
    counter: tuple[int, int, int, int], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    assert philox_one(counter, key) == expected


@given(st.tuples(word, word, word, word), st.tuples(word, word))
def test_arrays_and_integers_give_the_same_words(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> None:
    c0, c1, c2, c3 = (np.array([each], np.uint64) for each in counter)
    assert tuple(int(each[0]) for each in philox((c0, c1, c2, c3), key)) == philox_one(counter, key)


@given(st.integers(0, 2**63), st.integers(1, 60), st.integers(0, 2**40))
def test_an_entity_draws_the_same_whoever_draws_beside_it(seed: int, count: int, step: int) -> None:
    together = uniforms(seed, "purpose", np.arange(count), step)
    alone = uniforms(seed, "purpose", count - 1, step)
    assert np.array_equal(together[:, count - 1], np.ravel(alone))


def test_seed_purpose_entity_and_step_each_change_the_draw() -> None:
    draws = [
        float(np.ravel(uniforms(*names))[0])
        for names in ((1, "a", 0, 0), (2, "a", 0, 0), (1, "b", 0, 0), (1, "a", 1, 0), (1, "a", 0, 1))
    ]
    assert len(set(draws)) == 5


def test_draws_have_the_moments_of_their_distributions() -> None:
    n = 40_000
    flat, bell = uniforms(1, "x", np.arange(n // 4), 0).ravel(), normals(1, "y", np.arange(n // 4), 0).ravel()
    # Five standard errors of the mean (and of the variance of a normal).
    assert abs(flat.mean() - 0.5) < 5 * np.sqrt(1 / 12 / n)
    assert 0 < flat.min() < flat.max() < 1
    assert abs(bell.mean()) < 5 / np.sqrt(n)
    assert abs(bell.var() - 1) < 5 * np.sqrt(2 / n)


def test_a_generator_is_a_function_of_its_names() -> None:
    assert generator(1, "a", 2, 3).random() == generator(1, "a", 2, 3).random()
    assert generator(1, "a", 2, 3).random() != generator(1, "a", 3, 3).random()
