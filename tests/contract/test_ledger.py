"""What every adapter of `Ledger` guarantees. A new adapter joins by one line in `FACTORIES`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.ports import Ledger
from ranvier.ontology.errors import InputError, NotFound

FACTORIES: dict[str, Callable[[Path], Ledger]] = {
    "parquet": lambda folder: ParquetLedger(folder / "ledger"),
    "parquet, rolling at 7 rows": lambda folder: ParquetLedger(folder / "ledger", segment_rows=7),
}
Open = Callable[[], Ledger]
SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("time_ns", pa.int64()), ("node", pa.string()), ("step", pa.int32()),
        ("values", pa.list_(pa.float64())),
    ]
)  # fmt: skip


@pytest.fixture(params=sorted(FACTORIES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same ledger again and again; everything is closed in the end."""
    opened: list[Ledger] = []

    def make() -> Ledger:
        opened.append(FACTORIES[request.param](tmp_path))
        return opened[-1]

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(reopen: Open) -> Ledger:
    return reopen()


def rows(*times: int, tenant: str = "default", node: str | None = "n", values: Any = (1.0, 2.0)) -> pa.Table:
    values = None if values is None else list(values)
    return pa.Table.from_pylist(
        [
            {"tenant": tenant, "time_ns": t, "node": node, "step": i, "values": values}
            for i, t in enumerate(times)
        ],
        schema=SCHEMA,
    )


def times(table: pa.Table) -> list[int]:
    found: list[int] = table.column("time_ns").to_pylist()
    return found


@pytest.mark.parametrize("values", [None, (), (0.5, float("inf"), -0.0), (1.0, None), range(100)])
def test_rows_come_back_as_they_were_appended(ledger: Ledger, values: Any) -> None:
    table = pa.concat_tables([rows(1, 2, 3, values=values), rows(4, node=None)])
    for n in range(5):
        ledger.append("forecasts", f"k{n}", table, 10)
    for n in range(5):
        got = ledger.get("forecasts", f"k{n}")
        assert got.schema == table.schema
        assert got.to_pylist() == table.to_pylist()
    assert ledger.scan("forecasts", "default", 4).to_pylist() == table.slice(3).to_pylist() * 5


def test_nan_and_the_sign_of_zero_survive(ledger: Ledger) -> None:
    for n in range(10):
        ledger.append("forecasts", f"k{n}", rows(n, values=(float("nan"), -0.0)), 10)
    for table in (ledger.get("forecasts", "k0"), ledger.scan("forecasts", "default", 0, 1)):
        assert [str(value) for value in table.column("values").to_pylist()[0]] == ["nan", "-0.0"]
    assert ledger.verify("forecasts") == 10


def test_a_key_that_is_known_returns_its_first_seal_and_adds_nothing(ledger: Ledger) -> None:
    first = ledger.append("forecasts", "k", rows(1), 10)
    assert ledger.append("forecasts", "k", rows(2, 3), 20) == first
    assert times(ledger.get("forecasts", "k")) == [1]
    assert len(ledger.seals("forecasts")) == 1


def test_seals_are_numbered_and_chained_and_come_a_page_at_a_time(ledger: Ledger) -> None:
    made = [ledger.append("forecasts", f"k{n}", rows(n, n), 10 + n) for n in range(10)]
    assert [seal.sequence for seal in made] == list(range(10))
    assert len({seal.digest for seal in made}) == 10
    assert ledger.seals("forecasts", after=3, limit=4) == tuple(made[4:8])
    assert ledger.seals("forecasts", after=9) == ()
    assert ledger.verify("forecasts") == 10


def test_the_same_rows_have_the_same_digest_in_the_same_place_only(tmp_path: Path) -> None:
    for name, factory in FACTORIES.items():
        one, two = (factory(tmp_path / f"{n} {name}") for n in (1, 2))
        assert one.append("a", "k", rows(1), 10) == two.append("a", "k", rows(1), 10)
        assert one.append("a", "l", rows(1), 10).digest != one.append("a", "m", rows(1), 10).digest
        assert one.append("b", "k", rows(1), 10).digest != one.append("c", "k", rows(1), 11).digest
        one.close()
        two.close()


def test_a_seal_does_not_depend_on_chunks_dictionaries_or_what_lies_under_a_null(tmp_path: Path) -> None:
    plain = rows(1, 2, 3, node=None)
    chunked = pa.concat_tables([plain.slice(0, 1), plain.slice(1)])
    coded = plain.set_column(2, "node", plain.column("node").dictionary_encode())
    hidden = pa.Array.from_buffers(
        pa.int32(), 3, [pa.py_buffer(b"\x00"), pa.array([7, 8, 9], pa.int32()).buffers()[1]]
    )
    nulls = plain.set_column(3, "step", pa.array([None] * 3, pa.int32()))
    dirty = plain.set_column(3, "step", hidden)
    digests: list[set[str]] = [set(), set()]
    for name, factory in FACTORIES.items():
        for n, table in enumerate((plain, chunked, coded, nulls, dirty)):
            ledger = factory(tmp_path / f"{n} {name}")
            digests[n > 2].add(ledger.append("forecasts", "k", table, 10).digest)
            ledger.close()
    assert [len(found) for found in digests] == [1, 1]


def test_a_scan_ranges_over_time_newest_last_and_keeps_the_order_of_appending(ledger: Ledger) -> None:
    ledger.append("forecasts", "late", rows(30, 10, 20, node="first"), 1)
    ledger.append("forecasts", "early", rows(10, 40, 20, node="second"), 2)
    ledger.append("forecasts", "last", rows(5, 20, node="third"), 3)
    found = ledger.scan("forecasts", "default", 10, 40)
    assert list(zip(times(found), found.column("node").to_pylist(), strict=True)) == [
        (10, "first"), (10, "second"), (20, "first"), (20, "second"), (20, "third"), (30, "first"),
    ]  # fmt: skip
    assert times(ledger.scan("forecasts", "default", limit=3)) == [5, 10, 10]


def test_a_scan_gives_a_tenant_its_own_rows_only(ledger: Ledger) -> None:
    for n in range(10):
        ledger.append("forecasts", f"a{n}", rows(n), 1)
        ledger.append("forecasts", f"b{n}", rows(n, tenant="rival"), 1)
    assert set(ledger.scan("forecasts", "rival").column("tenant").to_pylist()) == {"rival"}
    assert len(ledger.scan("forecasts", "default")) == 10


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"node": "n1"}, [1]),
        ({"node": ["n1", "n3", "absent"]}, [1, 3]),
        ({"node": []}, []),
        ({"node": "n1", "step": 0}, [1]),
        ({"node": "n1", "step": 5}, []),
        ({"node": "x' OR 1=1 --"}, []),
    ],
)
def test_a_scan_keeps_the_rows_whose_columns_equal_or_are_among_values(
    ledger: Ledger, where: dict[str, Any], expected: list[int]
) -> None:
    for n in range(10):
        ledger.append("forecasts", f"k{n}", rows(n, node=f"n{n}"), 1)
        ledger.append("forecasts", f"without {n}", rows(n, node=None), 1)
    assert times(ledger.scan("forecasts", "default", where=where)) == expected


def test_a_column_that_the_kind_does_not_have_is_refused(ledger: Ledger) -> None:
    ledger.append("forecasts", "k", rows(1), 1)
    with pytest.raises(InputError, match="columns among"):
        ledger.scan("forecasts", "default", where={"nodes": "n"})
    with pytest.raises(InputError, match="step of type int32"):
        ledger.scan("forecasts", "default", where={"step": "one"})


def test_what_is_not_there_is_said_so(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.get("forecasts", "k")
    assert len(ledger.scan("forecasts", "default")) == 0
    assert ledger.seals("forecasts") == ()
    assert ledger.verify("forecasts") == 0


@pytest.mark.parametrize(
    "bad",
    [
        rows(1).drop_columns(["tenant"]),
        rows(1).drop_columns(["time_ns"]),
        rows(1).set_column(1, "time_ns", pa.array([1.0])),
        rows(1).set_column(1, "time_ns", pa.array([None], pa.int64())),
        rows(1).append_column("_sequence", pa.array([1])),
    ],
)
def test_rows_that_lack_what_every_kind_has_are_refused(ledger: Ledger, bad: pa.Table) -> None:
    with pytest.raises(InputError):
        ledger.append("forecasts", "k", bad, 1)
    assert ledger.seals("forecasts") == ()


def test_another_schema_is_refused_and_another_kind_may_have_one(ledger: Ledger) -> None:
    ledger.append("forecasts", "k", rows(1), 1)
    other = rows(1).append_column("more", pa.array([1]))
    with pytest.raises(InputError, match="schema"):
        ledger.append("forecasts", "l", other, 1)
    ledger.append("scores", "k", other, 1)
    assert ledger.get("scores", "k").column_names[-1] == "more"


@pytest.mark.parametrize("kind", ["", "../up", "A", "a b", "x" * 65, "a/b"])
def test_a_kind_that_could_not_name_a_folder_is_refused(ledger: Ledger, kind: str) -> None:
    with pytest.raises(InputError, match="kind"):
        ledger.append(kind, "k", rows(1), 1)


def test_no_rows_can_be_sealed_too(ledger: Ledger) -> None:
    for n in range(3):
        ledger.append("decisions", f"none {n}", rows(), 1)
        ledger.append("decisions", f"some {n}", rows(1, 2, 3), 1)
    assert len(ledger.get("decisions", "none 0")) == 0
    assert len(ledger.scan("decisions", "default")) == 9
    assert ledger.verify("decisions") == 6


def test_everything_survives_a_restart_and_the_chain_goes_on(reopen: Open) -> None:
    ledger = reopen()
    made = [ledger.append("forecasts", f"k{n}", rows(n, n, n), n) for n in range(5)]
    ledger.close()
    again = reopen()
    assert again.seals("forecasts") == tuple(made)
    assert again.append("forecasts", "k0", rows(9), 9) == made[0]
    assert again.append("forecasts", "more", rows(9), 9).sequence == 5
    assert again.verify("forecasts") == 6
    assert len(again.scan("forecasts", "default")) == 16


APPEND_UNTIL_KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_ledger import FACTORIES, rows
ledger = FACTORIES[{factory!r}](Path({folder!r}))
for n in range(100_000):
    ledger.append("forecasts", str(n), rows(n, n, n), n)
    print(n + 1, flush=True)
"""


@pytest.mark.parametrize("factory", sorted(FACTORIES))
def test_what_was_sealed_survives_kill_9_once_each(factory: str, tmp_path: Path) -> None:
    script = APPEND_UNTIL_KILLED.format(
        here=str(Path(__file__).parent), factory=factory, folder=str(tmp_path)
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(40)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines() if line]
    ledger = FACTORIES[factory](tmp_path)
    sealed = ledger.verify("forecasts")
    found = times(ledger.scan("forecasts", "default"))
    ledger.close()
    assert sealed >= told[-1]
    assert found == [n for n in range(sealed) for _ in range(3)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abc")), max_size=6), max_size=6),
    window=st.tuples(st.integers(0, 21), st.integers(0, 21)), node=st.sampled_from("abcd"),
    limit=st.none() | st.integers(0, 10),
)  # fmt: skip
def test_scans_agree_with_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, str]]], window: tuple[int, int],
    node: str, limit: int | None,
) -> None:  # fmt: skip
    for factory in FACTORIES.values():
        ledger = factory(tmp_path_factory.mktemp("ledger"))
        for n, batch in enumerate(batches):
            parts = [rows(time, node=name) for time, name in batch]
            ledger.append("forecasts", str(n), pa.concat_tables([rows(), *parts]), n)
        expected = sorted(
            t for batch in batches for t, name in batch if window[0] <= t < window[1] and name == node
        )
        found = ledger.scan("forecasts", "default", *window, {"node": node}, limit)
        assert (times(found) if batches else []) == expected[:limit]
        assert ledger.verify("forecasts") == len(batches)
        ledger.close()


def test_ping_tells_seals_rows_and_size(ledger: Ledger) -> None:
    ledger.append("forecasts", "k", rows(1, 2), 1)
    health = ledger.ping()
    assert health.ok
    assert (health.detail["seals"], health.detail["rows"]) == (1, 2)
