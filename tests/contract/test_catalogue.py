"""What every Catalogue does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ranvier.fabric.catalogue.dataset import Dataset, Field
from ranvier.fabric.catalogue.port import Catalogue, Edge, Observation
from ranvier.fabric.catalogue.quality import DAY_NS, QualityState
from ranvier.fabric.catalogue.run import Run, SourceFile
from ranvier.fabric.catalogue.sqlite import SqliteCatalogue
from ranvier.ontology.errors import InputError, NotFound, StoreError

Opener = Callable[[Path], Catalogue]
ADAPTERS: dict[str, Opener] = {"sqlite": lambda folder: SqliteCatalogue(folder / "catalogue.sqlite")}
S = 10**9
DAY = 20_000


@pytest.fixture(params=ADAPTERS)
def opener(request: pytest.FixtureRequest) -> Opener:
    return ADAPTERS[request.param]


@pytest.fixture
def catalogue(opener: Opener, tmp_path: Path):
    opened = opener(tmp_path)
    yield opened
    opened.close()


def dataset(dataset_id: str = "measurements", **changes: object) -> Dataset:
    made = Dataset(
        dataset_id, "Measurements", "NOC", "CC-BY-4.0", fields=(Field("value", "double"),), period_s=10.0
    )
    return msgspec.structs.replace(made, **changes)


def day_state(day: int = DAY, received: int = 8640, series: int = 1, refused: int = 0) -> QualityState:
    return QualityState(
        received=received, timely=received, accepted=received, refused=refused, series=series,
        first_ns=day * DAY_NS, last_ns=(day + 1) * DAY_NS, recorded_ns=(day + 1) * DAY_NS, lags={0: received},
    )  # fmt: skip


def file(name: str, sha256: str = "00", received_at_ns: int = DAY * DAY_NS, run_id: str = "") -> SourceFile:
    return SourceFile(name, sha256, 100, "pm-file", received_at_ns, run_id, accepted=8)


def test_a_registered_dataset_is_given_back_whole(catalogue: Catalogue) -> None:
    catalogue.register(dataset(description="By cell", derived_from=("raw",)))
    assert catalogue.get("default", "measurements").dataset == dataset(
        description="By cell", derived_from=("raw",)
    )


def test_registering_again_replaces_the_description_and_keeps_what_was_observed(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    catalogue.observe([Observation("measurements", {DAY: day_state()})])
    catalogue.register(dataset(owner="RAN planning"))
    entry = catalogue.get("default", "measurements")
    assert (entry.dataset.owner, entry.quality.received) == ("RAN planning", 8640)


def test_an_unknown_dataset_is_not_found_wherever_it_is_named(catalogue: Catalogue) -> None:
    run = Run("1", "ingest", "START", 0, outputs=("nothing",))
    for ask in (
        lambda: catalogue.get("default", "nothing"),
        lambda: catalogue.files("default", "nothing"),
        lambda: catalogue.days("default", "nothing", 0, 1),
        lambda: catalogue.lineage("default", "nothing"),
        lambda: catalogue.observe([Observation("nothing", {})]),
        lambda: catalogue.record(run),
    ):
        with pytest.raises(NotFound):
            ask()


def test_an_id_that_a_url_cannot_carry_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(InputError):
        catalogue.register(dataset("a/b"))


def test_tenants_do_not_see_each_other(catalogue: Catalogue) -> None:
    catalogue.register(dataset(tenant="a"))
    catalogue.register(dataset(tenant="b", owner="other"))
    catalogue.observe([Observation("measurements", {DAY: day_state()}, file("f"), tenant="a")])
    assert catalogue.get("b", "measurements").quality.received == 0
    assert catalogue.files("b", "measurements") == ((), None)
    assert [entry.dataset.owner for entry in catalogue.page("a")] == ["NOC"]
    assert catalogue.page("default") == ()


def test_pages_follow_one_another_by_id(catalogue: Catalogue) -> None:
    for name in ("c", "a", "e", "b", "d"):
        catalogue.register(dataset(name))
    seen: list[str] = []
    while page := catalogue.page("default", seen[-1] if seen else None, 2):
        seen.extend(entry.dataset.dataset_id for entry in page)
    assert seen == ["a", "b", "c", "d", "e"]


def test_figures_are_sums_before_ratios(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    catalogue.observe([Observation("measurements", {DAY: day_state(received=8640)})])
    catalogue.observe([Observation("measurements", {DAY + 1: day_state(DAY + 1, 4320, refused=4320)})])
    entry = catalogue.get("default", "measurements")
    assert entry.quality.expected == 2 * 8640
    assert entry.quality.completeness == pytest.approx(0.75)
    assert entry.quality.validity == pytest.approx(12960 / 17280)
    days = catalogue.days("default", "measurements", DAY, DAY + 2)
    assert [days[day].completeness for day in (DAY, DAY + 1)] == [1.0, 0.5]


def test_a_file_that_is_read_again_counts_once(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    seen = Observation("measurements", {DAY: day_state()}, file("a.xml"))
    assert catalogue.observe([seen]) == 1
    assert catalogue.observe([seen]) == 0
    entry = catalogue.get("default", "measurements")
    assert (entry.quality.received, entry.files) == (8640, 1)


def test_the_same_name_with_other_content_is_another_file(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    for sha256 in ("00", "11"):
        assert catalogue.observe([Observation("measurements", {}, file("a.xml", sha256))]) == 1
    assert catalogue.get("default", "measurements").files == 2


def test_observations_go_in_together_or_not_at_all(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    good = Observation("measurements", {DAY: day_state()}, file("a.xml"))
    with pytest.raises(NotFound):
        catalogue.observe([good, Observation("unknown", {})])
    entry = catalogue.get("default", "measurements")
    assert (entry.quality.received, entry.files) == (0, 0)


def test_files_come_newest_first_and_each_once_over_the_pages(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    for number in range(7):
        catalogue.observe([Observation("measurements", {}, file(f"{number}.xml", str(number)))])
    names: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = catalogue.files("default", "measurements", cursor, 3)
        names += [each.name for each in page]
        if cursor is None:
            break
    assert names == [f"{number}.xml" for number in reversed(range(7))]


def test_a_cursor_of_no_page_is_refused(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    with pytest.raises(InputError):
        catalogue.files("default", "measurements", "x")


def test_lineage_leads_up_to_the_files_and_down_to_what_was_made(catalogue: Catalogue) -> None:
    for name, sources in (("measurements", ()), ("forecasts", ()), ("scores", ("forecasts",))):
        catalogue.register(dataset(name, derived_from=sources))
    catalogue.record(Run("r1", "ingest", "RUNNING", 1 * S, outputs=("measurements",)))
    catalogue.record(Run("r2", "forecast", "COMPLETE", 2 * S, ("measurements",), ("forecasts",), 3 * S))
    catalogue.observe([Observation("measurements", {}, file("a.xml", run_id="r1"))])
    up = catalogue.lineage("default", "scores", "up")
    assert set(up.edges) == {
        Edge("dataset:forecasts", "dataset:scores"),
        Edge("run:r2", "dataset:forecasts"),
        Edge("dataset:measurements", "run:r2"),
        Edge("run:r1", "dataset:measurements"),
    }
    assert [run.run_id for run in up.runs] == ["r2", "r1"]
    down = catalogue.lineage("default", "measurements", "down")
    assert set(down.edges) == {
        Edge("dataset:measurements", "run:r2"),
        Edge("run:r2", "dataset:forecasts"),
        Edge("dataset:forecasts", "dataset:scores"),
    }
    assert [each.name for each in down.files] == ["a.xml"]


def test_lineage_ends_where_datasets_are_made_of_each_other(catalogue: Catalogue) -> None:
    catalogue.register(dataset("a", derived_from=("b",)))
    catalogue.register(dataset("b", derived_from=("a",)))
    assert len(catalogue.lineage("default", "a").edges) == 2


def test_a_run_takes_its_later_state(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    run = Run("r1", "ingest", "START", 1 * S, outputs=("measurements",))
    catalogue.record(run)
    catalogue.record(msgspec.structs.replace(run, state="FAIL", ended_at_ns=2 * S, error="disk full"))
    (found,) = catalogue.lineage("default", "measurements").runs
    assert (found.state, found.error) == ("FAIL", "disk full")


def test_forgetting_drops_files_runs_and_days_but_no_figure(catalogue: Catalogue) -> None:
    catalogue.register(dataset())
    catalogue.record(Run("old", "ingest", "COMPLETE", S, outputs=("measurements",), ended_at_ns=2 * S))
    catalogue.record(Run("now", "ingest", "RUNNING", S, outputs=("measurements",)))
    for day, received in ((DAY, 8640), (DAY + 1, 4000), (DAY + 4, 8640)):
        state = day_state(day, received)
        seen = file(f"{day}.xml", received_at_ns=day * DAY_NS)
        catalogue.observe([Observation("measurements", {day: state}, seen)])
    before = catalogue.get("default", "measurements")
    assert catalogue.forget((DAY + 3) * DAY_NS) == 2 + 1 + 1  # two files, a run, two days into one
    assert catalogue.get("default", "measurements") == before
    assert [each.name for each in catalogue.files("default", "measurements")[0]] == [f"{DAY + 4}.xml"]
    assert [run.run_id for run in catalogue.lineage("default", "measurements").runs] == ["now"]
    assert list(catalogue.days("default", "measurements", 0, 2**31)) == [DAY + 4]
    assert catalogue.forget((DAY + 3) * DAY_NS) == 0
    catalogue.forget((DAY + 5) * DAY_NS)
    assert catalogue.get("default", "measurements") == before


def test_everything_is_there_after_a_restart(opener: Opener, tmp_path: Path) -> None:
    first = opener(tmp_path)
    first.register(dataset())
    first.observe([Observation("measurements", {DAY: day_state()}, file("a.xml"))])
    before = first.get("default", "measurements")
    first.close()
    again = opener(tmp_path)
    assert again.get("default", "measurements") == before
    assert again.ping().ok
    again.close()


def test_a_closed_catalogue_says_so(opener: Opener, tmp_path: Path) -> None:
    opened = opener(tmp_path)
    opened.close()
    assert not opened.ping().ok
    with pytest.raises(StoreError):
        opened.get("default", "measurements")
