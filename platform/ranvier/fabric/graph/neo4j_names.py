"""Keys of what the Neo4j graph holds, and the small numbers that stand for them while a batch is worked on.

A key is a digest of the names (128 bits, 32 hexadecimal characters), so that it is computed and never
looked up, is short however long the name, and keeps spaces, tenants and networks apart.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from hashlib import blake2b


def key(*names: str) -> str:
    """The key of what `names` name together. Their lengths take part, so that no two lists run together."""
    text = "".join(f"{len(name)}:{name}" for name in names)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class BatchNames:
    """Numbers for scopes, categories, entities and slots within one batch; `claims.Naming`."""

    def __init__(self, space: str) -> None:
        self._space = space
        self.scopes: list[tuple[str, str]] = []
        self.scope_keys: list[str] = []
        self.categories: list[tuple[int, str, str]] = []
        self.entity_names: list[tuple[int, str]] = []
        self.entity_keys: list[str] = []
        self.slot_keys: list[str] = []
        self._scope: dict[tuple[str, str], int] = {}
        self._category: dict[tuple[int, str, str], int] = {}
        self._entity: dict[tuple[int, str], int] = {}
        self._entity_of_key: dict[str, int] = {}
        self._slot: dict[tuple[int, int, int], int] = {}

    # Numbers begin at 1, as the sign of a slot tells a node's from a relation's.
    def scope(self, tenant: str, network: str) -> int:
        """The number of a tenant's network."""
        whose = (tenant, network)
        number = self._scope.get(whose)
        if number is None:
            self.scopes.append(whose)
            self.scope_keys.append(key(self._space, tenant, network))
            number = self._scope[whose] = len(self.scopes)
        return number

    def category(self, scope: int, kind: str, name: str) -> int:
        """The number of a node class (kind "node") or a relation (kind "relation") within a scope."""
        wanted = (scope, kind, name)
        number = self._category.get(wanted)
        if number is None:
            self.categories.append(wanted)
            number = self._category[wanted] = len(self.categories)
        return number

    def entity(self, scope: int, name: str) -> int:
        """The number of a node's id."""
        wanted = (scope, name)
        number = self._entity.get(wanted)
        if number is None:
            number = self.entity_of_key(scope, key(self.scope_keys[scope - 1], name))
            self.entity_names[number - 1] = wanted
            self._entity[wanted] = number
        return number

    def entity_of_key(self, scope: int, entity_key: str) -> int:
        """The number of an entity of which only the key is known: enough to tell it from others."""
        number = self._entity_of_key.get(entity_key)
        if number is None:
            self.entity_names.append((scope, ""))
            self.entity_keys.append(entity_key)
            number = self._entity_of_key[entity_key] = len(self.entity_names)
        return number

    def entities(self, wanted: Sequence[tuple[int, str]]) -> tuple[list[int], set[int]]:
        """The number of each (scope, node id). Which are new only the server knows."""
        return [self.entity(*each) for each in wanted], set()

    def slots(
        self,
        wanted: Sequence[tuple[int, int, int]],
        new_entities: Set[int],  # noqa: ARG002
    ) -> tuple[list[int], set[int]]:
        """The number of each relation's slot (category, a, b)."""
        return [self._slot_of(each) for each in wanted], set()

    def _slot_of(self, wanted: tuple[int, int, int]) -> int:
        number = self._slot.get(wanted)
        if number is None:
            category, a, b = wanted
            scope, _, name = self.categories[category - 1]
            ends = (self.entity_keys[a - 1] if a else "", self.entity_keys[b - 1] if b else "")
            self.slot_keys.append(key(self.scope_keys[scope - 1], name, *ends))
            number = self._slot[wanted] = len(self.slot_keys)
        return number

    # ------------------------------------------------------------ back to names
    def category_name(self, category: int) -> str:
        """The class or relation."""
        return self.categories[category - 1][2]

    def scope_of(self, entity: int) -> int:
        """The scope of an entity."""
        return self.entity_names[entity - 1][0]

    def entity_key(self, entity: int) -> str:
        """The key of an entity."""
        return self.entity_keys[entity - 1]

    def slot_key(self, slot: int) -> str:
        """The key of a slot; a node's slot has the node's key."""
        return self.entity_keys[-slot - 1] if slot < 0 else self.slot_keys[slot - 1]
