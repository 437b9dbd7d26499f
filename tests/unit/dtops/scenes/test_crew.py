"""Workers: what they give, and what is told when one fails or dies. Jobs are of the standard library."""

from __future__ import annotations

import math
import os
import time

import pytest

from ranvier.dtops.scenes.crew import worked
from ranvier.ontology.errors import RanvierError


def test_every_job_is_done_once_whatever_the_number_of_workers() -> None:
    for workers in (1, 3):
        assert dict(worked(math.factorial, range(7), workers)) == {i: math.factorial(i) for i in range(7)}


def test_without_jobs_nobody_is_hired() -> None:
    assert list(worked(math.factorial, [], 4)) == []


def test_a_job_that_fails_is_named_with_what_it_raised() -> None:
    with pytest.raises(RanvierError, match=r"the root of -1.*ValueError") as raised:
        list(worked(math.sqrt, [4.0, -1.0], 1, lambda job: f"the root of {job:g}"))
    assert "Traceback" in raised.value.__notes__[0]


def test_a_worker_that_dies_is_told_with_its_job() -> None:
    with pytest.raises(RanvierError, match=r"job 3.*died of it \(exit status 3\)"):
        list(worked(os._exit, [3], 1, lambda job: f"job {job}"))


def test_who_leaves_early_leaves_no_worker_behind() -> None:
    begun = time.monotonic()
    results = worked(time.sleep, [0.0, 600.0, 600.0], 2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 60
