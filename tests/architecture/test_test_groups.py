"""Tests of one group share what is costly to start, so they have to stay in one worker."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("of one worker")
def test_groups_of_tests_stay_together(request: pytest.FixtureRequest) -> None:
    """pytest-xdist tells groups by a suffix of the test's id; where pytest drops it, groups fall apart unseen."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs all tests")
    if not request.config.getoption("loadgroup"):
        pytest.skip("not distributed by groups: use --dist loadgroup, as make test does")
    assert request.node.nodeid.endswith("@of one worker")
