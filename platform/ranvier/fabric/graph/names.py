"""Names to integer keys, so that the big tables hold integers only. Memory is bounded whatever comes."""

from __future__ import annotations

import sqlite3
from typing import Any, Generic, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T", bound=tuple[Any, ...])


class Cache(Generic[K, V]):
    """A map of bounded size that forgets what was not used for longest, in two generations."""

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value, or None where it is not (or no longer) held."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Hold `value`, at the price of forgetting others."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def drop(self, key: K) -> None:
        """Forget one key."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._young.clear()
        self._old.clear()


class Names:
    """Finds or makes the keys of scopes, categories, entities and slots, in the writer's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (x, y, z)")
        self._few: Cache[tuple[object, ...], int] = Cache(10_000)
        self._entities: Cache[tuple[int, str], int] = Cache(200_000)
        self._slots: Cache[tuple[int, int, int], int] = Cache(200_000)

    def clear(self) -> None:
        """Forget the caches: after a rollback, or when another connection has written."""
        self._few.clear()
        self._entities.clear()
        self._slots.clear()

    def scope(self, tenant: str, network: str) -> int:
        """The key of a tenant's network."""
        key = (tenant, network)
        return self._few.get(key) or self._few_put(
            key, self._find_or_make("scope", ("tenant", "network"), key)
        )

    def category(self, scope: int, kind: str, name: str) -> int:
        """The key of a node class (kind "node") or a relation (kind "relation") within a scope."""
        key = (scope, kind, name)
        return self._few.get(key) or self._few_put(
            key, self._find_or_make("category", ("scope", "kind", "name"), key)
        )

    def entities(self, wanted: set[tuple[int, str]]) -> tuple[dict[tuple[int, str], int], set[int]]:
        """The keys of (scope, node id), whether or not the nodes are known, and which of them are new."""
        return self._all("entity", ("scope", "name"), wanted, self._entities)

    def slots(self, wanted: set[tuple[int, int, int]]) -> tuple[dict[tuple[int, int, int], int], set[int]]:
        """The keys of relations' slots (category, a, b), and which of them are new."""
        return self._all("slot", ("category", "a", "b"), wanted, self._slots)

    def _all(
        self, table: str, columns: tuple[str, ...], wanted: set[T], cache: Cache[T, int]
    ) -> tuple[dict[T, int], set[int]]:
        found: dict[T, int] = {}
        missing: list[T] = []
        for key in wanted:
            identity = cache.get(key)
            if identity is None:
                missing.append(key)
            else:
                found[key] = identity
        if not missing:
            return found, set()
        stored = self._stored(table, columns, missing)
        made = self._make(table, columns, [key for key in missing if key not in stored])
        for key, identity in (stored | made).items():
            found[key] = identity
            cache.put(key, identity)
        return found, set(made.values())

    def _stored(self, table: str, columns: tuple[str, ...], keys: list[T]) -> dict[T, int]:
        """Which of `keys` the table has: one join, since a statement for each costs more than its work."""
        self._connection.execute("DELETE FROM temp.wanted")
        marks = ", ".join("?" for _ in columns)
        given = ", ".join(("x", "y", "z")[: len(columns)])
        self._connection.executemany(f"INSERT INTO temp.wanted ({given}) VALUES ({marks})", keys)
        match = " AND ".join(f"t.{column} = w.{x}" for column, x in zip(columns, "xyz", strict=False))
        rows = self._connection.execute(
            f"SELECT t.id, {given} FROM temp.wanted AS w CROSS JOIN {table} AS t ON {match}"
        )
        return {cast(T, row[1:]): row[0] for row in rows}

    def _make(self, table: str, columns: tuple[str, ...], keys: list[T]) -> dict[T, int]:
        last = self._connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        made = {key: identity for identity, key in enumerate(sorted(keys), last + 1)}
        marks = ", ".join("?" for _ in columns)
        self._connection.executemany(
            f"INSERT INTO {table} (id, {', '.join(columns)}) VALUES (?, {marks})",
            ((identity, *key) for key, identity in made.items()),
        )
        return made

    def _few_put(self, key: tuple[object, ...], value: int) -> int:
        self._few.put(key, value)
        return value

    def _find_or_make(self, table: str, columns: tuple[str, ...], values: tuple[object, ...]) -> int:
        where = " AND ".join(f"{column} = ?" for column in columns)
        row = self._connection.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()
        if row is not None:
            return int(row[0])
        marks = ", ".join("?" for _ in columns)
        cursor = self._connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values
        )
        return int(cursor.lastrowid or 0)
