"""Names to integer keys, so that the big tables hold integers only. Memory is bounded whatever comes."""

from __future__ import annotations

import sqlite3
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


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

    def entity(self, scope: int, name: str) -> int:
        """The key of a node's id, whether or not the node is known yet."""
        key = (scope, name)
        found = self._entities.get(key)
        if found is None:
            found = self._find_or_make("entity", ("scope", "name"), key)
            self._entities.put(key, found)
        return found

    def slot(self, category: int, a: int, b: int) -> int:
        """The key of a relation's slot."""
        key = (category, a, b)
        found = self._slots.get(key)
        if found is None:
            found = self._find_or_make("slot", ("category", "a", "b"), key)
            self._slots.put(key, found)
        return found

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
