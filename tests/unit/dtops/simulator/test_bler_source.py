"""The error curves against the tables that they were reduced from, where those are at hand."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ranvier.dtops.simulator.link import bler, bler_fit


def source() -> Path:
    spec = find_spec("sionna")
    places = spec.submodule_search_locations if spec else None
    if not places:
        pytest.skip("needs the package sionna, of which only its tables are read")
    return Path(places[0]) / "sys" / "bler_tables"


def test_the_curves_are_those_of_the_source() -> None:
    points = bler_fit.read(source())
    held = bler.awgn_table()
    centre, width = np.empty(len(points.keys)), np.empty(len(points.keys))
    for i, (modulation, rate, size) in enumerate(points.keys):
        sizes, centres, widths = held[modulation, rate]
        at = int(np.searchsorted(sizes, size))
        centre[i], width[i] = centres[at], widths[at]
    off = bler_fit.deviations(points, centre, width)
    # As docs/link.md states.
    assert off.mean() < 0.0015
    assert np.quantile(off, 0.99) < 0.025
    assert off.max() < 0.06


def test_every_curve_is_there_for_each_size() -> None:
    held = bler.awgn_table()
    assert len(held) == 38
    for sizes, _, widths in held.values():
        assert tuple(sizes) == bler_fit.SIZES
        assert (np.diff(widths) < 0).all()
