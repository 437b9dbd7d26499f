"""The quick check of a batch says what the ontology says of each value."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.fabric import event
from ranvier.fabric.intake import Intake
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Record
from ranvier.fabric.twin_lag import TwinLag
from ranvier.ontology.errors import RanvierError
from ranvier.ontology.ontology import load

ONTOLOGY = load()
SUBCOUNTERS = ["RRC.ConnEstabAtt.sum", "DRB.UEThpDl.5QI9", "DRB.UEThpDl.5QI9.SNSSAI1", "RRC.ConnMax.nope"]
NAMES = sorted(ONTOLOGY.quantities) + SUBCOUNTERS
EDGES = sorted(
    {
        edge
        for q in ONTOLOGY.quantities.values()
        for bound in (q.minimum, q.maximum, *q.sentinels)
        if bound is not None
        for edge in (bound, math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf))
    }
)


def record(offset: int, report: MeasurementReport) -> Record:
    return Record("t", 0, offset, "k", event.encode(report, str(offset)), {}, 1)


@settings(max_examples=200, deadline=None)
@given(
    reports=st.lists(
        st.tuples(
            st.sampled_from([*ONTOLOGY.classes, "Nope"]),
            st.dictionaries(st.sampled_from([*NAMES, "Nope"]), st.sampled_from(EDGES), max_size=3),
        ),
        max_size=6,
    )
)
def test_the_quick_check_and_the_ontology_agree(reports: list[tuple[str, dict[str, float]]]) -> None:
    intake = Intake(ONTOLOGY)
    batch = [
        record(n, MeasurementReport("o", object_class, 0, 1, values))
        for n, (object_class, values) in enumerate(reports)
    ]
    for _ in range(2):  # the second time from what it remembers
        accepted, refused = intake.measurements(batch)
        verdicts = [allowed(*each) for each in reports]
        assert [a.record.offset for a in accepted] == [n for n, good in enumerate(verdicts) if good]
        assert sorted(r.record.offset for r in refused) == [n for n, good in enumerate(verdicts) if not good]


def allowed(object_class: str, values: dict[str, float]) -> bool:
    if object_class not in ONTOLOGY.classes:
        return False
    try:
        for name, value in values.items():
            ONTOLOGY.check_value(name, object_class, value)
    except RanvierError:
        return False
    return True


def test_no_good_report_needs_a_closer_look() -> None:
    """Those of drive tests, whose quantities have sentinels, and subcounters among them."""
    intake = Intake(ONTOLOGY)
    for name in (*ONTOLOGY.quantities, *SUBCOUNTERS[:3]):
        for object_class in ONTOLOGY.quantity(name).object_classes:
            assert intake._find_bounds((object_class, (name,))) is not None, (object_class, name)


def test_a_report_without_values_is_accepted_where_its_class_is_known() -> None:
    heard = [record(n, MeasurementReport("o", c, 0, 1, {})) for n, c in enumerate(("NRCellDU", "Nope", "UE"))]
    accepted, refused = Intake(ONTOLOGY).measurements(heard)
    assert [each.record.offset for each in accepted] == [0, 2]
    assert "'Nope'" in refused[0].reason


def test_what_intake_remembers_is_bounded() -> None:
    intake = Intake(ONTOLOGY, capacity=10)
    for n in range(100):
        intake.measurements([record(0, MeasurementReport("o", f"Nope{n}", 0, 1, {"x": 1.0}))])
    assert len(intake._bounds) <= 10


def test_the_window_of_the_twin_lag_is_bounded_in_time_and_number() -> None:
    lag = TwinLag(window_s=10.0, capacity=4)
    for n in range(10):
        end = np.array([n * 10**9])
        lag.add(end, end + 10**9, (n + 2) * 10**9)
    figures = lag.figures(11 * 10**9)
    assert (figures.samples, figures.recorded_p50_s, figures.stored_p50_s) == (4, 1.0, 2.0)
    assert lag.figures(20 * 10**9).samples == 1
    lag.add(np.arange(9), np.arange(9), 30 * 10**9)
    assert lag.figures(30 * 10**9).samples == 4
