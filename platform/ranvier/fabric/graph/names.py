"""Names to integer keys, so that the big tables hold integers only. Memory is bounded whatever comes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence, Set
from typing import Any, TypeVar, cast

from ranvier.fabric.graph.rows import insert

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T", bound=tuple[Any, ...])


class Cache(dict[K, V | None]):
    """A map of bounded size that forgets what was not used for longest, in two generations.

    `cache[key]` is the value, or None where it is not (or no longer) held. The map itself is the young
    generation, so that what is in use is found without a call.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._half = max(1, size // 2)
        self._old: dict[K, V | None] = {}

    def __missing__(self, key: K) -> V | None:
        value = self._old.get(key)
        if value is not None:
            self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Hold `value`, at the price of forgetting others."""
        self.put_all({key: value})

    def put_all(self, values: Mapping[K, V]) -> None:
        """Hold all of them; more than the size at once are held until the next come."""
        if len(self) + len(values) > self._half:
            self._old = dict(self)
            super().clear()
        self.update(values)

    def drop(self, key: K) -> None:
        """Forget one key."""
        self.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        super().clear()
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
        return self._few[key] or self._few_put(key, self._find_or_make("scope", ("tenant", "network"), key))

    def category(self, scope: int, kind: str, name: str) -> int:
        """The key of a node class (kind "node") or a relation (kind "relation") within a scope."""
        key = (scope, kind, name)
        return self._few[key] or self._few_put(
            key, self._find_or_make("category", ("scope", "kind", "name"), key)
        )

    def entities(self, wanted: Sequence[tuple[int, str]]) -> tuple[list[int], set[int]]:
        """The key of each (scope, node id), whether or not the node is known, and which of them are new."""
        return self._all("entity", ("scope", "name"), wanted, self._entities, frozenset())

    def slots(
        self, wanted: Sequence[tuple[int, int, int]], new_entities: Set[int]
    ) -> tuple[list[int], set[int]]:
        """The key of each relation's slot (category, a, b), and which of them are new."""
        new = {key for key in wanted if key[1] in new_entities or key[2] in new_entities}
        return self._all("slot", ("category", "a", "b"), wanted, self._slots, new)

    def _all(
        self, table: str, columns: tuple[str, ...], wanted: Sequence[T], cache: Cache[T, int], new: Set[T]
    ) -> tuple[list[int], set[int]]:
        """`new` are keys that the table cannot have."""
        held = [cache[key] for key in wanted]
        missing = {key for key, identity in zip(wanted, held, strict=True) if identity is None}
        stored = self._stored(table, columns, missing - new)
        made = self._make(table, columns, missing - stored.keys())
        found = stored | made
        cache.put_all(found)
        keys = [identity or found[key] for key, identity in zip(wanted, held, strict=True)]
        return keys, set(made.values())

    def _stored(self, table: str, columns: tuple[str, ...], keys: set[T]) -> dict[T, int]:
        """Which of `keys` the table has: one join, since a statement for each costs more than its work."""
        if not keys:
            return {}
        self._connection.execute("DELETE FROM temp.wanted")
        given = ", ".join(("x", "y", "z")[: len(columns)])
        insert(self._connection, f"INSERT INTO temp.wanted ({given})", list(keys))
        match = " AND ".join(f"t.{column} = w.{x}" for column, x in zip(columns, "xyz", strict=False))
        rows = self._connection.execute(
            f"SELECT t.id, {given} FROM temp.wanted AS w CROSS JOIN {table} AS t ON {match}"
        )
        return {cast(T, row[1:]): row[0] for row in rows}

    def _make(self, table: str, columns: tuple[str, ...], keys: set[T]) -> dict[T, int]:
        if not keys:
            return {}
        last = self._connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        made = {key: identity for identity, key in enumerate(sorted(keys), last + 1)}
        rows = [(identity, *key) for key, identity in made.items()]
        insert(self._connection, f"INSERT INTO {table} (id, {', '.join(columns)})", rows)
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
