"""What requests share: the platform they ask, whose data they mean, and the times they look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Header, Query, Request

from ranvier.fabric.ports import FOREVER_NS
from ranvier.gateway.api.platform import Platform, Whose
from ranvier.gateway.api.times import parse_time_ns
from ranvier.gateway.settings import ApiSettings


def platform_of(request: Request) -> Platform:
    """The platform that this app serves."""
    return cast(Platform, request.app.state.platform)


def settings_of(request: Request) -> ApiSettings:
    """The settings of this app."""
    return cast(ApiSettings, request.app.state.settings)


PlatformOf = Annotated[Platform, Depends(platform_of)]
SettingsOf = Annotated[ApiSettings, Depends(settings_of)]


def _whose(
    platform: PlatformOf,
    tenant: Annotated[
        str | None,
        Header(
            alias="X-Ranvier-Tenant",
            pattern=r"^[A-Za-z0-9._-]{1,64}$",
            description="Whose data; the platform's own tenant if left out",
        ),
    ] = None,
    network: Annotated[
        str | None,
        Query(min_length=1, max_length=256, description="Which network; the platform's own if left out"),
    ] = None,
) -> Whose:
    return Whose(tenant or platform.whose.tenant, network or platform.whose.network)


WhoseOf = Annotated[Whose, Depends(_whose)]

TimeText = Annotated[
    str | None,
    Query(
        max_length=64, description="RFC 3339, or nanoseconds since 1970", examples=["2026-01-31T12:00:00Z"]
    ),
]
CursorText = Annotated[str | None, Query(max_length=8192, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items on a page, at most")]
Name = Annotated[str | None, Query(min_length=1, max_length=1024)]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a read looks at the graph, and what it may know. `pinned`: both were given by the client."""

    as_of_ns: int
    known_at_ns: int


def _moment(platform: PlatformOf, as_of: TimeText = None, known_at: TimeText = None) -> Moment:
    return Moment(
        platform.now_ns() if as_of is None else parse_time_ns(as_of, "as_of"),
        FOREVER_NS if known_at is None else parse_time_ns(known_at, "known_at"),
    )


MomentOf = Annotated[Moment, Depends(_moment)]


@dataclass(frozen=True, slots=True)
class Span:
    """The range of time that a read asks for."""

    from_ns: int
    to_ns: int


def _span(
    from_: Annotated[
        str | None, Query(alias="from", max_length=64, description="RFC 3339 or nanoseconds")
    ] = None,
    to: Annotated[str | None, Query(max_length=64, description="RFC 3339 or nanoseconds")] = None,
) -> Span:
    return Span(
        0 if from_ is None else parse_time_ns(from_, "from"),
        FOREVER_NS if to is None else parse_time_ns(to, "to"),
    )


SpanOf = Annotated[Span, Depends(_span)]
