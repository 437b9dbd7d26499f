"""`/v1/topology`: the graph as it was at a time, as far as it was known at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from ranvier.fabric.snapshot import Node, Relation
from ranvier.gateway.api.cursor import Whole, decode_cursor, encode_cursor
from ranvier.gateway.api.models import (
    HistoryPage,
    Neighbourhood,
    NodeItem,
    NodePage,
    RelationItem,
    SnapshotPage,
)
from ranvier.gateway.api.request import (
    CursorText,
    Limit,
    Moment,
    MomentOf,
    PlatformOf,
    TimeText,
    WhoseOf,
)
from ranvier.gateway.api.times import format_time, format_time_or_none, parse_time_ns
from ranvier.ontology.errors import NotFound

router = APIRouter(prefix="/v1/topology", tags=["topology"])
NodeId = Annotated[str, Path(min_length=1, max_length=1024, description="A distinguished name")]
Kinds = Annotated[list[str] | None, Query(max_length=64)]


@router.get("", operation_id="listNodes")
def list_nodes(
    platform: PlatformOf,
    whose: WhoseOf,
    moment: MomentOf,
    node_class: Annotated[str | None, Query(alias="class", max_length=256)] = None,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> NodePage:
    """The nodes by rising id. A cursor keeps the `as_of` and `known_at` of its first page."""
    query = ["topology", whose, node_class]
    place = decode_cursor(cursor, query, tuple[Whole, Whole, str])
    if place is not None:
        moment = Moment(place[0], place[1])
    page = platform.graph.page(
        whose.tenant, whose.network, moment.as_of_ns, moment.known_at_ns,
        node_class=node_class, cursor=place[2] if place else None, limit=limit,
    )  # fmt: skip
    if not page.nodes and node_class is not None and node_class not in platform.ontology.classes:
        near = get_close_matches(node_class, platform.ontology.classes, cutoff=0.6)
        remedy = f"did you mean {' or '.join(near)}?" if near else "see ranvier ontology show"
        raise NotFound("the name of a class", repr(node_class), remedy)
    following = None
    if page.cursor is not None:
        following = encode_cursor(query, [moment.as_of_ns, moment.known_at_ns, page.cursor])
    return NodePage(
        as_of=format_time(moment.as_of_ns),
        known_at=format_time_or_none(moment.known_at_ns),
        items=[node_item(node) for node in page.nodes],
        next=following,
    )


@router.get("/snapshot", operation_id="getSnapshot")
def get_snapshot(
    platform: PlatformOf,
    whose: WhoseOf,
    moment: MomentOf,
    classes: Annotated[list[str] | None, Query(alias="class", max_length=64)] = None,
    relations: Annotated[list[str] | None, Query(alias="relation", max_length=64)] = None,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="Nodes on a page, at most")] = 2000,
) -> SnapshotPage:
    """What a map draws: nodes of some classes and relations of some kinds between them.

    A relation comes on the page of its source; its target may be on another page.
    """
    query = ["snapshot", whose, classes, relations]
    place = decode_cursor(cursor, query, tuple[Whole, Whole, str])
    if place is not None:
        moment = Moment(place[0], place[1])
    whole = platform.graph.snapshot(whose.tenant, whose.network, moment.as_of_ns, moment.known_at_ns, classes)
    nodes = sorted((n for n in whole.nodes if place is None or n.node_id > place[2]), key=lambda n: n.node_id)
    page, more = nodes[:limit], len(nodes) > limit
    sources = {node.node_id for node in page}
    following = None
    if more:
        following = encode_cursor(query, [moment.as_of_ns, moment.known_at_ns, page[-1].node_id])
    return SnapshotPage(
        as_of=format_time(moment.as_of_ns),
        known_at=format_time_or_none(moment.known_at_ns),
        nodes=[node_item(node) for node in page],
        relations=[
            relation_item(r)
            for r in whole.relations
            if r.source_id in sources and (relations is None or r.relation in relations)
        ],
        next=following,
    )


@router.get("/{node_id:path}/history", operation_id="getNodeHistory")
def get_history(
    platform: PlatformOf,
    whose: WhoseOf,
    node_id: NodeId,
    known_at: TimeText = None,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> HistoryPage:
    """All that was ever valid of a node and of the relations it takes part in, by rising valid time."""
    query = ["history", whose, node_id, known_at]
    known_at_ns = platform.now_ns() if known_at is None else parse_time_ns(known_at, "known_at")
    place = decode_cursor(cursor, query, tuple[Whole, Whole])
    start = 0
    if place is not None:
        # Pinned to what the first page knew, so that an index stays the place it was.
        known_at_ns, start = place
    entries = platform.graph.history(whose.tenant, whose.network, node_id, known_at_ns)
    if not entries:
        raise _unknown(node_id)
    end = start + limit
    return HistoryPage(
        items=[
            node_item(e) if isinstance(e, Node) else relation_item(e) for e in entries[max(0, start) : end]
        ],
        next=encode_cursor(query, [known_at_ns, end]) if end < len(entries) else None,
    )


@router.get("/{node_id:path}", operation_id="getNode")
def get_node(
    platform: PlatformOf,
    whose: WhoseOf,
    moment: MomentOf,
    node_id: NodeId,
    hops: Annotated[int, Query(ge=0, le=4, description="How far the neighbourhood reaches")] = 1,
    limit: Annotated[int, Query(ge=0, le=5000, description="Neighbours, at most")] = 500,
) -> Neighbourhood:
    """A node, what it is related to within `hops`, and the relations between them."""
    key = (whose.tenant, whose.network, node_id, moment.as_of_ns, moment.known_at_ns)
    node = platform.graph.node(*key)
    if node is None:
        raise _unknown(node_id)
    around: tuple[Node, ...] = ()
    relations: tuple[Relation, ...] = ()
    if hops > 0:
        found = platform.graph.neighbourhood(*key, hops=hops)
        around = tuple(n for n in found.nodes if n.node_id != node_id)
        relations = found.relations
    shown = {node_id, *(n.node_id for n in around[:limit])}
    return Neighbourhood(
        as_of=format_time(moment.as_of_ns),
        known_at=format_time_or_none(moment.known_at_ns),
        node=node_item(node),
        neighbours=[node_item(n) for n in around[:limit]],
        relations=[relation_item(r) for r in relations if r.source_id in shown and r.target_id in shown],
        truncated=len(around) > limit,
    )


def node_item(node: Node) -> NodeItem:
    """A node as the API shows it."""
    return NodeItem(
        id=node.node_id,
        node_class=node.node_class,
        properties=_finite(node.properties),
        valid_from=format_time(node.valid_from_ns),
        valid_to=format_time_or_none(node.valid_to_ns),
        recorded_at=format_time(node.recorded_at_ns),
    )


def relation_item(relation: Relation) -> RelationItem:
    """A relation as the API shows it."""
    return RelationItem(
        relation=relation.relation,
        source=relation.source_id,
        target=relation.target_id,
        properties=_finite(relation.properties),
        valid_from=format_time(relation.valid_from_ns),
        valid_to=format_time_or_none(relation.valid_to_ns),
        recorded_at=format_time(relation.recorded_at_ns),
    )


def _finite(properties: Mapping[str, Any]) -> dict[str, Any]:
    # JSON has no NaN.
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in properties.items()}


def _unknown(node_id: str) -> NotFound:
    return NotFound(
        "a node that exists at that time",
        repr(node_id[:200]),
        "list them with GET /v1/topology, and check as_of, known_at, tenant and network",
    )
